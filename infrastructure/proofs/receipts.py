"""What the ledger signs besides checkpoints: receipts, verdicts and the rotation of its own key.

Each is a signed note whose first line says what it is. Receipts and verdicts are signed by a key of
its own, named ``<origin>/receipts``; under the log's key they could be taken for its word about the
tree. Digests stand as lower-case hex. Record format, section 6.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from infrastructure.proofs import canonical, note
from infrastructure.proofs.errors import ProofError

RECEIPT: Final = "sijill-receipt/v1"
VERDICT: Final = "sijill-verdict/v1"
ROTATION: Final = "sijill-rotation/v1"
KEY_SUFFIX: Final = "/receipts"
DIGEST_BYTES: Final = 32
INTEGER_BOUND: Final = 2**53
MAX_VERDICT_BYTES: Final = 65_536
_ROTATION_NOTES = 2

_DIGEST = "([0-9a-f]{64})"
_INTEGER = "(0|[1-9][0-9]{0,15})"
_RECEIPT_FORM = re.compile(f"{RECEIPT}\n{_DIGEST}\n{_INTEGER}\n{_DIGEST}\n{_DIGEST}\n")
_ROTATION_FORM = re.compile(f"{ROTATION}\n{_DIGEST}\n{_DIGEST}\n")
_VERDICT_FORM = re.compile(f"{VERDICT}\n{_DIGEST}\n{_INTEGER}\n(\\{{.*\\}})\n")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The log's promise that it recorded a statement: what an agency keeps against the operator.

    ``ledger`` is the ledger's id (the leaf hash of index 0); all three digests have 32 bytes.
    """

    ledger: bytes
    index: int
    leaf_hash: bytes
    statement_digest: bytes

    def __post_init__(self) -> None:
        """Refuse with ``receipt_malformed`` what the five lines could not carry."""
        digests = (self.ledger, self.leaf_hash, self.statement_digest)
        _require(digests, self.index, code="receipt_malformed")

    def encode(self) -> str:
        """The note's text, five lines."""
        return (
            f"{RECEIPT}\n{self.ledger.hex()}\n{self.index}\n"
            f"{self.leaf_hash.hex()}\n{self.statement_digest.hex()}\n"
        )

    @classmethod
    def parse(cls, text: str) -> "Receipt":
        """Read what ``encode`` writes; ``receipt_malformed`` for anything else."""
        match = _RECEIPT_FORM.fullmatch(text)
        if match is None:
            raise ProofError("receipt_malformed", "not the five lines of a receipt")
        ledger, index, leaf_hash, statement_digest = match.groups()
        return cls(
            ledger=bytes.fromhex(ledger),
            index=int(index),
            leaf_hash=bytes.fromhex(leaf_hash),
            statement_digest=bytes.fromhex(statement_digest),
        )


@dataclass(frozen=True, slots=True)
class Rotation:
    """What the old and the new log key both sign, so that neither can be slipped in alone.

    ``statement_digest`` is that of the statement which orders the rotation; both have 32 bytes.
    """

    ledger: bytes
    statement_digest: bytes

    def __post_init__(self) -> None:
        """Refuse with ``rotation_malformed`` digests of another length."""
        _require((self.ledger, self.statement_digest), 0, code="rotation_malformed")

    def encode(self) -> str:
        """The note's text, three lines."""
        return f"{ROTATION}\n{self.ledger.hex()}\n{self.statement_digest.hex()}\n"

    @classmethod
    def parse(cls, text: str) -> "Rotation":
        """Read what ``encode`` writes; ``rotation_malformed`` for anything else."""
        match = _ROTATION_FORM.fullmatch(text)
        if match is None:
            raise ProofError("rotation_malformed", "not the three lines of a rotation")
        return cls(ledger=bytes.fromhex(match[1]), statement_digest=bytes.fromhex(match[2]))


