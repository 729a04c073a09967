"""Orders that are sent again: the same answers the same, another under the same key is refused."""

from dataclasses import replace
from typing import Any

from infrastructure.proofs import signing
from infrastructure.proofs.orders import NDJSON
from sijill.client import Prepared, statement
from tests.api.talking import (
    Wire,
    awaited,
    codes_of,
    colleague,
    forged,
    lines_of,
    refusal,
    revoke,
    thumbprint,
    told,
)
from tests.clock import now_seconds
from tests.serving import Agency, act, issuance


def test_a_key_reused_with_another_statement(wire: Wire, agency: Agency) -> None:
    first = forged(agency)
    assert wire.post(first.path, first.headers, first.body).status_code == 201

    again = forged(agency, idempotency_key=first.idempotency_key)

    assert told(wire, again) == (422, "idempotency_key_reused")


def test_a_key_reused_with_a_statement_that_is_refused_anyway(wire: Wire, agency: Agency) -> None:
    """Otherwise a retry with a repaired body could look as if the first had been refused."""
    number = f"reused/{now_seconds()}"
    first = forged(agency, issuance(agency.name, number=number))
    assert wire.post(first.path, first.headers, first.body).status_code == 201
    line = issuance(agency.name, number=number)

    again = forged(agency, line, idempotency_key=first.idempotency_key)

    assert told(wire, again) == (422, "idempotency_key_reused")


def test_a_bulk_signed_again_records_nothing_more(wire: Wire, agency: Agency) -> None:
    """Its lines share one evidence: whoever signs anew takes a new key."""
    number = f"signed/{now_seconds()}"
    taken = forged(agency, issuance(agency.name, number=number))
    code = wire.post(taken.path, taken.headers, taken.body).json()["code"]
    body = b"".join(
        line + b"\n" for line in (issuance(agency.name), issuance(agency.name, number=number))
    )
    bulk = {"path": "/v1/certificates/bulk", "content_type": NDJSON, "lines": 2}
    first = forged(agency, body, **bulk)
    answer = wire.post(first.path, first.headers, first.body)
    assert codes_of(lines_of(answer)) == [None, "number_taken"]
    voiding = f"/v1/certificates/{code}/voiding"
    act(agency.client, voiding, "certificate.void", code=code, reason="entered_in_error")

    again = replace(first, created=first.created + 1)
    answer = wire.post(again.path, again.headers, again.body)

    assert codes_of(lines_of(answer)) == [None, "idempotency_key_reused"]
    answer = wire.post(first.path, first.headers, first.body)
    assert codes_of(lines_of(answer)) == [None, None]


def _same(wire: Wire, prepared: Prepared, first: dict[str, Any]) -> None:
    answer = wire.send(prepared)
    assert answer.status_code == 201, answer.text
    assert answer.headers["idempotent-replayed"] == "true"
    assert answer.json() == {**first, "replayed": True}


def test_the_same_order_again_answers_the_same(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    first = wire.send(prepared)

    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    _same(wire, prepared, first.json())


def test_the_same_order_again_when_the_certificate_was_revoked(wire: Wire, agency: Agency) -> None:
    prepared = agency.client.prepare("/v1/certificates", [issuance(agency.name)])
    first = wire.send(prepared).json()
    revoke(agency, first["code"])

    _same(wire, prepared, first)


def test_the_same_revocation_again(wire: Wire, agency: Agency) -> None:
    code = agency.issue()["code"]
    line = signing.envelope(
        statement("certificate.revoke", agency.name, code=code, reason="decision")
    )
    prepared = agency.client.prepare(f"/v1/certificates/{code}/revocation", [line])
    first = wire.send(prepared).json()

    _same(wire, prepared, first)


def test_the_same_order_again_when_the_key_was_retired(wire: Wire, agency: Agency) -> None:
    leaving = colleague(agency, "officer-leaving")
    prepared = leaving.client.prepare("/v1/certificates", [issuance(agency.name)])
    first = wire.send(prepared).json()
    name = thumbprint(leaving)
    act(agency.client, f"/v1/keys/{name}/retirement", "key.retire", key=name, reason="officer_left")

    _same(wire, prepared, first)


def test_the_same_order_again_when_it_has_expired(wire: Wire, agency: Agency) -> None:
    order = forged(agency, life=8)
    first = wire.post(order.path, order.headers, order.body)
    assert first.status_code == 201
    never = forged(agency, created=order.created, life=8)
    headers = never.headers
    awaited(now_seconds, until=lambda now: now > order.created + 9)

    assert refusal(wire.post(never.path, headers, never.body)) == (401, "order_expired")
    again = wire.post(order.path, order.headers, order.body)
    assert (again.status_code, again.json()) == (201, {**first.json(), "replayed": True})


def test_a_recorded_order_answers_nobody_elses_key(
    wire: Wire, agency: Agency, stranger: Agency
) -> None:
    order = forged(agency)
    assert wire.post(order.path, order.headers, order.body).status_code == 201

    assert told(wire, replace(order, key=stranger.key)) == (403, "key_foreign")
