"""Reports: pinned to an index, counted by the day of recording in Baghdad."""

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.log.follower import Follower
from infrastructure.log.queries import load
from infrastructure.postgres import connect_async
from projections import reports
from projections.model import ReadModel
from projections.reports import Narrowed
from tests.given_when_then import Scenario, given, issue, linked, on_certificate
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio


def three_days() -> Scenario:
    """Four issuances, three withdrawals; the second day begins an hour before its midnight UTC."""
    scenario = given(linked("moj"), linked("moe")).on("2026-11-22")
    scenario.given(issue("a"), issue("b"), issue("c", "moe"))
    scenario.later(hours=12.5)
    scenario.given(on_certificate("revoke", "a", reason="decision"))
    scenario.on("2026-11-25")
    scenario.given(
        on_certificate("suspend", "b", reason="under_review"),
        on_certificate("void", "b", reason="duplicate_entry"),
        issue("d"),
    )
    return scenario


async def counted(
    reading: Reading, at: int | None = None, **chosen: str
) -> list[tuple[str, str, int, int]]:
    rows = await reports.issuance(reading.service, Narrowed(**chosen), at=at)
    return [(row.agency, row.day, row.issued, row.withdrawn) for row in rows]


ALL = [
    ("moe", "2026-11-22", 1, 0),
    ("moj", "2026-11-22", 2, 0),
    ("moj", "2026-11-23", 0, 1),
    ("moj", "2026-11-25", 1, 1),
]


async def test_issuances_and_withdrawals_are_counted_by_agency_and_day(reading: Reading) -> None:
    scenario = three_days()
    await reading.follow(scenario)
    assert await counted(reading) == ALL
    last = (await reports.issuance(reading.service, Narrowed("moj")))[-1]
    assert last.acts == {"issued": 1, "suspended": 1, "voided": 1}
    assert last.type == "support_letter"
    assert await counted(reading, agency="moe") == ALL[:1]
    assert await counted(reading, from_day="2026-11-23") == ALL[2:]
    assert await counted(reading, to_day="2026-11-22") == ALL[:2]
    assert await counted(reading, type="support_letter", agency="moj") == ALL[1:]
    assert await counted(reading, type="degree") == []


@pytest.mark.parametrize("page_events", [1, 3, 5000])
async def test_a_report_at_an_index_is_the_report_of_that_time(
    reading: Reading, page_events: int
) -> None:
    """Finished days come from totals and the last one from its acts: no index may show the seam."""
    scenario = three_days()
    last = reading.write(scenario)
    follower = Follower(ReadModel(), page_events=page_events)
    then = {}
    for at in range(-1, last + 1):
        await follower.catch_up(reading.keeper, upto=at)
        then[at] = await counted(reading)
    assert then[last] == ALL
    assert {at: await counted(reading, at=at) for at in then} == then


async def test_a_log_without_certificates_has_an_empty_report(reading: Reading) -> None:
    assert await counted(reading) == []
    await reading.follow(given(linked("moj")))
    assert await counted(reading) == []
    assert await counted(reading, at=0) == []


async def test_a_report_longer_than_was_to_be_read_is_not_read(reading: Reading) -> None:
    await reading.follow(three_days())

    assert len(await reports.issuance(reading.service, most=len(ALL))) == len(ALL)
    assert len(await reports.issuance(reading.service, Narrowed("moe"), most=1)) == 1
    with pytest.raises(reports.TooLong):
        await reports.issuance(reading.service, most=len(ALL) - 1)


@pytest.mark.parametrize("at", [0, 10_050, 19_999])
async def test_of_all_acts_only_those_of_the_open_day_are_read(reading: Reading, at: int) -> None:
    await reading.follow(given(linked("moj")))
    issuance = load("projections", "reports.sql")["issuance"]
    asked = {**Narrowed()._asdict(), "at": at, "most": None}
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        await admin.execute(
            "INSERT INTO read.acts SELECT n, (date '2026-01-01' + n / 100)::text, 'moj', 'degree',"
            " 'issued' FROM generate_series(0, 19999) AS numbered (n)"
        )
        await admin.execute(
            "INSERT INTO read.days SELECT day, agency, type, kind, count(*), min(log_index) + 100"
            " FROM read.acts GROUP BY day, agency, type, kind"
        )
        await admin.execute("ANALYZE read.acts, read.days")
        explained = await admin.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {issuance}", asked)
        told = await explained.fetchone()

    assert told is not None
    read = [node for node in _nodes(told[0][0]["Plan"]) if node.get("Relation Name") == "acts"]
    touched = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read)
    assert read
    assert sum(touched) <= 2 * 100
    rows = await reports.issuance(reading.service, at=at)
    assert sum(row.issued for row in rows) == at + 1


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
