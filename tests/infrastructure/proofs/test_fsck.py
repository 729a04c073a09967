import inspect
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.proofs import authorship, bundle, material, merkle, ordering
from infrastructure.proofs import fsck as fsck_module
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.checkpoint import Checkpoint, sign
from infrastructure.proofs.findings import MEANINGS, NOT_CHECKED
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.ordering import OrderMaterial
from infrastructure.proofs.tiles import Tile
from tests.infrastructure.proofs.paper_ledger import (
    ACTS,
    PaperLedger,
    PaperSource,
    check,
    log_key,
    named,
)

SINGLE, REVOKED, BULK = 3, 4, 5
"""Where the first ledger keeps a single issuance, its revocation, and a bulk of 600."""
COUNT = 610


def first_ledger() -> PaperLedger:
    ledger = PaperLedger().open()
    ledger.enrol("moh", "moh-1")
    ledger.enrol("moh", "moh-2", by="moh-1", agency="moh")
    assert ledger.issue("moh", "moh-1", "AAAA") == SINGLE
    assert ledger.revoke("moh", "moh-2", "AAAA") == REVOKED
    ledger.seal()
    assert ledger.issue_bulk("moh", "moh-1", [f"C{n}" for n in range(600)]) == BULK
    ledger.seal()
    ledger.retire("moh", "moh-2", by="moh-1")
    ledger.rotate(log_key("new log"))
    ledger.seal(*ledger.log_keys)
    ledger.compromise("moh-1", as_of=SINGLE)
    ledger.enrol("moh", "moh-3")
    ledger.issue("moh", "moh-3", "BBBB")
    ledger.seal()
    return ledger


LEDGER = first_ledger()


@pytest.fixture
def source() -> PaperSource:
    return LEDGER.source()


def test_an_honest_log_has_no_finding_and_everything_was_looked_at(source: PaperSource) -> None:
    trust = Trust(
        ledger=LEDGER.ledger,
        log_keys=[LEDGER.log_keys[0].verifier],
        checkpoints=source.notes,
        receipts=[LEDGER.receipt(index) for index in (0, SINGLE, BULK + 7)],
        acts=ACTS,
    )
    fsck = Fsck(source, trust)
    assert list(fsck.run()) == []
    assert len(source.leaves) == COUNT
    summary = fsck.summary
    assert (summary.leaves, summary.headers, summary.bodies) == (COUNT,) * 3
    # Genesis 2, enrolments 3 + 2 + 3, singles 3, bulk 1, retirement 1, rotation 2, compromise 2.
    assert summary.signatures == 19
    assert summary.checkpoints == 2 * len(source.notes)
    assert summary.tiles == 4
    assert summary.unchecked == {}


def test_what_is_not_open_is_counted_by_name(source: PaperSource) -> None:
    for index in range(SINGLE, BULK + 600):
        source.opened[index] = replace(source.opened[index], body=None)
    source.opened[BULK] = Opening(BULK)
    source.opened[BULK + 1] = replace(source.opened[BULK + 1], order=None)
    source.tiles.clear()
    fsck = Fsck(source)
    assert list(fsck.run()) == []
    counts = {
        code: (one.first, one.last, one.count) for code, one in fsck.summary.unchecked.items()
    }
    assert counts == {
        "act_not_compared": (0, COUNT - 1, COUNT - 1),
        "body_not_open": (SINGLE, BULK + 599, 602),
        "header_not_open": (BULK, BULK, 1),
        "evidence_not_open": (BULK + 1, BULK + 1, 1),
        "tile_not_given": (0, COUNT - 1, COUNT + 1),
    }
    assert all(one.meaning for one in fsck.summary.unchecked.values())


def test_leaves_beyond_the_newest_checkpoint_are_checked_and_counted_as_unsigned() -> None:
    ledger = PaperLedger().open()
    ledger.seal()
    ledger.enrol("moh", "moh-1")
    fsck = Fsck(ledger.source(), Trust(acts=ACTS))
    assert list(fsck.run()) == []
    assert fsck.summary.unchecked["leaf_not_signed"].first == 1
    ledger.leaves[1] = replace(ledger.leaves[1], prev=bytes(32))
    assert named(check(ledger.source())) == {("chain_broken", 1)}


