"""What is odd in one register: gaps, numbers voided or only reserved, dates behind, strange hours.

Pure: the rows come from `projections.registers`, the working days from the calendar.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from domain.catalogue.calendar import Calendar
from domain.values import BAGHDAD, baghdad_day, utc
from projections.registers import Number

_RECORDED_AT_ONCE = frozenset({"issued", "outgoing", "incoming"})

LISTED = 500
"""How many of each kind a report lists; it counts all."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that nothing stands under, between ones that something does: first and last."""

    first: int
    last: int


@dataclass(slots=True)
class Report:
    """What was found. `given` are numbers that documents or letters stand under."""

    given: int = 0
    voided: list[Number] = field(default_factory=list)
    reserved: list[Number] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    missing: int = 0
    backdated: list[Number] = field(default_factory=list)
    out_of_hours: list[Number] = field(default_factory=list)
    highest: int = 0


def report(numbers: Sequence[Number], calendar: Calendar, *, late_days: int) -> Report:
    """The report over a register's numbers, in the order of their ordinals.

    `late_days` is how many days after its date a document may be recorded before it counts as
    dated back. Captured entries are of the past by nature: neither dates nor hours of theirs count.
    """
    found = Report()
    taken = {one.number for one in numbers if one.kind not in ("voided", "reserved")}
    before: int | None = None
    for one in numbers:
        if before is not None and one.ordinal > before + 1:
            found.gaps.append(Gap(before + 1, one.ordinal - 1))
            found.missing += one.ordinal - 1 - before
        before = one.ordinal
        if one.kind == "voided":
            found.voided.append(one)
        elif one.kind == "reserved":
            if one.number not in taken:
                found.reserved.append(one)
        else:
            found.given += 1
        if one.kind in _RECORDED_AT_ONCE:
            _judge_time(one, found, calendar, late_days)
    found.highest = before or 0
    return found


def _judge_time(one: Number, found: Report, calendar: Calendar, late_days: int) -> None:
    day = baghdad_day(one.time)
    if one.date is not None and (day - date.fromisoformat(one.date)).days > late_days:
        found.backdated.append(one)
    moment = utc(one.time).astimezone(BAGHDAD)
    if not calendar.works_at(day, moment.hour * 60 + moment.minute):
        found.out_of_hours.append(one)
