"""What a process of the service does besides answering."""

import asyncio
from contextlib import suppress

import pytest

from domain.values import uuid7
from infrastructure import postgres
from infrastructure.log import pending
from infrastructure.log.committer import now_us
from infrastructure.log.pending import PendingOrder, PendingSignature
from infrastructure.postgres import Role, Urls
from sijill.bootstrap import close_expired_orders

pytestmark = pytest.mark.anyio
ROOT = bytes(32)


async def test_an_order_past_its_time_loses_its_values_though_nobody_asks(database: Urls) -> None:
    order = PendingOrder(
        id=uuid7(now_us()),
        agency="moh",
        asked=[],
        idempotency_key="key",
        request_digest=ROOT,
        act="certificate.issue",
        method="POST",
        path="/v1/certificates",
        codes=[],
        root=ROOT,
        lines=1,
        atomic=False,
        content_type="application/json",
        sealed_body=b"sealed",
        created=0,
        not_after=now_us() - 1,
        wrapped=b"wrapped",
    )
    first = PendingSignature(
        base=b"base",
        sig=bytes(64),
        keyid="key",
        tag="tag",
        agency="moh",
        idempotency_key="key",
        created=0,
        expires=0,
    )
    pool = postgres.async_pool(database.service, Role.SERVICE, size=2, autocommit=True)
    await pool.open(wait=True)
    async with pool:
        async with pool.connection() as conn:
            await pending.insert(conn, order, first)
        with suppress(TimeoutError):
            # It never ends; its first round comes at once.
            async with asyncio.timeout(1):
                await close_expired_orders(pool)
        async with pool.connection() as conn:
            found = await pending.find(conn, order.id)
    assert found is not None
    assert (found.state, found.sealed_body, found.wrapped) == ("expired", b"", None)
