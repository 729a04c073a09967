import asyncio
import random
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg import Connection

from infrastructure import postgres
from infrastructure.log.batch import Appended
from infrastructure.log.committer import append
from infrastructure.log.leaves import BrokenChain
from infrastructure.log.reader import (
    ClaimDirectory,
    Head,
    Reader,
    RecordedLine,
    load_events,
    load_head,
    load_stream,
)
from infrastructure.postgres import Role, Urls, connect
from tests.infrastructure.log.making import a_request, a_stream, an_event, an_order

pytestmark = pytest.mark.anyio

WRITERS = 8
EVENTS_EACH = 60


@pytest.fixture
async def reader(database: Urls) -> AsyncIterator[Reader]:
    async with Reader(database.service, size=2) as reader:
        yield reader


def appended(conn: Connection[Any], *requests: Any) -> list[Appended]:
    answers = append(conn, requests)
    assert all(isinstance(answer, Appended) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Appended)]


async def test_an_empty_log(service: Connection[Any], reader: Reader) -> None:
    assert await reader.head() == load_head(service) == Head(0, 0, bytes(32))
    assert await reader.events(0, 10) == []
    assert await reader.stream(a_stream()) == []
    assert await reader.recorded("moj", "key") is None
    assert await reader.find("code", "A") is None


async def test_ranges_and_the_head(service: Connection[Any], reader: Reader) -> None:
    requests = [a_request() for _ in range(5)]
    last = appended(service, *requests)[-1]
    events = await reader.events(1, 4)
    assert events == load_events(service, 1, 4)
    assert [event.index for event in events] == [1, 2, 3]
    assert [event.body for event in events] == [one.events[0].body for one in requests[1:4]]
    assert await reader.events(3, 99) == load_events(service, 3, 5)
    assert await reader.events(5, 6) == []
    assert await reader.head() == Head(5, last.time, last.leaf_hashes[0])


async def test_a_stream_by_versions(service: Connection[Any], reader: Reader) -> None:
    stream = a_stream()
    appended(service, a_request(), a_request(None, an_event(stream)), a_request())
    appended(service, a_request(None, an_event(stream, 2), an_event(), an_event(stream, 3)))
    events = await reader.stream(stream)
    assert [(event.version, event.index) for event in events] == [(1, 1), (2, 3), (3, 5)]
    assert [event.version for event in await reader.stream(stream, after=1)] == [2, 3]
    assert [event.version for event in await reader.stream(stream, upto=2)] == [1, 2]
    assert [event.version for event in await reader.stream(stream, after=1, limit=1)] == [2]
    assert load_stream(service, stream, upto=2) == events[:2]


async def test_claims(database: Urls, service: Connection[Any], reader: Reader) -> None:
    stream = a_stream()
    appended(service, a_request(None, an_event(stream), claims=[("code", "A", stream)]))
    assert await reader.find("code", "A") == stream
    with postgres.pool(database.service, Role.SERVICE, size=1, autocommit=True) as pool:
        directory = ClaimDirectory(pool)
        assert await asyncio.to_thread(directory.find, "code", "A") == stream
        assert await asyncio.to_thread(directory.find, "number", "A") is None


async def test_what_is_recorded_under_a_key(service: Connection[Any], reader: Reader) -> None:
    single, order = an_order("single"), an_order("bulk", lines=3)
    (first,) = appended(service, a_request(single))
    second, third = appended(
        service, a_request(order, an_event(line=2)), a_request(order, an_event(line=0))
    )
    found = await reader.recorded("moj", "single")
    assert found is not None
    assert (found.request_digest, found.first_index) == (single.request_digest, 0)
    assert found.lines == {0: RecordedLine(0, first.time, first.leaf_hashes[0])}
    found = await reader.recorded("moj", "bulk")
    assert found is not None
    assert found.lines == {
        2: RecordedLine(1, second.time, second.leaf_hashes[0]),
        0: RecordedLine(2, third.time, third.leaf_hashes[0]),
    }


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger.events SET body = 'x' WHERE index = 2",
        "UPDATE ledger.events SET header = 'x' WHERE index = 2",
        "UPDATE ledger.events SET body_salt = header_salt WHERE index = 2",
        "UPDATE ledger.events SET time = time + 1 WHERE index = 2",
        "UPDATE ledger.events SET leaf_hash = body_digest WHERE index = 2",
        "DELETE FROM ledger.events WHERE index = 2",
    ],
)
async def test_a_changed_row_is_not_served(
    service: Connection[Any], admin: Connection[Any], reader: Reader, change: str
) -> None:
    appended(service, *(a_request() for _ in range(4)))
    admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
    admin.execute(change.encode())
    with pytest.raises(BrokenChain) as caught:
        await reader.events(0, 4)
    assert caught.value.index == 2
    with pytest.raises(BrokenChain):
        load_events(service, 1, 4)


async def test_a_stream_with_a_hole_is_not_served(
    service: Connection[Any], admin: Connection[Any], reader: Reader
) -> None:
    stream = a_stream()
    appended(service, *(a_request(None, an_event(stream, version)) for version in (1, 2, 3)))
    admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
    admin.execute("DELETE FROM ledger.events WHERE index = 1")
    with pytest.raises(BrokenChain):
        await reader.stream(stream)


async def test_the_tail_misses_nothing_under_eight_writers(database: Urls, reader: Reader) -> None:
    written: list[tuple[int, bytes]] = []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        left = EVENTS_EACH
        with connect(database.service, Role.SERVICE, autocommit=True) as conn:
            while left:
                count = min(left, chance.randint(1, 7))
                good = [a_request() for _ in range(count)]
                bad = a_request(None, an_event(version=2))
                answers = append(conn, [*good, bad])
                written.extend(
                    (answer.index, request.events[0].body)
                    for request, answer in zip(good, answers, strict=False)
                    if isinstance(answer, Appended)
                )
                left -= count

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    seen: list[tuple[int, bytes]] = []
    async with asyncio.timeout(60):
        async for page in reader.follow(page_events=50):
            seen += [(event.index, event.body) for event in page]
            if len(seen) >= WRITERS * EVENTS_EACH:
                break
    for thread in threads:
        thread.join()
    assert [index for index, _ in seen] == list(range(WRITERS * EVENTS_EACH))
    assert seen == sorted(written)


async def test_the_tail_notices_pages_that_do_not_meet(
    service: Connection[Any], admin: Connection[Any], reader: Reader
) -> None:
    appended(service, *(a_request() for _ in range(4)))
    pages = reader.follow(page_events=2)
    assert [event.index for event in await anext(pages)] == [0, 1]
    admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
    admin.execute("UPDATE ledger.events SET leaf_hash = body_digest WHERE index = 2")
    with pytest.raises(BrokenChain):
        await anext(pages)


async def test_waiting_for_an_index_ends_with_its_append(
    service: Connection[Any], reader: Reader
) -> None:
    waiting = [asyncio.create_task(reader.wait_for(index, 30)) for index in (1, 0, 2)]
    await asyncio.to_thread(appended, service, a_request(), a_request())
    assert await waiting[0]
    assert await waiting[1]
    assert not waiting[2].done()
    assert not await reader.wait_for(2, 0.01)
    assert await reader.wait_for(0, 0)
    await asyncio.to_thread(appended, service, a_request())
    assert await waiting[2]
