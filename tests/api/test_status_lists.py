"""Status lists over HTTP: what the draft's section on requests asks, and what a list then says."""

import gzip
import json

import httpx2
import pytest

from infrastructure.proofs import base64text, statuslist
from infrastructure.proofs.statuslist import CWT, JWT, Status, StatusList, StatusToken
from tests.api.asking import issued, read
from tests.api.talking import Wire, on, revoke
from tests.clock import now_seconds
from tests.serving import ORIGIN, Agency

PATH = "/v1/status-lists/0"


def fetch(wire: Wire, **headers: str) -> httpx2.Response:
    """List 0, once it holds all that is recorded by now."""
    wire.served.settle()
    answer = wire.get(PATH, **headers)
    assert answer.status_code == 200, answer.text
    return answer


def opened(wire: Wire, answer: httpx2.Response) -> StatusToken:
    identity = wire.served.anybody().identity
    return statuslist.open_token(
        answer.content,
        origin=ORIGIN,
        number=0,
        ledger=identity.ledger,
        log_key=identity.log,
    )


def place_of(wire: Wire, agency: Agency, code: str) -> int:
    shown = read(wire, agency, f"/v1/certificates/{code}").json()
    [original] = [one for one in shown["originals"] if one["code"] == code]
    assert original["status"]["list"] == 0
    return int(original["status"]["index"])


def until(wire: Wire, place: int, status: Status) -> StatusToken:
    """The list once it says so: every worker looks again after a second."""
    deadline = now_seconds() + 30
    while now_seconds() < deadline:
        token = opened(wire, fetch(wire))
        if token.list.status(place) == status:
            return token
    raise AssertionError("the list never said so")


def test_a_list_says_what_became_of_a_certificate(wire: Wire, agency: Agency) -> None:
    kept, suspended, revoked = (issued(agency) for _ in range(3))
    on(agency.client, "suspend", suspended, "suspension", reason="under_review")
    revoke(agency, revoked)
    places = {code: place_of(wire, agency, code) for code in (kept, suspended, revoked)}

    token = until(wire, places[revoked], Status.INVALID)
    assert token.list.status(places[suspended]) == Status.SUSPENDED
    assert token.list.status(places[kept]) == Status.VALID
    assert token.size <= wire.served.settle()
    token.require_fresh(now_seconds(), max_age_seconds=60)

    on(agency.client, "reinstate", suspended, "reinstatement", reason="review_passed")
    until(wire, places[suspended], Status.VALID)


@pytest.mark.parametrize(
    "accept, media",
    [
        ("", CWT),
        ("*/*", CWT),
        (CWT, CWT),
        (JWT, JWT),
        (f"{JWT}, {CWT};q=0.5", JWT),
        (f"text/html, application/*;q=0.2, {CWT};q=0", JWT),
    ],
)
def test_the_caller_chooses_the_form(wire: Wire, accept: str, media: str) -> None:
    answer = fetch(wire, accept=accept)
    assert answer.headers["content-type"] == media
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "public, max-age=60"


def test_both_forms_hold_the_same_list(wire: Wire) -> None:
    _, payload, _ = fetch(wire, accept=JWT).text.split(".")
    said = json.loads(base64text.decode_url(payload, code="test"))
    text = base64text.decode_url(said["status_list"]["lst"], code="test")

    assert said["sub"] == f"https://{ORIGIN}/v1/status-lists/0"
    assert said["exp"] - said["iat"] == statuslist.LIFE_SECONDS
    assert StatusList.unfold(2, text) == opened(wire, fetch(wire)).list


def test_a_jwt_comes_packed_where_that_is_understood(wire: Wire) -> None:
    packed = fetch(wire, accept=JWT, **{"accept-encoding": "gzip"})
    plain = fetch(wire, accept=JWT, **{"accept-encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert len(gzip.compress(plain.content)) < len(plain.content)


def test_a_list_that_is_held_already_is_not_sent_again(wire: Wire) -> None:
    for _ in range(20):
        tag = fetch(wire).headers["etag"]
        again = wire.get(PATH, **{"if-none-match": tag})
        if again.status_code == 304:
            break
    assert again.content == b""
    assert again.headers["etag"] == tag


def test_forms_that_there_are_not_are_refused(wire: Wire) -> None:
    answer = wire.get(PATH, accept="text/html")
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_the_past_is_not_told(wire: Wire) -> None:
    answer = wire.get(f"{PATH}?time=1686925000")
    assert (answer.status_code, answer.json()["code"]) == (501, "status_history_not_served")


def test_the_aggregation_names_every_list_and_no_other_is_served(wire: Wire) -> None:
    names = wire.get("/v1/status-lists").json()["status_lists"]
    assert names == [f"https://{ORIGIN}/v1/status-lists/0"]
    answer = wire.get("/v1/status-lists/1")
    assert (answer.status_code, answer.json()["code"]) == (404, "status_list_unknown")
    assert wire.get("/v1/status-lists/-1").status_code == 422
