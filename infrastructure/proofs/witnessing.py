"""What a witness answers: cosign a larger tree that adds to the one it knows, and nothing else.

C2SP tlog-witness, `add-checkpoint`. Pure: :func:`judge` decides from a request and from what is
remembered of the log. Whoever calls it keeps what it decided *before* answering, and lets nobody
else decide about the same log in between.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from infrastructure.proofs import base64text, merkle, note
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.material import text_of
from infrastructure.proofs.note import VerifierKey

MAX_REQUEST_BYTES: Final = 131_072
MAX_HASHES: Final = 63
SIZE_TYPE: Final = "text/x.tlog.size"

OK: Final = 200
MALFORMED: Final = 400
UNTRUSTED: Final = 403
UNKNOWN: Final = 404
CONFLICT: Final = 409
INCONSISTENT: Final = 422

_OLD = re.compile("old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Submission:
    """The body of `add-checkpoint`: from which size on, the proof, and the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The request's bytes."""
        lines = [f"old {self.old}", *map(base64text.encode, self.proof)]
        return "\n".join(lines).encode() + b"\n\n" + self.note

    @classmethod
    def parse(cls, data: bytes) -> "Submission":
        """Read what ``encode`` writes; no signature is verified.

        Raises:
            ProofError: ``submission_malformed``.
        """
        if len(data) > MAX_REQUEST_BYTES:
            raise _malformed(f"at most {MAX_REQUEST_BYTES} bytes")
        head, separator, rest = data.partition(b"\n\n")
        if not separator or not head.isascii():
            raise _malformed("lines of ASCII, an empty line, and the checkpoint")
        first, *lines = head.decode("ascii").split("\n")
        old = _OLD.fullmatch(first)
        if old is None or int(old[1]) > merkle.MAX_SIZE or len(lines) > MAX_HASHES:
            raise _malformed(f"a size, and at most {MAX_HASHES} hashes")
        proof = tuple(
            base64text.decode(line, code="submission_malformed", size_bytes=merkle.HASH_BYTES)
            for line in lines
        )
        return cls(int(old[1]), proof, rest)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status; with 200 what is to be kept and cosigned, with 409 the size that is remembered."""

    status: int
    checkpoint: Checkpoint | None = None
    text: str = ""
    size: int | None = None


def origin_of(data: bytes) -> str:
    """Whose checkpoint a note claims to be, for finding what is remembered of that log.

    Raises:
        ProofError: it is no checkpoint.
    """
    return Checkpoint.parse(text_of(data)).origin


def judge(
    submission: Submission, *, keys: Iterable[VerifierKey], held: Checkpoint | None
) -> Answer:
    """What to answer about a log under these keys, of which ``held`` was cosigned last."""
    try:
        claimed = Checkpoint.parse(text_of(submission.note))
    except ProofError:
        return Answer(MALFORMED)
    try:
        given = open_checkpoint(submission.note, origin=claimed.origin, verifiers=keys)
    except ProofError:
        return Answer(UNTRUSTED)
    if submission.old > given.size:
        return Answer(MALFORMED)
    size = held.size if held else 0
    if submission.old != size:
        return Answer(CONFLICT, size=size)
    try:
        merkle.verify_consistency(
            old_size=size,
            new_size=given.size,
            proof=submission.proof,
            old_root=held.root if held else merkle.EMPTY_ROOT,
            new_root=given.root,
        )
    except ProofError:
        return Answer(INCONSISTENT)
    return Answer(OK, given, note.signatures(submission.note)[0])


def _malformed(detail: str) -> ProofError:
    return ProofError("submission_malformed", detail)
