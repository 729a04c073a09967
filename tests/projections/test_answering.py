"""The report of how agencies answer: each request is read once, however many agencies there are."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import AsyncConnection

from infrastructure.log.queries import load
from infrastructure.postgres import connect_async
from projections import authenticity
from projections.authenticity import Answering
from tests.asking_authenticity import answer, ask, refer
from tests.given_when_then import code, given, linked
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio

TODAY = "2026-11-25"
AGENCIES = 800
FILL = """
INSERT INTO read.authenticity_requests (request, stream, requester, addressee, parties, channel,
    state, finding, reason, due_date, requested_index, requested_time, ended_index, ended_time,
    claims, history, since_index)
SELECT 'r' || n, gen_random_uuid(), 'moh', 'agency-' || n %% %(agencies)s, '{}', 'agency',
    state, CASE WHEN state = 'answered' THEN (ARRAY['genuine', 'not_found'])[1 + n / 3 %% 2] END,
    CASE WHEN state = 'refused' THEN (ARRAY['incomplete', 'not_ours'])[1 + n / 5 %% 2] END,
    CASE WHEN n %% 3 = 0 THEN '2026-11-24' ELSE '2026-11-25' END,
    0, 0, 0, CASE WHEN state IN ('answered', 'refused') THEN n * 7919 %% 1000 * 1000000 END,
    '{}', '[]', 0
FROM generate_series(1, %(rows)s::integer) AS numbered (n)
CROSS JOIN LATERAL (
    SELECT (%(states)s::text[])[1 + n * 31 %% cardinality(%(states)s)]
) AS its (state)
"""


async def fill(conn: AsyncConnection[Any], rows: int, agencies: int, states: list[str]) -> None:
    parameters = {"rows": rows, "agencies": agencies, "states": states}
    await conn.execute(FILL, parameters)


async def test_no_agency_goes_through_the_requests_of_all(reading: Reading) -> None:
    await reading.follow(given(linked("moj")))
    asked = load("projections", "authenticity.sql")["report"]
    parameters = {"today": TODAY, "at": None, "agency": None}
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        await fill(admin, 40_000, AGENCIES, ["answered", "refused"])
        # Under a bound that going through them all for each agency would break many times over.
        await admin.execute("SET statement_timeout = '20s'")
        explained = await admin.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}", parameters)
        told = await explained.fetchone()

    assert told is not None
    scans = [node for node in _nodes(told[0][0]["Plan"]) if node["Node Type"] == "CTE Scan"]
    assert scans
    assert [node for node in scans if node["Actual Loops"] > 1] == []
    assert len(await authenticity.report(reading.service, today=TODAY)) == AGENCIES


async def test_what_was_found_before_a_referral_is_history(reading: Reading) -> None:
    scenario = given(linked("moj"), linked("moh"), linked("mof"), ask("a"))
    scenario.given(
        answer("a", "original_needed", unit="main", series="general", grade="paper_reply")
    )
    needed = await reading.follow(scenario)
    scenario.given(refer("a"))
    await reading.follow(scenario)

    before = await authenticity.show(reading.service, code("request a"), at=needed)
    shown = await authenticity.show(reading.service, code("request a"))
    assert before is not None
    assert shown is not None
    assert (before.finding, before.grade) == ("original_needed", "paper_reply")
    told = (shown.finding, shown.grade, shown.unit, shown.series, shown.certificate, shown.reason)
    assert (shown.state, shown.addressee, *told) == ("open", "mof", *[None] * 6)
    assert shown.history[1]["finding"] == "original_needed"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


async def test_the_report_is_what_its_requests_say(reading: Reading) -> None:
    await reading.follow(given(linked("moj")))
    states = ["open", "original_needed", "attested", "answered", "refused", "withdrawn"]
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        await fill(admin, 400, 5, states)
        await fill_one_open(admin)
        rows = await (
            await admin.execute(
                "SELECT addressee, state, coalesce(finding, reason), due_date < %s,"
                " (ended_time - requested_time) / 1000000 FROM read.authenticity_requests"
                " WHERE addressee IS NOT NULL AND state <> 'attested'",
                [TODAY],
            )
        ).fetchall()

    expected = _counted(rows)
    assert {one.agency: one for one in expected}["idle"].findings == {}
    assert await authenticity.report(reading.service, today=TODAY) == expected
    [one] = await authenticity.report(reading.service, today=TODAY, agency="agency-3")
    assert one == {one.agency: one for one in expected}["agency-3"]


async def fill_one_open(conn: AsyncConnection[Any]) -> None:
    """One request to an agency that has answered nothing, and one that names no agency."""
    await conn.execute(
        "INSERT INTO read.authenticity_requests SELECT ('other ' || n), stream, requester,"
        " (ARRAY['idle', NULL])[n], parties, channel, code, type, number, folded_number, date,"
        " 'open', NULL, grade, unit, series, certificate, NULL, due_date, requested_index,"
        " requested_time, ended_index, NULL, claims, history, since_index, until_index"
        " FROM (SELECT * FROM read.authenticity_requests LIMIT 1) AS one,"
        " generate_series(1, 2) AS n"
    )


def _counted(rows: list[tuple[Any, ...]]) -> list[Answering]:
    by_agency = defaultdict(list)
    for agency, *said in rows:
        by_agency[agency].append(said)
    found = []
    for agency, asked in sorted(by_agency.items()):
        states = Counter(state for state, *_ in asked)
        waits = [late for state, _, late, _ in asked if state in ("open", "original_needed")]
        seconds = sorted(taken for state, *_, taken in asked if state == "answered")
        found.append(
            Answering(
                agency=agency,
                requests=len(asked),
                answered=states["answered"],
                waiting=len(waits),
                overdue=sum(waits),
                refused=states["refused"],
                median_seconds=_percentile(seconds, 50),
                p95_seconds=_percentile(seconds, 95),
                refusals=Counter(word for state, word, *_ in asked if state == "refused"),
                findings=Counter(word for state, word, *_ in asked if state == "answered"),
            )
        )
    return found


def _percentile(seconds: list[int], percent: int) -> int | None:
    """The first value that so much of all is not above."""
    return seconds[-(-len(seconds) * percent // 100) - 1] if seconds else None
