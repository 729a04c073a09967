"""CBOR Web Tokens, narrowed to what Sijill reads: COSE_Sign1 over a map of claims.

CBOR leaves as many freedoms as JSON does: lengths that come later, several spellings of a number,
names that occur twice, tags that call for code. Here each value has one spelling (RFC 8949, section
4.2.1, without the order of names), and what is not needed is refused. RFC 9052, RFC 8392.
"""

from dataclasses import dataclass
from typing import Any, Final

from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import ED25519, P256, SIGNATURE_BYTES, PublicKey

MAX_DEPTH: Final = 6
MAX_ITEMS: Final = 256
"""Most members of one map or array; every one of them costs Python an object."""

ALGORITHM: Final = 1
KID: Final = 4
TYPE: Final = 16
_SIGN1_TAG: Final = 18
_PARTS: Final = 4
# The identifiers of RFC 9053 and the fully specified ones of RFC 9864.
_ALGORITHMS: Final = {-7: P256, -9: P256, -8: ED25519, -19: ED25519}

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_DIRECT: Final = 24
_ONE_BYTE: Final = 24
_EIGHT_BYTES: Final = 27


@dataclass(frozen=True, slots=True)
class Tag:
    """A tagged value."""

    number: int
    value: Any


class _Reader:
    """Reads one value after another from bytes that may hold anything."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._data)

    def value(self, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise ProofError("cwt_malformed", f"deeper than {MAX_DEPTH}")
        kind, number = self._head()
        if kind in (_UNSIGNED, _NEGATIVE):
            return number if kind == _UNSIGNED else -1 - number
        if kind in (_BYTES, _TEXT):
            return self._take(number) if kind == _BYTES else self._text(number)
        if kind == _SIMPLE:
            return self._simple(number)
        return self._whole(kind, number, depth + 1)

    def _whole(self, kind: int, number: int, depth: int) -> Any:
        if kind == _TAG:
            return Tag(number, self.value(depth))
        if kind == _MAP:
            return self._map(number, depth)
        return [self.value(depth) for _ in range(_bounded(number))]

    def _head(self) -> tuple[int, int]:
        [first] = self._take(1)
        kind, number = first >> 5, first & 31
        if number < _DIRECT or kind == _SIMPLE:
            return kind, number
        if number > _EIGHT_BYTES:
            raise ProofError("cwt_malformed", "every length is told beforehand")
        size = 1 << (number - _ONE_BYTE)
        told = int.from_bytes(self._take(size))
        # The shortest spelling: what fits in half as many bytes is not written in these.
        least = _DIRECT if size == 1 else 1 << (size * 4)
        if told < least:
            raise ProofError("cwt_malformed", "a number in more bytes than it needs")
        return kind, told

    def _take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise ProofError("cwt_malformed", "it ends too early")
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise ProofError("cwt_malformed", "text is UTF-8") from None

    def _map(self, size: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for _ in range(_bounded(size)):
            name = self.value(MAX_DEPTH)
            if type(name) not in (int, str) or name in found:
                raise ProofError("cwt_malformed", "names are numbers or texts, each once")
            found[name] = self.value(depth)
        return found

    @staticmethod
    def _simple(number: int) -> bool:
        if number not in (20, 21):
            raise ProofError("cwt_malformed", "no other simple value than false and true")
        return number == 21  # noqa: PLR2004 - RFC 8949, section 3.3: 20 is false, 21 true


def _bounded(size: int) -> int:
    if size > MAX_ITEMS:
        raise ProofError("cwt_malformed", f"at most {MAX_ITEMS} members")
    return size


def loads(data: bytes, *, limit_bytes: int) -> Any:
    """The one value in `data`: numbers, bytes, texts, booleans, lists, dicts, `Tag`.

    Raises:
        ProofError: ``cwt_malformed``.
    """
    if len(data) > limit_bytes:
        raise ProofError("cwt_malformed", f"at most {limit_bytes} bytes")
    reader = _Reader(data)
    value = reader.value()
    if not reader.at_end:
        raise ProofError("cwt_malformed", "something follows the value")
    return value


def dumps(value: Any) -> bytes:
    """A value as `loads` reads it; the members of a dict in their own order."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _told(_UNSIGNED, value) if value >= 0 else _told(_NEGATIVE, -1 - value)
    if isinstance(value, bytes | str):
        data, kind = (value, _BYTES) if isinstance(value, bytes) else (value.encode(), _TEXT)
        return _told(kind, len(data)) + data
    if isinstance(value, dict):
        members = (dumps(name) + dumps(one) for name, one in value.items())
        return _told(_MAP, len(value)) + b"".join(members)
    if isinstance(value, list):
        return _told(_ARRAY, len(value)) + b"".join(map(dumps, value))
    tag: Tag = value
    return _told(_TAG, tag.number) + dumps(tag.value)


def _told(kind: int, number: int) -> bytes:
    if number < _DIRECT:
        return bytes([kind << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << (size * 8))
    return bytes([kind << 5 | (_ONE_BYTE + size.bit_length() - 1)]) + number.to_bytes(size)


@dataclass(frozen=True, slots=True)
class Signed:
    """A COSE_Sign1 message, read and not verified: headers, payload, and what was signed."""

    protected: dict[Any, Any]
    unprotected: dict[Any, Any]
    payload: bytes
    message: bytes
    signature: bytes

    def check_signature(self, key: PublicKey) -> None:
        """Return when `key` signed it under the algorithm that it names.

        Raises:
            ProofError: ``signature_invalid``.
        """
        named: Any = self.protected.get(ALGORITHM)
        if _ALGORITHMS.get(named) != key.algorithm:
            raise ProofError("signature_invalid", "an algorithm that does not fit the key")
        key.verify(self.signature, self.message)


def parse(data: bytes, *, limit_bytes: int) -> Signed:
    """The tagged COSE_Sign1 message in `data`.

    Raises:
        ProofError: ``cwt_malformed``.
    """
    found = loads(data, limit_bytes=limit_bytes)
    match found:
        case Tag(
            number=18, value=[bytes() as head, dict() as loose, bytes() as payload, bytes() as sig]
        ) if len(sig) == SIGNATURE_BYTES:
            protected = loads(head, limit_bytes=limit_bytes)
            if type(protected) is dict:
                return Signed(protected, loose, payload, signed_bytes(head, payload), sig)
    raise ProofError("cwt_malformed", "a tagged COSE_Sign1 message is expected")


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """What a COSE_Sign1 signature is over (RFC 9052, section 4.4), nothing added from outside."""
    return dumps(["Signature1", protected, b"", payload])


def encode(
    protected: bytes, unprotected: dict[Any, Any], payload: bytes, signature: bytes
) -> bytes:
    """The tagged COSE_Sign1 message."""
    return dumps(Tag(_SIGN1_TAG, [protected, unprotected, payload, signature]))
