"""CBOR as credentials use it: the deterministic encoding of RFC 8949, section 4.2.1, and no other.

Integers of at most 64 bits, byte and text strings, arrays, maps and one tag. Lengths are definite
and shortest, keys are sorted by their bytes and occur once. Whoever sends other bytes for the same
value, floats, nested bombs or tags that ask a decoder to build something is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from infrastructure.proofs.errors import ProofError

MAX_DEPTH: Final = 6
"""Arrays, maps and tags inside one another; the deepest format here needs four."""

Value = Any
"""int, bytes, str, list, dict or :class:`Tagged`, inside one another."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_INLINE = 24
_MAX_ARGUMENT = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under a tag, such as 18 for COSE_Sign1."""

    tag: int
    value: Value


def dumps(value: Value) -> bytes:
    """The one encoding of a value.

    Raises:
        ProofError: ``cbor_malformed`` for a value that has none here.
    """
    match value:
        case bool():
            raise ProofError("cbor_malformed", "no such type here")
        case int():
            return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            return _text(value)
        case list():
            return _head(_ARRAY, len(value)) + b"".join(map(dumps, value))
        case Tagged():
            return _head(_TAG, value.tag) + dumps(value.value)
        case Mapping():
            pairs = sorted((dumps(key), dumps(one)) for key, one in value.items())
            return _head(_MAP, len(pairs)) + b"".join(key + one for key, one in pairs)
    raise ProofError("cbor_malformed", "no such type here")


def loads(data: bytes, *, limit_bytes: int, any_order: bool = False) -> Value:
    """The value that :func:`dumps` encodes as ``data``.

    ``any_order`` lets the keys of a map come as they like, for formats that others write too.

    Raises:
        ProofError: ``cbor_too_large``; ``cbor_malformed`` for anything else than that encoding.
    """
    if len(data) > limit_bytes:
        raise ProofError("cbor_too_large", f"at most {limit_bytes} bytes")
    reader = _Reader(data, any_order=any_order)
    value = reader.read(MAX_DEPTH)
    if reader.at != len(data):
        raise ProofError("cbor_malformed", "bytes after the value")
    return value


def _head(major: int, argument: int) -> bytes:
    if not 0 <= argument <= _MAX_ARGUMENT:
        raise ProofError("cbor_malformed", "an integer of more than 64 bits")
    if argument < _INLINE:
        return bytes([major << 5 | argument])
    width = next(width for width in (1, 2, 4, 8) if argument < 1 << 8 * width)
    kind = _INLINE + width.bit_length() - 1
    return bytes([major << 5 | kind]) + argument.to_bytes(width, "big")


def _text(value: str) -> bytes:
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise ProofError("cbor_malformed", "a lone surrogate") from None
    return _head(_TEXT, len(encoded)) + encoded


class _Reader:
    def __init__(self, data: bytes, *, any_order: bool) -> None:
        self._data = data
        self._any_order = any_order
        self.at = 0

    def read(self, depth: int) -> Value:
        if depth == 0:
            raise ProofError("cbor_malformed", f"at most {MAX_DEPTH} levels")
        major, argument = self._read_head()
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self._take(argument)
            case 3:
                return self._read_text(argument)
            case _:
                return self._read_nested(major, argument, depth - 1)

    def _read_nested(self, major: int, argument: int, depth: int) -> Value:
        if major == _ARRAY:
            self._expect(argument)
            return [self.read(depth) for _ in range(argument)]
        if major == _MAP:
            return self._read_map(argument, depth)
        if major == _TAG:
            return Tagged(argument, self.read(depth))
        raise ProofError("cbor_malformed", "no floats, no simple values")

    def _read_head(self) -> tuple[int, int]:
        first = self._take(1)[0]
        major, kind = first >> 5, first & 31
        if kind < _INLINE:
            return major, kind
        width = 1 << (kind - _INLINE)
        if width > 8:  # noqa: PLR2004  # eight bytes are the longest argument there is
            raise ProofError("cbor_malformed", "lengths are definite")
        argument = int.from_bytes(self._take(width), "big")
        if argument < (_INLINE if width == 1 else 1 << 4 * width):
            raise ProofError("cbor_malformed", "not the shortest form")
        return major, argument

    def _expect(self, items: int) -> None:
        """Refuse a count that the bytes left cannot hold, before anything is made of it."""
        if items > len(self._data) - self.at:
            raise ProofError("cbor_malformed", "truncated")

    def _take(self, count: int) -> bytes:
        self._expect(count)
        taken = self._data[self.at : self.at + count]
        self.at += count
        return taken

    def _read_text(self, count: int) -> str:
        try:
            return self._take(count).decode("utf-8")
        except UnicodeDecodeError:
            raise ProofError("cbor_malformed", "not UTF-8") from None

    def _read_map(self, count: int, depth: int) -> Value:
        self._expect(2 * count)
        pairs: dict[Value, Value] = {}
        before = b""
        for _ in range(count):
            begins = self.at
            key = self.read(depth)
            spelt = self._data[begins : self.at]
            in_turn = self._any_order or spelt > before
            if not isinstance(key, int | str | bytes) or key in pairs or not in_turn:
                raise ProofError("cbor_malformed", "keys are plain, sorted, and once each")
            before = spelt
            pairs[key] = self.read(depth)
        return pairs
