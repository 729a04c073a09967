"""A tree that grows by leaves and gives away its tiles as they fill up.

Sealer and checker both walk the log once from left to right; what they have to remember on the way
is the partial tile of each level and nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence

from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.tiles import Tile


class GrowingTree:
    """A tree at its right edge: the hashes of each level's partial tile, at most 255 a level."""

    def __init__(self, size: int = 0, edges: Mapping[int, Sequence[bytes]] | None = None) -> None:
        self.size = size
        self._edges = {level: list(edge) for level, edge in (edges or {}).items()}

    def edge(self, level: int) -> list[bytes]:
        """The hashes of a level's partial tile; empty where there is none."""
        return list(self._edges.get(level, ()))

    def edges(self) -> dict[int, list[bytes]]:
        """The hashes of every level's partial tile."""
        return {level: list(edge) for level, edge in self._edges.items()}

    def copy(self) -> "GrowingTree":
        """A tree that can grow without this one."""
        return GrowingTree(self.size, self._edges)

    def append(self, leaf_hash: bytes) -> Iterator[tuple[Tile, bytes]]:
        """Add a leaf; gives each tile that it fills, the lowest level first, with its bytes."""
        self.size += 1
        level, node = 0, leaf_hash
        while True:
            edge = self._edges.setdefault(level, [])
            edge.append(node)
            if len(edge) < tiles.WIDTH:
                return
            self._edges[level] = []
            yield Tile(level, (self.size >> tiles.HEIGHT * (level + 1)) - 1), b"".join(edge)
            level, node = level + 1, merkle.root(edge)

    def root(self) -> bytes:
        """Root of all leaves so far."""
        hashes: list[bytes] = []
        for level in sorted(self._edges, reverse=True):
            tree = merkle.CompactRange()
            tree.extend(self._edges[level])
            hashes.extend(tree.hashes)
        return merkle.CompactRange(self.size, hashes).root()
