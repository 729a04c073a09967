"""Loading an order that waits: what takes long is done beside the event loop."""

import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from api import orders, waiting
from api.pending import _is_recorded
from api.waiting import Waiting
from infrastructure.log import pending
from infrastructure.log.pending import PendingOrder, PendingSignature
from infrastructure.proofs import signing
from infrastructure.proofs.jwk import public_of
from infrastructure.proofs.orders import NDJSON
from tests.api.asking import new_key
from tests.clock import now_seconds
from tests.serving import issuance

ORDER = UUID(int=7, version=4)
LINES = 20


def stored() -> tuple[PendingOrder, PendingSignature, bytes]:
    """A bulk as it is stored, and its body."""
    key, now = new_key(), now_seconds()
    head = signing.Head(
        path="/v1/certificates/bulk",
        ledger=bytes(32),
        idempotency_key=signing.new_idempotency_key(),
        created=now,
        expires=now + 600,
    )
    lines = [issuance("moj") for _ in range(LINES)]
    signed = signing.sign_order(key, head, lines, content_type=NDJSON)
    request = signed.request
    order = PendingOrder(
        id=ORDER,
        agency="moj",
        asked=[],
        idempotency_key=request.idempotency_key,
        request_digest=request.request_digest,
        act="certificate.issue",
        method="POST",
        path=request.path,
        codes=[],
        root=request.root,
        lines=request.lines,
        atomic=False,
        content_type=NDJSON,
        sealed_body=b"",
        created=now,
        not_after=(now + 600) * 1_000_000,
        wrapped=b"",
    )
    row = PendingSignature(
        base=request.base,
        sig=request.signature,
        keyid=public_of(key).thumbprint,
        tag=request.tag,
        agency="moj",
        idempotency_key=request.idempotency_key,
        created=request.created,
        expires=request.expires,
    )
    return order, row, signed.body


@pytest.mark.anyio
async def test_a_large_order_is_opened_and_read_in_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, row, body = stored()
    seen: list[int] = []

    @asynccontextmanager
    async def connection() -> Any:
        yield None

    async def find(*_: Any) -> PendingOrder:
        return order

    async def signatures(*_: Any) -> list[PendingSignature]:
        return [row]

    def opened(*_: Any) -> bytes:
        seen.append(threading.get_ident())
        return body

    def read_commands(lines: Any) -> Any:
        seen.append(threading.get_ident())
        return orders.read_commands(lines)

    monkeypatch.setattr("api.waiting.read_commands", read_commands)
    monkeypatch.setattr(pending, "find", find)
    monkeypatch.setattr(pending, "signatures", signatures)
    services: Any = SimpleNamespace(
        pool=SimpleNamespace(connection=connection), vault=SimpleNamespace(open=opened)
    )

    kept = await waiting.load(services, ORDER)

    assert len(kept.work.commands) == LINES
    assert len(seen) == 2
    assert threading.get_ident() not in seen


@pytest.mark.anyio
async def test_a_bulk_that_was_cut_off_is_not_ended_by_our_clock_alone() -> None:
    order, _, _ = stored()
    work: Any = None
    kept = Waiting(replace(order, not_after=1), work)
    assert (kept.state, kept.order.state) == ("expired", "open")
    # It has no reader and no pool: whoever would close it fails otherwise.
    services: Any = SimpleNamespace()

    assert not await _is_recorded(services, kept)
