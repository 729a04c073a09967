"""PostgreSQL arrays in their binary form, packed without a step per element in between.

Psycopg adapts a list element by element and guesses the width of integers from their values. The
append call has thousands of elements whose types are known, and its prepared statement must see
the same types every time. The layout is that of PostgreSQL's array_recv: number of dimensions, a
flag for NULLs, the element type's oid, then length and lower bound of the dimension, then each
element behind its length (-1 for NULL); integers are big-endian.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct, pack
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD = Struct(">iiIii")
_LENGTH = Struct(">i")
_INT4 = Struct(">i")
_INT8 = Struct(">q")
_NULL = pack(">i", -1)


@dataclass(frozen=True, slots=True)
class Packed:
    """An array in binary form, ready to be sent; each subclass is one PostgreSQL type."""

    data: bytes


class _Text(Packed):
    pass


class _Bytea(Packed):
    pass


class _Int4(Packed):
    pass


class _Int8(Packed):
    pass


class _Bool(Packed):
    pass


class _Uuid(Packed):
    pass


def text(values: Sequence[str]) -> Packed:
    """A text[]."""
    return _Text(_varying("text", [value.encode() for value in values]))


def bytea(values: Sequence[bytes | None]) -> Packed:
    """A bytea[]; None is NULL."""
    return _Bytea(_varying("bytea", values))


def int4(values: Sequence[int]) -> Packed:
    """A integer[]."""
    return _Int4(_fixed("int4", _INT4.size, len(values), map(_INT4.pack, values)))


def int8(values: Sequence[int]) -> Packed:
    """A bigint[]."""
    return _Int8(_fixed("int8", _INT8.size, len(values), map(_INT8.pack, values)))


def boolean(values: Sequence[bool]) -> Packed:
    """A boolean[]."""
    packed = (b"\x01" if value else b"\x00" for value in values)
    return _Bool(_fixed("bool", 1, len(values), packed))


def uuid(values: Sequence[UUID]) -> Packed:
    """A uuid[]."""
    return _Uuid(_fixed("uuid", 16, len(values), (value.bytes for value in values)))


def _oid(name: str) -> int:
    return psycopg.adapters.types[name].oid


def _head(name: str, count: int, *, nulls: bool = False) -> bytes:
    return _HEAD.pack(1 if count else 0, nulls, _oid(name), count, 1)[: 20 if count else 12]


def _fixed(name: str, width: int, count: int, packed: Iterable[bytes]) -> bytes:
    length = _LENGTH.pack(width)
    return _head(name, count) + (length + length.join(packed) if count else b"")


def _varying(name: str, values: Sequence[bytes | None]) -> bytes:
    parts = [_head(name, len(values), nulls=None in values)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(_LENGTH.pack(len(value)))
            parts.append(value)
    return b"".join(parts)


def _register(kind: type[Packed], name: str) -> None:
    class PackedDumper(Dumper):
        format = Format.BINARY
        oid = psycopg.adapters.types[name].array_oid

        def dump(self, obj: Packed) -> Buffer | None:
            return obj.data

    psycopg.adapters.register_dumper(kind, PackedDumper)


for _kind, _name in (
    (_Text, "text"),
    (_Bytea, "bytea"),
    (_Int4, "int4"),
    (_Int8, "int8"),
    (_Bool, "bool"),
    (_Uuid, "uuid"),
):
    _register(_kind, _name)
