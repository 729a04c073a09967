"""Checkpoints in the database: first what will be signed, then the note that was signed.

A row without a note is an intent: the size and root are durable and nobody has seen a signature
yet. Rows are never removed and their roots never change, so that every checkpoint that was ever
published can be asked for again.
"""

from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import class_row, tuple_row

from infrastructure.log.queries import load

CHANNEL: Final = "sijill_sealed"
"""NOTIFY channel of publications; the payload is the new checkpoint's size."""

LATE_SECONDS: Final = 30
"""An event that no checkpoint covers after so long is waiting for people."""

_QUERIES = load("infrastructure.log", "sealing.sql")
SEALING: Final = _QUERIES["sealing"]
"""Gives one `Sealing`, to whoever has a connection of its own kind; no row without a ledger."""
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A row: ``root`` has 32 bytes; ``note`` and ``time`` (microseconds) are None in an intent."""

    size: int
    root: bytes
    note: bytes | None
    time: int | None


@dataclass(frozen=True, slots=True)
class Sealing:
    """How far a log of ``size`` events is sealed; ``sealer`` is why it froze. Times are µs UTC.

    ``time`` is the newest event's, ``waiting_since`` the first one's that no checkpoint covers, or
    None; ``clock`` is the database's clock, which stamps events. ``note`` is the newest checkpoint.
    """

    size: int
    time: int
    sealed: int
    note: bytes | None
    waiting_since: int | None
    clock: int
    sealer: str

    @property
    def waiting(self) -> int:
        """Events that no checkpoint covers yet."""
        return self.size - self.sealed

    @property
    def waited_seconds(self) -> int:
        """For how long the first of them has waited; a log that is busy has a new one always."""
        since = self.clock if self.waiting_since is None else self.waiting_since
        return max(0, self.clock - since) // _SECOND

    @property
    def late(self) -> bool:
        """Whether somebody has to look why nothing is sealed."""
        return self.waited_seconds > LATE_SECONDS


async def newest(conn: AsyncConnection[Any]) -> CheckpointRow | None:
    """The newest published checkpoint."""
    return await _one(conn, "newest_checkpoint", ())


async def at_size(conn: AsyncConnection[Any], size: int) -> CheckpointRow | None:
    """The published checkpoint of exactly this size."""
    return await _one(conn, "checkpoint_at_size", (size,))


async def after(conn: AsyncConnection[Any], size: int, *, limit: int) -> list[CheckpointRow]:
    """Published checkpoints larger than ``size``, the smallest first."""
    return await _all(conn, "checkpoints_after", (size, limit))


async def intents(conn: AsyncConnection[Any]) -> list[CheckpointRow]:
    """What was about to be signed when a sealer stopped, the smallest first."""
    return await _all(conn, "intents", ())


async def intend(conn: AsyncConnection[Any], size: int, root: bytes) -> bool:
    """Within the caller's transaction: after its commit the size and root outlive a power cut.

    False where this size already has another root, which then must not be signed.
    """
    await conn.execute(_QUERIES["commit_durably"])
    await conn.execute(_QUERIES["intend"], (size, root))
    cursor = await conn.cursor(row_factory=tuple_row).execute(_QUERIES["is_intended"], (size, root))
    return await cursor.fetchone() == (True,)


async def publish(conn: AsyncConnection[Any], size: int, root: bytes, note: bytes) -> bool:
    """Within the caller's transaction: give the intent its note; False where there is no intent."""
    await conn.execute(_QUERIES["commit_durably"])
    cursor = await conn.execute(_QUERIES["publish"], (note, size, root))
    await conn.execute(_QUERIES["announce"], (CHANNEL, str(size)))
    return cursor.rowcount == 1


async def _one(
    conn: AsyncConnection[Any], name: str, arguments: tuple[int, ...]
) -> CheckpointRow | None:
    rows = await _all(conn, name, arguments)
    return rows[0] if rows else None


async def _all(
    conn: AsyncConnection[Any], name: str, arguments: tuple[int, ...]
) -> list[CheckpointRow]:
    cursor = conn.cursor(row_factory=class_row(CheckpointRow))
    await cursor.execute(_QUERIES[name], arguments)
    return await cursor.fetchall()
