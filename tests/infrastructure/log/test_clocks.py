from dataclasses import dataclass
from typing import Any, cast

import pytest
from psycopg import AsyncConnection, Connection

from infrastructure.log import clocks
from infrastructure.log.clocks import SureTime
from infrastructure.postgres import Role, Urls, connect_async
from tests.appending import append_events
from tests.infrastructure.log.making import SECOND, now_us

NOON = 1_795_338_000 * SECOND
TOLERANCE = clocks.TOLERANCE_SECONDS * SECOND


@pytest.mark.parametrize(
    "database, head, said",
    [
        (NOON, NOON, ""),
        (NOON + TOLERANCE, NOON + TOLERANCE, ""),
        (NOON - TOLERANCE, 0, ""),
        (NOON + TOLERANCE + SECOND, NOON, "301 s behind the database's"),
        (NOON - TOLERANCE - SECOND, NOON, "301 s ahead of the database's"),
        (NOON, NOON + TOLERANCE + SECOND, "301 s behind the log"),
        # Nobody need have recorded anything for a year.
        (NOON, NOON - 365 * 86_400 * SECOND, ""),
    ],
)
def test_what_is_wrong_with_a_clock_is_told(database: int, head: int, said: str) -> None:
    assert clocks.trouble(NOON, database_us=database, head_us=head) == said


@pytest.mark.anyio
async def test_a_reading_is_held_against_the_database_and_the_log(database: Urls) -> None:
    append_events(database, 1)
    async with await connect_async(database.service, Role.SERVICE) as conn:
        assert not await clocks.disagree(conn, now_us())
        # One wrong reading is enough: something may have been judged by it.
        assert await clocks.disagree(conn, now_us(), now_us() + 2 * TOLERANCE)
        assert await clocks.disagree(conn, now_us() - 2 * TOLERANCE)


@pytest.mark.anyio
async def test_the_sure_time_is_the_earlier_one_of_both_clocks(database: Urls) -> None:
    append_events(database, 1)
    async with await connect_async(database.service, Role.SERVICE) as conn:
        before = now_us()
        assert before <= await SureTime().past(conn) <= now_us()
        early = before - TOLERANCE // 2
        assert await SureTime(lambda: early).past(conn) == early
        # Ahead, but not by so much that nothing would be recorded.
        late = before + TOLERANCE // 2
        assert before <= await SureTime(lambda: late).past(conn) < late
        assert await SureTime(lambda: now_us() - 2 * TOLERANCE).past(conn) == 0
        assert await SureTime(lambda: now_us() + 2 * TOLERANCE).past(conn) == 0


@dataclass
class OneMachine:
    """A service and its database on one host: both tell the time by one clock."""

    now: int = NOON
    ticks: float = 0.0

    async def execute(self, _query: object) -> "OneMachine":
        return self

    async def fetchone(self) -> tuple[int, int]:
        return self.now, NOON

    def passes(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self.ticks += seconds


@pytest.mark.anyio
async def test_after_a_clock_was_set_no_time_is_sure_for_a_day() -> None:
    here = OneMachine()
    sure = SureTime(lambda: here.now, lambda: here.ticks)
    conn = cast("AsyncConnection[Any]", here)
    assert await sure.past(conn) == here.now
    here.passes(10 * clocks.DISTRUST_SECONDS)
    assert await sure.past(conn) == here.now

    here.now += 365 * 86_400 * SECOND

    assert await sure.past(conn) == 0
    here.passes(clocks.DISTRUST_SECONDS - 1)
    assert await sure.past(conn) == 0
    here.passes(1)
    assert await sure.past(conn) == here.now


def test_the_procedure_and_the_service_tolerate_the_same(service: Connection[Any]) -> None:
    source = service.execute(
        "SELECT prosrc FROM pg_proc WHERE oid = 'ledger.append'::regproc"
    ).fetchone()
    assert source is not None
    assert f"tolerance constant bigint := {TOLERANCE};" in source[0]