@dataclass(frozen=True, slots=True)
class VerdictNote:
    """A verdict that was taken away: whose it is, on which index it rests, and what it said.

    ``verdict`` is an object in its RFC 8785 form, which never contains a line break.
    """

    ledger: bytes
    index: int
    verdict: bytes

    def __post_init__(self) -> None:
        """Refuse with ``verdict_malformed``, or a ``json_…`` code, what the lines cannot carry."""
        _require((self.ledger,), self.index, code="verdict_malformed")
        canonical.parse(self.verdict, limit_bytes=MAX_VERDICT_BYTES)

    def encode(self) -> str:
        """The note's text, four lines."""
        return f"{VERDICT}\n{self.ledger.hex()}\n{self.index}\n{self.verdict.decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "VerdictNote":
        """Read what ``encode`` writes; ``verdict_malformed`` or a ``json_…`` code otherwise."""
        match = _VERDICT_FORM.fullmatch(text)
        if match is None:
            raise ProofError("verdict_malformed", "not the four lines of a verdict")
        ledger, index, verdict = match.groups()
        # What is no UTF-8 is refused with the rest of the JSON.
        said = verdict.encode("utf-8", "surrogatepass")
        return cls(ledger=bytes.fromhex(ledger), index=int(index), verdict=said)


def key_name(origin: str) -> str:
    """Name of the key that signs receipts and verdicts of the log ``origin``."""
    return origin + KEY_SUFFIX


def sign(word: Receipt | VerdictNote, key: note.SignerKey) -> bytes:
    """The signed note for a receipt or a verdict; ``receipt_key_mismatch`` for a log's own key."""
    if not key.name.endswith(KEY_SUFFIX):
        raise ProofError("receipt_key_mismatch", f"the key's name ends in {KEY_SUFFIX}")
    return note.sign(word.encode(), [key])


def open_receipt(data: bytes, verifiers: Iterable[note.VerifierKey]) -> Receipt:
    """The receipt in a note that a receipts key signed.

    Raises:
        ProofError: ``receipt_malformed`` or what :func:`note.open_note` raises.
    """
    return Receipt.parse(_open(data, verifiers))


def open_verdict(data: bytes, verifiers: Iterable[note.VerifierKey]) -> VerdictNote:
    """The verdict in a note that a receipts key signed.

    Raises:
        ProofError: ``verdict_malformed``, a ``json_…`` code or what :func:`note.open_note` raises.
    """
    return VerdictNote.parse(_open(data, verifiers))


def sign_rotation(rotation: Rotation, key: note.SignerKey) -> bytes:
    """One of the two notes of a log-key rotation, by the old or the new log key."""
    return note.sign(rotation.encode(), [key])


def verify_rotation(
    notes: Sequence[str],
    rotation: Rotation,
    *,
    old_key: note.VerifierKey,
    new_key: note.VerifierKey,
) -> None:
    """Check the two notes of a rotation event: the first by the old key, the second by the new.

    Raises:
        ProofError: ``rotation_malformed``, ``rotation_mismatch`` when a note speaks of another
            rotation, or what :func:`note.open_note` raises.
    """
    if len(notes) != _ROTATION_NOTES or old_key == new_key:
        raise ProofError("rotation_malformed", "one note by each of two keys")
    for text, key in zip(notes, (old_key, new_key), strict=True):
        # A surrogate in the text must fail as a malformed note, not as an encoding error.
        data = text.encode(errors="surrogatepass")
        if Rotation.parse(note.open_note(data, [key]).text) != rotation:
            raise ProofError("rotation_mismatch", "the note is about another rotation")


def _open(data: bytes, verifiers: Iterable[note.VerifierKey]) -> str:
    return note.open_note(data, [key for key in verifiers if key.name.endswith(KEY_SUFFIX)]).text


def _require(digests: Sequence[bytes], index: int, *, code: str) -> None:
    if not 0 <= index < INTEGER_BOUND:
        raise ProofError(code, "an index is between 0 and 2^53-1")
    if any(len(digest) != DIGEST_BYTES for digest in digests):
        raise ProofError(code, f"digests have {DIGEST_BYTES} bytes")
