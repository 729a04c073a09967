"""Which server answers a read: a replica where one has kept up, else the primary.

What a replica may answer: verdicts by code alone, lists and reports, and what a checkpoint covers.
What it never does: decide, authenticate, sign, open the vault, or say that something is unknown. An
answer of a replica's lacks nothing that was acknowledged two seconds before it was given; where no
replica can show that it keeps this, or breaks, the primary is asked, and where that is gone too the
answer is *could not check now*.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection

from api.services import Services
from infrastructure import telemetry
from infrastructure.log import checkpoints
from projections.certificates import Found
from projections.replica import Lent, ReplicaSilent

PRIMARY_SECONDS = 5.0
"""How long to wait for a connection to the primary before saying that it cannot be asked."""


async def found_recently(services: Services, code: str) -> Found | None:
    """What a replica knows of a code, if it may be told; None: the primary has to say."""
    if services.replica is None:
        return None
    found = None
    with suppress(ReplicaSilent, psycopg.Error, LookupError):
        told = await services.replica.codes.by_code(code)
        # *Unknown*, or not answered, is said only by who knows the whole log.
        found = None if told.lacking or told.basis.stale else told
    telemetry.REPLICA_READS.labels("replica" if found else "primary").inc()
    return found


@asynccontextmanager
async def recent(services: Services) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection for lists and reports; whoever reads finds what she has just written."""
    size = services.size
    await services.caught_up()

    async def holds(lent: Lent) -> bool:
        return lent.events >= size

    async with _either(services, holds) as connection:
        yield connection


@asynccontextmanager
async def archive(services: Services, size: int | None) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection for the log below `size`, as checkpoints cover it; None: below the newest."""

    async def covers(lent: Lent) -> bool:
        newest = await checkpoints.newest(lent.connection)
        return size is not None and newest is not None and newest.size >= size

    async with _either(services, covers) as connection:
        yield connection


@asynccontextmanager
async def _either(
    services: Services, enough: Callable[[Lent], Awaitable[bool]]
) -> AsyncIterator[AsyncConnection[Any]]:
    async with AsyncExitStack() as stack:
        connection = None
        if services.replica is not None:
            with suppress(ReplicaSilent, psycopg.Error):
                lent = await stack.enter_async_context(services.replica.lend())
                connection = lent.connection if await enough(lent) else None
            telemetry.REPLICA_READS.labels("replica" if connection else "primary").inc()
        if connection is not None:
            yield connection
        else:
            primary = services.pool.connection(timeout=PRIMARY_SECONDS)
            yield await stack.enter_async_context(primary)
