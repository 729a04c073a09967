"""The tree against a second implementation, written straight from RFC 6962's recursive text."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import merkle
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.merkle import CompactRange
from tests.infrastructure.proofs.vectors import load

VECTORS = load("merkle")
VECTOR_HASHES = [bytes.fromhex(value) for value in VECTORS["leaf_hashes"]]
ROOTS = [bytes.fromhex(value) for value in VECTORS["roots"]]
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


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")


def test_leaves_hash_as_the_vectors_say() -> None:
    assert [merkle.leaf_hash(bytes.fromhex(e)) for e in VECTORS["entries"]] == VECTOR_HASHES


@pytest.mark.parametrize("size", range(9))
def test_roots_are_what_the_vectors_say(size: int) -> None:
    assert merkle.root(VECTOR_HASHES[:size]) == ROOTS[size]


def test_the_empty_tree_has_the_hash_of_nothing_for_a_root() -> None:
    assert merkle.EMPTY_ROOT == ROOTS[0] == sha256(b"").digest()


@pytest.mark.parametrize("case", VECTORS["inclusion"])
def test_inclusion_proofs_verify_as_the_vectors_say(case: dict[str, Any]) -> None:
    path = [bytes.fromhex(value) for value in case["path"]]
    index, size = case["index"], case["size"]

    merkle.verify_inclusion(
        leaf_hash=VECTOR_HASHES[index], index=index, size=size, proof=path, root=ROOTS[size]
    )


@pytest.mark.parametrize("case", VECTORS["consistency"])
def test_consistency_proofs_verify_as_the_vectors_say(case: dict[str, Any]) -> None:
    proof = [bytes.fromhex(value) for value in case["proof"]]
    old, new = case["old_size"], case["new_size"]

    merkle.verify_consistency(
        old_size=old, new_size=new, proof=proof, old_root=ROOTS[old], new_root=ROOTS[new]
    )


@given(sizes)
def test_the_root_is_that_of_the_recursive_definition(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == naive_root(LEAVES[:size])


@given(growths())
def test_a_range_resumes_from_its_bytes_and_grows_to_the_same_root(growth: tuple[int, int]) -> None:
    old, new = growth
    before = CompactRange()
    before.extend(LEAVES[:old])

    after = CompactRange.decode(before.encode())
    after.extend(LEAVES[old:new])

    assert (after.size, after.root()) == (new, naive_root(LEAVES[:new]))
    assert (before.size, before.root()) == (old, naive_root(LEAVES[:old]))


@given(sizes)
def test_a_range_keeps_the_complete_subtrees_largest_first(size: int) -> None:
    tree = CompactRange()
    tree.extend(LEAVES[:size])

    assert tree.hashes == tuple(get(level, n) for level, n in merkle.complete_subtrees(0, size))


def test_a_range_that_resumes_does_not_share_its_hashes() -> None:
    hashes = [LEAVES[0]]
    CompactRange(1, hashes).append(LEAVES[1])

    assert hashes == [LEAVES[0]]


@pytest.mark.parametrize(
    "size, hashes",
    [
        (-1, []),
        (0, [LEAVES[0]]),
        (1, []),
        (2, [LEAVES[0], LEAVES[1]]),
        (1, [LEAVES[0][:31]]),
        (1, [LEAVES[0] + b"\x00"]),
        (2**63, [LEAVES[0]]),
    ],
)
def test_a_range_refuses_hashes_that_do_not_fit_its_size(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(ProofError, match="range_malformed"):
        CompactRange(size, hashes)


@pytest.mark.parametrize(
    "data",
    [b"", bytes(7), bytes(9), bytes(40), b"\x00" * 7 + b"\x01", b"\x00" * 7 + b"\x01" + bytes(31)],
)
def test_malformed_bytes_of_a_range_are_refused(data: bytes) -> None:
    with pytest.raises(ProofError, match="range_malformed"):
        CompactRange.decode(data)


def test_a_range_of_the_largest_size_can_be_kept() -> None:
    tree = CompactRange(merkle.MAX_SIZE, [LEAVES[n] for n in range(63)])

    assert CompactRange.decode(tree.encode()).hashes == tree.hashes
    assert repr(tree) == f"CompactRange(size={merkle.MAX_SIZE})"


@given(places())
def test_an_inclusion_proof_is_that_of_the_recursive_definition(place: tuple[int, int]) -> None:
    index, size = place
    proof = merkle.inclusion_proof(index=index, size=size, get=get)

    assert proof == naive_path(index, LEAVES[:size])
    merkle.verify_inclusion(
        leaf_hash=LEAVES[index],
        index=index,
        size=size,
        proof=proof,
        root=naive_root(LEAVES[:size]),
    )


@given(growths())
def test_a_consistency_proof_is_that_of_the_recursive_definition(growth: tuple[int, int]) -> None:
    old, new = growth
    proof = merkle.consistency_proof(old_size=old, new_size=new, get=get)

    assert proof == (naive_subproof(old, LEAVES[:new], whole=True) if old else [])
    merkle.verify_consistency(
        old_size=old,
        new_size=new,
        proof=proof,
        old_root=naive_root(LEAVES[:old]),
        new_root=naive_root(LEAVES[:new]),
    )


@pytest.mark.parametrize("index, size", [(0, 0), (-1, 1), (1, 1), (5, 4), (0, 2**63)])
def test_no_inclusion_proof_beyond_the_tree(index: int, size: int) -> None:
    with pytest.raises(ProofError, match="proof_out_of_range"):
        merkle.inclusion_proof(index=index, size=size, get=get)


@pytest.mark.parametrize("old, new", [(-1, 1), (2, 1), (1, 2**63)])
def test_no_consistency_proof_towards_a_smaller_tree(old: int, new: int) -> None:
    with pytest.raises(ProofError, match="proof_out_of_range"):
        merkle.consistency_proof(old_size=old, new_size=new, get=get)


def damaged(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    """A proof with one thing wrong: a bit, a hash too many or too few, two hashes swapped."""
    at = data.draw(st.integers(0, max(0, len(proof) - 1)))
    kinds = ["longer"]
    if proof:
        kinds += ["bit", "shorter", "cut"]
    if len(proof) > 1:
        kinds.append("swap")
    match data.draw(st.sampled_from(kinds)):
        case "bit":
            bit = data.draw(st.integers(0, 255))
            return [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
        case "shorter":
            return proof[:at] + proof[at + 1 :]
        case "cut":
            return [*proof[:at], proof[at][:31], *proof[at + 1 :]]
        case "swap":
            other = (at + 1) % len(proof)
            changed = list(proof)
            changed[at], changed[other] = changed[other], changed[at]
            return changed
        case _:
            return [*proof[:at], LEAVES[at], *proof[at:]]


@given(places(), st.data())
def test_a_damaged_inclusion_proof_is_refused(place: tuple[int, int], data: st.DataObject) -> None:
    index, size = place
    proof = damaged(naive_path(index, LEAVES[:size]), data)

    with pytest.raises(ProofError, match="inclusion_invalid"):
        merkle.verify_inclusion(
            leaf_hash=LEAVES[index],
            index=index,
            size=size,
            proof=proof,
            root=naive_root(LEAVES[:size]),
        )


@given(growths(), st.data())
def test_a_damaged_consistency_proof_is_refused(
    growth: tuple[int, int], data: st.DataObject
) -> None:
    old, new = growth
    proof = damaged(naive_subproof(old, LEAVES[:new], whole=True) if old else [], data)

    with pytest.raises(ProofError, match="consistency_invalid"):
        merkle.verify_consistency(
            old_size=old,
            new_size=new,
            proof=proof,
            old_root=naive_root(LEAVES[:old]),
            new_root=naive_root(LEAVES[:new]),
        )


INCLUDED: dict[str, Any] = {
    "leaf_hash": LEAVES[5],
    "index": 5,
    "size": 11,
    "proof": naive_path(5, LEAVES[:11]),
    "root": naive_root(LEAVES[:11]),
}


@pytest.mark.parametrize(
    "change",
    [
        {"index": 4},
        {"index": 7},
        {"index": -1},
        {"index": 11},
        {"index": 5 + 16},
        {"size": 0},
        {"size": 5},
        {"size": 8},
        {"size": 2**63},
        {"leaf_hash": LEAVES[4]},
        {"leaf_hash": LEAVES[5][:31]},
        {"root": naive_root(LEAVES[:10])},
        {"root": b""},
        {"proof": []},
        {"proof": INCLUDED["proof"][::-1]},
        {"proof": [*INCLUDED["proof"], INCLUDED["root"]]},
        {"proof": [LEAVES[5], *INCLUDED["proof"]]},
    ],
)
def test_an_inclusion_proof_for_anything_else_is_refused(change: dict[str, Any]) -> None:
    merkle.verify_inclusion(**INCLUDED)

    with pytest.raises(ProofError, match="inclusion_invalid"):
        merkle.verify_inclusion(**INCLUDED | change)


def test_hashes_do_not_trade_bytes_with_their_neighbours() -> None:
    # Joined without a check of lengths, these would feed the same bytes to SHA-256.
    first, *others = INCLUDED["proof"]
    shifted = {"leaf_hash": LEAVES[5][1:], "proof": [first + LEAVES[5][:1], *others]}

    with pytest.raises(ProofError, match="inclusion_invalid"):
        merkle.verify_inclusion(**INCLUDED | shifted)


@pytest.mark.parametrize(
    "index, size, leaf, proof",
    [(1, 1, 1, [0]), (0, 0, 0, [1]), (2**63, 2**63 + 1, 1, [0]), (-1, 0, 1, [0]), (0, 4, 0, [1])],
)
def test_a_sound_path_under_impossible_numbers_is_refused(
    index: int, size: int, leaf: int, proof: list[int]
) -> None:
    with pytest.raises(ProofError, match="inclusion_invalid"):
        merkle.verify_inclusion(
            leaf_hash=LEAVES[leaf],
            index=index,
            size=size,
            proof=[LEAVES[n] for n in proof],
            root=naive_root(LEAVES[:2]),
        )


def test_a_single_leaf_is_its_own_root() -> None:
    included = INCLUDED | {"index": 0, "size": 1, "proof": [], "root": LEAVES[5]}
    merkle.verify_inclusion(**included)

    with pytest.raises(ProofError, match="inclusion_invalid"):
        merkle.verify_inclusion(**included | {"proof": [LEAVES[5]]})


CONSISTENT: dict[str, Any] = {
    "old_size": 6,
    "new_size": 11,
    "proof": naive_subproof(6, LEAVES[:11], whole=True),
    "old_root": naive_root(LEAVES[:6]),
    "new_root": naive_root(LEAVES[:11]),
}


@pytest.mark.parametrize(
    "change",
    [
        {"old_size": 0},
        {"old_size": 5},
        {"old_size": 7},
        {"old_size": 8},
        {"old_size": 11},
        {"old_size": -6},
        {"new_size": 6},
        {"new_size": 5},
        {"new_size": 2**63},
        {"old_root": naive_root(LEAVES[:5])},
        {"old_root": naive_root(LEAVES[:11])},
        {"old_root": CONSISTENT["old_root"][:31]},
        {"new_root": naive_root(LEAVES[:10])},
        {"new_root": CONSISTENT["new_root"] + b"\x00"},
        {"proof": []},
        {"proof": [CONSISTENT["old_root"], *CONSISTENT["proof"]]},
        {"proof": CONSISTENT["proof"][:-1]},
        {"old_root": CONSISTENT["new_root"], "new_root": CONSISTENT["old_root"]},
    ],
)
def test_a_consistency_proof_for_anything_else_is_refused(change: dict[str, Any]) -> None:
    merkle.verify_consistency(**CONSISTENT)

    with pytest.raises(ProofError, match="consistency_invalid"):
        merkle.verify_consistency(**CONSISTENT | change)


@pytest.mark.parametrize("old, new", [(2, 1), (-1, 1), (-1, -1), (2**63, 2**63)])
def test_no_tree_shrinks_or_has_an_impossible_size(old: int, new: int) -> None:
    root = naive_root(LEAVES[:2])

    with pytest.raises(ProofError, match="consistency_invalid"):
        merkle.verify_consistency(
            old_size=old, new_size=new, proof=[], old_root=root, new_root=root
        )


def test_a_sound_consistency_proof_for_a_smaller_tree_is_refused() -> None:
    old_root = naive_root(LEAVES[:2])

    with pytest.raises(ProofError, match="consistency_invalid"):
        merkle.verify_consistency(
            old_size=2,
            new_size=8,
            proof=[LEAVES[2]],
            old_root=old_root,
            new_root=merkle.node_hash(old_root, LEAVES[2]),
        )


@pytest.mark.parametrize("size", [0, 1, 8, 11])
def test_equal_sizes_need_equal_roots_and_no_proof(size: int) -> None:
    root = naive_root(LEAVES[:size])
    same: dict[str, Any] = {
        "old_size": size,
        "new_size": size,
        "proof": [],
        "old_root": root,
        "new_root": root,
    }
    merkle.verify_consistency(**same)

    short = {"old_root": root[1:], "new_root": root[1:]}
    for change in (short, {"proof": [root]}, {"old_root": root[::-1]}, {"new_root": root[::-1]}):
        with pytest.raises(ProofError, match="consistency_invalid"):
            merkle.verify_consistency(**same | change)


def test_two_empty_trees_have_the_empty_root() -> None:
    other = LEAVES[0]

    with pytest.raises(ProofError, match="consistency_invalid"):
        merkle.verify_consistency(old_size=0, new_size=0, proof=[], old_root=other, new_root=other)


def test_an_empty_tree_grows_into_any_tree_without_proof() -> None:
    grown: dict[str, Any] = {
        "old_size": 0,
        "new_size": 3,
        "proof": [],
        "new_root": naive_root(LEAVES[:3]),
    }
    merkle.verify_consistency(**grown, old_root=merkle.EMPTY_ROOT)

    for change in ({"old_root": LEAVES[0]}, {"proof": [LEAVES[0]]}):
        with pytest.raises(ProofError, match="consistency_invalid"):
            merkle.verify_consistency(**{"old_root": merkle.EMPTY_ROOT} | grown | change)


def uniform(level: int, _n: int) -> bytes:
    """Any complete subtree of a tree whose leaves are all the same."""
    node = LEAVES[0]
    for _ in range(level):
        node = merkle.node_hash(node, node)
    return node


def uniform_root(size: int) -> bytes:
    subtrees = merkle.complete_subtrees(0, size)
    return CompactRange(size, [uniform(level, n) for level, n in subtrees]).root()


@given(st.integers(1, merkle.MAX_SIZE), st.data())
def test_proofs_hold_in_trees_too_large_to_keep(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = uniform_root(size)

    merkle.verify_inclusion(
        leaf_hash=LEAVES[0],
        index=index,
        size=size,
        proof=merkle.inclusion_proof(index=index, size=size, get=uniform),
        root=root,
    )
    merkle.verify_consistency(
        old_size=index,
        new_size=size,
        proof=merkle.consistency_proof(old_size=index, new_size=size, get=uniform),
        old_root=uniform_root(index),
        new_root=root,
    )
