"""A check that goes on from an earlier one costs by the growth, and finds what the growth tells."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs import codes
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.remembering import Plain
from sijill import audit, books
from sijill.notebook import Notebook, notebook
from sijill.rules.past import Past
from tests.infrastructure.proofs.paper_ledger import PaperSource, named
from tests.sijill.test_rules import ONE, TWO, Forger


class Cut(Exception):
    """The machine stopped here."""


def check(
    source: PaperSource, kept: Notebook | None = None, **held: Any
) -> tuple[set[tuple[str, int | None]], Summary]:
    findings: list[Finding] = []
    trust = Trust(acts=audit.act_rules(), **held)
    summary = audit.check(source, trust, findings.append, kept=kept)
    return named(findings), summary


def sealed(ledger: Forger) -> PaperSource:
    ledger.seal(*ledger.log_keys)
    return ledger.source()


def first_half() -> Forger:
    ledger = Forger().found()
    ledger.certify(ONE, number="1")
    ledger.withdraw(ONE)
    return ledger


@pytest.fixture
def half() -> Forger:
    return first_half()


@pytest.fixture
def book(half: Forger, tmp_path: Path) -> Path:
    """What a check of the first half kept."""
    path = tmp_path / "book"
    with notebook(path) as kept:
        assert check(sealed(half), kept)[0] == set()
    return path


def grown(half: Forger, book: Path) -> tuple[set[tuple[str, int | None]], Summary]:
    source = sealed(half)
    with notebook(book) as kept:
        return check(source, kept)


def test_only_what_was_added_is_looked_at(half: Forger, book: Path) -> None:
    before = len(half.leaves)
    first = half.certify(TWO, number="2")
    half.withdraw(TWO)

    findings, summary = grown(half, book)

    assert findings == set()
    assert (summary.leaves, summary.size, first) == (2, before + 2, before)
    again, nothing = grown(half, book)
    assert again <= {("checkpoint_out_of_order", before + 2)}
    assert nothing.leaves == 0


@pytest.mark.parametrize("wrong", ["revoked again", "number again", "code again", "by no key"])
def test_what_the_growth_does_to_what_was_before_is_found(
    half: Forger, book: Path, wrong: str
) -> None:
    forge = {
        "revoked again": lambda: half.withdraw(ONE),
        "number again": lambda: half.certify(TWO, number="1"),
        "code again": lambda: half.certify(ONE, number="3", stream="another"),
        "by no key": lambda: half.certify(TWO, number="2", by="stranger"),
    }
    index = forge[wrong]()

    findings, _ = grown(half, book)

    code = {
        "revoked again": "not_permitted",
        "number again": "number_repeated",
        "code again": "code_repeated",
        "by no key": "key_unknown",
    }
    assert findings == {(code[wrong], index)}


def test_a_log_that_was_cut_or_forked_is_found(half: Forger, book: Path) -> None:
    size = len(half.leaves)
    source = half.source()
    shorter = source.copy()
    shorter.leaves = shorter.leaves[: size - 1]
    shorter.notes = []
    half.leaves, half.opened = half.leaves[: size - 1], half.opened[: size - 1]
    half.notes = []
    half.seal(*half.log_keys)
    with notebook(book) as kept:
        cut, _ = check(half.source(), kept)
    half.versions = {}
    half.certify(TWO, number="5")
    half.certify(codes.generate(), number="6")
    forked, _ = grown(half, book)

    assert ("entry_missing", size - 1) in cut
    assert ("chain_broken", size) in forked
    assert ("root_mismatch", size + 1) in forked


def test_leaves_that_no_checkpoint_covers_yet_are_not_lost(half: Forger, book: Path) -> None:
    """A quorum may keep checkpoints waiting; what a check met meanwhile is in nobody's debt."""
    before = len(half.leaves)
    half.certify(TWO, number="2")
    for leaves in (1, 0):
        with notebook(book) as kept:
            findings, summary = check(half.source(), kept)
        assert findings == set()
        assert (summary.leaves, summary.size) == (leaves, before + 1)

    half.withdraw(TWO)
    findings, summary = grown(half, book)
    assert (findings, summary.leaves) == (set(), 1)


