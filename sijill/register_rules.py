"""The rules of registers, judged again by an auditor: where an event belongs, and what it counts.

Remembers every number that stands in a register: some 200 bytes each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from domain.registers import Register
from infrastructure.proofs.leaf import Body, Header

Objection = tuple[str, str]

_BOOKS: Final = frozenset(
    {
        "sijill.register.covered.v1",
        "sijill.register.uncovered.v1",
        "sijill.register.closed.v1",
        "sijill.register.counted.v1",
    }
)
_CLOSED: Final = "sijill.register.closed.v1"
_COUNTED: Final = "sijill.register.counted.v1"
_CAPTURED: Final = "sijill.register.captured.v1"
_RESERVED: Final = "sijill.register.reserved.v1"
_VOIDED: Final = "sijill.register.number_voided.v1"
_STRUCK: Final = "sijill.register.struck.v1"
_OPENS: Final = frozenset({_CAPTURED, _RESERVED, _VOIDED})


@dataclass(slots=True)
class _Book:
    """What one register holds; `stream` is None while nothing was ordered about it as such."""

    stream: UUID | None = None
    closed: bool = False
    given: int = 0
    voided: int = 0


@dataclass(slots=True)
class RegisterRules:
    """Judges what happens to numbers, whatever stands under them."""

    known: bool = True
    _books: dict[Register, _Book] = field(default_factory=dict)
    _numbers: set[str] = field(default_factory=set)
    _reserved: dict[str, UUID] = field(default_factory=dict)
    _entries: dict[UUID, str] = field(default_factory=dict)

    def issued(self, agency: str, said: dict[str, Any]) -> Iterator[Objection]:
        """What stands against a document under this number."""
        register = _register(agency, said)
        if register.number_key(said["number"]) in self._numbers:
            yield "number_repeated", str(said["number"])
        if self._book(register).closed:
            yield "register_closed", register.key

    def issue(self, agency: str, said: dict[str, Any]) -> tuple[Register, str]:
        """Learn of a document; its register, and the key of its number."""
        register = _register(agency, said)
        key = register.number_key(said["number"])
        self._numbers.add(key)
        self._count(register, 1)
        return register, key

    def free(self, register: Register, key: str) -> None:
        """Learn that nothing stands under a number any more."""
        self._numbers.discard(key)
        self._count(register, -1)

    def check(self, header: Header, body: Body) -> Iterator[Objection]:
        """What stands against an event about a register."""
        said, register = body.parsed, _register(header.agency, body.parsed)
        book = self._book(register)
        if header.type in _BOOKS:
            home = book.stream
            opens = home is None and header.version == 1 and header.stream not in self._entries
            if home != header.stream and not opens:
                yield "stream_mismatch", register.key
            yield from self._check_closing(header.type, said, book, register)
            return
        key = register.number_key(said["number"])
        if header.type in _OPENS:
            home = self._reserved.get(key) if header.type == _VOIDED else None
            opens = home is None and header.version == 1 and header.stream not in self._entries
            if home != header.stream and not opens:
                yield "stream_mismatch", str(header.stream)
            if key in self._numbers or (header.type == _RESERVED and key in self._reserved):
                yield "number_repeated", str(said["number"])
        elif self._entries.get(header.stream) != key:
            yield "stream_mismatch", str(header.stream)
        if book.closed and header.type in {*_OPENS, _STRUCK}:
            yield "register_closed", register.key

    def _check_closing(
        self, topic: str, said: dict[str, Any], book: _Book, register: Register
    ) -> Iterator[Objection]:
        if topic == _CLOSED and book.closed:
            yield "register_closed", register.key
        if topic == _COUNTED:
            if not book.closed:
                yield "register_open", register.key
            elif (said["given"], said["voided"]) != (book.given, book.voided):
                yield "register_count_wrong", f"{book.given}, {book.voided}"

    def learn(self, header: Header, body: Body) -> None:
        """Take in an event that was judged good."""
        said, register = body.parsed, _register(header.agency, body.parsed)
        book = self._book(register)
        if header.type in _BOOKS:
            book.stream = header.stream
            book.closed = book.closed or header.type == _CLOSED
            return
        key = register.number_key(said["number"])
        if header.type == _RESERVED:
            self._reserved[key] = header.stream
            self._entries[header.stream] = ""
        elif header.type == _VOIDED:
            self._reserved.pop(key, None)
            self._numbers.add(key)
            self._entries[header.stream] = ""
            book.voided += 1
        elif header.type == _CAPTURED:
            self._numbers.add(key)
            self._entries[header.stream] = key
            book.given += 1
        elif header.type == _STRUCK:
            self._numbers.discard(key)
            self._entries[header.stream] = ""
            book.given -= 1

    def _book(self, register: Register) -> _Book:
        return self._books.setdefault(register, _Book())

    def _count(self, register: Register, change: int) -> None:
        book = self._book(register)
        # What a closed register held is counted as it was.
        if not book.closed:
            book.given += change


def _register(agency: str, said: dict[str, Any]) -> Register:
    return Register(agency, said["unit"], said["series"], said["year"])
