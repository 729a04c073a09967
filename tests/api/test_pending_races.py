"""Orders that wait, when two things happen to them at the same moment."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest

from infrastructure.postgres import connect
from infrastructure.proofs import codes, signing
from sijill.bootstrap import connection_strings
from sijill.client import Client, Refused, commit, statement
from tests.api.asking import LETTER, issued
from tests.api.talking import awaited, colleague, degree, on
from tests.clock import now_seconds
from tests.serving import Agency, Served

LOG_LOCK = "SELECT pg_advisory_xact_lock(1397377356, 1)"
NO_MORE_SIGNATURES = "LOCK TABLE ledger.pending_signatures IN SHARE MODE"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
EVIDENCE = """
SELECT o.evidence FROM ledger.orders o JOIN ledger.pending p
    ON p.agency = o.agency AND p.idempotency_key = o.idempotency_key
WHERE p.id = %s
"""

BODY = """
SELECT p.sealed_body, k.wrapped FROM ledger.pending p JOIN vault_keys.pending k ON k.id = p.id
WHERE p.id = %s
"""
LEFT_OPEN = """
WITH kept AS (INSERT INTO vault_keys.pending (id, wrapped) VALUES (%s, %s))
UPDATE ledger.pending SET state = 'open', first_index = NULL, sealed_body = %s WHERE id = %s
RETURNING id
"""
EXPIRED = """
UPDATE ledger.pending SET state = 'expired', first_index = NULL WHERE id = %s RETURNING id
"""


@contextmanager
def held(served: Served, lock: str) -> Iterator[Callable[[int], None]]:
    """Hold a lock of the database; what is given waits until so many others wait for it."""
    admin = connection_strings(served.folder).admin
    with connect(admin, None) as holder, connect(admin, None, autocommit=True) as looking:
        holder.execute(lock)

        def wait_for(number: int) -> None:
            awaited(lambda: count(looking), until=lambda found: found == number)

        yield wait_for


def count(connection: psycopg.Connection[Any]) -> int:
    [[found]] = connection.execute(WAITING).fetchall()
    return int(found)


def told(call: Callable[[], Any]) -> Any:
    """The answer, or the code of the refusal."""
    try:
        return call()
    except Refused as refusal:
        return refusal.code


def rows(served: Served, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connect(connection_strings(served.folder).admin, None) as admin:
        return admin.execute(query.encode(), parameters).fetchall()


def waits(agency: Agency) -> str:
    """A degree that lacks the signature of a second officer."""
    client = agency.client
    order = client.send(client.prepare("/v1/certificates", [degree(agency.name)], cosigned=True))
    return str(order["order"])


@pytest.fixture
def at_once() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


def officers(agency: Agency, *names: str) -> list[Client]:
    return [colleague(agency, name).client for name in names]


def test_of_two_last_signatures_one_completes_the_order_and_the_other_is_not_needed(
    served: Served, agency: Agency, at_once: ThreadPoolExecutor
) -> None:
    order = waits(agency)
    both = officers(agency, "race-1", "race-2")
    with held(served, NO_MORE_SIGNATURES) as wait_for:
        answers = [at_once.submit(told, partial(one.approve, order)) for one in both]
        wait_for(2)
    recorded, other = sorted(
        (answer.result() for answer in answers), key=lambda one: isinstance(one, str)
    )

    assert other == "cosignature_not_needed"
    assert recorded["index"] > 0
    stored = rows(served, "SELECT base, sig FROM ledger.pending_signatures WHERE id = %s", order)
    [[evidence]] = rows(served, EVIDENCE, order)
    assert len(stored) == evidence.count(b'"sig"') == 2


def test_a_refusal_while_the_order_is_being_recorded_comes_too_late(
    served: Served, agency: Agency, at_once: ThreadPoolExecutor
) -> None:
    order = waits(agency)
    [second] = officers(agency, "race-3")
    with held(served, LOG_LOCK) as wait_for:
        approval = at_once.submit(told, lambda: second.approve(order))
        wait_for(1)
        refusal = at_once.submit(told, lambda: agency.client.approve(order, refuse=True))
        wait_for(2)

    assert approval.result()["index"] > 0
    assert refusal.result() == "order_closed"
    assert state(agency, order) == "appended"


def test_what_was_refused_is_not_recorded_by_a_signature_of_the_same_moment(
    served: Served, agency: Agency, at_once: ThreadPoolExecutor
) -> None:
    order = waits(agency)
    [second] = officers(agency, "race-4")
    with held(served, LOG_LOCK) as wait_for:
        refusal = at_once.submit(told, lambda: agency.client.approve(order, refuse=True))
        wait_for(1)
        approval = at_once.submit(told, lambda: second.approve(order))
        wait_for(2)

    assert refusal.result()["state"] == "refused"
    assert approval.result() == "order_closed"
    assert state(agency, order) == "refused"
    assert rows(served, EVIDENCE, order) == []


def test_what_the_log_has_is_answered_whatever_its_row_says(served: Served, agency: Agency) -> None:
    """Its worker had lost power before it closed the order, and perhaps nobody asked in time."""
    client = agency.client
    prepared = client.prepare("/v1/certificates", [degree(agency.name)], cosigned=True)
    order = str(client.send(prepared)["order"])
    [second] = officers(agency, "race-5")
    approval = second.countersign(order)
    [[body, wrapped]] = rows(served, BODY, order)
    recorded = second.send(approval)
    expired, left_open = (EXPIRED, order), (LEFT_OPEN, order, wrapped, body, order)
    for one, sent, row in (
        (client, prepared, expired),
        (second, approval, expired),
        (client, prepared, left_open),
        (second, approval, left_open),
    ):
        rows(served, *row)

        assert one.send(sent) == {**recorded, "replayed": True}
        assert state(agency, order) == "appended"


def test_an_erasure_closes_what_waits_with_values_of_the_same_record(
    served: Served, agency: Agency
) -> None:
    letter = issued(agency, date="2020-11-20", year=2020)
    other = waits(agency)
    order = waits_with(agency, correction(agency, letter))
    [second] = officers(agency, "eraser")
    until = now_seconds() + 86_400
    erasure = on(agency.client, "erase", letter, "erasure", valid_until=until)["order"]

    second.approve(erasure)

    closed = agency.client.order(order)
    assert (closed["state"], closed["reason"], closed["statements"]) == ("refused", "erased", [])
    assert told(lambda: second.approve(order)) == "order_closed"
    assert rows(served, "SELECT 1 FROM vault_keys.pending WHERE id = %s", order) == []
    assert rows(served, "SELECT sealed_body FROM ledger.pending WHERE id = %s", order) == [(b"",)]
    assert (state(agency, erasure), state(agency, other)) == ("appended", "open")


def correction(agency: Agency, code: str) -> bytes:
    """The line of a correction, with its values."""
    claims, texts = commit(LETTER)
    members = {"code": code, "new_code": codes.generate(), "claims": claims, "language": "ar"}
    return signing.envelope(
        statement("certificate.correct", agency.name, reason="clerical_error", **members), texts
    )


def waits_with(agency: Agency, line: bytes) -> str:
    """A bulk that waits because of a degree, and holds this line besides."""
    client = agency.client
    lines = [degree(agency.name), line]
    order = client.send(client.prepare("/v1/certificates/bulk", lines, bulk=True, cosigned=True))
    return str(order["order"])


def state(agency: Agency, order: str) -> str:
    return str(agency.client.order(order)["state"])