@pytest.mark.parametrize("ends_at_checkpoint", [False, True])
def test_a_log_that_is_gone_is_found(half: Forger, book: Path, *, ends_at_checkpoint: bool) -> None:
    source = half.source()
    source.ends_at_checkpoint = ends_at_checkpoint
    source.leaves, source.notes, source.opened = [], [], []

    with notebook(book) as kept:
        findings, summary = check(source, kept)

    missing = 0 if ends_at_checkpoint else len(half.leaves) - 1
    assert findings == {("entry_missing", missing)}
    assert summary.findings == 1


def test_the_last_leaf_of_an_earlier_check_is_looked_at_again(half: Forger, book: Path) -> None:
    last = len(half.leaves) - 1
    half.leaves, half.opened = half.leaves[:last], half.opened[:last]
    half.act(ONE, "suspend", "suspension", "suspended", reason="under_review")

    with notebook(book) as kept:
        assert check(half.source(), kept)[0] == {("leaf_altered", last)}


def test_a_book_of_another_ledger_accuses_no_leaf(book: Path) -> None:
    other = Forger().found()
    other.certify(TWO, number="1")

    with notebook(book) as kept:
        assert check(sealed(other), kept)[0] == {("ledger_other", 0)}


def test_a_check_that_was_cut_off_goes_on(
    half: Forger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "KEPT_EVERY", 3)
    """And tells what was found, and what was not open, before it was."""
    source, path, met = sealed(half), tmp_path / "book", 0
    source.opened[1] = replace(source.opened[1], header_salt=bytes(16))
    source.opened[2] = replace(source.opened[2], body=None)

    def stop() -> None:
        nonlocal met
        met += 1
        if met == 8:
            raise Cut

    with notebook(path) as kept, pytest.raises(Cut):
        audit.check(source, Trust(acts=audit.act_rules()), print, stop, kept=kept)
    with notebook(path) as kept:
        findings, summary = check(source, kept)

    assert findings == {("found_earlier", 1)}
    assert summary.findings == 1
    assert summary.unchecked["body_not_open"].count == 1
    assert (summary.leaves, summary.size) == (len(half.leaves) - 6, len(half.leaves))


