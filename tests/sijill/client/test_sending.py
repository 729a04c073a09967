import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from sijill.client import Client, Refused, Unreachable, Untrustworthy
from tests.sijill.client.standin import (
    REVOKE,
    TRIES,
    StandIn,
    connect,
    journal,
    line,
    problem,
)


def test_not_now_is_met_with_the_same_bytes_until_it_is_recorded(
    client: Client, ledger: StandIn, pauses: list[float]
) -> None:
    prepared = client.prepare(REVOKE, [line()])
    ledger.faults = [
        problem("busy", 503, **{"retry-after": "4"}),
        problem("rate_limited", 429),
    ]

    answer = client.send(prepared)

    assert answer["replayed"] is False
    assert {post.read() for post in ledger.posts} == {prepared.body}
    assert {post.headers["signature"] for post in ledger.posts} == {prepared.headers["Signature"]}
    assert len(ledger.posts) == TRIES
    assert pauses[-2:] == [4.0, pytest.approx(0.2)]


def test_who_is_told_to_come_back_in_an_hour_is_refused_now(
    client: Client, ledger: StandIn
) -> None:
    ledger.faults = [problem("pending_full", 429, **{"retry-after": "3600"})]

    with pytest.raises(Refused) as caught:
        client.send(client.prepare(REVOKE, [line()]))

    assert caught.value.code == "pending_full"
    assert len(ledger.posts) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(403, text="<html>"),
        problem("rate_limited", 429, **{"retry-after": "3600"}),
    ],
)
def test_what_may_have_been_recorded_stays_journaled_until_the_ledger_judges_it(
    client: Client, ledger: StandIn, answer: httpx2.Response
) -> None:
    """Its answer was lost: who forgets it here, and sends it in new bytes, records it twice."""
    prepared = client.prepare(REVOKE, [line()])
    ledger.lose_answers = TRIES
    with pytest.raises(Unreachable):
        client.send(prepared)
    ledger.faults = [answer]

    with pytest.raises(Refused):
        client.send(prepared)

    assert journal(client) == [prepared]
    assert client.send(prepared)["replayed"] is True
    assert journal(client) == []


def test_what_people_have_to_mend_first_is_not_waited_for(client: Client, ledger: StandIn) -> None:
    """And nothing is forgotten by it: it is no judgement of what was sent."""
    ledger.faults = [problem("record_key_missing", 503, **{"retry-after": "2"})]
    prepared = client.prepare(REVOKE, [line()])

    with pytest.raises(Refused) as caught:
        client.send(prepared)

    assert (caught.value.code, caught.value.final) == ("record_key_missing", False)
    assert len(ledger.posts) == 1
    assert journal(client) == [prepared]


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_broken_service_is_no_refusal(client: Client, ledger: StandIn, status: int) -> None:
    ledger.faults = [httpx2.Response(status, text="<html>bad gateway</html>")]

    assert client.send(client.prepare(REVOKE, [line()]))["index"] == 1


def test_a_lost_acknowledgement_doubles_nothing(client: Client, ledger: StandIn) -> None:
    ledger.lose_answers = 2

    answer = client.send(client.prepare(REVOKE, [line()]))

    assert answer["replayed"] is True
    assert len(ledger.recorded) == 1
    assert len(ledger.leaves) == 2


def test_silence_leaves_the_request_journaled_and_resume_sends_those_bytes(
    client: Client, ledger: StandIn, tmp_path: Path
) -> None:
    prepared = client.prepare(REVOKE, [line()])
    ledger.faults = [httpx2.ConnectError("refused")] * TRIES

    with pytest.raises(Unreachable) as silence:
        client.send(prepared)

    assert silence.value.order
    assert ledger.recorded == {}
    with connect(ledger, tmp_path / "state") as later:
        [(sent, answer)] = list(later.resume())
        assert list(later.resume()) == []
    assert sent == prepared
    assert answer["index"] == 1
    assert ledger.posts[-1].read() == prepared.body
    assert ledger.posts[-1].headers["signature"] == prepared.headers["Signature"]


def test_the_last_not_now_is_told_when_patience_ends(client: Client, ledger: StandIn) -> None:
    ledger.faults = [problem("clock_unsafe", 503)] * TRIES

    with pytest.raises(Unreachable) as caught:
        client.send(client.prepare(REVOKE, [line()]))

    assert caught.value.problem is not None
    assert caught.value.problem["code"] == "clock_unsafe"


def test_a_refusal_is_for_good_and_told_with_its_problem(client: Client, ledger: StandIn) -> None:
    ledger.faults = [problem("certificate_already_revoked", 409)]

    with pytest.raises(Refused) as caught:
        client.send(client.prepare(REVOKE, [line()]))

    assert (caught.value.code, caught.value.status) == ("certificate_already_revoked", 409)
    assert journal(client) == []


