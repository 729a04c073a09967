from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import canonical, checkpoint, note, receipts
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.receipts import Receipt, Rotation, VerdictNote
from tests.infrastructure.proofs.vectors import load, why

VECTORS = load("receipt")
ORIGIN = "ledger.example/iq"
LOG = SignerKey(ORIGIN, bytes(range(32)))
NEXT_LOG = SignerKey(ORIGIN, bytes(range(1, 33)))
RECEIPTS = SignerKey(receipts.key_name(ORIGIN), bytes(range(2, 34)))

RECEIPT = Receipt(bytes(32), 7, bytes(range(32)), bytes(range(1, 33)))
ROTATION = Rotation(bytes(32), bytes(range(32)))
VERDICT = VerdictNote(bytes(32), 7, b'{"outcome":"valid"}')

digests = st.binary(min_size=32, max_size=32)
integers = st.integers(0, 2**53 - 1)


def verdict_of(case: dict[str, Any]) -> VerdictNote:
    return VerdictNote(bytes.fromhex(case["ledger"]), case["index"], case["verdict"].encode())


def receipt_of(case: dict[str, Any]) -> Receipt:
    return Receipt(
        ledger=bytes.fromhex(case["ledger"]),
        index=case["index"],
        leaf_hash=bytes.fromhex(case["leaf_hash"]),
        statement_digest=bytes.fromhex(case["statement_digest"]),
    )


@pytest.mark.parametrize("case", VECTORS["receipts"])
def test_a_receipt_is_signed_and_opened_as_the_vectors_say(case: dict[str, Any]) -> None:
    receipt = receipt_of(case)

    assert receipt.encode() == case["text"]
    assert receipts.sign(receipt, RECEIPTS) == case["note"].encode()
    assert receipts.open_receipt(case["note"].encode(), [RECEIPTS.verifier]) == receipt


@pytest.mark.parametrize("case", VECTORS["verdicts"])
def test_a_verdict_is_signed_and_opened_as_the_vectors_say(case: dict[str, Any]) -> None:
    verdict = verdict_of(case)

    assert verdict.encode() == case["text"]
    assert receipts.sign(verdict, RECEIPTS) == case["note"].encode()
    assert receipts.open_verdict(case["note"].encode(), [RECEIPTS.verifier]) == verdict


@pytest.mark.parametrize("case", VECTORS["rotations"])
def test_a_rotation_is_signed_and_checked_as_the_vectors_say(case: dict[str, Any]) -> None:
    rotation = Rotation(bytes.fromhex(case["ledger"]), bytes.fromhex(case["statement_digest"]))

    assert rotation.encode() == case["text"]
    assert [receipts.sign_rotation(rotation, key).decode() for key in (LOG, NEXT_LOG)] == case[
        "notes"
    ]
    receipts.verify_rotation(
        case["notes"], rotation, old_key=LOG.verifier, new_key=NEXT_LOG.verifier
    )


PARSERS: dict[str, Callable[[str], object]] = {
    "malformed_receipts": Receipt.parse,
    "malformed_rotations": Rotation.parse,
    "malformed_verdicts": VerdictNote.parse,
}


