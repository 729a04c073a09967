"""Cosignatures, against a vector of an independent hand and against everything that is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import cosignature, note
from infrastructure.proofs.cosignature import MAX_TIME, Cosigner, CosignerKey
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.vectors import load, why

VECTOR = load("cosignature")
WITNESS = Cosigner(VECTOR["name"], bytes.fromhex(VECTOR["seed"]))
COSIGNED = VECTOR["cosigned"]["note"].encode()
TEXT = COSIGNED.decode().rpartition("\n\n")[0] + "\n"


def test_the_vectors_cosignature_is_made_and_read() -> None:
    time = VECTOR["cosigned"]["time"]

    assert WITNESS.verifier.encode() == VECTOR["vkey"]
    assert CosignerKey.parse(VECTOR["vkey"]) == WITNESS.verifier
    assert WITNESS.sign(TEXT, time) + "\n" == VECTOR["cosigned"]["line"]
    assert cosignature.cosigned(COSIGNED, [WITNESS.verifier]) == [(WITNESS.verifier, time)]


@pytest.mark.parametrize("case", VECTOR["invalid"], ids=why)
def test_a_line_by_a_known_witness_must_verify(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refused:
        cosignature.cosigned(case["note"].encode(), [WITNESS.verifier])
    assert refused.value.code == "signature_invalid"
    # To who does not know the witness, the line says nothing.
    assert cosignature.cosigned(case["note"].encode(), []) == []


def test_the_same_key_under_another_name_is_another_witness() -> None:
    other = Cosigner("witness.example/w2", WITNESS.seed)

    assert other.verifier.key_id != WITNESS.verifier.key_id
    assert cosignature.cosigned(COSIGNED, [other.verifier]) == []


def test_a_key_that_signs_notes_is_no_cosigner() -> None:
    signer = note.SignerKey(WITNESS.name, WITNESS.seed).verifier

    assert signer.key_id != WITNESS.verifier.key_id
    for text, code in (
        (signer.encode(), "vkey_type_unknown"),
        (VECTOR["vkey"].replace("+", "+0", 1)[:-1], "vkey_malformed"),
        (VECTOR["vkey"].replace(VECTOR["name"], "other"), "vkey_malformed"),
    ):
        with pytest.raises(ProofError) as refused:
            CosignerKey.parse(text)
        assert refused.value.code == code
    with pytest.raises(ProofError):
        note.VerifierKey.parse(VECTOR["vkey"])


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_a_seed_has_32_bytes(seed: bytes) -> None:
    with pytest.raises(ProofError) as refused:
        Cosigner("w", seed)
    assert refused.value.code == "vkey_malformed"


def test_a_name_must_survive_in_a_line() -> None:
    for name in ("", "two words", "a+b"):
        with pytest.raises(ProofError):
            CosignerKey(name, WITNESS.verifier.public)


@pytest.mark.parametrize("time", [0, -1, MAX_TIME + 1])
def test_a_cosignature_tells_its_time(time: int) -> None:
    with pytest.raises(ProofError) as refused:
        WITNESS.sign(TEXT, time)
    assert refused.value.code == "signature_invalid"


def test_times_are_signed_64_bit_numbers() -> None:
    assert MAX_TIME == 9_223_372_036_854_775_807


@pytest.mark.parametrize("time", [1, MAX_TIME])
def test_the_first_and_the_last_second(time: int) -> None:
    line = WITNESS.sign(TEXT, time) + "\n"

    assert cosignature.cosigned(f"{TEXT}\n{line}".encode(), [WITNESS.verifier])[0].time == time


def test_of_two_lines_the_later_counts() -> None:
    lines = "".join(WITNESS.sign(TEXT, time) + "\n" for time in (7, 9, 8))

    [found] = cosignature.cosigned(f"{TEXT}\n{lines}".encode(), [WITNESS.verifier])

    assert found.time == 9


@given(st.integers(0, 75), st.integers(1, 255))
def test_no_bit_of_a_signature_may_change(at: int, mask: int) -> None:
    _, [*_, (name, key_id, signature)] = note.signatures(COSIGNED)
    blob = bytearray(key_id + signature)
    blob[at] ^= mask
    changed = f"{TEXT}\n{note.line(name, bytes(blob))}\n".encode()
    if at < 4:
        assert cosignature.cosigned(changed, [WITNESS.verifier]) == []
        return
    with pytest.raises(ProofError) as refused:
        cosignature.cosigned(changed, [WITNESS.verifier])
    assert refused.value.code == "signature_invalid"


def test_a_secret_is_not_shown() -> None:
    assert WITNESS.seed.hex() not in repr(WITNESS)
    assert str(WITNESS.seed) not in repr(WITNESS)
