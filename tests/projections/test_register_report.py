"""What is odd in a register, however large it is: its numbers come in parts, and few are kept."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.calendar import CALENDAR
from domain.registers import Register
from infrastructure.postgres import connect_async
from projections import registers
from projections.register_report import LISTED, Gap, Report, Reporter
from projections.registers import NUMBERS_TOGETHER, Number
from tests.given_when_then import given as happened
from tests.given_when_then import linked
from tests.projections.conftest import Reading

NOON = int(datetime(2026, 11, 25, 9, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600_000_000


def number(ordinal: int, kind: str = "issued", **changes: int | str) -> Number:
    said = {"number": str(ordinal), "date": "2026-11-25", "index": ordinal, "time": NOON}
    return Number(**{**said, "kind": kind, "ordinal": ordinal, **changes})  # type: ignore[arg-type]  # of both kinds


def report(numbers: Iterable[Number], late_days: int = 3) -> Report:
    reporter = Reporter(CALENDAR, late_days)
    reporter.add(numbers)
    return reporter.end()


@given(st.sets(st.integers(1, 60)))
def test_every_number_is_given_or_missing(ordinals: set[int]) -> None:
    found = report([number(one) for one in sorted(ordinals)])

    gaps = {one for gap in found.gaps.first for one in range(gap.first, gap.last + 1)}
    assert gaps | ordinals == set(range(min(ordinals, default=1), max(ordinals, default=0) + 1))
    assert (found.given, found.missing) == (len(ordinals), len(gaps))
    assert found.highest == max(ordinals, default=0)


def test_a_reservation_that_was_used_is_none() -> None:
    rows = [number(1, "reserved"), number(1), number(2, "reserved"), number(4, "voided")]

    found = report(rows)

    assert [one.ordinal for one in found.reserved.first] == [2]
    assert [one.ordinal for one in found.voided.first] == [4]
    assert found.gaps.first == [Gap(3, 3)]
    assert found.given == 1


KINDS = ["issued", "outgoing", "captured", "voided", "reserved"]
NUMBERS = st.lists(
    st.tuples(
        st.integers(1, 12), st.sampled_from(["", "/"]), st.sampled_from(KINDS), st.integers(0, 9)
    )
)


@given(NUMBERS, st.integers(1, 5))
def test_a_report_in_parts_is_the_report_of_all_at_once(
    said: list[tuple[int, str, str, int]], together: int
) -> None:
    rows = [
        number(ordinal, kind, number=f"{ordinal}{spelt}", index=index, time=NOON + hour * 5 * HOUR)
        for index, (ordinal, spelt, kind, hour) in enumerate(sorted(said))
    ]
    reporter = Reporter(CALENDAR, 0)
    for start in range(0, len(rows), together):
        reporter.add(rows[start : start + together])

    found = reporter.end()

    assert (found.gaps.first, found.voided.first, found.reserved.first) == _plainly(rows)
    assert found == report(rows, late_days=0)
    counted = Reporter(None)
    counted.add(rows)
    only = counted.end()
    assert (only.given, only.voided, only.reserved) == (found.given, found.voided, found.reserved)
    assert (only.missing, only.highest) == (found.missing, found.highest)
    assert only.backdated.count == only.out_of_hours.count == 0


def _plainly(rows: Sequence[Number]) -> tuple[list[Gap], list[Number], list[Number]]:
    taken = {one.number for one in rows if one.kind not in ("voided", "reserved")}
    ordinals = sorted({one.ordinal for one in rows})
    return (
        [Gap(one + 1, other - 1) for one, other in pairwise(ordinals) if other > one + 1],
        [one for one in rows if one.kind == "voided"],
        [one for one in rows if one.kind == "reserved" and one.number not in taken],
    )


def test_a_reservation_was_used_however_its_number_was_spelt() -> None:
    reserved, issued = number(12, "reserved", number="12"), number(12, number="١٢")

    assert report([reserved, issued]).reserved.count == 0
    assert report([reserved, number(12, number="12-a")]).reserved.count == 1


def test_all_are_counted_and_few_are_kept() -> None:
    found = report(number(2 * one, "voided") for one in range(3 * LISTED))

    assert (found.voided.count, found.gaps.count) == (3 * LISTED, 3 * LISTED - 1)
    assert [one.ordinal for one in found.voided.first] == list(range(0, 2 * LISTED, 2))
    assert len(found.gaps.first) == LISTED


@pytest.mark.anyio
async def test_a_large_register_is_held_one_part_at_a_time(reading: Reading) -> None:
    await reading.follow(happened(linked("moj")))
    many = 2 * NUMBERS_TOGETHER + 5
    parts: list[list[Number]] = []

    async def take(part: list[Number]) -> None:
        parts.append(part)

    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        await admin.execute(
            "INSERT INTO read.register_entries (stream, kind, agency, unit, series, year, number,"
            " folded_number, entry_index, entry_time, claims, incoming, since_index)"
            " SELECT gen_random_uuid(), 'captured', 'moj', 'registry', 'general', 2026,"
            " n || '/2026', n || '/2026', 0, 0, '{}', false, 0"
            " FROM generate_series(1, %s::integer) AS numbered (n) ORDER BY random()",
            [many],
        )
    register = Register("moj", "registry", "general", 2026)
    await registers.numbers(reading.service, register, take)

    assert [len(part) for part in parts] == [NUMBERS_TOGETHER, NUMBERS_TOGETHER, 5]
    assert [one.ordinal for part in parts for one in part] == list(range(1, many + 1))


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
    found = report([number(1, time=time), number(2, "captured", time=time)], late_days=9)

    assert [one.ordinal for one in found.out_of_hours.first] == ([1] if odd else [])


def test_a_date_is_behind_when_it_lies_more_days_back_than_allowed() -> None:
    rows = [number(1, date="2026-11-22"), number(2, date="2026-11-21"), number(3, "captured")]

    found = report(rows)

    assert [one.ordinal for one in found.backdated.first] == [2]


def test_working_days_pass_over_the_weekend_and_holidays() -> None:
    assert CALENDAR.after(date(2026, 11, 25), 3) == date(2026, 11, 30)
    assert CALENDAR.after(date(2026, 11, 27), 1) == date(2026, 11, 29)
    assert CALENDAR.after(date(2026, 12, 31), 1) == date(2027, 1, 3)
    assert CALENDAR.working_days(date(2026, 11, 25), date(2026, 11, 30)) == 3
    assert CALENDAR.working_days(date(2026, 11, 25), date(2026, 11, 25)) == 0
