"""C2SP tlog-proof: one file, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import merkle, tlogproof
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.tlogproof import MAX_EXTRA_BYTES, MAX_PROOF_BYTES, TlogProof

LEAVES = [b"a", b"b", b"c"]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
ROOT = merkle.root(HASHES)
NOTE = "log.example\n3\nAA==\n\n\u2014 log.example AAAAAAA=\n".encode()
PROOF = TlogProof(2, (merkle.node_hash(HASHES[0], HASHES[1]),), NOTE, b"c")
HASH = "A" * 43 + "="


def test_a_proof_is_written_read_and_checked() -> None:
    for proof in (PROOF, TlogProof(0, (), NOTE), TlogProof(2**63 - 1, PROOF.hashes, NOTE, b"")):
        assert tlogproof.parse(proof.encode()) == proof
    PROOF.verify(size=3, root=ROOT)


@pytest.mark.parametrize(
    "proof, size",
    [
        (TlogProof(1, PROOF.hashes, NOTE, b"c"), 3),
        (TlogProof(2, PROOF.hashes, NOTE, b"b"), 3),
        (TlogProof(2, (), NOTE, b"c"), 3),
        (TlogProof(2, PROOF.hashes, NOTE, b"c"), 4),
    ],
)
def test_what_is_not_in_the_tree(proof: TlogProof, size: int) -> None:
    with pytest.raises(ProofError) as refused:
        proof.verify(size=size, root=ROOT)
    assert refused.value.code == "inclusion_invalid"


def test_without_its_leaf_a_proof_proves_nothing_by_itself() -> None:
    with pytest.raises(ProofError) as refused:
        TlogProof(2, PROOF.hashes, NOTE).verify(size=3, root=ROOT)
    assert refused.value.code == "proof_malformed"


HEAD = "c2sp.org/tlog-proof@v1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        f"{HEAD}\n\nnote",
        f"{HEAD}\nindex 01\n\nnote",
        f"{HEAD}\nindex -1\n\nnote",
        f"{HEAD}\nindex {2**63}\n\nnote",
        f"{HEAD}\nindex 99999999999999999999\n\nnote",
        f"{HEAD}\nindex 0",
        f"{HEAD}\nindex 0\nextra AA==\n\nnote",
        f"{HEAD}\nextra AB==\nindex 0\n\nnote",
        f"{HEAD}\nextra *\nindex 0\n\nnote",
        f"{HEAD}\nextra\nindex 0\n\nnote",
        f"{HEAD}\nindex 0\nAA==\n\nnote",
        f"{HEAD}\nindex 0\n{HASH}\r\n\nnote",
        f"{HEAD}\u00a0\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nnote",
        "\n".join([HEAD, "index 0", *[HASH] * 64]) + "\n\nnote",
    ],
)
def test_what_is_no_proof(text: str) -> None:
    with pytest.raises(ProofError) as refused:
        tlogproof.parse(text.encode())
    assert refused.value.code == "proof_malformed"


def test_as_much_as_a_proof_may_hold() -> None:
    assert (MAX_EXTRA_BYTES, MAX_PROOF_BYTES) == (65_535, 1_131_070)
    assert (
        len(tlogproof.parse("\n".join([HEAD, "index 0", *[HASH] * 63]).encode() + b"\n\n").hashes)
        == 63
    )
    whole = TlogProof(0, (), NOTE, bytes(MAX_EXTRA_BYTES))
    assert tlogproof.parse(whole.encode()) == whole
    for data in (
        TlogProof(0, (), NOTE, bytes(MAX_EXTRA_BYTES + 1)).encode(),
        PROOF.encode() + bytes(MAX_PROOF_BYTES),
    ):
        with pytest.raises(ProofError):
            tlogproof.parse(data)
    room = MAX_PROOF_BYTES - len(PROOF.encode())
    assert tlogproof.parse(PROOF.encode() + b"x" * room).index == 2
    with pytest.raises(ProofError):
        tlogproof.parse(PROOF.encode() + b"x" * (room + 1))


@given(st.integers(0, len(PROOF.encode()) - 1), st.integers(0, 255))
def test_one_spelling(at: int, byte: int) -> None:
    data = PROOF.encode()
    changed = data[:at] + bytes([byte]) + data[at + 1 :]
    try:
        parsed = tlogproof.parse(changed)
    except ProofError:
        return
    assert parsed.encode() == changed
