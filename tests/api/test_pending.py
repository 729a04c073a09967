"""Orders that wait for a second signature: who may sign or refuse them, and how they end."""

import json
from functools import partial
from typing import Any

import pytest

from infrastructure.proofs.orders import APPROVAL_TAG, ORDER_TAG
from sijill.client import Prepared
from tests.api import asking
from tests.api.asking import DAY, issued, read
from tests.api.talking import (
    Forged,
    Wire,
    awaited,
    codes_of,
    colleague,
    degree,
    lines_of,
    on,
    refusal,
    refused,
    roots_of,
    told,
)
from tests.clock import now_seconds
from tests.serving import Agency, Served, issuance

BULK = "/v1/certificates/bulk"
PATH = "/v1/certificates"


@pytest.fixture(scope="module")
def second(agency: Agency) -> Agency:
    """Another officer of the agency."""
    return colleague(agency, "officer-second")


def kept(agency: Agency, *lines: bytes, atomic: bool = False) -> tuple[str, Prepared]:
    """An order that waits, of one degree unless told otherwise: its id, and what was sent."""
    lines = lines or (degree(agency.name),)
    client = agency.client
    many = len(lines) > 1
    path = BULK if many else PATH
    prepared = client.prepare(path, list(lines), bulk=many, atomic=atomic, cosigned=True)
    answer = client.send(prepared)
    assert answer["state"] == "open"
    return str(answer["order"]), prepared


def code_of(line: bytes) -> str:
    return str(json.loads(line)["statement"]["code"])


def countersigned(
    signer: Agency, order: str, prepared: Prepared, place: str = "approval", **changes: Any
) -> Forged:
    """A countersignature, right in everything that is not changed."""
    members: dict[str, Any] = {
        "key": signer.key,
        "ledger": signer.client.identity.ledger,
        "path": f"/v1/orders/{order}/{place}",
        "body": b"{}",
        "root": roots_of(prepared.body),
        "lines": prepared.body.count(b"\n") or 1,
        "tag": APPROVAL_TAG,
    }
    return Forged(**{**members, **changes})


def sent(wire: Wire, order: Forged) -> Any:
    return wire.post(order.path, order.headers, order.body)


def state_of(wire: Wire, reader: Agency, order: str) -> str:
    return str(read(wire, reader, f"/v1/orders/{order}").json()["state"])


