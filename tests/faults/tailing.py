"""Readers that tail the log while eight writers append and connections break: each event once.

Three kinds of tail go at once: `Reader.follow` in small pages and in large ones, and a `Follower`
that keeps what it saw in a table. Sessions of all three are ended again and again.
"""

import asyncio
import json
import random
import threading
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import AsyncConnection

from infrastructure import postgres
from infrastructure.log.batch import Appended, AppendRequest
from infrastructure.log.committer import append
from infrastructure.log.follower import Follower, Recorded
from infrastructure.log.reader import CHANNEL, Reader
from infrastructure.log.watch import Watch
from infrastructure.postgres import Role, Urls
from tests.infrastructure.log.making import a_request, a_stream, an_event

WRITERS = 8
LARGEST_BATCH = 120
BREAK_SECONDS = 0.4
PAGES = (37, 1_000)
_TABLE = "CREATE TABLE tail (index bigint PRIMARY KEY, mark bigint NOT NULL)"
_READERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
_SIZE = "SELECT size FROM ledger.head"


@dataclass(frozen=True, slots=True)
class Tailed:
    """How many events each tail saw, how often connections were broken, and for how long."""

    events: int
    tails: int
    breaks: int
    seconds: float


def tail(urls: Urls, events: int, *, seed: int) -> Tailed:
    """Write and tail so many events on an empty log.

    Raises:
        AssertionError: an event was missed, came twice, out of order, or as another one.
    """
    with postgres.connect(urls.admin, None, autocommit=True) as admin:
        admin.execute(_TABLE)
        admin.execute("GRANT ALL ON tail TO sijill_keeper")
    started = time.monotonic()
    written = array("q", bytes(8 * events))
    share = [events // WRITERS + (number < events % WRITERS) for number in range(WRITERS)]
    threads = [
        threading.Thread(target=_write, args=(urls, count, written, f"{seed}/{number}"))
        for number, count in enumerate(share)
    ]
    stop = threading.Event()
    broken: list[int] = []
    breaker = threading.Thread(target=_break, args=(urls, stop, broken))
    for thread in (*threads, breaker):
        thread.start()
    try:
        seen = asyncio.run(_all_tails(urls, events))
    finally:
        stop.set()
        for thread in (*threads, breaker):
            thread.join()
    with postgres.connect(urls.keeper, Role.KEEPER) as keeper:
        rows = keeper.execute("SELECT index, mark FROM tail ORDER BY index").fetchall()
    assert [index for index, _ in rows] == list(range(events))
    for marks in (*seen, [mark for _, mark in rows]):
        assert list(marks) == list(written)
    return Tailed(events, len(seen) + 1, sum(broken), time.monotonic() - started)


def _mark(body: bytes) -> int:
    """What an event is told by."""
    return int.from_bytes(sha256(body).digest()[:8], "big", signed=True)


def _request() -> AppendRequest:
    """An event as the follower reads one."""
    stream = a_stream()
    header = {
        "agency": "moj",
        "keys": [],
        "line": 0,
        "stream": str(stream),
        "type": "sijill.thing.done.v1",
        "version": 1,
    }
    body = {"statement": {"stream": str(stream)}}
    event = replace(
        an_event(stream), header=json.dumps(header).encode(), body=json.dumps(body).encode()
    )
    return a_request(None, event)


def _write(urls: Urls, count: int, written: "array[int]", seed: str) -> None:
    chance = random.Random(seed)
    with postgres.connect(urls.service, Role.SERVICE, autocommit=True) as conn:
        while count:
            requests = [_request() for _ in range(min(count, chance.randint(1, LARGEST_BATCH)))]
            # What is refused burns no index.
            refused = a_request(None, an_event(version=2))
            for request, answer in zip(requests, append(conn, [*requests, refused]), strict=False):
                assert isinstance(answer, Appended)
                written[answer.index] = _mark(request.events[0].body)
            count -= len(requests)


def _break(urls: Urls, stop: threading.Event, broken: list[int]) -> None:
    login = postgres.login_of(urls.keeper)
    with postgres.connect(urls.admin, None, autocommit=True) as admin:
        while not stop.wait(BREAK_SECONDS):
            broken.append(admin.execute(_READERS, (login,)).rowcount)


async def _all_tails(urls: Urls, events: int) -> Sequence["array[int]"]:
    pages = [asyncio.create_task(_follow(urls, events, page)) for page in PAGES]
    kept = asyncio.create_task(_keep(urls, events))
    seen = await asyncio.gather(*pages)
    await kept
    return seen


async def _follow(urls: Urls, events: int, page_events: int) -> "array[int]":
    """The marks that a reader saw, in the order in which it saw them."""
    seen: array[int] = array("q")
    while True:
        try:
            async with Reader(urls.keeper, role=Role.KEEPER, size=1) as reader:
                pages = reader.follow(len(seen) - 1, page_events=page_events)
                while len(seen) < events:
                    page = await anext(pages)
                    assert page[0].index == len(seen)
                    seen.extend(_mark(event.body) for event in page)
                return seen
        except psycopg.OperationalError:
            continue


class _Table:
    """A sink that keeps what it is given beside how far it has come."""

    async def position(self, conn: AsyncConnection[Any]) -> int:
        row = await (await conn.execute("SELECT coalesce(max(index), -1) FROM tail")).fetchone()
        assert row is not None
        return int(row[0])

    async def apply(self, conn: AsyncConnection[Any], page: Sequence[Recorded]) -> None:
        async with conn.cursor().copy("COPY tail FROM STDIN") as copy:
            for event in page:
                body = json.dumps({"statement": event.statement}).encode()
                await copy.write_row((event.index, _mark(body)))


async def _keep(urls: Urls, events: int) -> None:
    follower = Follower(_Table(), page_events=500)
    reached = -1
    while reached < events - 1:
        try:
            conn = await postgres.connect_async(urls.keeper, Role.KEEPER, autocommit=True)
            watch = Watch(urls.keeper, CHANNEL, _SIZE, role=Role.KEEPER)
            async with conn, watch:
                while reached < events - 1:
                    reached = await follower.catch_up(conn)
                    await watch.reach(min(reached + 2, events), 1.0)
        except psycopg.OperationalError:
            continue