@pytest.mark.parametrize(
    "parse, case",
    [
        pytest.param(parse, case, id=f"{name}: {why(case)}")
        for name, parse in PARSERS.items()
        for case in VECTORS[name]
    ],
)
def test_a_malformed_text_is_refused(parse: Callable[[str], object], case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        parse(case["text"])

    assert refusal.value.code == case["code"]


@given(st.builds(Receipt, digests, integers, digests, digests))
def test_every_receipt_survives_the_round_trip(receipt: Receipt) -> None:
    assert Receipt.parse(receipt.encode()) == receipt


@given(st.builds(Rotation, digests, digests))
def test_every_rotation_survives_the_round_trip(rotation: Rotation) -> None:
    assert Rotation.parse(rotation.encode()) == rotation


@given(digests, integers, st.dictionaries(st.from_regex("[a-z]+", fullmatch=True), integers))
def test_every_verdict_survives_the_round_trip(
    ledger: bytes, index: int, verdict: dict[str, int]
) -> None:
    word = VerdictNote(ledger, index, canonical.dumps(verdict))

    assert VerdictNote.parse(word.encode()) == word


def test_a_verdict_that_is_no_text_is_refused_like_any_other() -> None:
    with pytest.raises(ProofError, match="json_text"):
        VerdictNote.parse(VERDICT.encode().replace("valid", "\udc80"))


@pytest.mark.parametrize("member", ["ledger", "leaf_hash", "statement_digest"])
@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_receipt_holds_no_digest_of_another_length(member: str, size: int) -> None:
    digest: dict[str, Any] = {member: bytes(size)}

    with pytest.raises(ProofError, match="receipt_malformed"):
        replace(RECEIPT, **digest)


@pytest.mark.parametrize("index", [-1, 2**53])
def test_no_index_out_of_range(index: int) -> None:
    with pytest.raises(ProofError, match="receipt_malformed"):
        replace(RECEIPT, index=index)
    with pytest.raises(ProofError, match="verdict_malformed"):
        replace(VERDICT, index=index)


@pytest.mark.parametrize("ledger, digest", [(31, 32), (33, 32), (32, 31), (32, 33)])
def test_a_rotation_holds_no_digest_of_another_length(ledger: int, digest: int) -> None:
    with pytest.raises(ProofError, match="rotation_malformed"):
        Rotation(bytes(ledger), bytes(digest))


@pytest.mark.parametrize(
    "verdict, code",
    [
        (b"[]", "json_not_object"),
        (b'{"b":1, "a":2}', "json_not_canonical"),
        (b'{"a":"\\n"}', "json_text"),
        (b'{"a":"' + b"x" * receipts.MAX_VERDICT_BYTES + b'"}', "json_too_large"),
    ],
)
def test_a_verdict_is_one_canonical_line(verdict: bytes, code: str) -> None:
    with pytest.raises(ProofError) as refusal:
        VerdictNote(bytes(32), 0, verdict)

    assert refusal.value.code == code


def test_a_verdict_names_a_ledger_of_32_bytes() -> None:
    with pytest.raises(ProofError, match="verdict_malformed"):
        VerdictNote(bytes(31), 0, b"{}")


@pytest.mark.parametrize("word", [RECEIPT, VERDICT])
def test_the_log_key_signs_no_receipt(word: Receipt | VerdictNote) -> None:
    with pytest.raises(ProofError, match="receipt_key_mismatch"):
        receipts.sign(word, LOG)


def test_a_receipt_under_the_log_key_is_no_receipt() -> None:
    for word in (RECEIPT, VERDICT):
        data = note.sign(word.encode(), [LOG])
        for opened in (receipts.open_receipt, receipts.open_verdict):
            with pytest.raises(ProofError, match="note_unsigned"):
                opened(data, [LOG.verifier])


def test_receipts_and_verdicts_are_not_taken_for_one_another() -> None:
    with pytest.raises(ProofError, match="verdict_malformed"):
        receipts.open_verdict(receipts.sign(RECEIPT, RECEIPTS), [RECEIPTS.verifier])
    with pytest.raises(ProofError, match="receipt_malformed"):
        receipts.open_receipt(receipts.sign(VERDICT, RECEIPTS), [RECEIPTS.verifier])


def test_nothing_else_that_the_ledger_signs_reads_as_a_checkpoint() -> None:
    # A ledger id made of decimal digits is the worst case: it stands where the size would.
    digits = bytes.fromhex("11" * 32)
    for text in (
        replace(RECEIPT, ledger=digits).encode(),
        replace(ROTATION, ledger=digits).encode(),
        replace(VERDICT, ledger=digits).encode(),
    ):
        with pytest.raises(ProofError, match="checkpoint_malformed"):
            Checkpoint.parse(text)


def test_a_checkpoint_is_no_receipt() -> None:
    data = checkpoint.sign(Checkpoint(ORIGIN, 1, bytes(32)), [LOG])

    with pytest.raises(ProofError, match="note_unsigned"):
        receipts.open_receipt(data, [LOG.verifier, RECEIPTS.verifier])


def rotation_notes(*keys: SignerKey, rotation: Rotation = ROTATION) -> list[str]:
    return [receipts.sign_rotation(rotation, key).decode() for key in keys]


FOREIGN_NOTE = note.sign(RECEIPT.encode(), [NEXT_LOG]).decode()
OTHER = replace(ROTATION, statement_digest=bytes(32))


@pytest.mark.parametrize(
    "notes, code",
    [
        ([], "rotation_malformed"),
        (rotation_notes(LOG), "rotation_malformed"),
        (rotation_notes(LOG, NEXT_LOG, LOG), "rotation_malformed"),
        (rotation_notes(NEXT_LOG, LOG), "note_unsigned"),
        (rotation_notes(LOG, LOG), "note_unsigned"),
        (rotation_notes(LOG, RECEIPTS), "note_unsigned"),
        (rotation_notes(LOG, NEXT_LOG, rotation=OTHER), "rotation_mismatch"),
        ([*rotation_notes(LOG), *rotation_notes(NEXT_LOG, rotation=OTHER)], "rotation_mismatch"),
        ([*rotation_notes(LOG), "\ud800"], "note_malformed"),
        ([*rotation_notes(LOG), FOREIGN_NOTE], "rotation_malformed"),
    ],
)
def test_a_rotation_needs_one_note_by_each_key(notes: list[str], code: str) -> None:
    with pytest.raises(ProofError) as refusal:
        receipts.verify_rotation(notes, ROTATION, old_key=LOG.verifier, new_key=NEXT_LOG.verifier)

    assert refusal.value.code == code


def test_a_key_does_not_rotate_to_itself() -> None:
    with pytest.raises(ProofError, match="rotation_malformed"):
        receipts.verify_rotation(
            rotation_notes(LOG, LOG), ROTATION, old_key=LOG.verifier, new_key=LOG.verifier
        )
