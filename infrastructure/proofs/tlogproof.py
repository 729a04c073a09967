"""A proof in one file that any C2SP tool can check: that a log of this name holds this leaf.

C2SP tlog-proof. ``extra`` is authenticated by nothing and serves only to rebuild the leaf: here it
is the leaf itself, from which the leaf hash is computed::

    c2sp.org/tlog-proof@v1
    extra <base64>
    index <n>
    <base64 hash>...

    <checkpoint>
"""

import re
from dataclasses import dataclass
from typing import Final

from infrastructure.proofs import base64text, merkle, note
from infrastructure.proofs.errors import ProofError

HEADER: Final = "c2sp.org/tlog-proof@v1"
MAX_HASHES: Final = 63
MAX_EXTRA_BYTES: Final = 65_535
MAX_PROOF_BYTES: Final = note.MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES
_INDEX = re.compile("index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A leaf's place, its path from the sibling upwards, and the checkpoint with all signatures."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The file's bytes."""
        extra = [] if self.extra is None else [f"extra {base64text.encode(self.extra)}"]
        hashes = [base64text.encode(one) for one in self.hashes]
        lines = [HEADER, *extra, f"index {self.index}", *hashes]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint

    def verify(self, *, size: int, root: bytes) -> None:
        """Check inclusion of the leaf in ``extra`` under a checkpoint that the caller has opened.

        Raises:
            ProofError: ``proof_malformed`` without a leaf, or ``inclusion_invalid``.
        """
        if self.extra is None:
            raise _malformed("the leaf stands in extra")
        merkle.verify_inclusion(
            leaf_hash=merkle.leaf_hash(self.extra),
            index=self.index,
            size=size,
            proof=self.hashes,
            root=root,
        )


def parse(data: bytes) -> TlogProof:
    """Read what ``encode`` writes; no signature is verified.

    Raises:
        ProofError: ``proof_malformed``.
    """
    if len(data) > MAX_PROOF_BYTES:
        raise _malformed(f"at most {MAX_PROOF_BYTES} bytes")
    head, separator, checkpoint = data.partition(b"\n\n")
    if not separator or not head.isascii():
        raise _malformed("lines of ASCII, an empty line, and the checkpoint")
    first, *lines = head.decode("ascii").split("\n")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = base64text.decode(lines.pop(0).removeprefix("extra "), code="proof_malformed")
        if len(extra) > MAX_EXTRA_BYTES:
            raise _malformed(f"at most {MAX_EXTRA_BYTES} bytes of extra")
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if first != HEADER or index is None or int(index[1]) > merkle.MAX_SIZE:
        raise _malformed("the format's name, and an index")
    if len(lines) > MAX_HASHES + 1:
        raise _malformed(f"at most {MAX_HASHES} hashes")
    hashes = tuple(
        base64text.decode(line, code="proof_malformed", size_bytes=merkle.HASH_BYTES)
        for line in lines[1:]
    )
    return TlogProof(int(index[1]), hashes, checkpoint, extra)


def _malformed(detail: str) -> ProofError:
    return ProofError("proof_malformed", detail)
