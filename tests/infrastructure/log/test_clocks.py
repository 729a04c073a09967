from typing import Any

import pytest
from psycopg import Connection

from infrastructure.log import clocks
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


def test_the_procedure_and_the_service_tolerate_the_same(service: Connection[Any]) -> None:
    source = service.execute(
        "SELECT prosrc FROM pg_proc WHERE oid = 'ledger.append'::regproc"
    ).fetchone()
    assert source is not None
    assert f"tolerance constant bigint := {TOLERANCE};" in source[0]
