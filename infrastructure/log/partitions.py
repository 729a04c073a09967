"""Partitions at both ends: an empty one stands ahead of the log, one that has closed is frozen.

All of it happens on connections that no append waits for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from infrastructure.log.queries import QUERIES


class Partitions:
    """Watches the size of the log and has the next partition made in time.

    Args:
        connect: opens a connection in autocommit as the service's role.
    """

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[Any]]]) -> None:
        self._connect = connect
        self._covered = 0
        self._width = 1
        self._task: asyncio.Task[None] | None = None

    async def prepare(self, conn: AsyncConnection[Any]) -> None:
        """Makes the partitions that are wanted at the present size."""
        row = await (await conn.execute(QUERIES["prepare_partitions"])).fetchone()
        if row is not None:
            self._covered, self._width = row

    def grown_to(self, size: int) -> None:
        """Starts making the next partition once the last one is being written to."""
        idle = self._task is None or self._task.done()
        if idle and size > self._covered - self._width:
            self._task = asyncio.create_task(self._prepare_apart(), name="partitions")

    async def close(self) -> None:
        """Waits for a partition that is being made."""
        if self._task is not None:
            await self._task

    async def _prepare_apart(self) -> None:
        try:
            async with await self._connect() as conn:
                await self.prepare(conn)
        except psycopg.Error:
            # The next batch tries again, and a row without a place has it made at once.
            return


async def freeze_closed(conn: AsyncConnection[Any]) -> list[str]:
    """Have PostgreSQL freeze what has closed, as the keeper; the tables whose turn it became.

    A table is named twice in its life: when its vacuum becomes due, and when all of it is frozen.
    """
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(QUERIES["freeze_closed"])
    return [row[0] async for row in cursor]
