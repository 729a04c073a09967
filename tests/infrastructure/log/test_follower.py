"""The follower against a real log, with a sink that only writes down what it was given."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from psycopg import AsyncConnection

from infrastructure.log.follower import (
    Follower,
    FollowerStopped,
    Overtaken,
    Recorded,
    recorded,
)
from infrastructure.log.lease import Lease, LeaseLost
from infrastructure.log.reader import Watch
from infrastructure.postgres import Role, Urls, connect_async
from tests.scribe import Scribe, stream_of

pytestmark = pytest.mark.anyio
Connection = AsyncConnection[Any]

HEADER = (
    b'{"agency":"moj","evidence":"","keys":["k"],"line":0,'
    b'"stream":"00000000-0000-7000-8000-000000000000","type":"sijill.thing.done.v1","version":1}'
)


class Ledgerbook:
    """A sink that keeps every event's index and the page it came in."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.pages: list[list[Recorded]] = []
        self.believed = -1

    async def position(self, conn: Connection) -> int:
        row = await (await conn.execute("SELECT index FROM kept.place")).fetchone()
        assert row is not None
        self.believed = int(row[0])
        return self.believed

    async def apply(self, conn: Connection, page: Sequence[Recorded]) -> None:
        moved = await conn.execute(
            "UPDATE kept.place SET index = %s WHERE index = %s", (page[-1].index, self.believed)
        )
        if moved.rowcount != 1:
            raise Overtaken
        for event in page:
            if event.index == self.fails_at:
                raise FollowerStopped("event_not_applicable", index=event.index, topic=event.type)
            await conn.execute("INSERT INTO kept.events VALUES (%s)", (event.index,))
        self.pages.append(list(page))


@pytest.fixture
async def keeper(database: Urls) -> AsyncIterator[Connection]:
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as conn:
        await conn.execute("CREATE SCHEMA kept")
        await conn.execute("CREATE TABLE kept.place (index bigint NOT NULL)")
        await conn.execute("INSERT INTO kept.place VALUES (-1)")
        await conn.execute("CREATE TABLE kept.events (index bigint PRIMARY KEY)")
        yield conn


@pytest.fixture
def scribe(database: Urls) -> Scribe:
    return Scribe(database)


async def kept(conn: Connection) -> list[int]:
    rows = await (await conn.execute("SELECT index FROM kept.events ORDER BY index")).fetchall()
    return [row[0] for row in rows]


def ten(scribe: Scribe) -> None:
    for number in range(10):
        scribe.record("sijill.thing.done.v1", {"agency": "moj", "n": number})
    scribe.write()


async def test_every_event_arrives_once_and_in_order_whatever_the_page(
    keeper: Connection, scribe: Scribe
) -> None:
    ten(scribe)
    book = Ledgerbook()
    assert await Follower(book, page_events=3).catch_up(keeper) == 9
    assert [[event.index for event in page] for page in book.pages] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [9],
    ]
    assert await kept(keeper) == list(range(10))
    assert await Follower(Ledgerbook()).catch_up(keeper) == 9
    assert await kept(keeper) == list(range(10))


async def test_a_page_ends_with_the_event_that_makes_it_large(
    keeper: Connection, scribe: Scribe
) -> None:
    large = "x" * 2_000
    for text in ("", "", large, large, "", "", ""):
        scribe.record("sijill.thing.done.v1", {"agency": "moj", "text": text})
    scribe.write()
    book = Ledgerbook()
    assert await Follower(book, page_bytes=1_000).catch_up(keeper) == 6
    pages = [[event.index for event in page] for page in book.pages]
    assert pages == [[0, 1, 2], [3], [4, 5, 6]]

    scribe.size += 1
    scribe.record("sijill.thing.done.v1", {"agency": "moj", "text": large})
    scribe.write()
    with pytest.raises(FollowerStopped, match="index_missing at index 7"):
        await Follower(book, page_bytes=1).catch_up(keeper)


async def test_an_event_says_what_header_and_body_hold(keeper: Connection, scribe: Scribe) -> None:
    scribe.record(
        "sijill.thing.done.v1",
        {"agency": "moj", "n": 7},
        keys=("first", "second"),
        stream="deed",
        status=(3, 41),
    )
    scribe.write()
    book = Ledgerbook()
    await Follower(book).catch_up(keeper)
    assert book.pages == [
        [
            Recorded(
                index=0,
                time=scribe.time - 1_000,
                type="sijill.thing.done.v1",
                agency="moj",
                keys=("first", "second"),
                line=0,
                stream=stream_of("deed"),
                version=1,
                statement={"agency": "moj", "n": 7},
                status=(3, 41),
            )
        ]
    ]


async def test_an_empty_log_has_nothing_to_apply(keeper: Connection) -> None:
    assert await Follower(Ledgerbook()).catch_up(keeper) == -1


async def test_it_stops_after_the_index_it_was_told(keeper: Connection, scribe: Scribe) -> None:
    ten(scribe)
    assert await Follower(Ledgerbook(), page_events=4).catch_up(keeper, upto=5) == 5
    assert await kept(keeper) == [0, 1, 2, 3, 4, 5]


async def test_it_goes_on_from_wherever_it_has_come(keeper: Connection, scribe: Scribe) -> None:
    # Small indexes travel as narrow integers: sums of them overflow where nobody looks.
    for place in (2**15 - 2, 2**16 + 1):
        scribe.size = place
        ten(scribe)
        await keeper.execute("DELETE FROM kept.events")
        await keeper.execute("UPDATE kept.place SET index = %s", (place - 1,))
        assert await Follower(Ledgerbook(), page_events=4).catch_up(keeper) == place + 9
        assert await kept(keeper) == list(range(place, place + 10))


