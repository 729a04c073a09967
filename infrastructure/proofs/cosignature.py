"""Cosignatures: what a witness adds to a checkpoint, so that all readers see one tree.

C2SP tlog-cosignature, Ed25519 (type 0x04): the witness signs the time and the whole text of the
note, and says that this was then the largest tree of this log that it had seen, and that it adds to
every smaller one. The signature does not cover the witness's name: a key serves one name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import base64text, note
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import VerifierKey

TIME_BYTES: Final = 8
MAX_TIME: Final = 2**63 - 1
_TYPE = b"\x04"


@dataclass(frozen=True)
class CosignerKey:
    """A witness's public key (32 bytes) and the name under which it cosigns."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Refuse with ``vkey_malformed`` a bad name, and with a ``key_…`` code a bad point."""
        _ = self._key

    @cached_property
    def _key(self) -> VerifierKey:
        return VerifierKey(self.name, self.public)

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, tell a reader which key to try."""
        return sha256(self.name.encode() + b"\n" + _TYPE + self.public).digest()[
            : note.KEY_ID_BYTES
        ]

    def encode(self) -> str:
        """The key as text: ``name+hex(key id)+base64(0x04 || public key)``."""
        material = base64text.encode(_TYPE + self.public)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def parse(cls, text: str) -> "CosignerKey":
        """Read what ``encode`` writes.

        Raises:
            ProofError: ``vkey_malformed``; ``vkey_type_unknown`` for another type than 0x04; or a
                ``key_…`` code for a point that must not be trusted.
        """
        name, material = note.split_vkey(text)
        if not material.startswith(_TYPE):
            raise ProofError("vkey_type_unknown", "only Ed25519 cosignatures, type 0x04")
        key = cls(name, material[1:])
        if key.encode() != text:
            raise ProofError("vkey_malformed", "the key id belongs to another key")
        return key

    def verify(self, text: str, signature: bytes) -> int:
        """The time (seconds since 1970) of a cosignature over a note's text.

        Raises:
            ProofError: ``signature_invalid``.
        """
        time = int.from_bytes(signature[:TIME_BYTES], "big")
        # A checkpoint's cosignature has a time; without one it is about a part of a tree.
        if not 0 < time <= MAX_TIME:
            raise ProofError("signature_invalid", "a cosignature tells its time")
        self._key.verify(_message(text, time), signature[TIME_BYTES:])
        return time


@dataclass(frozen=True, eq=False)
class Cosigner:
    """A witness's private key as its RFC 8032 seed (32 bytes), and the name it cosigns under."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse with ``vkey_malformed`` a bad name or a seed of another length."""
        if len(self.seed) != note.SEED_BYTES:
            raise ProofError("vkey_malformed", f"a seed has {note.SEED_BYTES} bytes")
        _ = self.verifier

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def verifier(self) -> CosignerKey:
        """The public half."""
        return CosignerKey(self.name, self._private.public_key().public_bytes_raw())

    def sign(self, text: str, time: int) -> str:
        """The signature line over a note's text at a time in seconds, without its newline."""
        if not 0 < time <= MAX_TIME:
            raise ProofError("signature_invalid", "a cosignature tells its time")
        signature = self._private.sign(_message(text, time).encode())
        blob = self.verifier.key_id + time.to_bytes(TIME_BYTES, "big") + signature
        return note.line(self.name, blob)


class Cosigned(NamedTuple):
    """A witness that cosigned a note, and when, in seconds since 1970."""

    key: CosignerKey
    time: int


def cosigned(data: bytes, keys: Iterable[CosignerKey]) -> list[Cosigned]:
    """Which of these witnesses cosigned a note, each once; others are passed over.

    Raises:
        ProofError: ``note_malformed``, or ``signature_invalid`` when a line by a known key does not
            verify.
    """
    known = {(key.name, key.key_id): key for key in keys}
    text, lines = note.signatures(data)
    found: dict[CosignerKey, int] = {}
    for name, key_id, signature in lines:
        key = known.get((name, key_id))
        if key is not None:
            found[key] = max(key.verify(text, signature), found.get(key, 0))
    return [Cosigned(key, time) for key, time in found.items()]


def _message(text: str, time: int) -> str:
    return f"cosignature/v1\ntime {time}\n{text}"
