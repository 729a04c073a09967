"""The follower: carries the log, page by page and exactly once, into whatever keeps read models.

It must not know what a read model is: a `Sink` says up to which index it has come and applies the
next page, both inside one transaction of the follower's. It reads header and body bytes only, never
the aggregates' classes, so that a read model depends on the recorded vocabulary and nothing else.

Commit order is index order (one lock orders all appends), so a follower that has applied index N
has missed nothing before N and never needs to look back.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, TypeVar
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

T = TypeVar("T")

PAGE_EVENTS: Final = 5000
"""Most events of one transaction: round trips become cheap."""

PAGE_BYTES: Final = 16 * 2**20
"""A page ends with the event that makes it so large: it fits in memory, whatever was stated."""

PACE_SECONDS: Final = 0.05
"""A page of one event costs about what a page of a hundred does, so a busy log is given time to
gather them; the first event after a silence is applied at once."""

_PAGE = b"""
SELECT index, time, header, body FROM (
    SELECT index, time, header, body, sum(octet_length(header) + octet_length(body)) OVER (
        ORDER BY index ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before
    FROM ledger.events WHERE index > %(after)s AND index <= %(last)s
) AS page WHERE before IS NULL OR before < %(bytes)s ORDER BY index
"""


class FollowerStopped(Exception):
    """The follower cannot go on, and skipping an event would make every later answer a lie.

    `code` is stable; `index` and `topic` name the event where it stopped, where one is to blame.
    """

    def __init__(self, code: str, *, index: int | None = None, topic: str | None = None) -> None:
        """Say which event stopped it."""
        place = "" if index is None else f" at index {index}"
        super().__init__(f"{code}{place}{f' ({topic})' if topic else ''}")
        self.code = code
        self.index = index
        self.topic = topic


class Overtaken(Exception):
    """Another follower moved the sink meanwhile; whoever meets this asks for the position anew."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event as the log holds it. `time` is microseconds UTC; `keys` are thumbprints.

    `status` is the (list, index) of the certificate's bit where the server chose one. `statement`
    is what the agency signed, parsed without the strictness of the door and of the audit: those
    bytes were judged on arrival, and `log fsck` judges them again.
    """

    index: int
    time: int
    type: str
    agency: str
    keys: tuple[str, ...]
    line: int
    stream: UUID
    version: int
    statement: dict[str, Any]
    status: tuple[int, int] | None = None


class Sink(Protocol):
    """Where pages go. Every call runs inside a transaction that the follower opened."""

    async def position(self, conn: AsyncConnection[Any]) -> int:
        """Index of the last event applied, -1 before the first."""
        ...

    async def apply(self, conn: AsyncConnection[Any], page: Sequence[Recorded]) -> None:
        """Apply the events that follow `position` without a gap, and move it.

        Raises:
            Overtaken: somebody else moved the position since it was asked.
            FollowerStopped: an event cannot be applied.
        """
        ...


def recorded(index: int, time: int, header: bytes, body: bytes) -> Recorded:
    """One event from the bytes of its header and body.

    Raises:
        FollowerStopped: `event_unreadable`: the stored bytes are not what the mapper writes.
    """
    try:
        named = json.loads(header.decode())
        said = json.loads(body.decode())
        status = said.get("status")
        return Recorded(
            index=index,
            time=time,
            type=_of(str, named["type"]),
            agency=_of(str, named["agency"]),
            keys=tuple(_of(str, key) for key in _of(list, named["keys"])),
            line=_of(int, named["line"]),
            stream=UUID(named["stream"]),
            version=_of(int, named["version"]),
            statement=_of(dict, said["statement"]),
            status=None if status is None else (status["list"], status["index"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FollowerStopped("event_unreadable", index=index) from error


def _of(kind: type[T], value: Any) -> T:
    """A value of its kind: whoever looks something up by it finds it or does not."""
    if not isinstance(value, kind):
        raise TypeError
    return value


class Guard(Protocol):
    """Says, inside a transaction, that this process is still the one that may follow."""

    async def check(self, conn: AsyncConnection[Any]) -> None:
        """Return, or raise when the lease has gone to somebody else."""
        ...


class Wake(Protocol):
    """Wakes whoever waits for the log to grow."""

    async def reach(self, position: int, timeout_seconds: float) -> bool:
        """Return True once the log holds `position` events, False when the time is over."""
        ...


class Follower:
    """Moves a sink along the log. One connection, one page at a time."""

    def __init__(
        self,
        sink: Sink,
        *,
        guard: Guard | None = None,
        page_events: int = PAGE_EVENTS,
        page_bytes: int = PAGE_BYTES,
    ) -> None:
        """Follow for `sink`; `guard`, where given, is asked in every transaction."""
        self._sink = sink
        self._guard = guard
        self._page_events = page_events
        self._page_bytes = page_bytes

    async def step(self, conn: AsyncConnection[Any], *, upto: int | None = None) -> int:
        """Apply the next page, if there is one, in one transaction; the index reached by then.

        Inside a transaction of the caller's it becomes part of that. `upto` is the last index that
        may be applied.

        Raises:
            FollowerStopped: an event cannot be read or applied; nothing of its page was kept.
            Overtaken: another follower was faster; nothing of the page was kept.
        """
        async with conn.transaction():
            if self._guard is not None:
                await self._guard.check(conn)
            position = await self._sink.position(conn)
            events = self._page_events if upto is None else min(self._page_events, upto - position)
            page = await _page(conn, position, events, self._page_bytes)
            if not page:
                return position
            await self._sink.apply(conn, page)
            return page[-1].index

    async def catch_up(self, conn: AsyncConnection[Any], *, upto: int | None = None) -> int:
        """Apply everything that the log holds (or as far as `upto`); the index reached.

        Raises:
            FollowerStopped: as `step`; the pages before were kept.
        """
        reached: int | None = None
        while True:
            try:
                position = await self.step(conn, upto=upto)
            except Overtaken:
                continue
            if position == reached:
                return position
            reached = position

    async def run(
        self, conn: AsyncConnection[Any], wake: Wake, *, idle_seconds: float = 1.0
    ) -> NoReturn:
        """Follow for ever: apply what there is, then sleep until the log wakes it.

        `idle_seconds` bounds a sleep, so that a notification lost with its connection costs no
        more. Ends only by an exception or by cancellation, never inside a page.
        """
        clock = asyncio.get_running_loop().time
        while True:
            rested = clock() + PACE_SECONDS
            reached = await self.catch_up(conn)
            await wake.reach(reached + 2, idle_seconds)
            await asyncio.sleep(max(0, rested - clock()))


async def _page(
    conn: AsyncConnection[Any], position: int, events: int, size: int
) -> list[Recorded]:
    """The events after `position`, at most `events` of them and hardly more bytes than `size`."""
    if events <= 0:
        return []
    async with conn.cursor(binary=True, row_factory=tuple_row) as cursor:
        asked = {"after": position, "last": position + events, "bytes": size}
        await cursor.execute(_PAGE, asked)
        page = [recorded(*row) for row in await cursor.fetchall()]
    for expected, event in enumerate(page, position + 1):
        if event.index != expected:
            raise FollowerStopped("index_missing", index=expected)
    return page
