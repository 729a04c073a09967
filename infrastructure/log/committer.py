"""Group commit: a batch is what arrived while the last one was being committed.

One task and one connection a process. Nobody waits for a batch to fill, and no lock is held across
a round trip. A request whose fate is unknown, because the connection broke or the standby did not
confirm, is sent again as it is: its idempotency key turns a commit that happened into an answer.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection, Connection

from infrastructure import faults
from infrastructure.log import batch
from infrastructure.log.batch import Appended, AppendRequest, Result
from infrastructure.log.ending import Place, check_tail, missing
from infrastructure.log.insisting import InsistingConnection
from infrastructure.log.queries import QUERIES
from infrastructure.log.refusals import (
    AppendFailed,
    AppendRefused,
    Deferred,
    LogBehind,
    QueueFull,
    StorageFull,
    StoreFailure,
    StoreUnavailable,
)
from infrastructure.log.waiting import Asked, Waiting, WaitingLine, size_of

BATCH_EVENTS = 1_000
BATCH_BYTES = 16 * 1024 * 1024
QUEUED_EVENTS = 10_000
QUEUED_BYTES = 8 * BATCH_BYTES
_LONGEST_RETRY_AFTER_SECONDS = 30


def now_us() -> int:
    """This machine's clock: microseconds since 1970, UTC."""
    return time.time_ns() // 1_000


def append(
    conn: Connection[Any], requests: Sequence[AppendRequest], now: int | None = None
) -> list[Result]:
    """The synchronous door, for the command line and tests: every request recorded or refused.

    `conn` is in autocommit, so each call inside is durable on its own.

    Raises:
        psycopg.Error: as `batch.append`; requests that were answered before it stay recorded.
    """
    results: dict[int, Result] = {}
    waiting = list(range(len(requests)))
    while waiting:
        answers = batch.append(
            conn, [requests[place] for place in waiting], now_us() if now is None else now
        )
        results.update(zip(waiting, answers, strict=True))
        waiting = [place for place in waiting if isinstance(results[place], Deferred)]
    return [results[place] for place in range(len(requests))]


