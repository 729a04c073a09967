"""The Merkle tree: one hash that commits to every leaf, and proofs that fit in a letter.

Hashing is RFC 6962 section 2.1 with SHA-256 (RFC 9162 section 2.1 is the same tree); the two
verification procedures are RFC 9162 sections 2.1.3.2 and 2.1.4.2. Nothing is stored here: proofs
are built from a ``get(level, n)`` that returns the hash of the complete subtree over the leaves
``[n * 2**level, (n + 1) * 2**level)``, wherever the caller keeps it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from infrastructure.proofs.errors import ProofError

HASH_BYTES = 32
SIZE_BYTES = 8
EMPTY_ROOT = sha256(b"").digest()
MAX_SIZE = 2**63 - 1
"""Largest tree size that is read anywhere; C2SP text formats carry signed 64-bit sizes."""

GetHash = Callable[[int, int], bytes]
"""``get(level, n)``: hash of a complete, aligned subtree of ``2**level`` leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of an entry; the 0x00 keeps an entry from being passed off as an inner node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node over its two children, 32 bytes each."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Root over leaf hashes (not entries); the empty tree's root is SHA-256 of nothing."""
    tree = CompactRange()
    tree.extend(leaf_hashes)
    return tree.root()


def perfect_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Root over exactly ``2**k`` leaf hashes, level by level: quicker than leaf by leaf.

    Raises:
        ProofError: ``range_malformed`` for another number of hashes.
    """
    level = leaf_hashes
    if len(level).bit_count() != 1:
        raise ProofError("range_malformed", "a complete subtree has 2**k leaves")
    while len(level) > 1:
        nodes = iter(level)
        pairs = zip(nodes, nodes, strict=True)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return level[0]


class CompactRange:
    """The right edge of a growing tree: all that is needed to append and to know the root.

    ``hashes`` are the roots of the complete subtrees that the size decomposes into, largest first:
    one for each bit set in ``size``.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Resume at ``size`` leaves.

        Raises:
            ProofError: ``range_malformed`` when the hashes do not fit the size.
        """
        if not 0 <= size <= MAX_SIZE or len(hashes) != size.bit_count():
            raise ProofError("range_malformed", "one hash for each bit set in the size")
        _require_hashes(hashes, "range_malformed")
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees, largest first."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash, joining every pair of equal-sized subtrees that this completes."""
        size = self._size
        while size & 1:
            leaf = sha256(b"\x01" + self._hashes.pop() + leaf).digest()
            size >>= 1
        self._hashes.append(leaf)
        self._size += 1

    def joined(self, subtrees: Iterable[tuple[int, bytes]]) -> "CompactRange":
        """A range that goes on with complete subtrees, each as (level, root), largest first.

        Raises:
            ProofError: ``range_malformed`` where one would not begin at a multiple of its size.
        """
        size, hashes = self._size, list(self._hashes)
        for level, node in subtrees:
            if size % (1 << level):
                raise ProofError("range_malformed", "the subtree is not aligned")
            root, at = node, size >> level
            while at & 1:
                root, at = node_hash(hashes.pop(), root), at >> 1
            hashes.append(root)
            size += 1 << level
        return CompactRange(size, hashes)

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaf hashes in order."""
        for leaf in leaf_hashes:
            self.append(leaf)

    def root(self) -> bytes:
        """Root of the tree as it stands, 32 bytes."""
        return _fold(self._hashes)

    def encode(self) -> bytes:
        """Bytes for safekeeping: size as 8 bytes big-endian, then the hashes."""
        return self._size.to_bytes(SIZE_BYTES, "big") + b"".join(self._hashes)

    @classmethod
    def decode(cls, data: bytes) -> "CompactRange":
        """Read what ``encode`` wrote.

        Raises:
            ProofError: ``range_malformed``.
        """
        size, hashes = data[:SIZE_BYTES], data[SIZE_BYTES:]
        if len(size) != SIZE_BYTES or len(hashes) % HASH_BYTES:
            raise ProofError("range_malformed", "eight bytes of size, then whole hashes")
        return cls(int.from_bytes(size, "big"), split_hashes(hashes))

    def __repr__(self) -> str:
        return f"CompactRange(size={self._size})"


def split_hashes(data: bytes) -> list[bytes]:
    """Cut a run of hashes into hashes; the caller has checked that the length is a multiple."""
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def inclusion_proof(*, index: int, size: int, get: GetHash) -> list[bytes]:
    """Path from leaf ``index`` to the root of the first ``size`` leaves, the sibling first.

    PATH of RFC 6962 section 2.1.1, written as a descent: at each fork keep the half without the
    leaf. Reads O(log size) hashes.

    Raises:
        ProofError: ``proof_out_of_range`` unless 0 <= index < size.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError("proof_out_of_range", "0 <= index < size")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(middle, end, get))
            end = middle
        else:
            path.append(_subtree(start, middle, get))
            start = middle
    path.reverse()
    return path


