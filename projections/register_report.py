"""What is odd in one register: gaps, numbers voided or only reserved, dates behind, strange hours.

Pure: the rows come from `projections.registers`, the working days from the calendar. They come in
parts, and of each kind only the first are kept, because a register may hold very many.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeVar

from domain.catalogue.calendar import Calendar
from domain.values import BAGHDAD, baghdad_day, fold_number, utc
from projections.registers import Number

_RECORDED_AT_ONCE = frozenset({"issued", "outgoing", "incoming"})

LISTED = 500
"""How many of each kind a report lists; it counts all."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that nothing stands under, between ones that something does: first and last."""

    first: int
    last: int


@dataclass(slots=True)
class Some(Generic[_T]):
    """How many there are of a kind, and the first of them."""

    count: int = 0
    first: list[_T] = field(default_factory=list)

    def add(self, one: _T) -> None:
        """Count one more, and keep it where it is among the first."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(one)


@dataclass(slots=True)
class Report:
    """What was found. `given` are numbers that documents or letters stand under."""

    given: int = 0
    voided: Some[Number] = field(default_factory=Some)
    reserved: Some[Number] = field(default_factory=Some)
    gaps: Some[Gap] = field(default_factory=Some)
    missing: int = 0
    backdated: Some[Number] = field(default_factory=Some)
    out_of_hours: Some[Number] = field(default_factory=Some)
    highest: int = 0


@dataclass(slots=True)
class Reporter:
    """Makes the report over a register's numbers, which it is given in the order of their ordinals.

    `late_days` is how many days after its date a document may be recorded before it counts as
    dated back. Captured entries are of the past by nature: neither dates nor hours of theirs count.
    Without a calendar neither dates nor hours of any are judged.
    """

    calendar: Calendar | None
    late_days: int = 0
    _found: Report = field(default_factory=Report)
    _before: int | None = None
    _taken: set[str] = field(default_factory=set)
    _reserved: list[Number] = field(default_factory=list)

    def add(self, numbers: Iterable[Number]) -> None:
        """Go on with the next numbers."""
        found = self._found
        for one in numbers:
            if one.ordinal != self._before:
                self._step(one.ordinal)
            if one.kind == "reserved":
                self._reserved.append(one)
            elif one.kind == "voided":
                found.voided.add(one)
            else:
                found.given += 1
                self._taken.add(fold_number(one.number))
            if self.calendar is not None and one.kind in _RECORDED_AT_ONCE:
                _judge_time(one, found, self.calendar, self.late_days)

    def end(self) -> Report:
        """The report over all of them."""
        self._settle()
        self._found.highest = self._before or 0
        return self._found

    def _step(self, ordinal: int) -> None:
        self._settle()
        if self._before is not None and ordinal > self._before + 1:
            self._found.gaps.add(Gap(self._before + 1, ordinal - 1))
            self._found.missing += ordinal - 1 - self._before
        self._before = ordinal

    def _settle(self) -> None:
        """Which reservations of one ordinal were used: the same number has the same ordinal."""
        for one in self._reserved:
            if fold_number(one.number) not in self._taken:
                self._found.reserved.add(one)
        self._reserved.clear()
        self._taken.clear()


def _judge_time(one: Number, found: Report, calendar: Calendar, late_days: int) -> None:
    day = baghdad_day(one.time)
    if one.date is not None and (day - date.fromisoformat(one.date)).days > late_days:
        found.backdated.add(one)
    moment = utc(one.time).astimezone(BAGHDAD)
    if not calendar.works_at(day, moment.hour * 60 + moment.minute):
        found.out_of_hours.add(one)