def test_memory_that_has_spilled_finds_the_same(
    half: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records are made again from what was remembered of their events."""
    half.certify(TWO, number="2")
    half.act(TWO, "suspend", "suspension", "suspended", reason="under_review")
    wrong = half.withdraw(ONE)
    half.withdraw(TWO)
    repeated = half.certify(codes.generate(), number="2")
    source = sealed(half)
    monkeypatch.setattr("sijill.rules.past.RECORDS_AT_HAND", 1)
    monkeypatch.setattr("sijill.notebook.Notebook.__init__.__kwdefaults__", {"held": 2})

    findings, _ = check(source)

    assert findings == {("not_permitted", wrong), ("number_repeated", repeated)}


@pytest.mark.parametrize("more", [0, 3])
def test_a_book_of_another_ledger_accuses_none_of_its_leaves(book: Path, more: int) -> None:
    """However far the other one reaches; and the book stays what it was."""
    other = Forger().found()
    other.certify(TWO, number="1")
    for _ in range(more):
        other.certify(codes.generate(), number=str(len(other.leaves)))

    with notebook(book) as kept:
        before = kept.state()
        assert check(sealed(other), kept)[0] == {("ledger_other", 0)}
        after = kept.state()
    assert before is not None
    assert after is not None
    assert {name: after[name] for name in before} == {**before, "sources": after["sources"]}


def test_a_book_fits_whatever_source_of_its_ledger_reaches_so_far(half: Forger, book: Path) -> None:
    copy = sealed(half).copy()
    with notebook(book) as kept:
        state = kept.state()
    assert state is not None

    books.require_fit(copy, "an export", state, book)
    copy.leaves.pop()
    with pytest.raises(books.BookAhead) as ahead:
        books.require_fit(copy, "an export", state, book)

    assert ahead.value.params["events"] == len(half.leaves)
    # The source that was so far once has lost something: that is for the check to find.
    books.require_fit(copy, "", state, book)
    # One that was checked before, and not so far, has not.
    known = {**state, "sources": {**state["sources"], "an export": len(copy.leaves)}}
    with pytest.raises(books.BookAhead):
        books.require_fit(copy, "an export", known, book)
    copy.leaves.pop()
    books.require_fit(copy, "an export", known, book)
    # A book that no source stands in is an older release's.
    del known["sources"]
    books.require_fit(copy, "an export", known, book)


def test_a_book_of_another_ledger_is_refused_at_another_source(book: Path) -> None:
    other = Forger().found()
    with notebook(book) as kept:
        state = kept.state()

    with pytest.raises(books.BookOfAnother):
        books.require_fit(sealed(other), "another", state, book)


def test_a_book_that_was_begun_on_an_empty_log_fits_every_source(
    half: Forger, tmp_path: Path
) -> None:
    source = sealed(half)
    empty = source.copy()
    empty.leaves, empty.opened, empty.notes = [], [], []
    book = tmp_path / "book"
    with notebook(book) as kept:
        assert check(empty, kept)[0] == set()
        state = kept.state()
    assert state is not None
    assert books.sources(state) != {}

    books.require_fit(source, "another", state, book)

    with notebook(book) as kept:
        findings, summary = check(source, kept)
    assert (findings, summary.leaves) == (set(), len(source.leaves))


def forked(half: Forger) -> tuple[bytes, bytes]:
    """What the log signed when its last event was another: a checkpoint, and a receipt for it."""
    other = deepcopy(half)
    other.leaves, other.opened = other.leaves[:-1], other.opened[:-1]
    other.act(ONE, "suspend", "suspension", "suspended", reason="under_review")
    other.seal(*other.log_keys)
    return other.notes[-1], other.receipt(len(other.leaves) - 1)


def test_what_is_held_from_before_the_beginning_is_compared(half: Forger, tmp_path: Path) -> None:
    before = len(half.leaves)
    note, receipt = forked(half)
    sealed(half)
    honest = {"checkpoints": [half.notes[-1]], "receipts": [half.receipt(before - 1)]}
    half.certify(TWO, number="2")
    path = tmp_path / "book"
    source = sealed(half)
    with notebook(path) as kept:
        assert check(source, kept)[0] == set()
        state = kept.state()
    assert state is not None

    def again(source: PaperSource, **held: Any) -> tuple[set[tuple[str, int | None]], Summary]:
        findings: list[Finding] = []
        fsck = Fsck(source, Trust(**held), state)
        findings += fsck.run()
        return named(findings), fsck.summary

    assert again(source, **honest)[0] == set()
    assert again(source, checkpoints=[note])[0] == {("held_root_mismatch", before)}
    assert again(source, receipts=[receipt])[0] == {("receipt_broken", before - 1)}
    # What the check began with knows its own right edge: no tile is needed for that.
    without = source.copy()
    without.tiles = {}
    assert again(without, checkpoints=[note])[0] == {("held_root_mismatch", before)}
    assert again(without, receipts=[receipt])[0] == {("receipt_broken", before - 1)}


def test_what_was_found_is_told_by_every_check_that_goes_on(half: Forger, tmp_path: Path) -> None:
    wrong = half.withdraw(ONE)
    book = tmp_path / "book"
    with notebook(book) as kept:
        assert check(sealed(half), kept)[0] == {("not_permitted", wrong)}
    half.certify(TWO, number="2")
    for _ in range(2):
        findings, summary = grown(half, book)
        assert ("found_earlier", wrong) in findings
        assert summary.findings >= 1


@pytest.mark.parametrize("registry", [True, False])
def test_doubts_are_remembered_and_those_of_an_older_release_are_about_everything(
    *, registry: bool
) -> None:
    before, after = Past(Plain()), Past(Plain())
    before.lose(None, registry=registry)

    after.resume(before.state())

    assert (after.doubtful, after.registry_known) == (True, not registry)
    after.resume({"gaps": [], "doubtful": True})
    assert not after.registry_known
    after.resume({"gaps": ["letter"], "doubtful": False})
    assert after.registry_known