def test_an_order_of_two_officers_waits_and_is_recorded_once_when_both_have_signed(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    line = degree(agency.name)
    client = agency.client
    first = wire.send(client.prepare(PATH, [line], cosigned=True))
    assert first.status_code == 202
    waits = first.json()
    assert first.headers["location"] == f"/v1/orders/{waits['order']}"
    assert "receipt" not in waits
    [[wanted]] = waits["waiting_for"]
    assert (wanted["role"], wanted["agency"], wanted["scope"]) == ("officer", agency.name, "issue")
    assert wire.verdict(code_of(line))["reason"] == "code_unknown"

    recorded = second.client.approve(waits["order"])

    assert recorded["code"] == code_of(line)
    assert wire.verdict(code_of(line))["record"]["index"] == recorded["index"]
    shown = read(wire, agency, f"/v1/orders/{waits['order']}").json()
    assert (shown["state"], shown["index"]) == ("appended", recorded["index"])


def test_whoever_approved_already_gets_the_same_answer_again(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    order, prepared = kept(agency)
    mine = countersigned(second, order, prepared)

    first = sent(wire, mine)
    again = sent(wire, mine)
    anew = sent(wire, countersigned(second, order, prepared))

    assert [one.status_code for one in (first, again, anew)] == [201] * 3
    assert again.json() == anew.json() == {**first.json(), "replayed": True}


def test_the_order_sent_again_answers_as_it_stands(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    order, prepared = kept(agency)
    again = wire.send(prepared)
    assert (again.status_code, again.json()["order"]) == (202, order)

    recorded = second.client.approve(order)

    last = wire.send(prepared)
    assert (last.status_code, last.headers["idempotent-replayed"]) == (201, "true")
    assert last.json() == {**recorded, "replayed": True}


def test_the_same_key_with_another_order_is_refused(wire: Wire, agency: Agency) -> None:
    _, prepared = kept(agency)
    key = prepared.headers["Idempotency-Key"].strip('"')
    other = Forged(
        key=agency.key,
        ledger=agency.client.identity.ledger,
        body=degree(agency.name),
        idempotency_key=key,
    )

    assert told(wire, other) == (422, "idempotency_key_reused")


def test_ones_own_second_signature_is_none(wire: Wire, agency: Agency) -> None:
    """Four eyes: neither the same key nor another key of the same officer."""
    order, prepared = kept(agency)
    twin = colleague(agency, "officer-1")

    same = sent(wire, countersigned(agency, order, prepared))
    assert same.status_code == 202
    assert told(wire, countersigned(twin, order, prepared)) == (403, "cosignature_not_needed")
    assert state_of(wire, agency, order) == "open"


def test_an_officer_without_the_scope_approves_nothing(wire: Wire, agency: Agency) -> None:
    order, prepared = kept(agency)
    clerk = colleague(agency, f"officer-{asking.new_name()}", scopes=["revoke"])

    assert told(wire, countersigned(clerk, order, prepared)) == (403, "cosignature_not_needed")


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({"root": bytes(32)}, (400, "statement_mismatch")),
        ({"lines": 2}, (400, "statement_mismatch")),
        ({"atomic": True}, (400, "statement_mismatch")),
        ({"tag": ORDER_TAG}, (400, "tag_unknown")),
        ({"ledger": bytes(32)}, (400, "ledger_mismatch")),
        ({"key": asking.new_key()}, (401, "key_unknown")),
        ({"created": now_seconds() - 900, "life": 600}, (401, "order_expired")),
        ({"created": now_seconds() + 3600}, (401, "order_in_future")),
        ({"life": 31 * DAY}, (400, "order_too_long")),
    ],
)
@pytest.mark.parametrize("place", ["approval", "refusal"])
def test_a_countersignature_over_anything_else_is_refused(
    wire: Wire,
    agency: Agency,
    second: Agency,
    place: str,
    changes: dict[str, Any],
    expected: tuple[int, str],
) -> None:
    order, prepared = kept(agency)

    assert told(wire, countersigned(second, order, prepared, place, **changes)) == expected
    assert state_of(wire, agency, order) == "open"


def test_an_approval_has_an_empty_object_for_a_body(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    order, prepared = kept(agency)

    for body in (b"", b"{ }", b'{"more":1}', b"[]"):
        mine = countersigned(second, order, prepared, body=body)
        assert told(wire, mine) == (400, "order_malformed"), body


def test_an_approval_does_for_no_other_order(wire: Wire, agency: Agency, second: Agency) -> None:
    one, prepared = kept(agency)
    other, _ = kept(agency)
    headers = countersigned(second, one, prepared).headers

    answer = wire.post(f"/v1/orders/{other}/approval", headers, b"{}")

    assert refusal(answer) == (401, "signature_invalid")
    headers = countersigned(second, one, prepared).headers
    assert refusal(wire.post(f"/v1/orders/{one}/refusal", headers, b"{}")) == (
        401,
        "signature_invalid",
    )


def test_a_refused_order_is_closed_for_good(wire: Wire, agency: Agency, second: Agency) -> None:
    line = degree(agency.name)
    order, prepared = kept(agency, line)

    closed = sent(wire, countersigned(second, order, prepared, "refusal"))

    assert (closed.status_code, closed.json()) == (200, {"order": order, "state": "refused"})
    again = sent(wire, countersigned(second, order, prepared, "refusal"))
    assert (again.status_code, again.json()) == (200, closed.json())
    shown = read(wire, agency, f"/v1/orders/{order}").json()
    assert (shown["state"], shown["reason"]) == ("refused", f"refused_by {agency.name}")
    assert (shown["statements"], shown["waiting_for"]) == ([], [])
    closed_code = refusal(sent(wire, countersigned(second, order, prepared)))[1]
    assert closed_code == "order_closed"
    assert refusal(wire.send(prepared))[1] == "order_closed"
    assert wire.verdict(code_of(line))["reason"] == "code_unknown"
    # Its number and code are as free as before.
    assert kept(agency, line)[0] != order


def test_who_may_only_read_does_not_refuse(wire: Wire, agency: Agency) -> None:
    order, prepared = kept(agency)
    clerk = colleague(agency, f"officer-{asking.new_name()}", scopes=["register"])

    mine = countersigned(clerk, order, prepared, "refusal")

    assert told(wire, mine) == (403, "cosignature_not_needed")
    assert state_of(wire, agency, order) == "open"


def test_an_order_past_its_time_is_expired_and_takes_no_signature(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    order, prepared = kept(agency, _degree(agency, valid_until=now_seconds() + 5))

    awaited(lambda: state_of(wire, agency, order), until=lambda state: state == "expired")

    assert refusal(sent(wire, countersigned(second, order, prepared)))[1] == "order_closed"
    assert refusal(wire.send(prepared))[1] in {"order_closed", "order_expired"}
    listed = read(wire, agency, "/v1/orders", state="expired").json()["items"]
    assert order in [item["order"] for item in listed]
    shown = read(wire, agency, f"/v1/orders/{order}").json()
    assert (shown["statements"], shown.get("disclosures")) == ([], [])


def test_an_order_that_could_not_be_recorded_even_with_all_signatures_does_not_wait(
    agency: Agency,
) -> None:
    code = issued(agency)
    until = {"valid_until": now_seconds() + DAY}

    def annul() -> Any:
        reason = "revoked_in_error"
        return on(
            agency.client, "annul_revocation", code, "revocation/annulment", reason=reason, **until
        )

    assert refused(annul) == (409, "certificate_not_revoked")
    for valid_until, expected in (
        (None, (422, "valid_until_missing")),
        (now_seconds() - 5, (401, "order_expired")),
        (now_seconds() + 40 * DAY, (422, "valid_until_too_far")),
    ):
        members = {} if valid_until is None else {"valid_until": valid_until}
        line = _degree(agency, **members)
        prepared = agency.client.prepare(PATH, [line], cosigned=True)
        assert refused(partial(agency.client.send, prepared)) == expected


def _degree(agency: Agency, **members: Any) -> bytes:
    """A degree with or without its `valid_until`."""
    values = {
        "qualification": "بكالوريوس",
        "graduation_year": "2026",
        "supported_fact": None,
    }
    return issuance(agency.name, type="degree", values=values, **members)


def test_what_came_to_stand_against_an_order_is_told_instead_of_what_it_waits_for(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    code = issued(agency)
    on(agency.client, "revoke", code, "revocation", reason="decision")
    members = {"reason": "appeal_granted", "valid_until": now_seconds() + DAY}
    place = "revocation/annulment"
    one = on(agency.client, "annul_revocation", code, place, **members)["order"]
    other = on(agency.client, "annul_revocation", code, place, **members)["order"]

    second.client.approve(one)

    assert refused(lambda: second.client.approve(other)) == (409, "certificate_not_revoked")
    assert state_of(wire, agency, other) == "open"


def test_a_bulk_waits_as_one_order_and_is_answered_line_by_line(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    until = now_seconds() + DAY
    lines = [degree(agency.name), issuance(agency.name), _degree(agency, valid_until=until)]
    taken = json.loads(lines[0])["statement"]["number"]
    lines.append(degree(agency.name, number=taken))
    order, prepared = kept(agency, *lines)
    shown = read(wire, second, f"/v1/orders/{order}").json()
    assert (shown["lines"], len(shown["statements"]), shown["atomic"]) == (4, 4, False)
    assert [wire.verdict(code_of(line))["reason"] for line in lines] == ["code_unknown"] * 4

    answer = sent(wire, countersigned(second, order, prepared))

    assert codes_of(lines_of(answer)) == [None, None, None, "number_taken"]
    again = lines_of(wire.send(prepared))
    assert codes_of(again) == [None, None, None, "number_taken"]
    indexes = [line.get("index") for line in lines_of(answer)]
    assert [line.get("index") for line in again] == indexes
    assert read(wire, agency, f"/v1/orders/{order}").json()["index"] == min(
        index for index in indexes if index is not None
    )


def test_a_bulk_of_all_or_none_is_recorded_whole_or_not_at_all(
    wire: Wire, agency: Agency, second: Agency
) -> None:
    lines = [degree(agency.name), degree(agency.name)]
    order, _ = kept(agency, *lines, atomic=True)
    answers = second.client.approve(order)
    indexes = [one["index"] for one in answers]
    assert indexes == [indexes[0], indexes[0] + 1]

    number = f"n-{now_seconds()}/1"
    lines = [degree(agency.name), degree(agency.name, number=number)]
    order, prepared = kept(agency, *lines, atomic=True)
    agency.issue(number=number)
    answer = sent(wire, countersigned(second, order, prepared, atomic=True))
    assert codes_of(lines_of(answer)) == ["other_line_refused", "number_taken"]
    assert wire.verdict(code_of(lines[0]))["reason"] == "code_unknown"


@pytest.mark.parametrize("order", ["x", "0", "%00", "9" * 5000, "00000000-0000-0000-0000-00000000"])
def test_an_id_that_is_none_is_refused(wire: Wire, order: str) -> None:
    for method, path in (
        ("GET", f"/v1/orders/{order}"),
        ("POST", f"/v1/orders/{order}/approval"),
        ("POST", f"/v1/orders/{order}/refusal"),
    ):
        assert refusal(wire.http.request(method, path)) == (422, "validation")


def test_a_signature_of_a_key_that_ended_meanwhile_counts_for_nothing(
    wire: Wire, served: Served
) -> None:
    """All keys must be live at the append, those of the first signature too."""
    agency = served.agency()
    leaving = colleague(agency, "officer-leaving")
    other = colleague(agency, "officer-staying")
    order, prepared = kept(leaving)
    asking.retire(agency, leaving)

    answer = sent(wire, countersigned(other, order, prepared))

    assert refusal(answer) == (403, "key_retired")
    assert told(wire, countersigned(leaving, order, prepared)) == (403, "key_retired")
    assert read(wire, agency, f"/v1/orders/{order}").json()["problem"]["code"] == "key_retired"
