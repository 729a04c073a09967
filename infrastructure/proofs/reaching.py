"""The beginning of a log without its leaves: the tree that a source's tiles lead to.

Who goes on from a size that lies far behind need not read what is before it. Nothing here is
believed: what the tiles say is worth what a root says of it that somebody signed.
"""

from collections.abc import Iterator

from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.material import Source
from infrastructure.proofs.tiles import WIDTH, Tile


def tree_at(source: Source, size: int) -> GrowingTree:
    """The tree of the first ``size`` leaves.

    Raises:
        ProofError: ``tile_malformed`` where the source has no such tiles.
    """
    edges = {one.level or 0: _hashes(source, one) for one in tiles.partial_tiles(size=size)}
    return GrowingTree(size, edges)


def hashes_of(source: Source, size: int) -> merkle.GetHash:
    """A ``get(level, n)`` for proofs, over the tiles of a log of this size."""
    return tiles.hashes_from(lambda tile: b"".join(_hashes(source, tile)), size=size)


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
    data = source.tile(tile)
    if data is not None:
        return tiles.parse_tile(tile, data)
    if not tile.level:
        raise ProofError("tile_malformed", "not given")
    below = (Tile(tile.level - 1, tile.n * WIDTH + place) for place in range(tile.width))
    return [merkle.root(_hashes(source, one)) for one in below]
