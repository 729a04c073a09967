from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import merkle
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.merkle import CompactRange
from tests.infrastructure.proofs.trees import (
    LEAVES,
    get,
    growths,
    naive_path,
    naive_root,
    naive_subproof,
    places,
    sizes,
)
from tests.infrastructure.proofs.vectors import load

VECTORS = load("merkle")
VECTOR_HASHES = [bytes.fromhex(value) for value in VECTORS["leaf_hashes"]]
ROOTS = [bytes.fromhex(value) for value in VECTORS["roots"]]


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


def uniform(level: int, _n: int) -> bytes:
    """Any complete subtree of a tree whose leaves are all the same."""
    node = LEAVES[0]
    for _ in range(level):
        node = merkle.node_hash(node, node)
    return node


def uniform_root(size: int) -> bytes:
    subtrees = merkle.complete_subtrees(0, size)
    return CompactRange(size, [uniform(level, n) for level, n in subtrees]).root()


def prove_uniform(index: int, size: int) -> None:
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


@given(st.integers(1, merkle.MAX_SIZE), st.data())
def test_proofs_hold_in_trees_too_large_to_keep(size: int, data: st.DataObject) -> None:
    prove_uniform(data.draw(st.integers(0, size - 1)), size)


@pytest.mark.parametrize("index", [0, 1, 2**62, merkle.MAX_SIZE - 1])
def test_proofs_hold_in_the_largest_tree(index: int) -> None:
    prove_uniform(index, merkle.MAX_SIZE)


@pytest.mark.parametrize("level", range(8))
def test_a_complete_subtree_has_the_same_root_level_by_level(level: int) -> None:
    assert merkle.perfect_root(LEAVES[: 1 << level]) == naive_root(LEAVES[: 1 << level])


@pytest.mark.parametrize("leaves", [0, 3, 6, 100])
def test_another_number_of_leaves_is_no_complete_subtree(leaves: int) -> None:
    with pytest.raises(ProofError, match="range_malformed"):
        merkle.perfect_root(LEAVES[:leaves])


@given(cut=st.integers(0, 3), size=st.integers(0, 3 * 32 + 31))
def test_subtrees_that_are_joined_make_the_tree_of_their_leaves(cut: int, size: int) -> None:
    edge = CompactRange()
    for start in range(0, size, 8 << cut):
        end = min(start + (8 << cut), size)
        edge = edge.joined(
            (level, naive_root(LEAVES[n << level : (n + 1) << level]))
            for level, n in merkle.complete_subtrees(start, end)
        )

    assert (edge.size, edge.root()) == (size, naive_root(LEAVES[:size]))


def test_a_subtree_that_is_not_aligned_is_refused() -> None:
    with pytest.raises(ProofError, match="range_malformed"):
        CompactRange(2, [naive_root(LEAVES[:2])]).joined([(2, naive_root(LEAVES[:4]))])
