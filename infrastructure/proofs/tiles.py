"""Tiles: the Merkle tree cut into small immutable files that any web server can carry.

C2SP tlog-tiles. A hash tile of level L holds up to 256 hashes, each of a complete subtree of
256**L leaves; an entry bundle holds up to 256 leaves. Full ones never change; the rightmost of each
level is partial and is named by its width. This module knows names and bytes, not where they lie.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from infrastructure.proofs import merkle
from infrastructure.proofs.errors import ProofError

WIDTH: Final = 256
HEIGHT: Final = 8
"""Tree levels inside one tile: 2**8 == 256."""
MAX_LEVEL: Final = 63
MAX_ENTRY_BYTES: Final = 2**16 - 1
_LENGTH_BYTES: Final = 2
_MAX_INDEX: Final = merkle.MAX_SIZE // WIDTH

_PATH_FORM = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Name of a hash tile, or of an entry bundle where ``level`` is None.

    ``n`` counts tiles within the level; ``width`` is the number of hashes or entries, 1 to 256.
    """

    level: int | None
    n: int
    width: int = WIDTH

    def __post_init__(self) -> None:
        """Refuse with ``tile_malformed`` what no path can name."""
        if self.level is not None and not 0 <= self.level <= MAX_LEVEL:
            raise ProofError("tile_malformed", f"levels are 0 to {MAX_LEVEL}")
        if not 0 <= self.n <= _MAX_INDEX or not 1 <= self.width <= WIDTH:
            raise ProofError("tile_malformed", f"a number from 0 and a width of 1 to {WIDTH}")

    @property
    def path(self) -> str:
        """Path under the log's prefix, such as ``tile/0/x001/x234/067`` or ``tile/1/000.p/17``."""
        groups = [f"{self.n % 1000:03}"]
        rest = self.n // 1000
        while rest:
            groups.append(f"x{rest % 1000:03}")
            rest //= 1000
        kind = "entries" if self.level is None else self.level
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{kind}/{'/'.join(reversed(groups))}{suffix}"

    @property
    def full(self) -> "Tile":
        """The tile that replaces this one once it has filled up."""
        return Tile(self.level, self.n)


def parse_path(path: str) -> Tile:
    """The tile that a path names; only the one canonical spelling is taken.

    Raises:
        ProofError: ``tile_malformed``.
    """
    match = _PATH_FORM.fullmatch(path)
    if match is None:
        raise ProofError("tile_malformed", "not a tile path")
    kind, number, width = match.groups()
    tile = Tile(
        level=None if kind == "entries" else int(kind),
        n=int(number.replace("/", "").replace("x", "")),
        width=int(width) if width else WIDTH,
    )
    if tile.path != path:
        raise ProofError("tile_malformed", "not the canonical spelling")
    return tile


def partial_width(*, level: int, size: int) -> int:
    """Width of the rightmost tile of a level in a tree of ``size`` leaves; 0 where none is due."""
    return (size >> HEIGHT * level) % WIDTH


def full_tiles(*, old_size: int, new_size: int) -> Iterator[Tile]:
    """Hash tiles that became full while the tree grew from ``old_size`` to ``new_size`` leaves.

    Lower levels first. The entry bundles that became full have the numbers of the level 0 tiles.
    """
    old, new, level = old_size // WIDTH, new_size // WIDTH, 0
    while new:
        for n in range(old, new):
            yield Tile(level, n)
        old, new, level = old // WIDTH, new // WIDTH, level + 1


def partial_tiles(*, size: int) -> Iterator[Tile]:
    """Partial hash tiles that a checkpoint of ``size`` leaves obliges the log to serve."""
    level = 0
    while size:
        if width := size % WIDTH:
            yield Tile(level, size // WIDTH, width)
        size //= WIDTH
        level += 1


def encode_tile(tile: Tile, get: merkle.GetHash) -> bytes:
    """Bytes of a hash tile from the hashes of complete subtrees (see :data:`merkle.GetHash`)."""
    if tile.level is None:
        raise ProofError("tile_malformed", "an entry bundle is not made of hashes")
    first = tile.n * WIDTH
    return b"".join(get(tile.level * HEIGHT, first + i) for i in range(tile.width))


def parse_tile(tile: Tile, data: bytes) -> list[bytes]:
    """The hashes in a tile's bytes.

    Raises:
        ProofError: ``tile_malformed`` unless there are exactly ``tile.width`` of them.
    """
    if tile.level is None or len(data) != tile.width * merkle.HASH_BYTES:
        raise ProofError("tile_malformed", f"{tile.width} hashes of {merkle.HASH_BYTES} bytes")
    return merkle.split_hashes(data)


def hashes_from(read: Callable[[Tile], bytes], *, size: int) -> merkle.GetHash:
    """A ``get(level, n)`` for proofs, over the tiles of a tree of ``size`` leaves.

    ``read`` returns a tile's bytes. Nothing is authenticated here: a wrong tile makes a proof that
    does not verify. ``get`` raises ``proof_out_of_range`` beyond ``size`` and ``tile_malformed``
    when ``read`` returns another number of hashes than asked.
    """

    def get(level: int, n: int) -> bytes:
        if n < 0 or (n + 1) << level > size:
            raise ProofError("proof_out_of_range", "the subtree is not complete in this tree")
        tile_level, inside = divmod(level, HEIGHT)
        first = n << inside
        number, offset = divmod(first, WIDTH)
        width = min(WIDTH, (size >> HEIGHT * tile_level) - number * WIDTH)
        tile = Tile(tile_level, number, width)
        return merkle.root(parse_tile(tile, read(tile))[offset : offset + (1 << inside)])

    return get


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Bytes of an entry bundle: each entry after its length as two bytes big-endian.

    Raises:
        ProofError: ``bundle_malformed`` unless there are 1 to 256 entries of at most 65,535 bytes.
    """
    if not 1 <= len(entries) <= WIDTH or any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ProofError("bundle_malformed", f"1 to {WIDTH} entries, {MAX_ENTRY_BYTES} bytes each")
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries)


def parse_bundle(data: bytes, *, width: int) -> list[bytes]:
    """The ``width`` entries of a bundle, which must fill it to the last byte.

    Raises:
        ProofError: ``bundle_malformed``.
    """
    if not 1 <= width <= WIDTH or len(data) > width * (_LENGTH_BYTES + MAX_ENTRY_BYTES):
        raise ProofError("bundle_malformed", f"{width} entries expected")
    entries: list[bytes] = []
    at = 0
    for _ in range(width):
        start = at + _LENGTH_BYTES
        # Past the end the length reads as zero or short; the comparison below then fails.
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    if at != len(data):
        raise ProofError("bundle_malformed", f"{width} entries that fill the bundle exactly")
    return entries
