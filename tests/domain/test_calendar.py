"""Working days: what the law fixes, what is announced, and files that are no such thing."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.calendar import CALENDAR, HolidaysMalformed, with_holidays


def announced(*days: str, worked: tuple[str, ...] = ()) -> bytes:
    return json.dumps({"announced": list(days), "worked": list(worked)}).encode()


def test_law_12_of_2024_fixes_five_days_by_the_sun() -> None:
    """14 July and 3 October, holidays of the law before it, are worked."""
    fixed = {(1, 1), (1, 6), (3, 16), (3, 21), (5, 1)}
    year = [date(2027, 1, 1) + timedelta(days=number) for number in range(365)]

    shut = {(day.month, day.day) for day in year if not CALENDAR.works_on(day)}

    weekends = {(day.month, day.day) for day in year if day.isoweekday() in (5, 6)}
    assert shut == fixed | weekends


def test_three_working_days_pass_over_a_feast_that_was_announced() -> None:
    feast = ("2027-03-09", "2027-03-10", "2027-03-11")
    known = with_holidays(CALENDAR, announced(*feast))

    assert CALENDAR.after(date(2027, 3, 8), 3) == date(2027, 3, 11)
    # The feast, the weekend behind it, and 16 March by the law.
    assert known.after(date(2027, 3, 8), 3) == date(2027, 3, 17)


def test_a_saturday_may_be_worked() -> None:
    saturday = date(2027, 3, 13)
    known = with_holidays(CALENDAR, announced(worked=("2027-03-13",)))

    assert not CALENDAR.works_on(saturday)
    assert known.works_at(saturday, 9 * 60)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"announced": "2027-03-09"}',
        b'{"announced": ["2027-3-9"]}',
        b'{"announced": ["2027-02-30"]}',
        b'{"announced": ["2027-03-09", "2027-03-09"]}',
        b'{"announced": [20270309]}',
        b'{"announced": [], "announced": []}',
        b'{"announced": ["2027-03-09"], "worked": ["2027-03-09"]}',
        b'{"holidays": []}',
        b"[" * 5_000,
        b'{"announced": []}' + b" " * 65_536,
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(HolidaysMalformed):
        with_holidays(CALENDAR, data)


@given(st.lists(st.dates(date(1800, 1, 1), date(2199, 12, 31)), unique=True, max_size=50))
def test_every_announced_day_is_free_and_no_other(days: list[date]) -> None:
    known = with_holidays(CALENDAR, announced(*(day.isoformat() for day in days)))

    assert not any(known.works_on(day) for day in days)
    after = max(days, default=date(2027, 1, 3)) + timedelta(days=1)
    assert known.works_on(after) == CALENDAR.works_on(after)
