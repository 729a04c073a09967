"""The log in a database as material for a check: as it lies there, with whatever was done to it.

Server-side cursors keep memory flat. A leaf is put together from its stored parts and its
predecessor's stored hash; whether these fit is what the check finds out.
"""

from collections.abc import Iterator
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from infrastructure.log.queries import load
from infrastructure.log.tilestore import TileStore
from infrastructure.proofs import merkle
from infrastructure.proofs.authorship import Opening, Row
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import FIRST_PREV, Leaf
from infrastructure.proofs.ordering import OrderMaterial
from infrastructure.proofs.tiles import WIDTH, Tile

_SQL = load("infrastructure.log", "checking.sql")
PAGE_ROWS = 5_000


class DatabaseSource:
    """Material from a database and the tiles beside it.

    Args:
        conn: a connection that may read the ledger; each walk opens a cursor of its own on it.
        tiles: where the full tiles lie; None checks without them.
    """

    ends_at_checkpoint = False

    def __init__(self, conn: Connection[Any], tiles: TileStore | None = None) -> None:
        self._conn = conn
        self._tiles = tiles
        self._order: tuple[int, OrderMaterial | None] = (-1, None)

    def newest(self) -> bytes | None:
        """The note of the newest checkpoint."""
        row = self._conn.cursor(row_factory=tuple_row).execute(_SQL["newest"]).fetchone()
        return bytes(row[0]) if row else None

    def checkpoints(self) -> Iterator[bytes]:
        """Every published note, the smallest first."""
        for (note,) in self._rows("checkpoints"):
            yield note

    def entries(self, start: int = 0) -> Iterator[bytes]:
        """The bytes of every leaf from ``start`` on."""
        prev = (self.leaf_hash(start - 1) if start else None) or FIRST_PREV
        for index, time, leaf_hash, header, body in self._rows("leaves", start):
            try:
                leaf = Leaf(index=index, time=time, prev=prev, header=header, body=body).encode()
            except ProofError:
                # Parts that no leaf can have: bytes that no parser takes stand for them.
                leaf = b""
            yield leaf
            prev = leaf_hash

    def openings(self, start: int = 0) -> Iterator[Opening]:
        """Header, body, salts and evidence of every event from ``start`` on."""
        rows = self._rows("openings", start)
        for index, order, header, header_salt, body, body_salt, *row, evidence, digests in rows:
            if evidence is not None and order == index:
                self._order = (index, _material(evidence, digests))
            material = self._order_of(order)
            yield Opening(index, header, header_salt, body, body_salt, material, Row(*row))

    def tile(self, tile: Tile) -> bytes | None:
        """The tile's file as it lies on disk, cut to its width: a file may be ahead of us.

        Where there is no file, level 0 is what the database keeps beside its leaves, so that a
        changed leaf is told from its successor also at the right edge of the log.
        """
        data = self._tiles.stored(tile) if self._tiles is not None else None
        if data is not None:
            return data[: tile.width * merkle.HASH_BYTES]
        if tile.level:
            return None
        first = tile.n * WIDTH
        cursor = self._conn.cursor(row_factory=tuple_row, binary=True)
        rows = cursor.execute(_SQL["leaf_hashes"], (first, first + tile.width)).fetchall()
        return b"".join(row[0] for row in rows)

    def size(self) -> int:
        """How many leaves there are, where none is missing."""
        row = self._conn.cursor(row_factory=tuple_row).execute(_SQL["size"]).fetchone()
        return int(row[0]) if row else 0

    def leaf_hash(self, index: int) -> bytes | None:
        """The stored hash of a leaf."""
        cursor = self._conn.cursor(row_factory=tuple_row, binary=True)
        row = cursor.execute(_SQL["leaf_hashes"], (index, index + 1)).fetchone()
        return bytes(row[0]) if row else None

    def record(self, stream: UUID) -> Iterator[tuple[int, bytes, bytes]]:
        """Index, header and body of each event of a record, as the database finds them."""
        cursor = self._conn.cursor(row_factory=tuple_row, binary=True)
        yield from cursor.execute(_SQL["record"], (stream,))

    def _order_of(self, first_index: int) -> OrderMaterial | None:
        """An order's evidence; the lines of a bulk follow one another and share it.

        It is asked for by itself where its first line was not among what was read.
        """
        if self._order[0] != first_index:
            cursor = self._conn.cursor(row_factory=tuple_row, binary=True)
            row = cursor.execute(_SQL["order"], (first_index,)).fetchone()
            self._order = (first_index, _material(*row) if row else None)
        return self._order[1]

    def _rows(self, name: str, start: int | None = None) -> Iterator[tuple[Any, ...]]:
        statement: LiteralString = _SQL[name]
        # WITH HOLD is not needed: a check runs in one repeatable-read transaction of its own.
        with self._conn.cursor(name=f"check_{name}", row_factory=tuple_row, binary=True) as cursor:
            cursor.itersize = PAGE_ROWS
            cursor.execute(statement, None if start is None else (start,))
            yield from cursor


def _material(evidence: bytes, digests: bytes) -> OrderMaterial:
    return OrderMaterial(evidence, tuple(merkle.split_hashes(digests)))
