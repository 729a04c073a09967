"""What the ledger knows of a register, of an entry that was captured, and of a number apart."""

from datetime import date
from typing import NamedTuple

from domain.agencies import responsible
from domain.errors import EntryUnknown, RecordMoved
from domain.ledger import Home, Record, Sitting
from domain.registers.commands import EntryState, Grade
from domain.registers.register import NUMBER_SPACE, REGISTER_SPACE, Register


class Coverage(NamedTuple):
    """That a register is covered: at which grade, and where that was declared."""

    grade: Grade
    at: int


class RegisterBook(Record):
    """The record of one register. What stands in it are records of their own."""

    TOPIC = "sijill.register"

    def begin(self) -> None:
        """Start open and not covered."""
        self.register: Register
        self.coverage: Coverage | None = None
        self.closed_at: int | None = None
        self.counted_at: int | None = None


class Entry(Record):
    """The record of one entry that was captured from a paper register."""

    TOPIC = "sijill.register.entry"

    def begin(self) -> None:
        """Start as the register had it; its capture says the rest."""
        self.register: Register
        self.number: str
        self.type: str
        self.date: date
        self.grade: Grade
        self.state: EntryState
        self.struck_at: int | None = None

    def homes(self) -> list[Home]:
        """Whoever keeps the register has its scans."""
        return [Home(self.register.agency, self.register.unit, self.register.series)]


class NumberNote(Record):
    """A number that no document stands under: reserved, or void."""

    TOPIC = "sijill.register.number"

    def begin(self) -> None:
        """Start as a reservation."""
        self.register: Register
        self.number: str
        self.voided = False


def book_of(register: Register, sitting: Sitting) -> RegisterBook | None:
    """The record of a register, or None where nothing was ever ordered about it as such."""
    stream = sitting.find(REGISTER_SPACE, register.key)
    record = sitting.load(stream) if stream else None
    return record if isinstance(record, RegisterBook) else None


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
