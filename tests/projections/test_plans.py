"""How much of the state a list or a report goes through: never more than what it tells."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import AsyncConnection

from infrastructure.log.queries import load
from infrastructure.postgres import connect_async
from projections import authenticity, transfers
from projections.authenticity import Filter
from tests.given_when_then import given, linked
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio

ROWS = 20_000
REFUSED = 100
LIMIT = 10
# Each agency with each, itself included; half of them have ended.
REQUESTS = """
INSERT INTO read.authenticity_requests (request, stream, requester, addressee, parties, channel,
    state, due_date, requested_index, requested_time, claims, history, since_index)
SELECT 'r' || n, gen_random_uuid(), 'agency-' || n %% 40, 'agency-' || n / 40 %% 40, '{}', 'agency',
    (ARRAY['open', 'refused'])[1 + n / 7 %% 2], '2026-11-24', n, 0, '{}', '[]', 0
FROM generate_series(1, %(rows)s::integer) AS numbered (n)
"""
CONSIGNMENTS = """
INSERT INTO read.consignments (name, stream, sender, id, addressee, role, letter, origin, priority,
    day, log_index, time, keys, replies, transport, business, business_index, urgency, reminders,
    reason, since_index)
SELECT 'moj|' || n, gen_random_uuid(), 'moj', n, 'agency-' || n %% 10, 'to', 'l', 'moj', 'normal',
    '2026-11-24', n, 0, '{}', '[]', 'dispatched',
    CASE WHEN n <= %(refused)s THEN 'refused' ELSE 'awaiting_registration' END, n, '', 0,
    CASE WHEN n <= %(refused)s THEN 'duplicate' END, 0
FROM generate_series(1, %(rows)s::integer) AS numbered (n)
"""


async def touched(
    conn: AsyncConnection[Any], statement: str, parameters: dict[str, Any], table: str
) -> int:
    """How many rows of a table a statement reads."""
    explained = await conn.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
    told = await explained.fetchone()
    assert told is not None
    read = [node for node in _nodes(told[0][0]["Plan"]) if node.get("Relation Name") == table]
    assert read
    return sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in read
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


@pytest.mark.parametrize(
    "agencies,role",
    [
        (None, None),
        (["agency-1"], None),
        (["agency-1", "agency-2"], None),
        (["agency-1", "agency-2"], "requester"),
        (["agency-1"], "addressee"),
        (["moj"], None),
    ],
)
async def test_a_page_of_requests_is_walked_to_its_end_and_no_further(
    reading: Reading, agencies: list[str] | None, role: str | None
) -> None:
    await reading.follow(given(linked("moj")))
    page = load("projections", "authenticity.sql")["page"]
    nothing = dict.fromkeys(("state", "number", "overdue_on", "at"))
    mine = agencies or []
    asked = {**nothing, "agencies": mine, "everything": agencies is None, "role": role}
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        await admin.execute(REQUESTS, {"rows": ROWS})
        await admin.execute("ANALYZE read.authenticity_requests")
        for after in (-1, ROWS // 2, ROWS - 20):
            parameters = {**asked, "after": after, "limit": LIMIT}
            rows = await touched(admin, page, parameters, "authenticity_requests")
            # Of each agency two walks; what is its own on both sides is passed over in one.
            assert rows <= LIMIT * (4 * len(mine) or 1)


@pytest.mark.parametrize("role", [None, "requester", "addressee"])
@pytest.mark.parametrize("state", [None, "open"])
async def test_pages_of_requests_have_each_of_them_once(
    reading: Reading, role: str | None, state: str | None
) -> None:
    await reading.follow(given(linked("moj")))
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        await admin.execute(REQUESTS, {"rows": 300})
        every = await authenticity.page(admin, [], Filter(), everything=True, limit=400)
    assert [one.requested_index for one in every] == list(range(1, 301))

    mine = ["agency-1", "agency-2"]
    found: list[int] = []
    after = -1
    while page := await authenticity.page(
        reading.service, mine, Filter(role=role, state=state), after=after, limit=7
    ):
        after = page[-1].requested_index
        found += [one.requested_index for one in page]
    expected = [
        one.requested_index
        for one in every
        if state in (None, one.state)
        and (
            (role != "addressee" and one.requester in mine)
            or (role != "requester" and one.addressee in mine)
        )
    ]
    assert found == expected


@pytest.mark.parametrize("agencies", [None, ["agency-3"]])
async def test_refusals_are_counted_without_all_that_was_sent(
    reading: Reading, agencies: list[str] | None
) -> None:
    await reading.follow(given(linked("moj")))
    counted = load("projections.transfers", "transfers.sql")["counted"]
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        await admin.execute(CONSIGNMENTS, {"rows": ROWS, "refused": REFUSED})
        await admin.execute("ANALYZE read.consignments")
        parameters = {"agencies": agencies, "at": None}
        rows = await touched(admin, counted, parameters, "consignments")

    assert rows <= REFUSED
    told = await transfers.counted(reading.service, agencies=agencies)
    assert [one.letters for one in told] == [REFUSED // 10] * (10 if agencies is None else 1)
