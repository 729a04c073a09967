"""What was edited in a read model behind everybody's back is named with its key."""

import asyncio
from collections.abc import Sequence

import pytest
from psycopg import sql
from psycopg.rows import tuple_row

from infrastructure.log.follower import Follower
from infrastructure.postgres import Role, connect
from projections import comparing
from projections.comparing import Difference
from projections.model import ReadModel
from sijill import travel
from tests.projections.conftest import Reading
from tests.projections.wandering import wander

pytestmark = pytest.mark.anyio


async def compared(reading: Reading, at: int) -> list[Difference]:
    async with comparing.scratch(reading.keeper, at, name="test") as made:
        return [one async for one in comparing.differences(reading.keeper, made, at)]


async def schemas(reading: Reading) -> Sequence[str]:
    query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'scratch%%'"
    async with reading.keeper.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(query)
        return [row[0] for row in await cursor.fetchall()]


def edit(reading: Reading, statement: str) -> None:
    with connect(reading.urls.admin, Role.KEEPER) as conn:
        assert conn.execute(statement.encode()).rowcount == 1


def begin(reading: Reading, schema: str) -> None:
    with connect(reading.urls.admin, Role.KEEPER) as conn:
        conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


async def test_an_honest_read_model_has_no_difference_at_any_index(reading: Reading) -> None:
    last = await reading.follow(wander(3, 120))

    assert await comparing.position(reading.keeper) == last
    for at in (0, last // 2, last):
        assert await compared(reading, at) == []
    assert await schemas(reading) == []


EDITS = {
    "state": """
        UPDATE read.certificates SET state = 'in_force', state_index = 1
        WHERE until_index IS NULL AND stream = (
            SELECT stream FROM read.certificates
            WHERE until_index IS NULL AND state = 'revoked' ORDER BY stream LIMIT 1
        )""",
    "claims": """
        UPDATE read.codes SET claims = claims || '{"holder_name": "x"}'
        WHERE until_index IS NULL AND code = (SELECT min(code) FROM read.codes)""",
    "until_index": """
        UPDATE read.certificates SET until_index = until_index + 1
        WHERE (stream, since_index) = (
            SELECT stream, since_index FROM read.certificates
            WHERE until_index IS NOT NULL ORDER BY stream, since_index LIMIT 1
        )""",
    "kind": """
        UPDATE read.acts SET kind = 'voided'
        WHERE log_index = (SELECT min(log_index) FROM read.acts WHERE kind = 'issued')""",
}
LACKING = """
    DELETE FROM read.codes WHERE until_index IS NULL AND code = (
        SELECT min(code) FROM read.codes WHERE until_index IS NULL
    )"""
LAST = 2**53 - 1
PARTY = """
    INSERT INTO read.transfer_parties
    VALUES ('s|spy', '00000000-0000-7000-8000-000000000000', 'spy', 9007199254740991, NULL)"""
ENDED = """
    UPDATE read.codes SET until_index = 9007199254740991 WHERE until_index IS NULL AND code = (
        SELECT min(code) FROM read.codes WHERE until_index IS NULL
    )"""
ENTRY = """
    INSERT INTO read.acts SELECT 9007199254740991, day, agency, type, 'revoked' FROM read.acts
    ORDER BY log_index LIMIT 1"""
SURPLUS = """
    INSERT INTO read.acts SELECT 0, day, agency, type, 'revoked' FROM read.acts
    ORDER BY log_index LIMIT 1"""


@pytest.mark.parametrize(
    "table, column",
    [
        ("certificates", "state"),
        ("codes", "claims"),
        ("certificates", "until_index"),
        ("acts", "kind"),
    ],
)
async def test_an_edited_row_is_named_with_its_key(
    reading: Reading, table: str, column: str
) -> None:
    last = await reading.follow(wander(3, 120))
    edit(reading, EDITS[column])

    [one] = await compared(reading, last)

    assert one.table == table
    assert one.place.startswith(f"{table}/{one.key[0]}")
    assert one.expected is not None
    assert one.found is not None
    assert column in one.expected
    assert one.expected[column] != one.found[column]


async def test_a_row_too_many_and_a_row_too_few_are_named(reading: Reading) -> None:
    last = await reading.follow(wander(3, 120))
    edit(reading, LACKING)
    edit(reading, SURPLUS)

    found = {one.table: one for one in await compared(reading, last)}

    assert found.keys() == {"codes", "acts"}
    assert found["codes"].found is None
    assert found["acts"].expected is None
    assert found["acts"].since == 0


@pytest.mark.parametrize(
    "table, statement", [("transfer_parties", PARTY), ("codes", ENDED), ("acts", ENTRY)]
)
async def test_a_row_that_begins_or_ends_behind_the_last_event_is_named(
    reading: Reading, table: str, statement: str
) -> None:
    last = await reading.follow(wander(3, 120))
    edit(reading, statement)

    for at in (last, last // 2):
        [one] = await compared(reading, at)

        assert one.table == table
        assert one.found is not None
        assert LAST in one.found.values()
        assert one.expected is None
    replayed = await asyncio.to_thread(travel.replay_database, reading.urls.keeper, last)
    assert (replayed.ahead, replayed.same) == ((one.place,), False)


async def test_what_a_killed_check_left_behind_is_dropped_and_what_others_work_on_is_not(
    reading: Reading,
) -> None:
    last = await reading.follow(wander(3, 20))
    works = f"scratch_{reading.service.info.backend_pid}"
    # No process of the system has such a number, so no connection either.
    for schema in ("scratch_4194305", works, "scratch_kept"):
        begin(reading, schema)

    assert await compared(reading, last) == []

    assert sorted(await schemas(reading)) == sorted([works, "scratch_kept"])


async def test_it_compares_beside_a_follower_that_goes_on(reading: Reading) -> None:
    scenario = wander(3, 120)
    last = await reading.follow(scenario)
    async with comparing.scratch(reading.keeper, last // 2, name="test") as made:
        await Follower(ReadModel()).catch_up(reading.keeper)
        found = [one async for one in comparing.differences(reading.keeper, made, last // 2)]

    assert found == []
