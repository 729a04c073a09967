"""The beginning of a log without its leaves: the tree that a source's tiles lead to.

Who goes on from a size that lies far behind need not read what is before it. Nothing here is
believed: what the tiles say is worth what a root says of it that somebody signed.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.material import Source
from infrastructure.proofs.tiles import HEIGHT, WIDTH, Tile

TILES_AT_HAND: Final = 64
"""Tiles of 8 KiB that are kept while proofs are made of them."""
OTHER_TILE: Final = "inclusion_invalid"
"""What a tile is refused with that the one above it does not have."""


def tree_at(source: Source, size: int) -> GrowingTree:
    """The tree of the first ``size`` leaves.

    Raises:
        ProofError: ``tile_malformed`` where the source has no such tiles.
    """
    edges = {one.level or 0: _hashes(source, one) for one in tiles.partial_tiles(size=size)}
    return GrowingTree(size, edges)


def hashes_of(source: Source, size: int) -> merkle.GetHash:
    """A ``get(level, n)`` for proofs, over the tiles of a log of this size."""

    @lru_cache(TILES_AT_HAND)
    def read(tile: Tile) -> bytes:
        return b"".join(_hashes(source, tile))

    return tiles.hashes_from(read, size=size)


def proven_hashes(source: Source, tree: GrowingTree) -> merkle.GetHash:
    """A ``get(level, n)`` over the tiles of a tree, each proven by the one above it.

    The topmost ones are the tree's own right edge, which is known. Whoever asks in the order of the
    leaves has each tile read once, one that is not given or is another included.

    ``get`` raises ``tile_malformed`` where a tile is not given, ``OTHER_TILE`` where another is.
    """

    @lru_cache(TILES_AT_HAND)
    def read(tile: Tile) -> bytes | ProofError:
        level = tile.level or 0
        if tile.width < WIDTH:
            return b"".join(tree.edge(level))
        try:
            expected = get(HEIGHT * (level + 1), tile.n)
            data = _given(source, tile)
            if merkle.perfect_root(tiles.parse_tile(tile, data)) != expected:
                return ProofError(OTHER_TILE, tile.path)
        except ProofError as error:
            return error
        return data

    def known(tile: Tile) -> bytes:
        found = read(tile)
        if isinstance(found, ProofError):
            # It is kept, and must not gather a trace at each time.
            raise found.with_traceback(None)
        return found

    get = tiles.hashes_from(known, size=tree.size)
    return get


def ends_of(source: Source, checkpoint: Checkpoint) -> tuple[bytes, bytes]:
    """The hashes of the first and the last leaf under a checkpoint, proven by its root.

    Raises:
        ProofError: ``inclusion_invalid`` where the tiles lead to another root, or tell nothing.
    """
    size, get = checkpoint.size, hashes_of(source, checkpoint.size)
    for index in (0, size - 1):
        merkle.verify_inclusion(
            leaf_hash=get(0, index),
            index=index,
            size=size,
            proof=merkle.inclusion_proof(index=index, size=size, get=get),
            root=checkpoint.root,
        )
    return get(0, 0), get(0, size - 1)


def leaves_to(source: Source, start: int, end: int, newest: Checkpoint) -> Iterator[bytes]:
    """The leaves from ``start`` up to but without ``end``; after the last one they are proven.

    Raises:
        ProofError: ``consistency_invalid`` where they are not those of the tree of ``newest``, or
            fewer; ``tile_malformed`` where the source's tiles do not tell.
    """
    tree = tree_at(source, start)
    for data in source.entries(start):
        if tree.size >= end:
            break
        for _ in tree.append(merkle.leaf_hash(data)):
            pass
        yield data
    # Fewer leaves lead to another root, too.
    proof = merkle.consistency_proof(
        old_size=end, new_size=newest.size, get=hashes_of(source, newest.size)
    )
    merkle.verify_consistency(
        old_size=end,
        new_size=newest.size,
        proof=proof,
        old_root=tree.root(),
        new_root=newest.root,
    )


def _hashes(source: Source, tile: Tile) -> list[bytes]:
    """A tile's hashes; where only those below it are kept, from them."""
    if not tile.level:
        return tiles.parse_tile(tile, _given(source, tile))
    data = source.tile(tile)
    if data is not None:
        return tiles.parse_tile(tile, data)
    below = (Tile(tile.level - 1, tile.n * WIDTH + place) for place in range(tile.width))
    return [merkle.root(_hashes(source, one)) for one in below]


def _given(source: Source, tile: Tile) -> bytes:
    data = source.tile(tile)
    if data is None:
        raise ProofError("tile_malformed", "not given")
    return data
