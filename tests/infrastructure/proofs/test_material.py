import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.material import Head, Heads, Openings, pairs, text_of
from infrastructure.proofs.ordering import OrderMaterial
from infrastructure.proofs.tiles import Tile
from tests.infrastructure.proofs.paper_ledger import ACTS, ORIGIN, PaperLedger, PaperSource

SMALL = PaperLedger().open()
for agency in ("moh", "moj", "moi"):
    SMALL.enrol(agency, agency)
    SMALL.seal()


def size_of(met: Head | Finding) -> int | str:
    return met.checkpoint.size if isinstance(met, Head) else met.code


def test_checkpoints_are_met_by_size_the_held_ones_among_the_published() -> None:
    heads = Heads(SMALL.notes, [SMALL.notes[1], SMALL.notes[0]])
    met = {size: [size_of(head) for head in heads.at(size)] for size in range(4)}
    assert met == {0: [], 1: [], 2: [2, 2], 3: [3, 3]}
    assert [size_of(head) for head in heads.rest()] == [4]


def test_checkpoints_out_of_order_are_told_and_passed_over() -> None:
    first, second, third = SMALL.notes
    heads = Heads([first, third, second, first, third, b"?"], [])
    met = [size_of(head) for size in range(6) for head in heads.at(size)]
    assert met == [2, 4, *["checkpoint_out_of_order"] * 3, "note_malformed"]


def test_openings_are_found_by_index_and_strays_are_told() -> None:
    openings = Openings(Opening(index) for index in (1, 1, 3, 7))
    found = [openings.at(index) for index in range(5)]
    assert [one.index if one else None for one in found] == [None, 1, None, 3, None]
    assert [finding.index for finding in openings.rest()] == [1, 7]


def test_each_entry_comes_with_its_successor() -> None:
    leaves = SMALL.source().leaves[:3]
    together = [(one.index, two.index if two else None) for one, two in pairs(leaves)]
    assert together == [(0, 1), (1, 2), (2, None)]
    assert list(pairs([])) == []


def test_the_text_of_a_note_is_read_without_its_signatures() -> None:
    text = text_of(SMALL.notes[0])
    assert Checkpoint.parse(text).origin == ORIGIN
    for note in (b"", b"no signatures\n", b"\xff\n\n", b"x" * 1_000_001):
        with pytest.raises(ProofError):
            text_of(note)


@given(
    leaves=st.lists(st.binary(max_size=300), max_size=4),
    garbled=st.lists(st.binary(max_size=100), max_size=3),
    parts=st.lists(st.binary(max_size=60), min_size=5, max_size=5),
)
def test_garbage_ends_as_findings_and_never_as_an_exception(
    leaves: list[bytes], garbled: list[bytes], parts: list[bytes]
) -> None:
    header, salt, body, evidence, hashes = parts
    opening = Opening(2, header, salt, body, salt, OrderMaterial(evidence, [hashes]))
    source = PaperSource(
        [*SMALL.source().leaves[:2], *leaves],
        [*SMALL.notes, *garbled],
        [*SMALL.opened[:2], opening],
        {Tile(0, 0): hashes},
    )
    trust = Trust(checkpoints=garbled, receipts=garbled, acts=ACTS)
    for finding in Fsck(source, trust).run():
        assert finding.code
        assert finding.meaning


def test_a_log_that_ends_before_its_high_water_mark_was_cut() -> None:
    """The checkpoints of the lost part went with it; the mark lies elsewhere."""
    ledger = PaperLedger().open()
    ledger.seal()
    ledger.enrol("moh", "moh-1")
    mark = ledger.seal()
    whole = ledger.source()
    cut = PaperSource(whole.leaves[:1], whole.notes[:1], whole.opened[:1], whole.tiles)
    assert list(Fsck(whole, Trust(marks=[mark], acts=ACTS)).run()) == []
    assert list(Fsck(cut, Trust(acts=ACTS)).run()) == []
    findings = list(Fsck(cut, Trust(marks=[mark], acts=ACTS)).run())
    assert [(one.code, one.index) for one in findings] == [("entry_missing", 1)]
    other = Checkpoint(mark.origin, mark.size, bytes(32))
    findings = list(Fsck(whole, Trust(marks=[other], acts=ACTS)).run())
    assert [(one.code, one.index) for one in findings] == [("held_root_mismatch", 2)]
