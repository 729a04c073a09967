from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import checkpoint, merkle, note
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import SignerKey
from tests.infrastructure.proofs.vectors import load, why

VECTORS = load("checkpoint")
ORIGIN = "ledger.example/iq"
LOG = SignerKey(ORIGIN, bytes(range(32)))
NEXT_LOG = SignerKey(ORIGIN, bytes(range(1, 33)))
OTHER_LOG = SignerKey("other.example", bytes(range(2, 34)))
HEAD = Checkpoint(ORIGIN, 8, bytes(range(32)))

heads = st.builds(
    Checkpoint,
    origin=st.from_regex(r"[a-z./]{1,40}", fullmatch=True),
    size=st.integers(1, merkle.MAX_SIZE),
    root=st.binary(min_size=32, max_size=32),
)


@pytest.mark.parametrize("case", VECTORS["checkpoints"])
def test_a_checkpoint_is_signed_and_opened_as_the_vectors_say(case: dict[str, Any]) -> None:
    head = Checkpoint(case["origin"], case["size"], bytes.fromhex(case["root"]))
    data = case["note"].encode()

    assert head.encode() == case["text"]
    assert checkpoint.sign(head, [LOG]) == data
    assert checkpoint.open_checkpoint(data, origin=ORIGIN, verifiers=[LOG.verifier]) == head


@pytest.mark.parametrize("case", VECTORS["malformed_texts"], ids=why)
def test_a_malformed_checkpoint_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        Checkpoint.parse(case["text"])

    assert refusal.value.code == case["code"]


@given(heads)
def test_every_checkpoint_survives_the_round_trip(head: Checkpoint) -> None:
    assert Checkpoint.parse(head.encode()) == head


@given(heads, st.data())
def test_a_checkpoint_has_one_spelling(head: Checkpoint, data: st.DataObject) -> None:
    text = head.encode()
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.sampled_from("0+- \n=/A")) + text[at:]

    try:
        other = Checkpoint.parse(changed)
    except ProofError:
        return
    assert other != head
    if not other.extensions and not set(other.origin) & set("+ "):
        assert other.encode() == changed


def test_extension_lines_are_read_and_never_written() -> None:
    case = VECTORS["with_extensions"]
    head = Checkpoint.parse(case["text"])

    assert head == Checkpoint(
        case["origin"], case["size"], bytes.fromhex(case["root"]), tuple(case["extensions"])
    )
    with pytest.raises(ProofError, match="checkpoint_malformed"):
        checkpoint.sign(replace(HEAD, extensions=("one",)), [LOG])


def test_an_origin_that_cannot_name_a_key_is_read_and_never_written() -> None:
    head = Checkpoint.parse(HEAD.encode().replace(ORIGIN, "go.sum database tree"))

    with pytest.raises(ProofError, match="checkpoint_malformed"):
        head.encode()


def test_a_checkpoint_text_is_bounded() -> None:
    text = HEAD.encode()
    text += "x" * (checkpoint.MAX_TEXT_CHARACTERS - len(text) - 1) + "\n"

    assert len(Checkpoint.parse(text).extensions) == 1
    with pytest.raises(ProofError, match="checkpoint_malformed"):
        Checkpoint.parse(f"x{text}")


@pytest.mark.parametrize(
    "member, value",
    [
        ("origin", ""),
        ("origin", "two\nlines"),
        ("origin", "\ud800"),
        ("origin", "o" * 256),
        ("size", -1),
        ("size", 2**63),
        ("size", 0),
        ("root", bytes(31)),
        ("root", bytes(33)),
    ],
)
def test_nothing_that_no_checkpoint_can_say(member: str, value: Any) -> None:
    with pytest.raises(ProofError, match="checkpoint_malformed"):
        replace(HEAD, **{member: value})


def test_two_keys_of_the_log_overlap_while_it_rotates() -> None:
    data = checkpoint.sign(HEAD, [LOG, NEXT_LOG])

    for key in (LOG, NEXT_LOG):
        assert checkpoint.open_checkpoint(data, origin=ORIGIN, verifiers=[key.verifier]) == HEAD


def test_a_log_signs_only_under_its_origin() -> None:
    with pytest.raises(ProofError, match="checkpoint_origin_mismatch"):
        checkpoint.sign(HEAD, [LOG, OTHER_LOG])


def test_a_key_of_another_name_does_not_speak_for_the_log() -> None:
    data = note.sign(HEAD.encode(), [OTHER_LOG])

    with pytest.raises(ProofError, match="note_unsigned"):
        checkpoint.open_checkpoint(data, origin=ORIGIN, verifiers=[OTHER_LOG.verifier])


def test_a_bad_line_of_a_witness_is_not_held_against_the_log() -> None:
    data = checkpoint.sign(HEAD, [LOG]) + OTHER_LOG.sign("another text\n").encode() + b"\n"

    assert (
        checkpoint.open_checkpoint(
            data, origin=ORIGIN, verifiers=[LOG.verifier, OTHER_LOG.verifier]
        )
        == HEAD
    )


def test_the_checkpoint_of_another_log_is_refused() -> None:
    data = note.sign(replace(HEAD, origin="other.example").encode(), [LOG])

    with pytest.raises(ProofError, match="checkpoint_origin_mismatch"):
        checkpoint.open_checkpoint(data, origin=ORIGIN, verifiers=[LOG.verifier])


def test_a_checkpoint_has_at_most_so_many_characters() -> None:
    text = HEAD.encode()
    room = checkpoint.MAX_TEXT_CHARACTERS - len(text) - 1

    assert Checkpoint.parse(f"{text}{'x' * room}\n").extensions == ("x" * room,)
    with pytest.raises(ProofError, match="checkpoint_malformed"):
        Checkpoint.parse(f"{text}{'x' * (room + 1)}\n")
    assert checkpoint.MAX_TEXT_CHARACTERS == 65_536