def test_an_empty_log_is_fine_unless_somebody_holds_more() -> None:
    empty = PaperLedger().source()
    assert check(empty) == []
    held = Trust(checkpoints=LEDGER.notes[:1], receipts=[LEDGER.receipt(3)], acts=ACTS)
    assert named(check(empty, held)) == {("entry_missing", 0)}


Sabotage = Callable[[PaperSource], None]


def leaf_part(part: str, index: int) -> Sabotage:
    def sabotage(source: PaperSource) -> None:
        leaf = json.loads(source.leaves[index])
        value = leaf[part]
        leaf[part] = value + 1 if isinstance(value, int) else value[:-1] + "0f"[value[-1] == "0"]
        source.leaves[index] = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()

    return sabotage


def opened(index: int, **changes: Any) -> Sabotage:
    def sabotage(source: PaperSource) -> None:
        opening = source.opened[index]
        for name, change in changes.items():
            value = change(getattr(opening, name)) if callable(change) else change
            part: dict[str, Any] = {name: value}
            opening = replace(opening, **part)
        source.opened[index] = opening

    return sabotage


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def statements(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[OrderMaterial], object]:
    return lambda order: replace(order, statements=change(list(order.statements or ())))


def tile(level: int, number: int, at: int) -> Sabotage:
    def sabotage(source: PaperSource) -> None:
        data = bytearray(source.tiles[Tile(level, number)])
        data[at * 32] ^= 1
        source.tiles[Tile(level, number)] = bytes(data)

    return sabotage


def notes(change: Callable[[list[bytes]], list[bytes]]) -> Sabotage:
    def sabotage(source: PaperSource) -> None:
        source.notes = change(source.notes)

    return sabotage


def other_root(note: bytes) -> bytes:
    text = note.decode().rpartition("\n\n")[0] + "\n"
    lie = replace(Checkpoint.parse(text), root=b"\x05" * 32)
    return sign(lie, LEDGER.log_keys)


def cut(source: PaperSource) -> None:
    del source.leaves[600:], source.opened[600:]


@pytest.mark.parametrize(
    "sabotage, expected",
    [
        (leaf_part("body", 300), {("leaf_altered", 300), ("body_digest_mismatch", 300)}),
        (leaf_part("header", 300), {("leaf_altered", 300), ("header_digest_mismatch", 300)}),
        (leaf_part("prev", 300), {("leaf_altered", 300)}),
        (leaf_part("time", 300), {("leaf_altered", 300)}),
        (leaf_part("index", 300), {("leaf_altered", 300), ("index_wrong", 300)}),
        (leaf_part("prev", COUNT - 1), {("leaf_altered", COUNT - 1)}),
        (opened(300, header=flip), {("header_digest_mismatch", 300)}),
        (opened(300, header_salt=flip), {("header_digest_mismatch", 300)}),
        (opened(300, header_salt=b""), {("salt_malformed", 300)}),
        (opened(300, body=flip), {("body_digest_mismatch", 300)}),
        (opened(300, body_salt=flip), {("body_digest_mismatch", 300)}),
        (
            opened(SINGLE, order=lambda order: replace(order, evidence=flip(order.evidence))),
            {("evidence_digest_mismatch", SINGLE)},
        ),
        (
            opened(SINGLE, order=statements(lambda all_: [b"x" * len(all_[0])])),
            {("statement_list_mismatch", SINGLE)},
        ),
        (
            opened(BULK, order=statements(lambda all_: all_[1:])),
            {("statement_list_mismatch", BULK)},
        ),
        (tile(0, 0, 7), {("tile_altered", 7)}),
        (tile(0, 2, 3), {("tile_altered", 515)}),
        (tile(1, 0, 1), {("tile_altered", 0)}),
        (lambda source: source.tiles.update({Tile(0, 1): b"short"}), {("tile_malformed", 256)}),
        (notes(lambda all_: [flip_note(all_[0]), *all_[1:]]), {("signature_invalid", 5)}),
        (notes(lambda all_: [other_root(all_[0]), *all_[1:]]), {("root_mismatch", 5)}),
        (
            notes(lambda all_: [*map(other_root, all_)]),
            {("root_mismatch", 5), ("root_mismatch_goes_on", COUNT)},
        ),
        (notes(lambda all_: [all_[0], *all_]), {("checkpoint_out_of_order", 5)}),
        (notes(lambda all_: [b"garbage", *all_]), {("note_malformed", None)}),
        (notes(lambda all_: [b"\xff\n\n", *all_]), {("note_malformed", None)}),
        (notes(lambda all_: [stranger(all_[0]), *all_[1:]]), {("note_unsigned", 5)}),
        (cut, {("entry_missing", 600)}),
        (
            lambda source: source.opened.append(Opening(COUNT + 3)),
            {("opening_without_leaf", COUNT + 3)},
        ),
    ],
)
def test_whatever_is_changed_is_named_and_nothing_else(
    source: PaperSource, sabotage: Sabotage, expected: set[tuple[str, int | None]]
) -> None:
    sabotage(source)
    findings = check(source)
    assert named(findings) == expected
    assert all(finding.meaning != finding.code for finding in findings)


