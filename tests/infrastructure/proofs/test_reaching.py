"""What lies beyond the newest checkpoint, and what before a size is told by tiles alone."""

import pytest

from infrastructure.proofs import merkle, reaching, tiles
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.tiles import Tile
from tests.infrastructure.proofs.paper_ledger import ACTS, PaperLedger, PaperSource, check, named

LONG = 66_600
"""Leaves that fill more than one tile of level 1."""


@pytest.fixture(scope="module")
def long() -> PaperSource:
    """A log of which only the full tiles and level 0 are kept, as in a database."""
    leaves = [str(number).encode() for number in range(LONG)]
    tree = GrowingTree()
    full: dict[Tile, bytes] = {}
    for one in leaves:
        full |= dict(tree.append(merkle.leaf_hash(one)))
    full |= {
        one.full: b"".join(tree.edge(0)) for one in tiles.partial_tiles(size=LONG) if one.level == 0
    }
    return PaperSource(leaves, [], [], full)


def newest(source: PaperSource) -> Checkpoint:
    return Checkpoint("o", LONG, merkle.root(map(merkle.leaf_hash, source.leaves)))


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_535, 65_536, 65_537, LONG])
def test_tiles_lead_to_the_tree_of_any_size(long: PaperSource, size: int) -> None:
    root = merkle.root(map(merkle.leaf_hash, long.leaves[:size]))
    assert reaching.tree_at(long, size).root() == root
    first, last = reaching.ends_of(long, Checkpoint("o", size, root))
    assert (first, last) == tuple(merkle.leaf_hash(long.leaves[at]) for at in (0, size - 1))
    with pytest.raises(ProofError):
        reaching.ends_of(long, Checkpoint("o", size, bytes(32)))


@pytest.mark.parametrize("start, end", [(0, 3), (300, 900), (65_530, 65_540), (LONG, LONG), (0, 0)])
def test_leaves_between_two_sizes_are_proven(long: PaperSource, start: int, end: int) -> None:
    head = newest(long)
    assert list(reaching.leaves_to(long, start, end, head)) == long.leaves[start:end]


@pytest.mark.parametrize("how", ["other leaf", "too few", "other root", "other tile"])
def test_leaves_that_are_not_the_logs_are_refused(long: PaperSource, how: str) -> None:
    source, head = long.copy(), newest(long)
    if how == "other leaf":
        source.leaves[400] = b"another"
    elif how == "too few":
        del source.leaves[450:]
    elif how == "other root":
        head = Checkpoint("o", LONG, bytes(32))
    else:
        source.tiles = {one: b"\1" * len(data) for one, data in source.tiles.items()}
    with pytest.raises(ProofError):
        list(reaching.leaves_to(source, 300, 500, head))


def test_a_receipt_beyond_the_newest_checkpoint_is_not_covered_yet() -> None:
    """Where nothing is served behind it: what is not shown there may be there."""
    ledger = PaperLedger().open()
    ledger.enrol("moh", "moh-1")
    ledger.seal()
    served = ledger.source()
    served.ends_at_checkpoint = True
    index = ledger.issue("moh", "moh-1", "AAAA")
    trust = Trust(receipts=[ledger.receipt(index)], acts=ACTS)
    fsck = Fsck(served, trust)
    assert list(fsck.run()) == []
    assert fsck.summary.unchecked["receipt_not_covered"].first == index
    ledger.seal()
    covered = ledger.source()
    covered.ends_at_checkpoint = True
    covered.leaves.pop()
    assert ("receipt_broken", index) in named(check(covered, trust))
