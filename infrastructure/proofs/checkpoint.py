"""Checkpoints: the log's signed word for its whole content at one size.

C2SP tlog-checkpoint, with the strictness of torchwood: the size is written again and compared, so
that only one spelling of a number passes. The note's text is::

    ledger.example/iq
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from infrastructure.proofs import base64text, merkle, note
from infrastructure.proofs.errors import ProofError

MAX_TEXT_CHARACTERS: Final = 65_536
_MAX_SIZE_DIGITS = len(str(merkle.MAX_SIZE))
_LINES = 3
_ORIGIN_FORM = re.compile("[^\x00-\x1f\ud800-\udfff]{1,255}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log's name, its number of leaves and the 32-byte root over them.

    ``extensions`` are further lines, which this log never writes: nobody could audit them.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse with ``checkpoint_malformed`` what no checkpoint can say."""
        if not _ORIGIN_FORM.fullmatch(self.origin):
            raise ProofError("checkpoint_malformed", "an origin is one line of text")
        if not 0 <= self.size <= merkle.MAX_SIZE or len(self.root) != merkle.HASH_BYTES:
            raise ProofError("checkpoint_malformed", "size or root out of range")
        if self.size == 0 and self.root != merkle.EMPTY_ROOT:
            raise ProofError("checkpoint_malformed", "the empty tree has one root")

    def encode(self) -> str:
        """The note's text.

        Raises:
            ProofError: ``checkpoint_malformed`` for an origin that cannot name a key, and for
                extension lines: both may be read, neither may be written.
        """
        note.require_name(self.origin, code="checkpoint_malformed")
        if self.extensions:
            raise ProofError("checkpoint_malformed", "this log writes no extension lines")
        return f"{self.origin}\n{self.size}\n{base64text.encode(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint in a note's text; the note's signatures are the caller's business.

        Raises:
            ProofError: ``checkpoint_malformed``.
        """
        if len(text) > MAX_TEXT_CHARACTERS:
            raise ProofError("checkpoint_malformed", f"at most {MAX_TEXT_CHARACTERS} characters")
        lines = text.split("\n")
        if lines.pop() or len(lines) < _LINES or not all(lines):
            raise ProofError("checkpoint_malformed", "three or more lines, none of them empty")
        origin, size, root, *extensions = lines
        return cls(
            origin=origin,
            size=_parse_size(size),
            root=base64text.decode(root, code="checkpoint_malformed", size_bytes=merkle.HASH_BYTES),
            extensions=tuple(extensions),
        )


def _parse_size(text: str) -> int:
    if len(text) > _MAX_SIZE_DIGITS or not (text.isascii() and text.isdigit()):
        raise ProofError("checkpoint_malformed", "a decimal size")
    size = int(text)
    if str(size) != text:
        raise ProofError("checkpoint_malformed", "a size without leading zeros")
    return size


def sign(checkpoint: Checkpoint, keys: Sequence[note.SignerKey]) -> bytes:
    """The signed note, by keys whose name is the origin.

    Raises:
        ProofError: ``checkpoint_origin_mismatch`` for a key of another name.
    """
    if any(key.name != checkpoint.origin for key in keys):
        raise ProofError("checkpoint_origin_mismatch", "a log signs under its origin")
    return note.sign(checkpoint.encode(), keys)


def open_checkpoint(
    data: bytes, *, origin: str, verifiers: Iterable[note.VerifierKey]
) -> Checkpoint:
    """The checkpoint in a note that a key of the log ``origin`` signed.

    Verifiers under another name are passed over: a witness or the receipts key never speaks for
    the size of the log.

    Raises:
        ProofError: ``checkpoint_malformed``, ``checkpoint_origin_mismatch`` for the checkpoint of
            another log, or what :func:`note.open_note` raises.
    """
    text, _ = note.open_note(data, [key for key in verifiers if key.name == origin])
    checkpoint = Checkpoint.parse(text)
    if checkpoint.origin != origin:
        raise ProofError("checkpoint_origin_mismatch", "a checkpoint of another log")
    return checkpoint