class Committer:
    """Records requests from many tasks of one event loop; use as an async context manager.

    Args:
        url: the service's connection string.
        queued_events: events that may wait before `submit` says `QueueFull`.
        queued_bytes: how much they may hold: a body may be a thousand times another one.
        give_up_seconds: how long a batch is sent again while the database is away.
        clock: the service's clock, in microseconds since 1970.
        promised: how many events somebody outside may hold the log's word for. A connection to a
            database that has fewer, as an old backup has, is not used.
    """

    def __init__(
        self,
        url: str,
        *,
        queued_events: int = QUEUED_EVENTS,
        queued_bytes: int = QUEUED_BYTES,
        give_up_seconds: float = 10.0,
        clock: Callable[[], int] = now_us,
        promised: Callable[[], int] = lambda: 0,
    ) -> None:
        self._most_events = queued_events
        self._most_bytes = queued_bytes
        self._clock = clock
        self._primary = InsistingConnection(url, give_up_seconds=give_up_seconds, promised=promised)
        self._line = WaitingLine(max_events=BATCH_EVENTS, max_bytes=BATCH_BYTES)
        self._unsure: list[Asked] = []
        self._arrived = asyncio.Event()
        self._drained = asyncio.Condition()
        self._closing = False
        self._rate = 1_000.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Checks the end of the log and starts taking requests.

        Raises:
            LogTampered: the last events do not chain up to the head row.
            psycopg.Error: the database cannot be used.
        """
        try:
            conn = await self._primary.connection()
            await check_tail(conn)
            await self._primary.partitions.prepare(conn)
        except LogBehind:
            # Whoever submits is told; the process goes on, to say so and to be read from.
            pass
        except BaseException:
            await self._primary.disconnect()
            raise
        self._task = asyncio.create_task(self._run(), name="committer")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Records what is queued, refusing more, and closes."""
        await self.close()

    @property
    def queued_events(self) -> int:
        """How many events wait, those being committed not counted."""
        return self._line.events

    async def submit(self, request: AppendRequest) -> Appended:
        """Records one request, durable when this returns.

        A caller that is cancelled before its batch is sent takes its request back; afterwards the
        request may have been recorded, and the same idempotency key tells.

        Raises:
            AppendRefused: for this request alone; it burned no index.
            QueueFull: not accepted, come back after the seconds that it names.
            StoreFailure: otherwise; send the same key again to learn the request's fate.
        """
        if not self._has_room(request):
            raise QueueFull(self._retry_after())
        return await self._enqueue(request)

    async def submit_lines(
        self, requests: Iterable[AppendRequest]
    ) -> list[Appended | AppendRefused | StoreFailure]:
        """Records the lines of a bulk, waiting for room instead of being turned away.

        At most a batch of them is queued at a time, so that single orders go in between. Results
        are in the lines' order, refusals and failures among them: a line that failed may have been
        recorded, and the same key tells.
        """
        results: list[Appended | AppendRefused | StoreFailure] = []
        pending: deque[asyncio.Future[Appended]] = deque()
        try:
            for request in requests:
                if len(pending) >= BATCH_EVENTS:
                    results.append(await _settled(pending.popleft()))
                await self._room_for(request)
                pending.append(self._enqueue(request))
            while pending:
                results.append(await _settled(pending.popleft()))
        finally:
            for answer in pending:
                if not answer.cancel():
                    answer.exception()  # nobody else will look at it
        return results

    async def confirm(self, events: Collection[Place]) -> None:
        """Returns once these events, which were read, are where `submit` would have them.

        For whoever answers by what was read: it may be the very event whose confirmation by a
        standby was cut short, or it was read from a server that is the primary no more. An event
        speaks for all before it that were read together with it.

        Raises:
            StoreFailure: they may not be there; ask again.
        """
        if not self._works:
            raise StoreUnavailable("the committer is not running")
        asked = Asked(frozenset(events), asyncio.get_running_loop().create_future())
        self._unsure.append(asked)
        self._arrived.set()
        await asked.answer

    async def close(self) -> None:
        """Commits what is queued, refuses what comes, and closes the connections."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._primary.partitions.close()
        await self._primary.disconnect()

    def _enqueue(self, request: AppendRequest) -> asyncio.Future[Appended]:
        waiting = Waiting(request, asyncio.get_running_loop().create_future())
        if not self._works:
            waiting.fail(StoreUnavailable("the committer is not running"))
            return waiting.answer
        self._line.append(waiting)
        self._arrived.set()
        return waiting.answer

    @property
    def _works(self) -> bool:
        return not (self._closing or self._task is None or self._task.done())

    async def _room_for(self, request: AppendRequest) -> None:
        async with self._drained:
            await self._drained.wait_for(lambda: self._has_room(request))

    def _has_room(self, request: AppendRequest) -> bool:
        line = self._line
        return not line or (
            line.events + len(request.events) <= self._most_events
            and line.bytes + size_of(request) <= self._most_bytes
        )

    def _retry_after(self) -> int:
        seconds = int(self._line.events / self._rate) + 1
        return min(seconds, _LONGEST_RETRY_AFTER_SECONDS)

    async def _run(self) -> None:
        try:
            while self._line or self._unsure or not self._closing:
                if not self._line and not self._unsure:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                await self._record(self._line.take())
                await self._make_sure()
                async with self._drained:
                    self._drained.notify_all()
        finally:
            self._line.fail(StoreUnavailable("the committer has stopped"))
            _settle(self._unsure, StoreUnavailable("the committer has stopped"))
            async with self._drained:
                self._drained.notify_all()

    async def _record(self, waiting: list[Waiting]) -> None:
        """Commits and answers; a statement that fails is halved until it fails alone."""
        if not waiting:
            return
        started = time.monotonic()
        try:
            results = await self._commit(waiting)
        except StoreUnavailable as failure:
            # Who waits behind has waited as long, and would wait in vain once more.
            for each in waiting:
                each.fail(type(failure)(*failure.args))
            self._line.fail(failure)
            if not isinstance(failure, StorageFull):
                # A full disk says so at once, and a confirmation needs next to no room.
                asked, self._unsure = self._unsure, []
                _settle(asked, failure)
        except Exception as error:  # noqa: BLE001 - no request, however broken, stops the others
            if len(waiting) == 1:
                waiting[0].fail(_failed(error))
                return
            middle = len(waiting) // 2
            await self._record(waiting[:middle])
            await self._record(waiting[middle:])
        else:
            self._answer(waiting, results, time.monotonic() - started)

    def _answer(self, waiting: list[Waiting], results: list[Result], seconds: float) -> None:
        deferred = []
        appended = 0
        for each, result in zip(waiting, results, strict=True):
            if isinstance(result, Deferred):
                deferred.append(each)
                continue
            each.resolve(result)
            if not isinstance(result, Appended):
                continue
            self._primary.acknowledged(result)
            if not result.replayed:
                appended += len(result.indexes)
                self._primary.partitions.grown_to(result.indexes[-1] + 1)
        self._line.put_back(deferred)
        if appended:
            self._rate += 0.2 * (appended / max(seconds, 1e-6) - self._rate)

    async def _make_sure(self) -> None:
        """One commit answers all who wait for one by now."""
        if not self._unsure:
            return
        asked, self._unsure = self._unsure, []
        events: frozenset[Place] = frozenset().union(*(one.events for one in asked))

        async def confirm(conn: AsyncConnection[Any]) -> frozenset[Place]:
            # What is there by now stands before this commit, and is confirmed with it.
            lacking = await missing(conn, events)
            await conn.execute(QUERIES["confirm"])
            return lacking

        try:
            lacking = await self._primary.insist(confirm)
        except StoreUnavailable as error:
            _settle(asked, error)
            if not isinstance(error, StorageFull):
                self._line.fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the batches go on
            _settle(asked, _failed(error))
        else:
            # Nobody was told of them: they were on a server whose word counts no more.
            gone = StoreUnavailable("the primary does not have what was read")
            _settle([one for one in asked if one.events & lacking], gone)
            _settle(asked, None)

    async def _commit(self, waiting: list[Waiting]) -> list[Result]:
        """A result for each, or what is wrong with the statement as a whole."""
        requests = [each.request for each in waiting]

        async def append(conn: AsyncConnection[Any]) -> list[Result]:
            await faults.point_async("committer.batch_taken")
            results = await batch.append_async(conn, requests, self._clock())
            await faults.point_async("committer.batch_committed")
            return results

        return await self._primary.insist(append)


async def _settled(
    answer: asyncio.Future[Appended],
) -> Appended | AppendRefused | StoreFailure:
    try:
        return await answer
    except (AppendRefused, StoreFailure) as error:
        return error


def _settle(asked: Iterable[Asked], failure: StoreFailure | None) -> None:
    for one in asked:
        if one.answer.done():
            continue  # it was told, or its caller has gone
        if failure is None:
            one.answer.set_result(None)
        else:
            one.answer.set_exception(type(failure)(*failure.args))


def _failed(error: Exception) -> AppendFailed:
    # The database's details quote the row; the reason alone says enough.
    reason = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    failure = AppendFailed(reason or type(error).__name__)
    failure.__cause__ = error
    return failure
