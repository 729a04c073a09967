"""Signed notes: a few lines of text and the signatures under them, readable by eye and by program.

C2SP signed-note, read strictly: one spelling for every byte, one error type for every malformation,
sizes judged before anything is parsed. Signatures are Ed25519 over the text (type 0x01). Lines by
keys that the reader does not know are ignored, so witnesses and successors can add theirs; a bad
line by a known key spoils the whole note.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import base64text, jwk
from infrastructure.proofs.errors import ProofError

MAX_NOTE_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100
MAX_NAME_BYTES: Final = 255
SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
KEY_ID_BYTES: Final = 4

_ED25519_TYPE = b"\x01"
_LINE_START = "\u2014"
# Control characters other than newline, and surrogates, which have no UTF-8 form.
_REFUSED = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_NAME_FORM = re.compile("[^\\s+\x00-\x1f\ud800-\udfff]+")
_VKEY_FORM = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,4096})")
_MAX_VKEY_CHARACTERS = 8192


@dataclass(frozen=True)
class VerifierKey:
    """An Ed25519 public key (32 bytes) and the name under which it signs notes."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Refuse with ``vkey_malformed`` a bad name, and with a ``key_…`` code a bad point."""
        require_name(self.name, code="vkey_malformed")
        if len(self.public) != PUBLIC_BYTES:
            raise ProofError("vkey_malformed", f"a key has {PUBLIC_BYTES} bytes")
        _ = self._key

    @cached_property
    def _key(self) -> jwk.PublicKey:
        # Under a point of small order anybody can sign anything, and so could deny everything.
        x = base64text.encode_url(self.public)
        return jwk.parse_jwk({"kty": "OKP", "crv": jwk.ED25519, "x": x})

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, tell a reader which key to try."""
        return sha256(self.name.encode() + b"\n" + _ED25519_TYPE + self.public).digest()[
            :KEY_ID_BYTES
        ]

    def encode(self) -> str:
        """The key as text: ``name+hex(key id)+base64(type || public key)``."""
        material = base64text.encode(_ED25519_TYPE + self.public)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read what ``encode`` writes.

        Raises:
            ProofError: ``vkey_malformed``; ``vkey_type_unknown`` for a type other than Ed25519; or
                a ``key_…`` code for a point that must not be trusted.
        """
        name, material = split_vkey(text)
        if not material.startswith(_ED25519_TYPE):
            raise ProofError("vkey_type_unknown", "only Ed25519, type 0x01")
        key = cls(name, material[1:])
        if key.encode() != text:
            raise ProofError("vkey_malformed", "the key id belongs to another key")
        return key

    def verify(self, text: str, signature: bytes) -> None:
        """Return when ``signature`` (64 bytes) is this key's over ``text``.

        Raises:
            ProofError: ``signature_invalid``.
        """
        self._key.verify(signature, text.encode())


