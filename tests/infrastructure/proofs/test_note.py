from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import note
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import SignerKey, VerifierKey
from tests.infrastructure.proofs.vectors import load, why

VECTORS = load("note")
SIGNERS = {
    name: SignerKey(key["name"], bytes.fromhex(key["seed"]))
    for name, key in VECTORS["keys"].items()
}
LOG, LOG2 = SIGNERS["log"], SIGNERS["log2"]
KNOWN = [LOG.verifier, LOG2.verifier]

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.just("\n"), max_size=40
).map(lambda text: text + "\n")


@pytest.mark.parametrize("name", VECTORS["keys"])
def test_a_key_is_written_and_read_as_the_vectors_say(name: str) -> None:
    case, key = VECTORS["keys"][name], SIGNERS[name].verifier

    assert (key.name, key.public.hex()) == (case["name"], case["public"])
    assert key.key_id.hex() == case["key_id"]
    assert key.encode() == case["vkey"]
    assert VerifierKey.parse(case["vkey"]) == key


@pytest.mark.parametrize("case", VECTORS["malformed_vkeys"], ids=why)
def test_a_malformed_or_dangerous_key_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        VerifierKey.parse(case["vkey"])

    assert refusal.value.code == case["code"]


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a\tb", "a+b", "a\u00a0b", "a\u2028b", "a\nb", "a\x00b", "\ud800", "é" * 128],
)
def test_a_name_that_a_line_could_not_carry_is_refused(name: str) -> None:
    with pytest.raises(ProofError, match="vkey_malformed"):
        VerifierKey(name, LOG.verifier.public)
    with pytest.raises(ProofError, match="vkey_malformed"):
        SignerKey(name, LOG.seed)


def test_the_longest_name_can_sign() -> None:
    key = SignerKey("é" * 127 + "e", LOG.seed)

    assert note.open_note(note.sign("text\n", [key]), [key.verifier]).keys == (key.verifier,)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys_have_32_bytes(size: int) -> None:
    with pytest.raises(ProofError, match="vkey_malformed"):
        SignerKey("name", bytes(size))
    with pytest.raises(ProofError, match="vkey_malformed"):
        VerifierKey("name", bytes(size))


def test_a_verifier_key_text_over_the_bound_is_refused() -> None:
    key = "+00000000+AQ=="
    longest = "n" * (8192 - len(key))
    assert note.split_vkey(longest + key) == (longest, b"\x01")
    with pytest.raises(ProofError, match="vkey_malformed"):
        note.split_vkey(f"n{longest}{key}")
    with pytest.raises(ProofError, match="vkey_malformed"):
        VerifierKey.parse(longest + key)


def test_a_signer_key_does_not_show_its_seed() -> None:
    assert repr(LOG) == "SignerKey(name='ledger.example/iq')"


@pytest.mark.parametrize("case", VECTORS["notes"])
def test_a_note_is_signed_and_opened_as_the_vectors_say(case: dict[str, Any]) -> None:
    signers = [SIGNERS[name] for name in case["keys"]]
    data = case["note"].encode()

    assert note.sign(case["text"], signers) == data
    for signer in signers:
        assert note.open_note(data, [signer.verifier]) == (case["text"], (signer.verifier,))
    verifiers = tuple(signer.verifier for signer in signers)
    assert note.open_note(data, reversed(verifiers)) == (case["text"], verifiers)


@pytest.mark.parametrize("case", VECTORS["with_unknown_lines"], ids=why)
def test_lines_that_nobody_here_can_judge_are_passed_over(case: dict[str, Any]) -> None:
    assert note.open_note(case["note"].encode(), KNOWN) == (case["text"], (LOG.verifier,))


@pytest.mark.parametrize("case", VECTORS["malformed_notes"], ids=why)
def test_a_malformed_note_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        note.open_note(case["note"].encode(), KNOWN)

    assert refusal.value.code == case["code"]


