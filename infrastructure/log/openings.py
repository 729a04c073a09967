"""Openings: the bytes and salts that leaves commit to, and the orders that they came from.

They are handed out as they are stored, unchecked: whoever asks for them is about to check them, and
what was changed behind our back must reach that person unchanged.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from infrastructure.log.queries import load
from infrastructure.proofs import merkle

_QUERIES = load("infrastructure.log", "sealing.sql")


@dataclass(frozen=True, slots=True)
class StoredOpening:
    """What one leaf commits to; ``order_index`` is the index of its order's first event."""

    index: int
    order_index: int
    type: str
    agency: str
    header: bytes = field(repr=False)
    header_salt: bytes = field(repr=False)
    body: bytes = field(repr=False)
    body_salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order's evidence, and its statements' digests joined, in line order, refused ones too."""

    first_index: int
    evidence: bytes = field(repr=False)
    statement_digests: bytes = field(repr=False)

    @property
    def statements(self) -> list[bytes]:
        """The digests one by one, 32 bytes each."""
        return merkle.split_hashes(self.statement_digests)


async def openings(
    conn: AsyncConnection[Any], start: int, end: int, *, limit_bytes: int
) -> list[StoredOpening]:
    """The openings of indexes [start, end) as far as their bytes and their orders' fit the limit.

    At least one; fewer also where the log ends before or has lost some.
    """
    cursor = conn.cursor(row_factory=class_row(StoredOpening))
    limits = {"start": start, "end": end, "bytes": limit_bytes}
    await cursor.execute(_QUERIES["openings"], limits)
    return await cursor.fetchall()


async def orders(
    conn: AsyncConnection[Any], first_indexes: Collection[int]
) -> dict[int, StoredOrder]:
    """The orders whose first events have these indexes, as far as they are stored."""
    cursor = conn.cursor(row_factory=class_row(StoredOrder))
    await cursor.execute(_QUERIES["orders_by_first_index"], (sorted(first_indexes),))
    return {order.first_index: order async for order in cursor}
