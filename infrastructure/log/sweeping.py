"""Bytes and tree of a whole log at once, by all processors: whether all of it comes out.

Every leaf is put together from its stored parts and hashed, header and body are hashed and compared
with what the leaf commits to, and every full tile with what the leaves lead to. Whoever asks is
told the root at each size that somebody signed. Where anything is not as it must be the sweep ends
there and names no more than the place: what is wrong, and with what else, is for the walk of
`proofs.fsck`, which goes from leaf to leaf and costs a hundred times as much.

As in `replaying`, the log is cut into stretches that any process can check alone; each begins
behind a hash that it has only read, so they are joined by what the one before has computed.
"""

from binascii import hexlify
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from infrastructure.log.leaves import BrokenChain
from infrastructure.log.queries import load
from infrastructure.log.replaying import LEAF, Each, hash_before
from infrastructure.log.tilestore import TileStore
from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.leaf import BODY_LABEL, FIRST_PREV, HEADER_LABEL, INTEGER_BOUND
from infrastructure.proofs.tiles import WIDTH, Tile

STRETCH_LEAVES: Final = 128 * WIDTH

_QUERIES = load("infrastructure.log", "checking.sql")
# Index, time, hash, two digests, and how many bytes header and body have with their salts.
_FIXED = Struct(">qq32s32s32sii")

_Piece = tuple[bytes, bytes, bytes, bool]
"""Of 256 leaves: the fixed parts, the headers, the bodies, and whether each has its length."""


