from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.calendar import CALENDAR
from projections.register_report import Gap, report
from projections.registers import Number

NOON = int(datetime(2026, 11, 25, 9, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600_000_000


def number(ordinal: int, kind: str = "issued", **changes: int | str) -> Number:
    said = {"number": str(ordinal), "date": "2026-11-25", "index": ordinal, "time": NOON}
    return Number(**{**said, "kind": kind, "ordinal": ordinal, **changes})  # type: ignore[arg-type]  # of both kinds


@given(st.sets(st.integers(1, 60)))
def test_every_number_is_given_or_missing(ordinals: set[int]) -> None:
    found = report([number(one) for one in sorted(ordinals)], CALENDAR, late_days=3)

    gaps = {one for gap in found.gaps for one in range(gap.first, gap.last + 1)}
    assert gaps | ordinals == set(range(min(ordinals, default=1), max(ordinals, default=0) + 1))
    assert (found.given, found.missing) == (len(ordinals), len(gaps))
    assert found.highest == max(ordinals, default=0)


def test_a_reservation_that_was_used_is_none() -> None:
    rows = [number(1, "reserved"), number(1), number(2, "reserved"), number(4, "voided")]

    found = report(rows, CALENDAR, late_days=3)

    assert [one.ordinal for one in found.reserved] == [2]
    assert [one.ordinal for one in found.voided] == [4]
    assert found.gaps == [Gap(3, 3)]
    assert found.given == 1


@pytest.mark.parametrize(
    "time,odd",
    [
        (NOON, False),
        (NOON - 5 * HOUR, True),
        (NOON + 3 * HOUR, True),
        (NOON + 2 * 24 * HOUR, True),
        (NOON + 3 * 24 * HOUR, True),
        (NOON + 4 * 24 * HOUR, False),
    ],
    ids=["at noon", "at seven", "at three", "on Friday", "on Saturday", "on Sunday"],
)
def test_an_act_outside_of_office_hours_is_odd(time: int, odd: bool) -> None:  # noqa: FBT001  # a case of the table
    found = report([number(1, time=time), number(2, "captured", time=time)], CALENDAR, late_days=9)

    assert [one.ordinal for one in found.out_of_hours] == ([1] if odd else [])


def test_a_date_is_behind_when_it_lies_more_days_back_than_allowed() -> None:
    rows = [number(1, date="2026-11-22"), number(2, date="2026-11-21"), number(3, "captured")]

    found = report(rows, CALENDAR, late_days=3)

    assert [one.ordinal for one in found.backdated] == [2]


def test_working_days_pass_over_the_weekend_and_holidays() -> None:
    assert CALENDAR.after(date(2026, 11, 25), 3) == date(2026, 11, 30)
    assert CALENDAR.after(date(2026, 11, 27), 1) == date(2026, 11, 29)
    assert CALENDAR.after(date(2026, 12, 31), 1) == date(2027, 1, 3)
    assert CALENDAR.working_days(date(2026, 11, 25), date(2026, 11, 30)) == 3
    assert CALENDAR.working_days(date(2026, 11, 25), date(2026, 11, 25)) == 0