def consistency_proof(*, old_size: int, new_size: int, get: GetHash) -> list[bytes]:
    """Proof that the first ``old_size`` of ``new_size`` leaves are unchanged.

    SUBPROOF of RFC 6962 section 2.1.2 as a descent along the old tree's right edge. Empty when the
    sizes are equal or the old tree is empty: then there is nothing to prove.

    Raises:
        ProofError: ``proof_out_of_range`` unless 0 <= old_size <= new_size.
    """
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise ProofError("proof_out_of_range", "0 <= old_size <= new_size")
    if old_size in {0, new_size}:
        return []
    proof: list[bytes] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_subtree(middle, end, get))
            end = middle
        else:
            proof.append(_subtree(start, middle, get))
            start = middle
    if start:
        # Only a left edge that starts at leaf 0 is the old root itself, which the checker holds.
        proof.append(_subtree(start, end, get))
    proof.reverse()
    return proof


def verify_inclusion(
    *, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the tree of ``size`` leaves with this root holds the leaf at ``index``.

    Raises:
        ProofError: ``inclusion_invalid``; also for sizes and paths that cannot belong together.
    """
    _require_hashes((leaf_hash, root, *proof), "inclusion_invalid")
    if not 0 <= index < size <= MAX_SIZE:
        raise ProofError("inclusion_invalid", "0 <= index < size")
    # Below the fork where leaf and last leaf part, every node has a sibling; above it, only a node
    # that is a right child has one. So the path's length is known before anything is hashed.
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(proof) != (expected := inner + border):
        raise ProofError("inclusion_invalid", f"expected a path of {expected} hashes")
    node = leaf_hash
    for level, sibling in enumerate(proof):
        if level >= inner or index >> level & 1:
            node = node_hash(sibling, node)
        else:
            node = node_hash(node, sibling)
    if node != root:
        raise ProofError("inclusion_invalid", "the path does not lead to the root")


def verify_consistency(
    *, old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree of ``new_size`` leaves only added to the tree of ``old_size`` leaves.

    An empty old tree is a prefix of every tree: its proof is empty and its root must be the empty
    root. Equal sizes need equal roots and an empty proof.

    Raises:
        ProofError: ``consistency_invalid``.
    """
    _require_hashes((old_root, new_root, *proof), "consistency_invalid")
    if not 0 <= old_size <= new_size <= MAX_SIZE:
        raise ProofError("consistency_invalid", "0 <= old_size <= new_size")
    if old_size in {0, new_size}:
        expected_old = EMPTY_ROOT if old_size == 0 else new_root
        expected_new = EMPTY_ROOT if new_size == 0 else new_root
        if proof or old_root != expected_old or new_root != expected_new:
            raise ProofError("consistency_invalid", "equal or empty trees need no proof")
        return
    # Up to `shift` the old edge is one complete subtree, where both descents share a start node.
    shift = (old_size & -old_size).bit_length() - 1
    inner = ((old_size - 1) ^ (new_size - 1)).bit_length() - shift
    border = ((old_size - 1) >> (inner + shift)).bit_count()
    seeded = old_size != 1 << shift
    if len(proof) != (expected := seeded + inner + border):
        raise ProofError("consistency_invalid", f"expected {expected} hashes")
    old = new = proof[0] if seeded else old_root
    edge = (old_size - 1) >> shift
    for level, sibling in enumerate(proof[1:] if seeded else proof):
        if level >= inner or edge >> level & 1:
            old = node_hash(sibling, old)
            new = node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != old_root or new != new_root:
        raise ProofError("consistency_invalid", "the proof does not lead to both roots")


def _split(leaves: int) -> int:
    """Largest power of two smaller than ``leaves``: where RFC 6962 divides a tree."""
    return 1 << (leaves - 1).bit_length() - 1


def _subtree(start: int, end: int, get: GetHash) -> bytes:
    """Root of the leaves [start, end), a node of some tree, from complete subtrees."""
    return _fold([get(level, n) for level, n in complete_subtrees(start, end)])


def complete_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The (level, n) of the complete subtrees that make up [start, end), largest first.

    ``start`` must be a multiple of the smallest power of two that covers the range, as it is for
    every node of a tree; then no subtree straddles its own alignment.
    """
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Join complete subtrees, largest first, from the right edge up to their root."""
    if not hashes:
        return EMPTY_ROOT
    node = hashes[-1]
    for left in reversed(hashes[:-1]):
        node = node_hash(left, node)
    return node


def _require_hashes(hashes: Iterable[bytes], code: str) -> None:
    """Refuse a hash of another length, which would let two different inputs collide."""
    if any(len(value) != HASH_BYTES for value in hashes):
        raise ProofError(code, "every hash has 32 bytes")
