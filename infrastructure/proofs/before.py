"""What a checker holds from before the place where its check begins, proven by the tree there.

A checkpoint or a receipt that is older than that place is worth as much as a younger one: where the
tree that the check begins with does not go on from it, the log was forked.
"""

from collections.abc import Iterator

from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.material import Source
from infrastructure.proofs.reaching import hashes_of, tree_at
from infrastructure.proofs.receipts import Receipt


class Before:
    """The tree of the first ``size`` leaves, which this check does not walk."""

    def __init__(self, source: Source, size: int, root: bytes, summary: Summary) -> None:
        self.size = size
        self._source = source
        self._root = root
        self._summary = summary

    def checkpoint(self, held: Checkpoint) -> Iterator[Finding]:
        """Whether the tree goes on from what was signed when it was smaller."""
        get = hashes_of(self._source, self.size)
        try:
            root = tree_at(self._source, held.size).root()
            proof = merkle.consistency_proof(old_size=held.size, new_size=self.size, get=get)
        except ProofError:
            self._summary.skip("before_start", held.size)
            return
        try:
            merkle.verify_consistency(
                old_size=held.size,
                new_size=self.size,
                proof=proof,
                old_root=root,
                new_root=self._root,
            )
        except ProofError:
            yield Finding("tile_altered", held.size, self._root.hex())
            return
        if root != held.root:
            yield Finding("held_root_mismatch", held.size, held.root.hex(), root.hex())

    def receipt(self, receipt: Receipt) -> Iterator[Finding]:
        """Whether the leaf that was promised is in the tree."""
        index, get = receipt.index, hashes_of(self._source, self.size)
        try:
            found = get(0, index)
            proof = merkle.inclusion_proof(index=index, size=self.size, get=get)
        except ProofError:
            self._summary.skip("before_start", index)
            return
        try:
            merkle.verify_inclusion(
                leaf_hash=found, index=index, size=self.size, proof=proof, root=self._root
            )
        except ProofError:
            yield Finding("tile_altered", index, self._root.hex())
            return
        if receipt.leaf_hash != found:
            yield Finding("receipt_broken", index, receipt.leaf_hash.hex(), found.hex())
