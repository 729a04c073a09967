"""What the ledger knows of a register, of an entry that was captured, and of a number apart."""

from bisect import bisect_left
from datetime import date
from typing import NamedTuple, Protocol, cast
from uuid import UUID

from domain.agencies import responsible
from domain.errors import EntryUnknown, RecordMoved, RegistersTooMany
from domain.ledger import Home, Record, Sitting
from domain.registers.commands import EntryState, Grade
from domain.registers.register import (
    KNOWN_SPACE,
    NUMBER_SPACE,
    REGISTER_SPACE,
    SHELF_PLACES,
    SHELF_SPACE,
    Register,
)


class Coverage(NamedTuple):
    """That a register is covered: at which grade, and where that was declared."""

    grade: Grade
    at: int


class Kept(Record):
    """A register, or what stands in it: its owner's, and whoever's who has succeeded that there."""

    def begin(self) -> None:
        """Start in a register."""
        self.register: Register

    def homes(self) -> list[Home]:
        """Whose register it is."""
        return [Home(self.register.agency, self.register.unit, self.register.series)]


class RegisterBook(Kept):
    """The record of one register. What stands in it are records of their own."""

    TOPIC = "sijill.register"

    def begin(self) -> None:
        """Start open and not covered."""
        super().begin()
        self.coverage: Coverage | None = None
        self.closed_at: int | None = None
        self.counted_at: int | None = None


class Entry(Kept):
    """The record of one entry that was captured from a paper register."""

    TOPIC = "sijill.register.entry"

    def begin(self) -> None:
        """Start as the register had it; its capture says the rest."""
        super().begin()
        self.number: str
        self.type: str
        self.date: date
        self.grade: Grade
        self.state: EntryState
        self.struck_at: int | None = None

    def homes(self) -> list[Home]:
        """Whoever keeps the register has its scans."""
        return [Home(self.register.agency, self.register.unit, self.register.series)]


class NumberNote(Kept):
    """A number that no document stands under: reserved, or void."""

    TOPIC = "sijill.register.number"

    def begin(self) -> None:
        """Start as a reservation."""
        super().begin()
        self.number: str
        self.voided = False


def book_of(register: Register, sitting: Sitting, *, incoming: bool = False) -> RegisterBook | None:
    """The record of a register, or None where nothing was ever ordered about it as such."""
    stream = sitting.find(REGISTER_SPACE, register.book_key(incoming=incoming))
    record = sitting.load(stream) if stream else None
    return record if isinstance(record, RegisterBook) else None


class _Standing(Protocol):
    """What stands in a register, or is one; a certificate does, too."""

    register: Register


def make_known(register: Register, stream: UUID, sitting: Sitting) -> None:
    """Put a register on its shelf with the first document or declaration that is recorded in it.

    Raises:
        RegistersTooMany: the agency has as many registers of that year as a shelf has places.
    """
    if not sitting.is_free(KNOWN_SPACE, register.key):
        return

    def free(place: int) -> bool:
        return sitting.is_free(SHELF_SPACE, register.shelf_key(place))

    # Places are taken in their order and never given up, so the first free one is found by halves.
    place = bisect_left(range(SHELF_PLACES), x=True, key=free)
    if place == SHELF_PLACES:
        raise RegistersTooMany(most=SHELF_PLACES)
    sitting.claim(KNOWN_SPACE, register.key, stream)
    sitting.claim(SHELF_SPACE, register.shelf_key(place), stream)


def shelf_of(register: Register, sitting: Sitting) -> list[Register]:
    """Every register of its agency and year that is known, whatever its unit and series.

    Nobody puts another one there before what is decided by it is recorded.
    """
    found: list[Register] = []
    for place in range(SHELF_PLACES):
        key = register.shelf_key(place)
        stream = sitting.find(SHELF_SPACE, key)
        if stream is None:
            sitting.absent(SHELF_SPACE, key)
            break
        found.append(cast("_Standing", sitting.load(stream)).register)
    return found


def entry_of(register: Register, number: str, sitting: Sitting) -> Entry:
    """The captured entry under a number.

    Raises:
        EntryUnknown: none was captured under it, or it was struck.
    """
    stream = sitting.find(NUMBER_SPACE, register.number_key(number))
    record = sitting.load(stream) if stream else None
    if not isinstance(record, Entry) or record.struck_at is not None:
        raise EntryUnknown
    return record


def check_kept(register: Register, sitting: Sitting) -> None:
    """A register is kept by the body that answers for its series now.

    Raises:
        RecordMoved: whoever orders has given the series to another body.
    """
    holder = responsible(register.agency, register.unit, register.series, sitting.agency)
    if holder != sitting.signed.agency:
        raise RecordMoved(successor=holder)
