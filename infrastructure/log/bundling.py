"""Everything that one record rests on: its own events, and those that say who might sign them.

The events of whole streams, because a stream that is shown whole up to one size hides nothing: the
record's, the ledger's own, the agency's, and each signing key's, and so on to whoever enrolled it.
What is read is handed out as it is stored; whoever is given it is about to check it.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, tuple_row

from infrastructure.log.leaves import leaves
from infrastructure.log.openings import StoredOpening, StoredOrder, orders
from infrastructure.log.queries import QUERIES
from infrastructure.log.tilestore import TreeReader
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.bundle import MAX_EVENTS
from infrastructure.proofs.bundled import Proven
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import parse_header
from infrastructure.proofs.ordering import OrderMaterial
from infrastructure.proofs.statements import statement_path

FOUNDATION: Final = ("ledger", "foundation")


class TooMuch(Exception):
    """The record rests on more events than one file may hold."""


@dataclass(frozen=True, slots=True)
class _Row(StoredOpening):
    """One event as the query of streams gives it; what is not asked here is passed over."""

    time: int
    version: int
    stream: UUID
    leaf_hash: bytes
    header_digest: bytes
    body_digest: bytes


async def behind(
    conn: AsyncConnection[Any], records: Collection[UUID], size: int
) -> list[StoredOpening]:
    """The events below ``size`` of one record, or of several that belong together, by index.

    With them come all that they rest on.

    Raises:
        TooMuch: more than a bundle may hold.
    """
    found: dict[int, StoredOpening] = {}
    asked: set[tuple[str, str]] = set()
    streams = {*records, *(await _claims(conn, {FOUNDATION}))}
    read: set[UUID] = set()
    while new := streams - read:
        read |= new
        wanted: set[tuple[str, str]] = set()
        for stream in sorted(new):
            for row in await _stream(conn, stream, size):
                found[row.index] = row
                wanted |= {("agency", row.agency)} if stream in records else set()
                wanted |= {("key", name) for name in _keys(row.header)}
        if len(found) > MAX_EVENTS:
            raise TooMuch
        streams |= await _claims(conn, wanted - asked)
        asked |= wanted
    return [found[index] for index in sorted(found)]


async def proven(
    conn: AsyncConnection[Any], tree: TreeReader, opening: StoredOpening, size: int
) -> Proven:
    """An event with its leaf, its path in the tree of ``size``, and everything that is stored."""
    [leaf] = await leaves(conn, opening.index, opening.index + 1)
    proof = await tree.inclusion_proof(index=opening.index, size=size)
    order = (await orders(conn, {opening.order_index})).get(opening.order_index)
    # Of a large bulk all statements are hashed for one line.
    line = None if order is None else await asyncio.to_thread(_line, opening, order)
    whole = Opening(
        opening.index,
        opening.header,
        opening.header_salt,
        opening.body,
        opening.body_salt,
        line,
    )
    return Proven(opening.index, leaf.encode(), tuple(proof), whole)


def _line(opening: StoredOpening, order: StoredOrder) -> OrderMaterial | None:
    """The order's evidence, and the one line of it that became this event."""
    statements = order.statements
    try:
        line = parse_header(opening.header).line
        path = statement_path(statements, line)
    except ProofError:
        # Changed behind our back: the reader is told that it could not be checked.
        return None
    return OrderMaterial(order.evidence, path=tuple(path), statement=statements[line])


def _keys(header: bytes) -> tuple[str, ...]:
    try:
        return parse_header(header).keys
    except ProofError:
        return ()


async def _stream(conn: AsyncConnection[Any], stream: UUID, size: int) -> list[_Row]:
    cursor = conn.cursor(row_factory=class_row(_Row))
    limits = {"stream": stream, "after": 0, "upto": None, "limit": MAX_EVENTS + 1}
    await cursor.execute(QUERIES["stream"], limits)
    return [row for row in await cursor.fetchall() if row.index < size]


async def _claims(conn: AsyncConnection[Any], wanted: set[tuple[str, str]]) -> set[UUID]:
    """The streams that hold these claims."""
    found = set()
    for space, key in sorted(wanted):
        cursor = conn.cursor(row_factory=tuple_row)
        await cursor.execute(QUERIES["claim"], (space, key))
        row = await cursor.fetchone()
        found |= set() if row is None else {row[0]}
    return found
