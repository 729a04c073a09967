"""What a process of the service does besides answering."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from psycopg_pool import AsyncConnectionPool

from api.services import Services
from domain.values import uuid7
from infrastructure import postgres
from infrastructure.log import pending
from infrastructure.log.clocks import SureTime
from infrastructure.log.committer import now_us
from infrastructure.log.pending import PendingOrder, PendingSignature
from infrastructure.postgres import Role, Urls
from sijill.bootstrap import (
    Seen,
    close_what_is_over,
    forget_changes,
    forget_registry_changes,
    promised,
)
from sijill.folder import Folder

pytestmark = pytest.mark.anyio
ROOT = bytes(32)
HOUR = 3_600_000_000
YEAR = 365 * 24 * HOUR


@dataclass
class Process:
    """What closing asks of a process."""

    pool: AsyncConnectionPool[Any]
    sure: SureTime = field(default_factory=SureTime)

    async def closed(self) -> None:
        await close_what_is_over(cast("Services", self))

    async def found(self, order: PendingOrder) -> PendingOrder:
        async with self.pool.connection() as conn:
            found = await pending.find(conn, order.id)
        assert found is not None
        return found


@pytest.fixture
async def process(database: Urls) -> AsyncIterator[Process]:
    pool = postgres.async_pool(database.service, Role.SERVICE, size=1, autocommit=True)
    await pool.open(wait=True)
    async with pool:
        yield Process(pool)


async def waits(process: Process, not_after: int) -> PendingOrder:
    """An order that waits until then."""
    order = PendingOrder(
        id=uuid7(now_us()),
        agency="moh",
        asked=[],
        idempotency_key=f"until-{not_after}",
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
        not_after=not_after,
        wrapped=b"wrapped",
    )
    first = PendingSignature(
        base=b"base",
        sig=bytes(64),
        keyid="key",
        tag="tag",
        agency="moh",
        idempotency_key=order.idempotency_key,
        created=0,
        expires=0,
    )
    async with process.pool.connection() as conn:
        await pending.insert(conn, order, first)
    return order


async def test_an_order_past_its_time_loses_its_values_though_nobody_asks(
    process: Process,
) -> None:
    over, open_still = await waits(process, now_us() - 1), await waits(process, now_us() + HOUR)

    await process.closed()

    found = await process.found(over)
    assert (found.state, found.sealed_body, found.wrapped) == ("expired", b"", None)
    assert await process.found(open_still) == open_still


async def test_a_clock_that_stepped_ahead_closes_nothing(process: Process) -> None:
    over, open_still = await waits(process, now_us() - 1), await waits(process, now_us() + HOUR)
    process.sure = SureTime(lambda: now_us() + YEAR)

    await process.closed()

    assert [await process.found(one) for one in (over, open_still)] == [over, open_still]


def test_a_mark_that_cannot_be_read_is_no_reason_to_stop(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert promised(folder) == 0
    folder.mark.path.mkdir(parents=True)
    with pytest.raises(OSError):  # noqa: PT011 - the very error that is passed over
        folder.mark.read()

    assert promised(folder) == 0


@dataclass
class Following:
    """What following the registry asks of a process: a log, and a ledger that remembers."""

    pool: AsyncConnectionPool[Any]
    position: int = 0
    falls: int = 0
    forgotten: list[object] = field(default_factory=list)
    fails: int = 0
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def log(self) -> "Following":
        return self

    @property
    def ledger(self) -> "Following":
        return self

    async def reach(self, position: int, _seconds: float) -> bool:
        self.position = position
        return True

    def forget(self, streams: list[UUID]) -> None:
        self.fails -= 1
        if self.fails >= 0:
            raise ValueError
        self.forgotten.append(streams)
        self.told.set()

    def forget_everything(self) -> None:
        self.forgotten.append("everything")


async def test_a_log_that_fell_is_forgotten_as_a_whole(process: Process) -> None:
    following = Following(process.pool, position=3, falls=1)
    services, now = cast("Services", following), Seen(3, 1)

    assert await forget_changes(services, Seen(5, 0)) == now
    assert following.forgotten == ["everything"]
    assert await forget_changes(services, now) == now
    assert await forget_changes(services, Seen(2, 1)) == now
    assert following.forgotten == ["everything", []]


@pytest.mark.parametrize("size", [3, 2])
async def test_a_log_that_fell_and_has_grown_again_is_forgotten_as_a_whole(
    process: Process, size: int
) -> None:
    following = Following(process.pool, position=3, falls=1)

    assert await forget_changes(cast("Services", following), Seen(size, 0)) == Seen(3, 1)

    assert following.forgotten == ["everything"]


async def test_whatever_fails_registry_changes_are_followed(process: Process) -> None:
    following = Following(process.pool, fails=1)
    task = asyncio.create_task(forget_registry_changes(cast("Services", following)))
    try:
        async with asyncio.timeout(60):
            await following.told.wait()
    finally:
        task.cancel()
    assert following.forgotten == [[]]