def flip_note(note: bytes) -> bytes:
    head, _, tail = note.decode().rpartition(" ")
    return f"{head} {tail[:20]}{'BA'[tail[20] == 'B']}{tail[21:]}".encode()


def stranger(note: bytes) -> bytes:
    text = note.decode().rpartition("\n\n")[0] + "\n"
    return sign(Checkpoint.parse(text), [log_key("a stranger")])


def test_the_walk_goes_on_after_a_finding(source: PaperSource) -> None:
    opened(20, body=flip)(source)
    opened(21, header=flip)(source)
    tile(0, 1, 3)(source)
    leaf_part("prev", 400)(source)
    source.leaves[500] = b"{}"
    opened(COUNT - 1, body=flip)(source)
    assert named(check(source)) == {
        ("body_digest_mismatch", 20),
        ("header_digest_mismatch", 21),
        ("tile_altered", 259),
        ("leaf_altered", 400),
        ("leaf_altered", 500),
        ("leaf_malformed", 500),
        ("body_digest_mismatch", COUNT - 1),
    }


def test_leaves_out_of_place_are_noticed_without_tiles(source: PaperSource) -> None:
    source.tiles.clear()
    source.leaves[300], source.leaves[301] = source.leaves[301], source.leaves[300]
    codes = {(finding.code, finding.index) for finding in check(source)}
    assert {("index_wrong", 300), ("index_wrong", 301), ("chain_broken", 300)} <= codes
    assert any(code == "root_mismatch" for code, _ in codes)


def test_a_leaf_that_is_taken_out_or_put_in_is_noticed(source: PaperSource) -> None:
    shorter, longer = source.copy(), source.copy()
    del shorter.leaves[100]
    assert ("index_wrong", 100) in named(check(shorter))
    assert ("entry_missing", COUNT - 1) in named(check(shorter))
    longer.leaves.insert(100, longer.leaves[100])
    assert ("index_wrong", 101) in named(check(longer))


def test_a_rewritten_log_with_good_signatures_fails_what_somebody_holds() -> None:
    """The operator has every key of the log; only what others kept can contradict it."""
    rewritten = PaperLedger().open()
    rewritten.enrol("moh", "moh-1")
    rewritten.issue_bulk("moh", "moh-1", [f"C{n}" for n in range(20)])
    rewritten.seal()
    assert check(rewritten.source()) == []
    trust = Trust(
        ledger=LEDGER.ledger,
        checkpoints=LEDGER.notes[:2],
        receipts=[LEDGER.receipt(SINGLE)],
        acts=ACTS,
    )
    assert named(check(rewritten.source(), trust)) == {
        ("ledger_other", 0),
        ("ledger_other", SINGLE),
        ("held_root_mismatch", 5),
        ("entry_missing", 22),
    }


def test_a_branch_after_what_was_acknowledged_breaks_the_receipt() -> None:
    ledger = PaperLedger().open()
    ledger.enrol("moh", "moh-1")
    index = ledger.issue("moh", "moh-1", "AAAA")
    receipt, later = ledger.receipt(index), ledger.receipt(index)
    del ledger.leaves[index], ledger.opened[index]
    ledger.versions.clear()
    ledger.seal()
    trust = Trust(receipts=[receipt, later], acts=ACTS)
    assert named(check(ledger.source(), trust)) == {("receipt_broken", index)}
    ledger.issue("moh", "moh-1", "BBBB")
    ledger.notes.clear()
    ledger.seal()
    assert ("receipt_broken", index) in named(check(ledger.source(), trust))