async def test_an_event_that_cannot_be_applied_stops_it_and_is_never_skipped(
    keeper: Connection, scribe: Scribe
) -> None:
    ten(scribe)
    broken = Follower(Ledgerbook(fails_at=7), page_events=4)
    for _ in range(2):
        with pytest.raises(FollowerStopped) as stopped:
            await broken.catch_up(keeper)
        assert stopped.value.index == 7
        assert stopped.value.topic == "sijill.thing.done.v1"
        assert await kept(keeper) == [0, 1, 2, 3]
    assert await Follower(Ledgerbook(), page_events=4).catch_up(keeper) == 9
    assert await kept(keeper) == list(range(10))


async def test_a_missing_index_stops_it(keeper: Connection, scribe: Scribe) -> None:
    scribe.record("sijill.thing.done.v1", {"agency": "moj"})
    scribe.size += 1
    scribe.record("sijill.thing.done.v1", {"agency": "moj"})
    scribe.write()
    with pytest.raises(FollowerStopped, match="index_missing at index 1"):
        await Follower(Ledgerbook()).catch_up(keeper)
    assert await kept(keeper) == []


@pytest.mark.parametrize(
    "header, body",
    [
        (b"\xff", b'{"statement":{}}'),
        (b"[]", b'{"statement":{}}'),
        (b"{}", b'{"statement":{}}'),
        (HEADER, b"{}"),
        (HEADER, b'{"statement":'),
        (HEADER, b'{"statement":{},"status":{"list":1}}'),
        (HEADER, b'{"statement":[]}'),
        (HEADER, b'{"statement":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        (
            HEADER.replace(b'"sijill.thing.done.v1"', b'["sijill.thing.done.v1"]'),
            b'{"statement":{}}',
        ),
        (HEADER.replace(b'["k"]', b"[{}]"), b'{"statement":{}}'),
    ],
)
def test_bytes_that_no_mapper_wrote_are_not_guessed_at(header: bytes, body: bytes) -> None:
    with pytest.raises(FollowerStopped, match="event_unreadable at index 5"):
        recorded(5, 0, header, body)


async def test_unreadable_bytes_in_the_log_stop_it(keeper: Connection, scribe: Scribe) -> None:
    scribe.record("sijill.thing.done.v1", {"agency": "moj"})
    scribe.pending[0] = (*scribe.pending[0][:-1], b"{}")
    scribe.write()
    with pytest.raises(FollowerStopped, match="event_unreadable at index 0"):
        await Follower(Ledgerbook()).catch_up(keeper)
    assert await kept(keeper) == []


async def test_two_followers_at_once_apply_every_event_once(
    database: Urls, keeper: Connection, scribe: Scribe
) -> None:
    for _ in range(20):
        ten(scribe)
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as other:
        first, second = Ledgerbook(), Ledgerbook()
        reached = await asyncio.gather(
            Follower(first, page_events=3).catch_up(keeper),
            Follower(second, page_events=7).catch_up(other),
        )
    assert set(reached) == {199}
    assert await kept(keeper) == list(range(200))
    shared = sorted(
        event.index for book in (first, second) for page in book.pages for event in page
    )
    assert shared == list(range(200))


async def test_a_page_whose_connection_dies_did_not_happen(
    database: Urls, keeper: Connection, scribe: Scribe
) -> None:
    ten(scribe)

    class Dying(Ledgerbook):
        async def apply(self, conn: Connection, page: Sequence[Recorded]) -> None:
            await super().apply(conn, page)
            await conn.close()

    doomed = await connect_async(database.keeper, Role.KEEPER, autocommit=True)
    with pytest.raises(Exception, match="closed"):
        await Follower(Dying()).catch_up(doomed)
    assert await kept(keeper) == []
    assert await Follower(Ledgerbook()).catch_up(keeper) == 9
    assert await kept(keeper) == list(range(10))


async def test_whoever_lost_the_lease_applies_nothing(
    database: Urls, keeper: Connection, scribe: Scribe
) -> None:
    ten(scribe)
    lease = await Lease.take(keeper, "follower", "first")
    assert lease is not None
    follower = Follower(Ledgerbook(), guard=lease, page_events=6)
    assert await follower.step(keeper) == 5
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as other:
        assert await Lease.take(other, "follower", "second") is None
        await lease.release()
        assert await Lease.take(other, "follower", "second") is not None
        with pytest.raises(LeaseLost):
            await follower.step(keeper)
    assert await kept(keeper) == [0, 1, 2, 3, 4, 5]


async def test_it_sleeps_until_the_log_wakes_it(
    database: Urls, keeper: Connection, scribe: Scribe
) -> None:
    applied = asyncio.Event()

    class Telling(Ledgerbook):
        async def apply(self, conn: Connection, page: Sequence[Recorded]) -> None:
            await super().apply(conn, page)
            applied.set()

    async with Watch(database.keeper, "sijill_log", "SELECT size FROM ledger.head") as watch:
        # Far longer than the test may take: only a notification can wake it in time.
        running = asyncio.create_task(Follower(Telling()).run(keeper, watch, idle_seconds=600))
        for _ in range(3):
            applied.clear()
            scribe.record("sijill.thing.done.v1", {"agency": "moj"})
            await asyncio.to_thread(scribe.write)
            await asyncio.wait_for(applied.wait(), 20)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert await kept(keeper) == [0, 1, 2]
