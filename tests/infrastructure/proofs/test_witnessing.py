"""What a witness answers: every row of the specification's table, and nothing outside it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import checkpoint, merkle, witnessing
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.witnessing import MAX_REQUEST_BYTES, Answer, Submission, judge
from tests.infrastructure.proofs.vectors import load

ORIGIN = "log.example"
LOG = SignerKey(ORIGIN, bytes([1] * 32))
STRANGER = SignerKey(ORIGIN, bytes([2] * 32))
HASHES = [merkle.leaf_hash(bytes([n])) for n in range(8)]
HASH = "A" * 43 + "="


def head(size: int, *, fork: bool = False) -> Checkpoint:
    hashes = [HASHES[0][::-1], *HASHES[1:]] if fork else HASHES
    return Checkpoint(ORIGIN, size, merkle.root(hashes[:size]))


def proof(old: int, new: int) -> tuple[bytes, ...]:
    def get(level: int, n: int) -> bytes:
        return merkle.root(HASHES[n << level : (n + 1) << level])

    return tuple(merkle.consistency_proof(old_size=old, new_size=new, get=get))


def submit(old: int, new: Checkpoint, path: tuple[bytes, ...], *keys: SignerKey) -> Submission:
    return Submission(old, path, checkpoint.sign(new, keys or [LOG]))


def ask(submission: Submission, held: Checkpoint | None = None) -> Answer:
    return judge(submission, keys=[LOG.verifier], held=held)


def test_the_statuses_are_the_specifications() -> None:
    assert (witnessing.OK, witnessing.CONFLICT, witnessing.INCONSISTENT) == (200, 409, 422)
    assert (witnessing.MALFORMED, witnessing.UNTRUSTED, witnessing.UNKNOWN) == (400, 403, 404)


def test_growth_is_cosigned() -> None:
    held = None
    for old, new in ((0, 0), (0, 3), (3, 3), (3, 7), (7, 8)):
        submission = submit(old, head(new), proof(old, new))

        answer = ask(submission, held)

        assert answer == Answer(200, head(new), head(new).encode())
        held = answer.checkpoint


def test_who_did_not_sign_is_refused() -> None:
    assert ask(submit(0, head(3), (), STRANGER)).status == 403
    # A line by the known key that does not verify spoils the others.
    good = submit(0, head(3), (), LOG, STRANGER)
    assert ask(good).status == 200
    blob = LOG.sign(head(4).encode())
    spoilt = Submission(0, (), good.note + f"{blob}\n".encode())
    assert ask(spoilt).status == 403


def test_what_is_no_checkpoint_is_malformed() -> None:
    for data in (b"", b"note", b"a\n\n\xff", b"log.example\n03\nAA==\n\nx\n"):
        assert ask(Submission(0, (), data)).status == 400


def test_an_old_size_beyond_the_new_one_is_malformed() -> None:
    assert ask(submit(4, head(3), ()), head(4)).status == 400
    assert ask(submit(3, head(3), ()), head(3)).status == 200


@pytest.mark.parametrize("old, held", [(0, 3), (2, 3), (3, 0), (3, 4)])
def test_another_old_size_is_told_the_right_one(old: int, held: int) -> None:
    answer = ask(submit(old, head(7), proof(old, 7)), head(held) if held else None)

    assert (answer.status, answer.size) == (409, held)


@pytest.mark.parametrize(
    "submission, held",
    [
        (submit(3, head(7, fork=True), proof(3, 7)), head(3)),
        (submit(3, head(3, fork=True), ()), head(3)),
        (submit(3, head(7), ()), head(3)),
        (submit(3, head(7), proof(3, 7)[::-1]), head(3)),
        (submit(3, head(3), proof(3, 7)), head(3)),
        (submit(0, head(7), proof(3, 7)), None),
    ],
)
def test_what_does_not_add_to_what_was_seen_is_refused(
    submission: Submission, held: Checkpoint | None
) -> None:
    assert ask(submission, held) == Answer(422)


def test_the_vectors_submission() -> None:
    vector = load("cosignature")["submission"]

    parsed = Submission.parse(vector["body"].encode())

    assert parsed.encode() == vector["body"].encode()
    assert parsed.old == vector["old"]
    assert witnessing.origin_of(parsed.note) == "sijill.example/log"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "old 0",
        "old 0\n",
        "old 00\n\nnote",
        "old -1\n\nnote",
        f"old {2**63}\n\nnote",
        "old 99999999999999999999\n\nnote",
        "new 0\n\nnote",
        "old 0\nAA==\n\nnote",
        f"old 0\n{HASH[:-2]}B=\n\nnote",
        f"old 0\r\n{HASH}\n\nnote",
        "old \u0660\n\nnote",
        "\n".join(["old 0", *[HASH] * 64]) + "\n\nnote",
    ],
)
def test_what_is_no_submission(text: str) -> None:
    with pytest.raises(ProofError) as refused:
        Submission.parse(text.encode())
    assert refused.value.code == "submission_malformed"


def test_as_much_as_a_submission_may_hold() -> None:
    assert MAX_REQUEST_BYTES == 131_072
    most = Submission(2**63 - 1, (bytes(32),) * 63, b"")
    assert Submission.parse(most.encode()) == most
    room = MAX_REQUEST_BYTES - len(most.encode())
    assert len(Submission.parse(most.encode() + b"x" * room).note) == room
    with pytest.raises(ProofError):
        Submission.parse(most.encode() + b"x" * (room + 1))


@given(st.binary(max_size=300))
def test_whatever_is_read_is_written_again(data: bytes) -> None:
    try:
        parsed = Submission.parse(b"old 3\n" + data)
    except ProofError:
        return
    assert parsed.encode() == b"old 3\n" + data