def test_what_is_refused_on_resumption_is_told_and_the_rest_goes_on(
    client: Client, ledger: StandIn
) -> None:
    first, second = client.prepare(REVOKE, [line(1)]), client.prepare(REVOKE, [line(2)])
    ledger.faults = [problem("order_expired", 401)]

    (one, refused), (other, answer) = client.resume()

    assert (one, other) == (first, second)
    assert isinstance(refused, Refused)
    assert answer["index"] == 1


@pytest.mark.parametrize("status", [200, 404])
def test_a_page_of_a_proxy_is_not_taken_for_a_ledger(
    client: Client, ledger: StandIn, status: int
) -> None:
    ledger.faults = [httpx2.Response(status, text="<html>no such page</html>")]

    with pytest.raises(Refused) as caught:
        client.get("/v1/agencies", signed=False)

    assert caught.value.code == "not_a_ledger"


_TYPED = "application/problem+json"


@pytest.mark.parametrize(
    "kind, said",
    [
        ("application/json", {"type": "/problems/order_unknown", "code": "order_unknown"}),
        (_TYPED, {"code": "blocked"}),
        (_TYPED, {"type": "about:blank", "code": "blocked"}),
        (_TYPED, {"type": "https://proxy.example/problems/blocked", "code": "blocked"}),
        (_TYPED, {"type": "/problems/1", "code": 1}),
        (_TYPED, ["/problems/blocked"]),
    ],
)
def test_what_something_between_says_in_json_is_no_refusal(
    client: Client, ledger: StandIn, kind: str, said: object
) -> None:
    """Whoever believed it would forget, or put aside, what the ledger never saw."""
    prepared = client.prepare(REVOKE, [line()])
    body = json.dumps(said)
    ledger.faults = [httpx2.Response(403, content=body, headers={"content-type": kind})]

    with pytest.raises(Refused) as caught:
        client.send(prepared)

    assert (caught.value.foreign, caught.value.final) == (True, False)
    assert journal(client) == [prepared]


def test_a_ledger_may_refuse_for_a_reason_that_is_new(client: Client, ledger: StandIn) -> None:
    said = {"type": "/problems/not_yet_thought_of", "code": "not_yet_thought_of", "status": 409}
    kind = f"{_TYPED}; charset=utf-8"
    answer = httpx2.Response(409, content=json.dumps(said), headers={"content-type": kind})
    ledger.faults = [answer]

    with pytest.raises(Refused) as caught:
        client.send(client.prepare(REVOKE, [line()]))

    assert (caught.value.code, caught.value.final) == ("not_yet_thought_of", True)


@pytest.mark.parametrize("content", [b'{"index": 1, "rece', b"[]", b""])
def test_half_an_answer_is_asked_for_again(client: Client, ledger: StandIn, content: bytes) -> None:
    ledger.faults = [httpx2.Response(201, content=content)]

    assert client.send(client.prepare(REVOKE, [line()]))["index"] == 1


def test_an_order_that_waits_is_kept_for_its_receipt(client: Client, ledger: StandIn) -> None:
    ledger.twist = lambda _: {"order": "o1", "state": "open"}
    prepared = client.prepare(REVOKE, [line()], cosigned=True)
    client.send(prepared)
    assert client.state is not None
    assert [one.key for one in client.state.waiting()] == [prepared.key]
    assert journal(client) == []

    ledger.twist = lambda answer: answer
    answer = client.send(client.state.waiting()[0])

    assert answer["replayed"] is True
    assert client.state.waiting() == []


def test_a_client_without_a_folder_keeps_nothing_and_still_checks(ledger: StandIn) -> None:
    with connect(ledger, None) as client:
        assert client.send(client.prepare(REVOKE, [line()]))["index"] == 1
        ledger.twist = lambda answer: {**answer, "index": 99}
        with pytest.raises(Untrustworthy):
            client.send(client.prepare(REVOKE, [line(2)]))


def test_an_order_needs_a_key(ledger: StandIn) -> None:
    with (
        Client("http://ledger.test", transport=ledger.transport) as client,
        pytest.raises(ValueError, match="needs a key"),
    ):
        client.prepare(REVOKE, [line()])


def test_the_client_needs_no_web_framework() -> None:
    code = "import sijill.client, sys; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], check=True, capture_output=True, text=True
    )

    loaded = {name.split(".")[0] for name in json.loads(ran.stdout)}
    assert not loaded & {"fastapi", "starlette", "psycopg", "eventsourcing", "domain", "api"}
