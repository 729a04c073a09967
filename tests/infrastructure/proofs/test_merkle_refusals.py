"""What the two verifications must refuse: damage, other numbers, impossible sizes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import merkle
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.trees import (
    LEAVES,
    growths,
    naive_path,
    naive_root,
    naive_subproof,
    places,
)


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")


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
