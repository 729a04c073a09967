"""Sweeping: uploads that no record has named in time go, and what an erased record had attached.

Their keys go first, in the database; then their objects, then what is known of them. Cut off
anywhere, the next sweep goes on. An older copy of the database takes nothing away: of what its end
would name it knows nothing.
"""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import structlog
from anyio import from_thread
from psycopg import AsyncConnection

from api.services import Services
from infrastructure.attachments import owner, records
from infrastructure.attachments.owner import Owner, StoreAhead, StoreForeign
from infrastructure.attachments.stores import ObjectStore, ObjectStoreUnavailable, off_loop
from infrastructure.log.ending import check_promises
from infrastructure.log.leaves import head_size
from infrastructure.log.refusals import LogBehind, StoreFailure

LOGGER = structlog.get_logger("sweeping")
INTERVAL_SECONDS = 60.0


async def sweep_uploads(services: Services) -> None:
    """Sweep for ever; several processes that do it hinder nobody."""
    while True:
        try:
            await sweep(services)
        except (psycopg.Error, StoreFailure) as error:
            LOGGER.warning("uploads not swept", error=type(error).__name__)
        await asyncio.sleep(INTERVAL_SECONDS)


async def sweep(services: Services) -> list[UUID]:
    """Let go what is over; tell which went.

    Raises:
        LogBehind: the database has lost its end; nothing went.
        StoreFailure, psycopg.Error: not all of it could go; it is over all the same.
    """
    dropped = await _ended(services)
    for attachment in dropped:
        await _let_go(services, attachment)
    return dropped


async def drop(services: Services, wanted: UUID) -> None:
    """Let one upload go that its agency wants to be dropped, unless a record has it.

    What else is over meanwhile waits for the next sweep: nobody's request waits for the others'.

    Raises:
        LogBehind, StoreFailure, psycopg.Error: as `sweep`.
    """
    if wanted in await _ended(services, wanted):
        await _let_go(services, wanted)


async def _ended(services: Services, wanted: UUID | None = None) -> list[UUID]:
    async with services.pool.connection() as connection:
        await check_may_delete(services, connection)
        over = await services.sure.past(connection)
        return await records.dropped(connection, over, wanted)


async def _let_go(services: Services, attachment: UUID) -> None:
    """Delete an upload's objects, and then what is known of them.

    No connection is held while the store is waited for: it may be slow, and has many objects.
    """
    async with services.pool.connection() as connection:
        names = await records.names(connection, attachment)
    await off_loop(partial(_delete, services.storage.objects, list(names.values())))
    async with services.pool.connection() as connection:
        await records.forget(connection, attachment)


async def check_may_delete(services: Services, connection: AsyncConnection[Any]) -> None:
    """Return when the server behind a connection lacks nothing, and the store is its ledger's.

    The store is told how long the log is by now, for whoever is to judge it next.

    Raises:
        LogBehind: it has less than was signed, or than this process or the store has seen.
        StoreFailure: the store cannot be asked, or is another ledger's.
        psycopg.Error: it cannot be told.
    """
    # Asked of this very connection: the watch may not have noticed yet that another server answers.
    await check_promises(connection, services.size + services.missing, None)

    def whose() -> Owner:
        return Owner(services.ledger_id, from_thread.run(head_size, connection))

    try:
        await off_loop(partial(owner.claim, services.storage.objects, whose))
    except StoreAhead:
        raise LogBehind("the store of attachments has served a longer log") from None
    except StoreForeign as error:
        raise ObjectStoreUnavailable(error.code) from error


def _delete(objects: ObjectStore, names: list[bytes]) -> None:
    for name in names:
        objects.delete(name.hex())