class Stretch(NamedTuple):
    """What is asked of one process: leaves [start, end), tiles below `signed`, edges at `sizes`."""

    start: int
    end: int
    tiles: Path | None
    signed: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Leaves as they were computed: `prev` was read, `last` came out.

    `blocks` are the roots of 256 leaves each; `edges` are, for each size asked for, the hashes of
    the complete subtrees behind the last whole block before it, largest first.
    """

    asked: Stretch
    prev: bytes
    first: bytes
    last: bytes
    first_time: int
    last_time: int
    blocks: list[bytes]
    edges: dict[int, tuple[bytes, ...]]
    tiles: int


@dataclass(frozen=True, slots=True)
class Swept:
    """A log of `size` leaves that came out; `first` is its first leaf's hash, its id.

    `roots` has the root at each size asked for, `tiles` counts the files that were compared.
    """

    size: int
    first: bytes
    roots: dict[int, bytes]
    tiles: int


def sweep(
    each: Each,
    size: int,
    *,
    signed: int,
    sizes: Iterable[int],
    tiles_in: Path | None = None,
    on_leaves: Callable[[int], None] | None = None,
) -> Swept:
    """Compute the first `size` leaves of a log again.

    Args:
        each: what works on stretches, one after the other or several at the same time.
        size: how many leaves there are.
        signed: how many of them the newest checkpoint covers: tiles are due so far.
        sizes: where the root is asked for.
        tiles_in: where the full tiles lie; one that is not there is not compared.
        on_leaves: told how many are done.

    Raises:
        BrokenChain: where something does not come out, roughly.
        psycopg.Error: the database cannot be read.
    """
    asked = _cut(size, signed=signed, sizes=sorted(set(sizes)), tiles_in=tiles_in)
    tree = _Tree(TileStore(tiles_in) if tiles_in else None, signed)
    for found in each(sweep_stretch, asked):
        tree.join(found)
        if on_leaves is not None:
            on_leaves(tree.size)
    return Swept(tree.size, tree.first, tree.roots, tree.tiles)


class _Tree:
    """The tree over all blocks so far, its tiles above the leaves, and the roots asked for."""

    def __init__(self, store: TileStore | None, signed: int) -> None:
        self._store, self._signed = store, signed
        self._growing = GrowingTree()
        self._blocks = merkle.CompactRange()
        self._last, self._time = FIRST_PREV, 0
        self.first = FIRST_PREV
        self.size = self.tiles = 0
        self.roots: dict[int, bytes] = {}

    def join(self, found: Found) -> None:
        """Go on with a stretch that begins where, and behind what, the last one ended.

        Raises:
            BrokenChain: it does not, or a tile is another.
        """
        start = found.asked.start
        if (start, found.prev) != (self.size, self._last) or found.first_time < self._time:
            raise BrokenChain(start)
        if start == 0:
            self.first = found.first
        edges = iter(sorted(found.edges.items()))
        waiting = next(edges, None)
        for number, block in enumerate([*found.blocks, None], start // WIDTH):
            while waiting is not None and waiting[0] < (number + 1) * WIDTH:
                size, hashes = waiting
                self.roots[size] = merkle.CompactRange(size, self._blocks.hashes + hashes).root()
                waiting = next(edges, None)
            if block is not None:
                self._add(block)
        self.size, self._last, self._time = found.asked.end, found.last, found.last_time
        self.tiles += found.tiles

    def _add(self, block: bytes) -> None:
        self._blocks.append(block)
        for above, data in self._growing.append(block):
            # Its leaves are blocks, so its level is one less than that of the log's tree.
            tile = Tile((above.level or 0) + 1, above.n)
            if self._blocks.size * WIDTH > self._signed or self._store is None:
                continue
            held = self._store.stored(tile)
            if held is not None and held != data:
                raise BrokenChain(tile.n * WIDTH << tiles.HEIGHT * (tile.level or 0))
            self.tiles += held is not None


def _cut(
    size: int, *, signed: int, sizes: Sequence[int], tiles_in: Path | None
) -> Iterator[Stretch]:
    """The stretches of a log; a size at the border of two is asked of the one that ends there."""
    for start in range(0, size, STRETCH_LEAVES):
        end = min(start + STRETCH_LEAVES, size)
        within = tuple(one for one in sizes if start < one <= end)
        yield Stretch(start, end, tiles_in, signed, within)


def sweep_stretch(conn: Connection[Any], asked: Stretch) -> Found:
    """Compute the leaves of a stretch again; it begins with a block.

    Raises:
        BrokenChain: as `sweep`.
    """
    start, end = asked.start, asked.end
    prev = hash_before(conn, start)
    hashes: list[bytes] = []
    times: list[int] = []
    for piece in _pieces(conn, start, end):
        _take(piece, hashes, times, start, prev)
    if len(hashes) != end - start or times[-1] >= INTEGER_BOUND:
        raise BrokenChain(start + len(hashes))
    blocks, compared = _blocks(hashes, asked)
    edges: dict[int, tuple[bytes, ...]] = {}
    for size in asked.sizes:
        edge = merkle.CompactRange()
        edge.extend(hashes[(size - start) // WIDTH * WIDTH : size - start])
        edges[size] = edge.hashes
    return Found(asked, prev, hashes[0], hashes[-1], times[0], times[-1], blocks, edges, compared)


def _take(piece: _Piece, hashes: list[bytes], times: list[int], start: int, prev: bytes) -> None:
    """Add the hashes of some leaves that follow, and the first and the last of their times.

    Raises:
        BrokenChain: at the first leaf that is not what its stored hash, or its place, says.
    """
    leaves, headers, bodies, regular = piece
    index = start + len(hashes)
    if not regular or len(leaves) % _FIXED.size:
        raise BrokenChain(index)
    time = times[-1] if times else 0
    link = hexlify(hashes[-1] if hashes else prev)
    header_at = body_at = 0
    for place, moment, stored, header, body, header_bytes, body_bytes in _FIXED.iter_unpack(leaves):
        header_end, body_end = header_at + header_bytes, body_at + body_bytes
        leaf = LEAF % (hexlify(body), hexlify(header), place, link, moment)
        if (
            sha256(leaf).digest() != stored
            or sha256(HEADER_LABEL + headers[header_at:header_end]).digest() != header
            or sha256(BODY_LABEL + bodies[body_at:body_end]).digest() != body
            or place != index
            or moment < time
        ):
            raise BrokenChain(index)
        hashes.append(stored)
        times.append(moment)
        link = hexlify(stored)
        header_at, body_at, index, time = header_end, body_end, index + 1, moment


def _blocks(hashes: Sequence[bytes], asked: Stretch) -> tuple[list[bytes], int]:
    """The roots of whole blocks, and how many of the tiles that hold them were compared.

    Raises:
        BrokenChain: a tile holds other hashes.
    """
    store = TileStore(asked.tiles) if asked.tiles else None
    blocks = []
    compared = 0
    for first in range(0, len(hashes) - WIDTH + 1, WIDTH):
        block = hashes[first : first + WIDTH]
        blocks.append(merkle.perfect_root(block))
        if store is None or asked.start + first + WIDTH > asked.signed:
            continue
        held = store.stored(Tile(0, (asked.start + first) // WIDTH))
        if held is not None and held != b"".join(block):
            raise BrokenChain(asked.start + first)
        compared += held is not None
    return blocks, compared


def _pieces(conn: Connection[Any], start: int, end: int) -> Iterator[_Piece]:
    limits = {"start": start, "end": end}
    with (
        conn.cursor(row_factory=tuple_row) as cursor,
        cursor.copy(_QUERIES["swept"], limits) as copy,
    ):
        copy.set_types(["bytea", "bytea", "bytea", "bool"])
        yield from copy.rows()
