"""The log's rows as leaves: what the sealer signs and what the tree is served from.

Nothing here trusts a stored hash on its own: a leaf is put together from its parts again, and the
hash that the database keeps beside them has to come out.
"""

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from infrastructure.log.queries import load
from infrastructure.proofs import merkle
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import FIRST_PREV, Leaf

_QUERIES = load("infrastructure.log", "sealing.sql")


class BrokenChain(Exception):
    """The stored leaf at ``index`` is missing, out of place or not what its stored hash says."""

    def __init__(self, index: int) -> None:
        # As it is, so that it comes whole out of another process.
        super().__init__(index)
        self.index = index


async def head_size(conn: AsyncConnection[Any]) -> int:
    """Number of leaves in the log."""
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(_QUERIES["head_size"])
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def leaf_hashes(conn: AsyncConnection[Any], start: int, end: int) -> bytes:
    """The stored leaf hashes of indexes [start, end), joined; shorter where the log ends before."""
    cursor = conn.cursor(row_factory=tuple_row)
    await cursor.execute(_QUERIES["leaf_hashes"], (start, end))
    return b"".join([row[0] async for row in cursor])


async def leaves(conn: AsyncConnection[Any], start: int, end: int) -> list[Leaf]:
    """The leaves of indexes [start, end) as their stored parts make them, hashes unchecked.

    Each leaf's ``prev`` is its predecessor's stored hash, as the append procedure chained them.

    Raises:
        BrokenChain: a row is missing or its parts cannot make a leaf.
    """
    return [leaf for leaf, _ in await _read(conn, start, end)]


async def checked_leaf_hashes(conn: AsyncConnection[Any], start: int, end: int) -> list[bytes]:
    """The leaf hashes of indexes [start, end), each computed again from its row and the one before.

    Raises:
        BrokenChain: names the first row that is missing or whose hash does not come out.
    """
    hashes = []
    for leaf, stored in await _read(conn, start, end):
        if leaf.hash() != stored:
            raise BrokenChain(leaf.index)
        hashes.append(stored)
    return hashes


async def _read(conn: AsyncConnection[Any], start: int, end: int) -> list[tuple[Leaf, bytes]]:
    if start == 0:
        prev = FIRST_PREV
    else:
        prev = await leaf_hashes(conn, start - 1, start)
        if len(prev) != merkle.HASH_BYTES:
            raise BrokenChain(start - 1)
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    await cursor.execute(_QUERIES["leaves"], (start, end))
    found: list[tuple[Leaf, bytes]] = []
    for index, time, header, body, stored in await cursor.fetchall():
        if index != start + len(found):
            raise BrokenChain(start + len(found))
        try:
            found.append(
                (Leaf(index=index, time=time, prev=prev, header=header, body=body), stored)
            )
        except ProofError as error:
            raise BrokenChain(index) from error
        prev = stored
    if len(found) != end - start:
        raise BrokenChain(start + len(found))
    return found
