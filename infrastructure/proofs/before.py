"""What a checker holds from before the place where its check begins, proven by the tree there.

A checkpoint or a receipt that is older than that place is worth as much as a younger one: where the
tree that the check begins with does not go on from it, the log was forked.
"""

from collections.abc import Iterator

from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.material import Source
from infrastructure.proofs.reaching import OTHER_TILE, proven_hashes
from infrastructure.proofs.receipts import Receipt


class Before:
    """The tree of the leaves that this check does not walk; it does not grow with the walk."""

    def __init__(self, source: Source, tree: GrowingTree, summary: Summary) -> None:
        self.size = tree.size
        self._root = tree.root()
        self._get = proven_hashes(source, tree.copy())
        self._summary = summary

    def checkpoint(self, held: Checkpoint) -> Iterator[Finding]:
        """Whether the tree goes on from what was signed when it was smaller."""
        subtrees = merkle.complete_subtrees(0, held.size)
        try:
            hashes = [self._get(level, n) for level, n in subtrees]
        except ProofError as error:
            yield from self._unproven(error, held.size)
            return
        root = merkle.CompactRange(held.size, hashes).root()
        if root != held.root:
            yield Finding("held_root_mismatch", held.size, held.root.hex(), root.hex())

    def receipt(self, receipt: Receipt) -> Iterator[Finding]:
        """Whether the leaf that was promised is in the tree."""
        index = receipt.index
        try:
            found = self._get(0, index)
        except ProofError as error:
            yield from self._unproven(error, index)
            return
        if receipt.leaf_hash != found:
            yield Finding("receipt_broken", index, receipt.leaf_hash.hex(), found.hex())

    def _unproven(self, error: ProofError, index: int) -> Iterator[Finding]:
        """Tiles of another tree are told; without any it cannot be compared."""
        if error.code == OTHER_TILE:
            yield Finding("tile_altered", index, self._root.hex())
        else:
            self._summary.skip("before_start", index)
