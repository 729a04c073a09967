"""Reports: pinned to an index, counted by the day of recording in Baghdad."""

import pytest

from infrastructure.log.follower import Follower
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
