"""Group commit: a batch is what arrived while the last one was being committed.

One task and one connection a process. Nobody waits for a batch to fill, and no lock is held across
a round trip. A request whose fate is unknown, because the connection broke or the standby did not
confirm, is sent again as it is: its idempotency key turns a commit that happened into an answer.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.errors import Diagnostic

from infrastructure import faults, postgres
from infrastructure.log import batch
from infrastructure.log.batch import Appended, AppendRequest, Result
from infrastructure.log.ending import check_promises, check_tail
from infrastructure.log.partitions import Partitions
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
from infrastructure.log.waiting import Waiting, WaitingLine, size_of

BATCH_EVENTS = 1_000
BATCH_BYTES = 16 * 1024 * 1024
QUEUED_EVENTS = 10_000
QUEUED_BYTES = 8 * BATCH_BYTES
LIMITS = postgres.Limits(statement_seconds=30, lock_seconds=5, idle_in_transaction_seconds=5)

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
_LONGEST_RETRY_AFTER_SECONDS = 30


class _FateUnknown(Exception):
    """The call failed in a way that leaves open whether its batch was recorded."""


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
        self._url = url
        self._most_events = queued_events
        self._most_bytes = queued_bytes
        self._give_up_seconds = give_up_seconds
        self._clock = clock
        self._promised = promised
        self._newest: Appended | None = None
        self._line = WaitingLine(max_events=BATCH_EVENTS, max_bytes=BATCH_BYTES)
        self._arrived = asyncio.Event()
        self._drained = asyncio.Condition()
        self._closing = False
        self._rate = 1_000.0
        self._conn: AsyncConnection[Any] | None = None
        self._in_doubt = False
        self._partitions = Partitions(self._connect)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Checks the end of the log and starts taking requests.

        Raises:
            LogTampered: the last events do not chain up to the head row.
            psycopg.Error: the database cannot be used.
        """
        try:
            conn = await self._connection()
            await check_tail(conn)
            await self._partitions.prepare(conn)
        except LogBehind:
            # Whoever submits is told; the process goes on, to say so and to be read from.
            pass
        except BaseException:
            await self._disconnect()
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

    async def close(self) -> None:
        """Commits what is queued, refuses what comes, and closes the connections."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._partitions.close()
        await self._disconnect()

    def _enqueue(self, request: AppendRequest) -> asyncio.Future[Appended]:
        waiting = Waiting(request, asyncio.get_running_loop().create_future())
        if self._closing or self._task is None or self._task.done():
            waiting.fail(StoreUnavailable("the committer is not running"))
            return waiting.answer
        self._line.append(waiting)
        self._arrived.set()
        return waiting.answer

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
            while self._line or not self._closing:
                if not self._line:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                await self._record(self._line.take())
                async with self._drained:
                    self._drained.notify_all()
        finally:
            self._line.fail(StoreUnavailable("the committer has stopped"))
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
            if self._newest is None or result.indexes[-1] > self._newest.indexes[-1]:
                self._newest = result
            if not result.replayed:
                appended += len(result.indexes)
                self._partitions.grown_to(result.indexes[-1] + 1)
        self._line.put_back(deferred)
        if appended:
            self._rate += 0.2 * (appended / max(seconds, 1e-6) - self._rate)

    async def _commit(self, waiting: list[Waiting]) -> list[Result]:
        """A result for each, or what is wrong with the statement as a whole."""
        requests = [each.request for each in waiting]
        deadline = time.monotonic() + self._give_up_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._call(requests)
            except _FateUnknown as error:
                await self._disconnect()
                if time.monotonic() + pause > deadline:
                    raise StoreUnavailable(str(error)) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _call(self, requests: list[AppendRequest]) -> list[Result]:
        try:
            conn = await self._connection()
        except psycopg.Error as error:
            raise _FateUnknown(str(error)) from error
        self._in_doubt = False
        try:
            await faults.point_async("committer.batch_taken")
            results = await batch.append_async(conn, requests, self._clock())
            await faults.point_async("committer.batch_committed")
        except psycopg.errors.DiskFull as error:
            # The statement failed while the server lives: sure to be undone, and a disk does not
            # empty itself while callers wait.
            raise StorageFull(str(error)) from error
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
            # Lost, shut down, out of time, failed over: none is a request's fault, but class 54
            # is: a value longer than an index takes.
            if (error.sqlstate or "").startswith("54"):
                raise
            raise _FateUnknown(str(error)) from error
        except faults.FaultReached as error:
            raise _FateUnknown(str(error)) from error
        except psycopg.errors.CheckViolation as error:
            if error.diag.constraint_name is not None:
                raise
            # A row without a place: the log outgrew its partitions before their maker came by.
            await self._partitions.prepare(conn)
            raise _FateUnknown(str(error)) from error
        if self._in_doubt:
            raise _FateUnknown("the commit was not confirmed by a standby")
        return results

    async def _connection(self) -> AsyncConnection[Any]:
        if self._conn is None:
            conn = await self._connect()
            try:
                await check_promises(conn, self._promised(), self._newest)
            except BaseException:
                await conn.close()
                raise
            conn.add_notice_handler(self._on_notice)
            self._conn = conn
        return self._conn

    async def _connect(self) -> AsyncConnection[Any]:
        conn = await postgres.connect_async(
            self._url, postgres.Role.SERVICE, autocommit=True, limits=LIMITS
        )
        if setting := faults.session_setting():
            await conn.execute(QUERIES["arm_fault"], (setting,))
        return conn

    def _on_notice(self, notice: Diagnostic) -> None:
        # Who cancels the wait for a standby gets a warning beside a commit that looks successful.
        if notice.severity_nonlocalized == "WARNING":
            self._in_doubt = True

    async def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()


async def _settled(
    answer: asyncio.Future[Appended],
) -> Appended | AppendRefused | StoreFailure:
    try:
        return await answer
    except (AppendRefused, StoreFailure) as error:
        return error


def _failed(error: Exception) -> AppendFailed:
    # The database's details quote the row; the reason alone says enough.
    reason = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    failure = AppendFailed(reason or type(error).__name__)
    failure.__cause__ = error
    return failure
