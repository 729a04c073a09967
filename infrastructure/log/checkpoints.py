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

_QUERIES = load("infrastructure.log", "sealing.sql")


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A row: ``root`` has 32 bytes; ``note`` and ``time`` (microseconds) are None in an intent."""

    size: int
    root: bytes
    note: bytes | None
    time: int | None


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