@pytest.mark.parametrize("broken", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x80"])
def test_a_note_that_is_not_utf8_is_refused(broken: bytes) -> None:
    with pytest.raises(ProofError, match="note_malformed"):
        note.open_note(broken + note.sign("text\n", [LOG]), KNOWN)


@pytest.mark.parametrize("control", [chr(code) for code in range(0x20) if code != 0x0A])
def test_no_control_character_stands_in_a_note(control: str) -> None:
    signed = note.sign("text\n", [LOG]).decode()
    with pytest.raises(ProofError, match="note_malformed"):
        note.sign(f"te{control}xt\n", [LOG])
    for data in (control + signed, signed.replace("/iq", f"/{control}iq"), signed + control):
        with pytest.raises(ProofError, match="note_malformed"):
            note.open_note(data.encode(), KNOWN)


@given(texts, st.lists(st.sampled_from([LOG, LOG2]), min_size=1, unique=True))
def test_every_text_survives_the_round_trip(text: str, signers: list[SignerKey]) -> None:
    opened = note.open_note(note.sign(text, signers), KNOWN)

    assert opened.text == text
    assert opened.keys == tuple(signer.verifier for signer in signers)


@given(texts, st.data())
def test_a_note_with_one_bit_turned_is_refused(text: str, data: st.DataObject) -> None:
    signed = note.sign(text, [LOG])
    bit = data.draw(st.integers(0, len(signed) * 8 - 1))
    changed = bytearray(signed)
    changed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(ProofError):
        note.open_note(bytes(changed), KNOWN)


@pytest.mark.parametrize("text", ["", "text", "text\r\n", "\ud800\n"])
def test_a_text_that_no_reader_would_take_is_not_signed(text: str) -> None:
    with pytest.raises(ProofError, match="note_malformed"):
        note.sign(text, [LOG])


@pytest.mark.parametrize("broken", ["x", "=", " "])
def test_the_last_byte_of_a_note_is_a_newline(broken: str) -> None:
    signed = note.sign("text\n", [LOG]).removesuffix(b"\n")

    with pytest.raises(ProofError, match="note_malformed"):
        note.open_note(signed + broken.encode(), KNOWN)


def test_signature_lines_alone_are_no_note() -> None:
    lines = note.sign("\n", [LOG]).removeprefix(b"\n\n")

    with pytest.raises(ProofError, match="note_malformed"):
        note.open_note(lines, KNOWN)


def test_a_note_has_1_to_100_signatures() -> None:
    assert len(note.signatures(note.sign("text\n", [LOG] * 100))[1]) == 100
    for count in (0, 101):
        with pytest.raises(ProofError, match="note_malformed"):
            note.sign("text\n", [LOG] * count)


def test_a_note_has_at_most_a_million_bytes() -> None:
    spare = 1_000_000 - len(note.sign("\n", [LOG]))
    largest = note.sign("x" * spare + "\n", [LOG])

    assert len(largest) == 1_000_000
    assert note.open_note(largest, KNOWN).keys == (LOG.verifier,)
    with pytest.raises(ProofError, match="note_malformed"):
        note.sign("x" * (spare + 1) + "\n", [LOG])
    with pytest.raises(ProofError, match="note_malformed"):
        note.open_note(b"x" + largest, KNOWN)


def test_nobody_known_means_unsigned() -> None:
    with pytest.raises(ProofError, match="note_unsigned"):
        note.open_note(note.sign("text\n", [LOG]), [])


def test_the_same_verifier_may_be_named_twice() -> None:
    opened = note.open_note(note.sign("text\n", [LOG]), [LOG.verifier, LOG.verifier])

    assert opened.keys == (LOG.verifier,)


def test_two_keys_with_one_name_and_one_key_id_are_ambiguous() -> None:
    # Found by trying the seeds in order: a four-byte id is no obstacle to anybody.
    first, second = (
        SignerKey("collision.example", seed.to_bytes(32, "big")) for seed in (20729, 25507)
    )
    assert first.verifier.key_id == second.verifier.key_id

    with pytest.raises(ProofError, match="note_keys_ambiguous"):
        note.open_note(note.sign("text\n", [first]), [first.verifier, second.verifier])
    with pytest.raises(ProofError, match="signature_invalid"):
        note.open_note(note.sign("text\n", [first]), [second.verifier])
