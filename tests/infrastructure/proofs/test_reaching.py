"""What lies beyond the newest checkpoint, and what before a size is told by tiles alone."""

from collections import Counter

import pytest

from infrastructure.proofs import merkle, reaching, tiles
from infrastructure.proofs.before import Before
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.promises import Promises
from infrastructure.proofs.receipts import Receipt, sign
from infrastructure.proofs.tiles import Tile
from tests.infrastructure.proofs.paper_ledger import (
    ACTS,
    RECEIPTS,
    PaperLedger,
    PaperSource,
    check,
    named,
)

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


class Counted(PaperSource):
    """A source that counts how often each tile is read; ``lost`` are not given."""

    def __init__(self, source: PaperSource, *lost: Tile) -> None:
        super().__init__(source.leaves, [], [], dict(source.tiles))
        self.reads: Counter[Tile] = Counter()
        self.lost = lost

    def tile(self, tile: Tile) -> bytes | None:
        self.reads[tile] += 1
        return None if tile in self.lost else super().tile(tile)


def compared(
    source: Counted, indexes: list[int], hashes: bytes | None = None
) -> tuple[list[Finding], Summary]:
    """What comes of receipts for these leaves that were kept from before the end."""
    ledger, summary = bytes(32), Summary()
    leaves = source.leaves
    kept = [
        sign(Receipt(ledger, at, hashes or merkle.leaf_hash(leaves[at]), bytes(32)), RECEIPTS)
        for at in indexes
    ]
    before = Before(source, reaching.tree_at(source, LONG), summary)
    source.reads.clear()
    findings = list(Promises(kept, summary).open(ledger, RECEIPTS.verifier, before))
    return findings, summary


SPREAD = [at * 7919 % LONG for at in range(800)]
"""Receipts in no order, three for each tile."""


def test_many_receipts_from_before_read_each_tile_once(long: PaperSource) -> None:
    source = Counted(long)

    findings, summary = compared(source, SPREAD)

    assert (findings, summary.unchecked) == ([], {})
    assert set(source.reads.values()) == {1}
    assert set(source.reads) == {
        Tile(0, at // tiles.WIDTH) for at in SPREAD if at < LONG // tiles.WIDTH * tiles.WIDTH
    } | {Tile(1, 0)}
    broken, _ = compared(source, SPREAD, bytes(32))
    assert named(broken) == {("receipt_broken", at) for at in SPREAD}


def test_a_tile_that_is_not_given_is_asked_for_once(long: PaperSource) -> None:
    """And nothing below it instead: a server that refuses one would be asked for hundreds."""
    source = Counted(long, Tile(1, 0))

    findings, summary = compared(source, [5, 3_400, LONG - 1, 300, 40_000], bytes(32))

    # Of the right edge no tile is needed.
    assert named(findings) == {("receipt_broken", LONG - 1)}
    assert summary.unchecked["before_start"].count == 4
    assert source.reads == {Tile(1, 0): 1}


@pytest.mark.parametrize("wrong", [Tile(0, 1), Tile(1, 0)])
def test_a_tile_of_another_tree_proves_nothing_and_is_told(long: PaperSource, wrong: Tile) -> None:
    source = Counted(long)
    source.tiles[wrong] = source.tiles[wrong][::-1]

    findings, _ = compared(source, [300, 301])

    assert named(findings) == {("tile_altered", 300), ("tile_altered", 301)}
    assert source.reads[wrong] == 1


@pytest.mark.parametrize("size", [1, 255, 256, 300, 65_536, 65_600, LONG])
def test_a_checkpoint_from_before_is_compared_with_the_tree(long: PaperSource, size: int) -> None:
    source, summary = Counted(long), Summary()
    before = Before(source, reaching.tree_at(source, LONG), summary)
    root = merkle.root(map(merkle.leaf_hash, long.leaves[:size]))

    assert list(before.checkpoint(Checkpoint("o", size, root))) == []
    other = list(before.checkpoint(Checkpoint("o", size, b"\1" * 32)))
    assert named(other) == {("held_root_mismatch", size)}
    assert summary.unchecked == {}


def test_a_checkpoint_that_no_tile_leads_to_is_not_compared(long: PaperSource) -> None:
    summary = Summary()
    source = Counted(long, Tile(0, 1))
    before = Before(source, reaching.tree_at(source, LONG), summary)

    assert list(before.checkpoint(Checkpoint("o", 300, bytes(32)))) == []
    assert summary.unchecked["before_start"].first == 300
