"""Waiting for a position in the database without asking for it again and again.

A notification only wakes; the position itself is always read, because any login may notify. When
no notification comes the position is read once a second all the same, so a lost one costs a second
and never an event.
"""

import asyncio
import heapq
import itertools
import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import tuple_row

from infrastructure import postgres

POLL_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 0.05
_REST_SECONDS = 0.01
# Of a number that grows a thousand times a second not every value is worth remembering.
_LOOKS_APART_SECONDS = 0.05
_LOOKS_KEPT = 128


@dataclass(frozen=True, slots=True)
class Look:
    """The number was `position` when the monotonic clock said `time`, or a moment after.

    `mark` is what the query gives beside it: for the log, the leaf hash of its last event.
    """

    time: float
    position: int
    mark: bytes | None


class Watch:
    """Follows a number that grows, and falls only where a fail-over lost its end.

    Use as an async context manager.

    Args:
        url: a connection string; it must reach the server itself, not a transaction pooler.
        channel: what is notified when the number may have grown.
        query: reads the number; one row, and beside the number perhaps its mark.
        role: what its connection becomes; None stays what it logged in as.
        poll_seconds: how long to trust the silence of the channel.
    """

    def __init__(
        self,
        url: str,
        channel: str,
        query: LiteralString,
        *,
        role: postgres.Role | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._url = url
        self._channel = channel
        self._query = query
        self._role = role
        self._poll_seconds = poll_seconds
        self._position = 0
        self._looks: deque[Look] = deque(maxlen=_LOOKS_KEPT)
        self._highest = 0
        self._falls = 0
        self._waiting: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._numbers = itertools.count()
        self._conn: AsyncConnection[Any] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """As `open`."""
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """As `close`."""
        await self.close()

    @property
    def position(self) -> int:
        """The number as it was last read, or heard."""
        return self._position

    def looks(self, seconds: float) -> list[Look]:
        """What was read in the last seconds, by a clock that only goes forward; the oldest first.

        What was only heard is not among it.
        """
        since = time.monotonic() - seconds
        return [look for look in self._looks if look.time >= since]

    @property
    def lost(self) -> int:
        """How far the number has fallen below the highest that was ever read."""
        return self._highest - self._position

    @property
    def falls(self) -> int:
        """How often the number was found to have fallen, whatever it has grown to since."""
        return self._falls

    def heard(self, position: int) -> None:
        """Takes word from whoever made the number grow: it need not wait for the notice."""
        self._position = max(self._position, position)
        self._wake()

    async def open(self) -> None:
        """Starts listening and reads the number once.

        Raises:
            psycopg.Error: the database cannot be reached, or the query does not work.
        """
        conn = await self._listen()
        self._task = asyncio.create_task(self._run(conn), name=f"watch {self._channel}")

    async def close(self) -> None:
        """Stops; everybody who still waits is told False."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._disconnect()
        while self._waiting:
            _tell(heapq.heappop(self._waiting)[2], reached=False)

    async def reach(self, position: int, timeout_seconds: float) -> bool:
        """Whether the number is at least `position` before the time is over."""
        if self._position >= position:
            return True
        if self._task is None:
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry = (position, next(self._numbers), answer)
        heapq.heappush(self._waiting, entry)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await answer
        except TimeoutError:
            return False
        finally:
            if answer.cancelled():
                self._forget(entry)

    async def _run(self, conn: AsyncConnection[Any]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                while True:
                    # What was notified while the number was read is kept for this loop.
                    async for _ in conn.notifies(timeout=self._poll_seconds, stop_after=1):
                        pass
                    await self._look(conn)
                    pause = _FIRST_PAUSE_SECONDS
                    # While a busy log notifies without end, one look answers many notices.
                    await asyncio.sleep(_REST_SECONDS)
            except psycopg.Error:
                conn = await self._listen_again(pause)
                pause = min(pause * 2, self._poll_seconds)

    async def _listen_again(self, pause: float) -> AsyncConnection[Any]:
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._listen()
            except psycopg.Error:
                pause = min(pause * 2, self._poll_seconds)

    async def _listen(self) -> AsyncConnection[Any]:
        await self._disconnect()
        conn = await postgres.connect_async(self._url, self._role, autocommit=True)
        self._conn = conn
        try:
            # Listening comes first: whatever grows after the look is notified.
            await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            await self._look(conn, anew=True)
        except BaseException:
            await self._disconnect()
            raise
        return conn

    async def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()

    async def _look(self, conn: AsyncConnection[Any], *, anew: bool = False) -> None:
        known = self._position
        begun = time.monotonic()
        cursor = conn.cursor(row_factory=tuple_row)
        row = await (await cursor.execute(self._query)).fetchone()
        if row is not None and row[0] is not None:
            # Another server may answer now, and hold less than the one that was lost.
            fallen = anew and self._position == known
            self._falls += fallen and row[0] < known
            self._position = row[0] if fallen else max(self._position, row[0])
            self._remember(Look(begun, row[0], row[1] if len(row) > 1 else None))
        self._wake()

    def _remember(self, look: Look) -> None:
        last = self._looks[-1] if self._looks else None
        if last is not None and (last.position, last.mark) == (look.position, look.mark):
            self._looks[-1] = look
        elif last is None or look.time - last.time >= _LOOKS_APART_SECONDS:
            self._looks.append(look)

    def _wake(self) -> None:
        self._highest = max(self._highest, self._position)
        while self._waiting and self._waiting[0][0] <= self._position:
            _tell(heapq.heappop(self._waiting)[2], reached=True)

    def _forget(self, entry: tuple[int, int, asyncio.Future[bool]]) -> None:
        # Passed over in the same moment, it is not in the heap any more.
        if entry in self._waiting:
            self._waiting.remove(entry)
            heapq.heapify(self._waiting)


def _tell(answer: asyncio.Future[bool], *, reached: bool) -> None:
    if not answer.done():
        answer.set_result(reached)
