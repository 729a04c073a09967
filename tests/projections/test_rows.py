"""Versioned rows on a table that belongs to no noun."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from psycopg import AsyncConnection

from infrastructure.postgres import Role, Urls, connect_async
from projections.rows import Journal, Table, WorkingSet

pytestmark = pytest.mark.anyio
Connection = AsyncConnection[Any]


class Shelf(NamedTuple):
    id: str
    size: int
    label: dict[str, str] | None
    marks: list[str]


class Visit(NamedTuple):
    log_index: int
    who: str


SHELVES = Table("shelves", Shelf, "id", frozenset({"label"}))
VISITS = Journal("visits", Visit, "log_index", ("log_index",))


@pytest.fixture
async def conn(database: Urls) -> AsyncIterator[Connection]:
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as conn:
        await conn.execute("CREATE SCHEMA toys")
        await conn.execute("SET search_path = toys")
        await conn.execute(
            'CREATE TABLE shelves (id text COLLATE "C", size bigint, label jsonb, marks text[],'
            " since_index bigint, until_index bigint, PRIMARY KEY (id, since_index))"
        )
        await conn.execute("CREATE TABLE visits (log_index bigint PRIMARY KEY, who text)")
        yield conn


async def stored(conn: Connection) -> list[tuple[Any, ...]]:
    cursor = await conn.execute(
        "SELECT id, size, since_index, until_index FROM shelves ORDER BY id, since_index"
    )
    return await cursor.fetchall()


def shelf(name: str, count: int) -> Shelf:
    return Shelf(name, count, {"ar": "رف"}, ["a", "b"])


async def test_a_row_holds_from_its_event_until_the_next_one(conn: Connection) -> None:
    page = WorkingSet([SHELVES])
    page.put(SHELVES, shelf("x", 1), 4)
    page.put(SHELVES, shelf("x", 2), 6)
    page.put(SHELVES, shelf("y", 1), 6)
    await page.flush(conn)
    later = WorkingSet([SHELVES])
    await later.load(conn, {"shelves": {"x", "z"}})
    assert later.need(SHELVES, "x") == shelf("x", 2)
    assert later.get(SHELVES, "z") is None
    later.put(SHELVES, shelf("x", 3), 9)
    await later.flush(conn)
    assert await stored(conn) == [
        ("x", 1, 4, 6),
        ("x", 2, 6, 9),
        ("x", 3, 9, None),
        ("y", 1, 6, None),
    ]


async def test_one_event_makes_one_row_however_often_it_touches_it(conn: Connection) -> None:
    page = WorkingSet([SHELVES])
    page.put(SHELVES, shelf("x", 1), 4)
    page.put(SHELVES, shelf("x", 2), 4)
    await page.flush(conn)
    later = WorkingSet([SHELVES])
    await later.load(conn, {"shelves": {"x"}})
    later.put(SHELVES, shelf("x", 7), 5)
    later.put(SHELVES, shelf("x", 8), 5)
    await later.flush(conn)
    assert await stored(conn) == [("x", 2, 4, 5), ("x", 8, 5, None)]


async def test_an_event_that_changes_nothing_leaves_the_row_alone(conn: Connection) -> None:
    page = WorkingSet([SHELVES])
    page.put(SHELVES, shelf("x", 1), 4)
    await page.flush(conn)
    later = WorkingSet([SHELVES])
    await later.load(conn, {"shelves": {"x"}})
    later.put(SHELVES, shelf("x", 1), 5)
    await later.flush(conn)
    assert await stored(conn) == [("x", 1, 4, None)]


async def test_values_come_back_as_they_went(conn: Connection) -> None:
    odd = Shelf("ta\tb\\N\n", 2**53 - 1, {"ckb": 'ڕەف "\u200c"\\'}, ["", "a,b", '{"}', "NULL"])
    empty = Shelf("", 0, None, [])
    page = WorkingSet([SHELVES])
    page.put(SHELVES, odd, 1)
    page.put(SHELVES, empty, 1)
    await page.flush(conn)
    later = WorkingSet([SHELVES])
    await later.load(conn, {"shelves": {odd.id, empty.id}})
    assert later.need(SHELVES, odd.id) == odd
    assert later.need(SHELVES, empty.id) == empty


async def test_a_key_that_nobody_loaded_is_not_taken_for_absent(conn: Connection) -> None:
    page = WorkingSet([SHELVES])
    with pytest.raises(LookupError, match="not loaded"):
        page.get(SHELVES, "x")
    await page.load(conn, {"shelves": {"x"}})
    assert page.get(SHELVES, "x") is None
    with pytest.raises(LookupError, match="does not exist"):
        page.need(SHELVES, "x")


async def test_a_row_that_the_database_no_longer_has_open_stops_the_page(conn: Connection) -> None:
    page = WorkingSet([SHELVES])
    page.put(SHELVES, shelf("x", 1), 1)
    await page.flush(conn)
    later = WorkingSet([SHELVES])
    await later.load(conn, {"shelves": {"x"}})
    await conn.execute("UPDATE shelves SET until_index = 2")
    later.put(SHELVES, shelf("x", 2), 3)
    with pytest.raises(LookupError, match="1 rows to end, 0 ended"):
        await later.flush(conn)


async def test_a_journal_only_grows(conn: Connection) -> None:
    for first in (0, 2):
        page = WorkingSet([SHELVES])
        page.enter(VISITS, Visit(first, "moj"))
        page.enter(VISITS, Visit(first + 1, "moh"))
        assert [visit.log_index for visit in page.entries(VISITS)] == [first, first + 1]
        await page.flush(conn)
    rows = await (await conn.execute("SELECT * FROM visits ORDER BY log_index")).fetchall()
    assert rows == [(0, "moj"), (1, "moh"), (2, "moj"), (3, "moh")]
