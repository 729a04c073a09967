"""Sweeping: uploads that no record has named in time go, and what an erased record had attached.

Their keys go first, in the database; then their objects, then what is known of them. Cut off
anywhere, the next sweep goes on.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool

from api.orders import now_us
from infrastructure.attachments import owner, records
from infrastructure.attachments.owner import Owner, StoreAhead, StoreForeign
from infrastructure.attachments.stores import ObjectStore, Storage, off_loop
from infrastructure.log.refusals import StoreFailure

LOGGER = structlog.get_logger("sweeping")
INTERVAL_SECONDS = 60.0
# What a copy of the ledger may let go is a day old at least: within it the store says where we are.
CLAIM_SECONDS = 3_600.0


async def sweep_uploads(pool: AsyncConnectionPool[Any], storage: Storage) -> None:
    """Sweep for ever; several processes that do it hinder nobody."""
    while True:
        try:
            await sweep(pool, storage)
        except (psycopg.Error, StoreFailure) as error:
            LOGGER.warning("uploads not swept", error=type(error).__name__)
        await asyncio.sleep(INTERVAL_SECONDS)


async def claim_store(storage: Storage, whose: Callable[[], Owner]) -> None:
    """Let the store say whose it is, now and from time to time, for whoever sweeps it."""
    while True:
        try:
            await off_loop(partial(owner.claim, storage.objects, whose))
        except StoreAhead:
            # Another worker was here with a later head, or this is a copy: it takes nothing away.
            LOGGER.info("store of attachments is ahead")
        except (StoreForeign, StoreFailure) as error:
            LOGGER.warning("store of attachments not claimed", error=type(error).__name__)
        await asyncio.sleep(CLAIM_SECONDS)


async def sweep(
    pool: AsyncConnectionPool[Any], storage: Storage, wanted: UUID | None = None
) -> list[UUID]:
    """Let go what is over, and one upload that its agency wants to be dropped; tell which went.

    Raises:
        StoreFailure, psycopg.Error: not all of it could go; it is over all the same.
    """
    async with pool.connection() as connection:
        dropped = await records.dropped(connection, now_us(), wanted)
        for attachment in dropped:
            names = await records.names(connection, attachment)
            await off_loop(partial(_delete, storage.objects, list(names.values())))
            await records.forget(connection, attachment)
    return dropped


def _delete(objects: ObjectStore, names: list[bytes]) -> None:
    for name in names:
        objects.delete(name.hex())