def test_a_log_under_another_key_than_the_known_one_is_noticed(source: PaperSource) -> None:
    trust = Trust(log_keys=[log_key("known from paper").verifier], acts=ACTS)
    assert named(check(source, trust)) == {("log_key_other", None)}


@pytest.mark.parametrize("more", [b"", b',"second":"' + b"0" * 128 + b'"'])
def test_a_newer_format_is_not_judged_and_hides_no_changed_byte(
    source: PaperSource, more: bytes
) -> None:
    source.leaves[300] = source.leaves[300].replace(b',"v":1}', more + b',"v":2}')
    fsck = Fsck(source, Trust(acts=ACTS))
    assert ("leaf_altered", 300) in {(one.code, one.index) for one in fsck.run()}
    assert fsck.summary.leaves == len(source.leaves)
    newer = fsck.summary.unchecked["newer_format"]
    assert (newer.first, newer.count) == (300, len(source.leaves) - 300)


def test_without_the_genesis_no_key_is_called_unknown(source: PaperSource) -> None:
    source.opened[0] = Opening(0)
    fsck = Fsck(source, Trust(log_keys=[key.verifier for key in LEDGER.log_keys], acts=ACTS))
    assert list(fsck.run()) == []
    assert fsck.summary.unchecked["key_not_learned"].count >= 3


def test_without_any_key_of_the_log_signatures_are_unchecked(source: PaperSource) -> None:
    source.opened.clear()
    fsck = Fsck(source)
    assert list(fsck.run()) == []
    assert fsck.summary.unchecked["checkpoint_signature"].count == len(source.notes)


PLACES = ("leaf", "header", "header_salt", "body", "body_salt", "evidence", "statements", "tile")


@given(data=st.data(), place=st.sampled_from(PLACES), bit=st.integers(0, 7))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_byte_can_be_changed_without_a_finding_that_names_its_record(
    data: st.DataObject, place: str, bit: int
) -> None:
    source = SMALL.source()
    index = data.draw(st.integers(0, len(source.leaves) - 1))
    opening = source.opened[index]
    assert opening.order is not None
    assert opening.order.statements is not None
    held = {
        "leaf": source.leaves[index],
        "evidence": opening.order.evidence,
        "statements": opening.order.statements[0],
        "tile": source.tiles[Tile(0, 0)][index * 32 : index * 32 + 32],
    }
    value = held[place] if place in held else getattr(opening, place)
    at = data.draw(st.integers(0, len(value) - 1))
    changed = value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]
    if place == "leaf":
        source.leaves[index] = changed
    elif place == "tile":
        hashes = merkle.split_hashes(source.tiles[Tile(0, 0)])
        source.tiles[Tile(0, 0)] = b"".join([*hashes[:index], changed, *hashes[index + 1 :]])
    elif place == "evidence":
        source.opened[index] = replace(opening, order=replace(opening.order, evidence=changed))
    elif place == "statements":
        listed = [changed, *opening.order.statements[1:]]
        source.opened[index] = replace(opening, order=replace(opening.order, statements=listed))
    else:
        part: dict[str, Any] = {place: changed}
        source.opened[index] = replace(opening, **part)
    assert index in {finding.index for finding in Fsck(source, Trust(acts=ACTS)).run()}


SMALL = PaperLedger().open()
SMALL.enrol("moh", "moh-1")
for name in ("A", "B", "C"):
    SMALL.issue("moh", "moh-1", name)
SMALL.seal()


def test_every_code_that_is_found_or_left_unchecked_has_its_meaning() -> None:
    code = "".join(
        inspect.getsource(room) for room in (fsck_module, authorship, ordering, material, bundle)
    )
    found = set(re.findall(r'(?:Finding|_report)\(\s*"(\w+)"', code))
    skipped = set(re.findall(r'skip\("(\w+)"', code))
    assert found <= MEANINGS.keys()
    assert skipped <= NOT_CHECKED.keys()
