import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import Connection

from infrastructure import faults
from infrastructure.log.batch import Appended, AppendRequest
from infrastructure.log.committer import Committer
from infrastructure.log.ending import LogTampered
from infrastructure.log.reader import load_events
from infrastructure.log.refusals import (
    AppendFailed,
    ClaimTaken,
    Conflict,
    OrderExpired,
    QueueFull,
    StoreUnavailable,
)
from infrastructure.log.waiting import size_of
from infrastructure.postgres import Urls
from tests.infrastructure.log.cutting import cuttable
from tests.infrastructure.log.making import a_request, a_stream, an_event, an_order

pytestmark = pytest.mark.anyio
_T = TypeVar("_T")


@pytest.fixture
async def committer(database: Urls) -> AsyncIterator[Committer]:
    async with Committer(database.service) as committer:
        yield committer


@contextlib.contextmanager
def log_held(admin: Connection[Any]) -> Iterator[None]:
    """Nobody can append inside the block: the batch that tries waits for the lock."""
    admin.execute("SELECT pg_advisory_lock(1397377356, 1)")
    try:
        yield
    finally:
        admin.execute("SELECT pg_advisory_unlock(1397377356, 1)")


async def started(*requests: asyncio.Task[Appended]) -> None:
    """Lets the tasks come as far as the queue."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(request.done() for request in requests)


async def outcomes(committer: Committer, *requests: AppendRequest) -> list[Any]:
    return await asyncio.gather(*map(committer.submit, requests), return_exceptions=True)


def recorded(service: Connection[Any]) -> int:
    return len(load_events(service, 0, 100_000))


async def test_what_arrives_together_is_committed_together(
    committer: Committer, service: Connection[Any]
) -> None:
    answers = await outcomes(committer, *(a_request() for _ in range(400)))
    assert [answer.index for answer in answers] == list(range(400))
    # One batch has one time. The first took what was there, the second what came meanwhile.
    assert len({answer.time for answer in answers}) <= 2
    assert recorded(service) == 400


async def test_each_is_refused_for_itself(committer: Committer) -> None:
    taken, stream = ("code", "A"), a_stream()
    await committer.submit(a_request(None, an_event(stream), claims=[(*taken, stream)]))
    answers = await outcomes(
        committer,
        a_request(),
        a_request(claims=[(*taken, a_stream())]),
        a_request(None, an_event(stream)),
        a_request(an_order(not_after=1)),
        a_request(),
    )
    assert [type(answer) for answer in answers] == [
        Appended,
        ClaimTaken,
        Conflict,
        OrderExpired,
        Appended,
    ]
    assert [answers[0].index, answers[4].index] == [1, 2]


async def test_who_must_wait_goes_with_the_next_batch(committer: Committer) -> None:
    stream = a_stream()
    answers = await outcomes(
        committer, *(a_request(None, an_event(stream, version)) for version in range(1, 21))
    )
    assert [answer.index for answer in answers] == list(range(20))


async def test_one_broken_request_harms_nobody(
    committer: Committer, service: Connection[Any]
) -> None:
    good = [a_request() for _ in range(30)]
    short_salt = a_request(None, replace(an_event(), header_salt=b"short"))
    surrogate = a_request(an_order("\ud800" * 22))
    endless = a_request(claims=[("code", secrets.token_urlsafe(9000), a_stream())])
    zero = a_request(claims=[("code", "\x00", a_stream())])
    answers = await outcomes(
        committer, *good[:7], short_salt, *good[7:20], surrogate, endless, *good[20:], zero
    )
    failed = [answer for answer in answers if not isinstance(answer, Appended)]
    assert [type(answer) for answer in failed] == [AppendFailed] * 4
    assert "Failing row" not in str(failed[0])
    assert recorded(service) == 30


async def test_a_full_queue_says_when_to_come_back(database: Urls, admin: Connection[Any]) -> None:
    async with Committer(database.service, queued_events=10) as committer:
        with log_held(admin):
            in_flight = asyncio.create_task(committer.submit(a_request()))
            await started(in_flight)
            queued = [asyncio.create_task(committer.submit(a_request())) for _ in range(10)]
            await started(*queued)
            assert committer.queued_events == 10
            with pytest.raises(QueueFull) as caught:
                await committer.submit(a_request())
            assert 1 <= caught.value.retry_after_seconds <= 30
        answers = await asyncio.gather(in_flight, *queued)
    assert [answer.index for answer in answers] == list(range(11))


async def test_a_queue_is_full_of_bytes_too(database: Urls, admin: Connection[Any]) -> None:
    large = [a_request(None, an_event(sealed=bytes(1000))) for _ in range(3)]
    async with Committer(database.service, queued_bytes=2 * size_of(large[0])) as committer:
        with log_held(admin):
            in_flight = asyncio.create_task(committer.submit(a_request()))
            await started(in_flight)
            queued = [asyncio.create_task(committer.submit(request)) for request in large[:2]]
            await started(*queued)
            with pytest.raises(QueueFull):
                await committer.submit(large[2])
        await asyncio.gather(in_flight, *queued)
        assert (await committer.submit(large[2])).index == 3


async def test_a_request_larger_than_the_queue_is_taken_when_nobody_waits(
    database: Urls,
) -> None:
    async with Committer(database.service, queued_events=2, queued_bytes=9) as committer:
        answer = await committer.submit(a_request(None, *(an_event() for _ in range(5))))
    assert answer.indexes == (0, 1, 2, 3, 4)


async def test_a_caller_that_left_before_the_batch_takes_its_request_along(
    committer: Committer, admin: Connection[Any], service: Connection[Any]
) -> None:
    with log_held(admin):
        sent = asyncio.create_task(committer.submit(a_request()))
        await started(sent)
        waiting = asyncio.create_task(committer.submit(a_request()))
        await started(waiting)
        waiting.cancel()
        sent.cancel()
        await asyncio.wait([waiting, sent])
    # What was sent is recorded although nobody waits for the answer; the other never left.
    assert (await committer.submit(a_request())).index == 1
    assert recorded(service) == 2


async def test_a_lost_acknowledgement_is_found_again(
    database: Urls, tmp_path: Path, service: Connection[Any]
) -> None:
    async with cuttable(database.service, tmp_path) as (url, wire), Committer(url) as committer:
        await committer.submit(a_request())
        wire.lose_next_answer = True
        answers = await outcomes(committer, *(a_request() for _ in range(5)))
        assert wire.lost_answers == 1
        assert [(answer.index, answer.replayed) for answer in answers] == [
            (index, True) for index in range(1, 6)
        ]
    assert recorded(service) == 6


async def test_whoever_was_told_nothing_sends_the_same_key_again(
    database: Urls, service: Connection[Any]
) -> None:
    request = a_request()
    async with Committer(database.service, give_up_seconds=0) as committer:
        with faults.armed("committer.batch_committed"), pytest.raises(StoreUnavailable):
            await committer.submit(request)
        assert recorded(service) == 1
        assert (await committer.submit(request)).replayed
    assert recorded(service) == 1


async def test_a_connection_that_died_is_replaced(
    committer: Committer, admin: Connection[Any]
) -> None:
    await committer.submit(a_request())
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert (await committer.submit(a_request())).index == 1


async def test_a_database_that_stays_away_is_given_up(database: Urls, tmp_path: Path) -> None:
    async with (
        cuttable(database.service, tmp_path) as (url, wire),
        Committer(url, give_up_seconds=0.2) as committer,
    ):
        wire.refusing = True
        wire.cut()
        answers = await outcomes(committer, *(a_request() for _ in range(3)))
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
        wire.refusing = False
        assert (await committer.submit(a_request())).index == 0


async def test_closing_records_what_is_queued_and_takes_no_more(
    database: Urls, service: Connection[Any]
) -> None:
    async with Committer(database.service) as committer:
        tasks = [asyncio.create_task(committer.submit(a_request())) for _ in range(50)]
        await started(*tasks)
    assert [task.result().index for task in tasks] == list(range(50))
    with pytest.raises(StoreUnavailable):
        await committer.submit(a_request())
    assert recorded(service) == 50


async def test_a_bulk_lets_others_in_between(committer: Committer) -> None:
    order = an_order(lines=3000)
    lines = [
        a_request(order, an_event(version=2 if line % 10 == 9 else 1, line=line))
        for line in range(3000)
    ]
    bulk = asyncio.create_task(committer.submit_lines(lines))
    single = await committer.submit(a_request())
    assert not bulk.done()
    results = await bulk
    assert [type(result) for result in results[:10]] == [Appended] * 9 + [Conflict]
    assert sum(isinstance(result, Appended) for result in results) == 2700
    indexes = [result.index for result in results if isinstance(result, Appended)]
    assert indexes == sorted(indexes)
    assert single.index < 2700


async def test_a_bulk_waits_for_room_instead_of_being_turned_away(database: Urls) -> None:
    async with Committer(database.service, queued_events=10) as committer:
        order = an_order(lines=100)
        lines = [a_request(order, an_event(line=line)) for line in range(100)]
        results = await committer.submit_lines(lines)
    assert all(isinstance(result, Appended) for result in results)


async def test_the_lines_of_a_bulk_are_told_when_nobody_records_any_more(database: Urls) -> None:
    async with Committer(database.service) as committer:
        pass
    results = await committer.submit_lines([a_request(), a_request()])
    assert [type(result) for result in results] == [StoreUnavailable, StoreUnavailable]


async def test_a_log_whose_end_was_changed_is_not_built_upon(
    database: Urls, committer: Committer, admin: Connection[Any]
) -> None:
    await outcomes(committer, *(a_request() for _ in range(3)))
    admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
    admin.execute("UPDATE ledger.events SET body_digest = header_digest WHERE index = 1")
    with pytest.raises(LogTampered, match="index 1"):
        async with Committer(database.service):
            pass


async def test_a_log_that_lost_its_end_is_not_built_upon(
    database: Urls, committer: Committer, admin: Connection[Any]
) -> None:
    await outcomes(committer, *(a_request() for _ in range(3)))
    admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
    admin.execute("DELETE FROM ledger.events WHERE index = 2")
    with pytest.raises(LogTampered):
        async with Committer(database.service):
            pass


async def test_no_acknowledgement_before_the_standby_has_confirmed(
    committer: Committer, admin: Connection[Any]
) -> None:
    await committer.submit(a_request())
    answer = await _cut_short(admin, lambda: committer.submit(a_request()))
    assert answer.replayed


async def test_what_is_asked_to_be_confirmed_waits_for_the_standby_as_well(
    committer: Committer, admin: Connection[Any]
) -> None:
    answer = await committer.submit(a_request())
    events = [(answer.index, answer.leaf_hashes[0])]
    await committer.confirm(events)
    await _cut_short(admin, lambda: committer.confirm(events))


async def test_a_committer_that_has_stopped_confirms_nothing(database: Urls) -> None:
    async with Committer(database.service) as committer:
        asked = asyncio.create_task(committer.confirm([]))
        await asyncio.sleep(0)
    await asked
    with pytest.raises(StoreUnavailable):
        await committer.confirm([])


async def test_whoever_asks_for_a_confirmation_in_vain_is_told(
    database: Urls, tmp_path: Path
) -> None:
    async with (
        cuttable(database.service, tmp_path) as (url, wire),
        Committer(url, give_up_seconds=0.2) as committer,
    ):
        wire.refusing = True
        wire.cut()
        with pytest.raises(StoreUnavailable):
            await committer.confirm([])
        wire.refusing = False
        await committer.confirm([])


async def _cut_short(admin: Connection[Any], work: Callable[[], Awaitable[_T]]) -> _T:
    """What work returns whose wait for a standby was cancelled once, and then not ended."""
    waiting = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event = 'SyncRep'"
    )
    admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
    try:
        admin.execute("SELECT pg_reload_conf()")
        first = None
        while first is None:
            # A backend that has not heard of the standby yet commits at once.
            task = asyncio.ensure_future(work())
            first = await _one(admin, waiting, until=task)
        # The server then says that the commit went well, with a warning beside it.
        admin.execute("SELECT pg_cancel_backend(%s)", first)
        again = await _one(admin, waiting, unlike=first, until=task)
        assert not task.done()
        assert again != first
    finally:
        admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        admin.execute("SELECT pg_reload_conf()")
    return await task


async def _one(
    admin: Connection[Any], query: str, *, until: asyncio.Future[Any], unlike: Any = None
) -> Any:
    while not until.done():
        row = admin.execute(query.encode()).fetchone()
        if row is not None and row != unlike:
            return row
        await asyncio.sleep(0.01)
    return None


async def test_an_unreachable_database_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(psycopg.OperationalError):
        async with Committer(f"host={tmp_path} dbname=none user=nobody"):
            pass
