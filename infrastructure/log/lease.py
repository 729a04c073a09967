"""Leases: at most one sealer and one follower, whatever the supervisors believe.

The lease itself is a session advisory lock on the primary, which the server takes back when the
connection dies. A process that was asleep meanwhile does not know that yet; so each taking raises a
fence in the database, and whoever writes under a lease compares the fence in that same transaction.
"""

from contextlib import suppress
from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from infrastructure.log.queries import load

_LOCK_BYTES: Final = 8

_QUERIES = load("infrastructure.log", "sealing.sql")


class LeaseLost(Exception):
    """Somebody else has taken the lease since; nothing may be written under it any more."""


class Lease:
    """A lease that this process holds while ``conn`` lives and the fence stays where it was."""

    def __init__(self, conn: AsyncConnection[Any], name: str, fence: int) -> None:
        self._conn = conn
        self.name = name
        self.fence = fence

    @classmethod
    async def take(cls, conn: AsyncConnection[Any], name: str, holder: str) -> "Lease | None":
        """Take the lease ``name``, or None where another session holds it or this is a standby.

        ``conn`` is in autocommit mode and belongs to the primary; the lease is lost with it.
        ``holder`` tells operators who it is, such as a host name and a process id.
        """
        cursor = conn.cursor(row_factory=tuple_row)
        await cursor.execute(_QUERIES["try_lease"], (_lock_of(name),))
        if await cursor.fetchone() != (True,):
            return None
        try:
            await cursor.execute(_QUERIES["raise_fence"], {"name": name, "holder": holder})
            row = await cursor.fetchone()
        except psycopg.Error:
            # Without the fence the lock is worth nothing, and held twice it would outlive release.
            with suppress(psycopg.Error):
                await conn.execute(_QUERIES["release_lease"], (_lock_of(name),))
            raise
        if row is None:
            raise LeaseLost(name)
        return cls(conn, name, row[0])

    async def check(self, conn: AsyncConnection[Any]) -> None:
        """Return when, in the transaction of ``conn``, the lease is still ours.

        Raises:
            LeaseLost: the fence has been raised.
        """
        cursor = conn.cursor(row_factory=tuple_row)
        await cursor.execute(_QUERIES["read_fence"], (self.name,))
        if await cursor.fetchone() != (self.fence,):
            raise LeaseLost(self.name)

    async def report(self, state: str) -> None:
        """Leave ``state`` where other processes can read it; the empty string is *all is well*."""
        await self._conn.execute(_QUERIES["write_state"], (state, self.name, self.fence))

    @staticmethod
    async def state(conn: AsyncConnection[Any], name: str) -> str | None:
        """What the newest holder of ``name`` reported last; None where it was never taken."""
        cursor = conn.cursor(row_factory=tuple_row)
        await cursor.execute(_QUERIES["read_state"], (name,))
        row = await cursor.fetchone()
        return None if row is None else str(row[0])

    async def release(self) -> None:
        """Let another session take the lease at once."""
        await self._conn.execute(_QUERIES["release_lease"], (_lock_of(self.name),))


def _lock_of(name: str) -> int:
    """A signed 64-bit advisory lock key; PostgreSQL knows locks by number only."""
    digest = sha256(b"sijill/lease/v1\x00" + name.encode()).digest()
    return int.from_bytes(digest[:_LOCK_BYTES], "big", signed=True)
