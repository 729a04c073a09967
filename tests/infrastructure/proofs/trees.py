"""A second implementation of the tree, written straight from RFC 6962's recursive text."""

from collections.abc import Sequence
from hashlib import sha256

from hypothesis import strategies as st

from infrastructure.proofs import merkle

LEAVES = [merkle.leaf_hash(str(n).encode()) for n in range(300)]

sizes = st.integers(0, len(LEAVES))


def naive_root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole=whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], whole=False), naive_root(leaves[:k])]


def split(leaves: int) -> int:
    k = 1
    while k * 2 < leaves:
        k *= 2
    return k


def get(level: int, n: int) -> bytes:
    """Only complete, aligned subtrees of the leaves exist, as in a store of tiles."""
    leaves = LEAVES[n << level : (n + 1) << level]
    assert len(leaves) == 1 << level
    return naive_root(leaves)


@st.composite
def places(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(st.integers(1, len(LEAVES)))
    return draw(st.integers(0, size - 1)), size


@st.composite
def growths(draw: st.DrawFn) -> tuple[int, int]:
    new = draw(sizes)
    return draw(st.integers(0, new)), new