@dataclass(frozen=True, eq=False)
class SignerKey:
    """An Ed25519 private key as its RFC 8032 seed (32 bytes), and the name it signs under."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse with ``vkey_malformed`` a bad name or a seed of another length."""
        if len(self.seed) != SEED_BYTES:
            raise ProofError("vkey_malformed", f"a seed has {SEED_BYTES} bytes")
        _ = self.verifier

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @cached_property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The signature line over ``text``, without its newline."""
        blob = self.verifier.key_id + self._private.sign(text.encode())
        return line(self.name, blob)


class Note(NamedTuple):
    """A note that was opened: its text, and which of the known keys signed it, each once."""

    text: str
    keys: tuple[VerifierKey, ...]


def sign(text: str, keys: Sequence[SignerKey]) -> bytes:
    """The note over ``text`` with one line for each key, in their order.

    Raises:
        ProofError: ``note_malformed`` for a text that no reader would take.
    """
    if not text.endswith("\n") or _REFUSED.search(text):
        raise ProofError("note_malformed", "text ends with a newline, its only control character")
    if not 1 <= len(keys) <= MAX_SIGNATURES:
        raise ProofError("note_malformed", f"1 to {MAX_SIGNATURES} signatures")
    lines = "".join(f"{key.sign(text)}\n" for key in keys)
    data = f"{text}\n{lines}".encode()
    if len(data) > MAX_NOTE_BYTES:
        raise ProofError("note_malformed", f"at most {MAX_NOTE_BYTES} bytes")
    return data


def open_note(data: bytes, verifiers: Iterable[VerifierKey]) -> Note:
    """The text of a note that at least one of ``verifiers`` signed.

    Raises:
        ProofError: ``note_malformed``; ``signature_invalid`` when a line by a known key does not
            verify, whatever the other lines say; ``note_unsigned`` when no line is by a known key;
            ``note_keys_ambiguous`` when two different verifiers share name and key id.
    """
    known = _index(verifiers)
    text, lines = signatures(data)
    signed: dict[VerifierKey, None] = {}
    for name, key_id, signature in lines:
        key = known.get((name, key_id))
        if key is not None:
            key.verify(text, signature)
            signed[key] = None
    if not signed:
        raise ProofError("note_unsigned", "no signature by a known key")
    return Note(text, tuple(signed))


def signatures(data: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of a note and what stands under it: name, key id and signature, none verified.

    Raises:
        ProofError: ``note_malformed``.
    """
    text, lines = _split(data)
    return text, [parse_line(one) for one in lines]


def line(name: str, blob: bytes) -> str:
    """A signature line without its newline; ``blob`` is key id and signature."""
    return f"{_LINE_START} {name} {base64text.encode(blob)}"


def split_vkey(text: str) -> tuple[str, bytes]:
    """Name and typed key in a verifier key's text; that its key id fits is not judged yet.

    Raises:
        ProofError: ``vkey_malformed``.
    """
    match = _VKEY_FORM.fullmatch(text) if len(text) <= _MAX_VKEY_CHARACTERS else None
    if match is None:
        raise ProofError("vkey_malformed", "name+key id+key expected")
    return match[1], base64text.decode(match[3], code="vkey_malformed")


def _index(verifiers: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in verifiers:
        # Four bytes collide on purpose within hours; guessing which key was meant helps nobody.
        if known.setdefault((key.name, key.key_id), key) != key:
            raise ProofError("note_keys_ambiguous", "two keys with one name and key id")
    return known


def _split(data: bytes) -> tuple[str, list[str]]:
    """Text with its final newline, and signature lines without theirs."""
    if len(data) > MAX_NOTE_BYTES:
        raise ProofError("note_malformed", f"at most {MAX_NOTE_BYTES} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ProofError("note_malformed", "not UTF-8") from None
    if _REFUSED.search(whole):
        raise ProofError("note_malformed", "a control character")
    # The last empty line, because the text may hold empty lines of its own.
    head, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise ProofError("note_malformed", "text, an empty line and signature lines expected")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise ProofError("note_malformed", f"at most {MAX_SIGNATURES} signatures")
    return f"{head}\n", lines


def parse_line(text: str) -> tuple[str, bytes, bytes]:
    """Name, key id and signature of one signature line without its newline.

    Raises:
        ProofError: ``note_malformed``.
    """
    start, _, rest = text.partition(" ")
    name, _, encoded = rest.partition(" ")
    if start != _LINE_START:
        raise ProofError("note_malformed", "a signature line is dash, name, signature")
    require_name(name, code="note_malformed")
    blob = base64text.decode(encoded, code="note_malformed")
    if len(blob) <= KEY_ID_BYTES:
        raise ProofError("note_malformed", "a signature line without a signature")
    return name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:]


def require_name(name: str, *, code: str) -> None:
    """Refuse with ``code`` what cannot name a key: it would not survive in a signature line."""
    if not _NAME_FORM.fullmatch(name) or len(name.encode()) > MAX_NAME_BYTES:
        raise ProofError(code, f"1 to {MAX_NAME_BYTES} bytes without spaces and plus signs")
