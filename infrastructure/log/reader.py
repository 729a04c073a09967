"""Reading the log: streams, ranges, orders, claims; each row checked against its own digests.

Commit order is index order, because one lock orders all appends until they are visible. So whoever
has read index N has missed nothing before it, and a tail that asks for "greater than the last one
I saw" misses nothing ever.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from psycopg import AsyncConnection, Connection
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from infrastructure import postgres
from infrastructure.log.leaves import BrokenChain
from infrastructure.log.queries import QUERIES
from infrastructure.log.watch import Watch
from infrastructure.proofs import leaf

__all__ = [
    "CHANNEL",
    "ClaimDirectory",
    "Head",
    "LoggedEvent",
    "Reader",
    "RecordedLine",
    "RecordedOrder",
    "Watch",
    "load_events",
    "load_head",
    "load_stream",
]

CHANNEL: Final = "sijill_log"
"""Where every append notifies; the payload is the size of the log."""

PAGE_EVENTS: Final = 1_000
_TAIL_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Head:
    """Size of the log, and time (µs UTC) and leaf hash of its last event."""

    size: int
    time: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One event as it is stored; `time` is microseconds UTC, `order_index` its order's first."""

    index: int
    time: int
    version: int
    order_index: int
    stream: UUID
    leaf_hash: bytes
    header_digest: bytes
    body_digest: bytes
    header_salt: bytes
    body_salt: bytes
    type: str
    agency: str
    header: bytes = field(repr=False)
    body: bytes = field(repr=False)

    def leaf(self, prev: bytes) -> leaf.Leaf:
        """The leaf that these parts make behind a predecessor with hash `prev`."""
        return leaf.Leaf(
            index=self.index,
            time=self.time,
            prev=prev,
            header=self.header_digest,
            body=self.body_digest,
        )


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """Where a line of an order stands."""

    index: int
    time: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class RecordedOrder:
    """What became of an idempotency key: what it is bound to, and the lines recorded so far."""

    request_digest: bytes
    first_index: int
    lines: dict[int, RecordedLine]


def load_head(conn: Connection[Any]) -> Head:
    """The head as this connection sees it."""
    return Head(*_only(_cursor(conn).execute(QUERIES["head"]).fetchone()))


def load_events(conn: Connection[Any], start: int, end: int) -> list[LoggedEvent]:
    """The events of indexes [start, end), fewer where the log ends before.

    Raises:
        BrokenChain: at the first that is missing or is not what its digests and hash say.
    """
    rows = _cursor(conn).execute(QUERIES["events"], {"start": start, "end": end}).fetchall()
    return _page(rows, start)


def load_stream(
    conn: Connection[Any],
    stream: UUID,
    *,
    after: int = 0,
    upto: int | None = None,
    limit: int | None = None,
) -> list[LoggedEvent]:
    """The events of a stream with versions above `after` up to `upto`, in order.

    Raises:
        BrokenChain: a version is missing, or a stored event is not what its digests say.
    """
    rows = _cursor(conn).execute(QUERIES["stream"], _part(stream, after, upto, limit)).fetchall()
    return _versions(rows, after)


class ClaimDirectory:
    """The domain's `Directory` over a pool of connections; safe to share between threads."""

    def __init__(self, pool: ConnectionPool[Connection[Any]]) -> None:
        self._pool = pool

    def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds the claim, or None."""
        with self._pool.connection() as conn:
            row = _cursor(conn).execute(QUERIES["claim"], (space, key)).fetchone()
        return None if row is None else row[0]


class Reader:
    """The log for the event loop; use as an async context manager.

    Args:
        url: connection string of the service, or of the keeper with its role.
        role: what its connections become.
        size: how many connections read at the same time, the watching one not counted.
    """

    def __init__(
        self, url: str, *, role: postgres.Role = postgres.Role.SERVICE, size: int = 4
    ) -> None:
        self._pool = postgres.async_pool(url, role, size=size, autocommit=True)
        self._watch = Watch(url, CHANNEL, QUERIES["size"], role=role)

    async def __aenter__(self) -> Self:
        """Opens the connections.

        Raises:
            psycopg.OperationalError: the database cannot be reached.
        """
        await self._watch.open()
        try:
            await self._pool.open(wait=True)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes them."""
        await self.close()

    async def close(self) -> None:
        """Closes the connections; whoever waits for an index is told that it did not come."""
        await self._watch.close()
        await self._pool.close()

    async def head(self) -> Head:
        """The head of the log."""
        return Head(*_only((await self._rows("head", None))[0]))

    async def events(self, start: int, end: int) -> list[LoggedEvent]:
        """As `load_events`."""
        return _page(await self._rows("events", {"start": start, "end": end}), start)

    async def stream(
        self, stream: UUID, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[LoggedEvent]:
        """As `load_stream`."""
        return _versions(await self._rows("stream", _part(stream, after, upto, limit)), after)

    async def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds a claim, or None."""
        rows = await self._rows("claim", (space, key))
        return rows[0][0] if rows else None

    async def recorded(self, agency: str, idempotency_key: str) -> RecordedOrder | None:
        """What is recorded under an agency's key, or None."""
        async with self._pool.connection() as conn, conn.transaction():
            found = await _fetch(conn, "order_by_key", (agency, idempotency_key))
            if not found:
                return None
            digest, first_index = found[0]
            rows = await _fetch(conn, "order_events", {"first_index": first_index})
        return RecordedOrder(digest, first_index, {row[0]: RecordedLine(*row[1:]) for row in rows})

    async def wait_for(self, index: int, timeout_seconds: float) -> bool:
        """Whether the log holds this index before the time is over; woken by the append itself."""
        return await self._watch.reach(index + 1, timeout_seconds)

    async def follow(
        self, after: int = -1, *, page_events: int = PAGE_EVENTS
    ) -> AsyncIterator[list[LoggedEvent]]:
        """Every event with an index above `after`, in pages, for ever; each chains to the last.

        Raises:
            BrokenChain: as `load_events`, and where two pages do not meet.
        """
        prev: bytes | None = None
        while True:
            page = await self.events(after + 1, after + 1 + page_events)
            if not page:
                await self.wait_for(after + 1, _TAIL_SECONDS)
                continue
            if prev is not None:
                check_chain(page[:1], prev)
            after, prev = page[-1].index, page[-1].leaf_hash
            yield page

    async def _rows(self, name: str, parameters: Any) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as conn:
            return await _fetch(conn, name, parameters)


def check_chain(events: Sequence[LoggedEvent], prev: bytes) -> None:
    """That each event's leaf hash follows from its parts and its predecessor's hash.

    Raises:
        BrokenChain: names the first that does not.
    """
    for event in events:
        if event.leaf(prev).hash() != event.leaf_hash:
            raise BrokenChain(event.index)
        prev = event.leaf_hash


async def _fetch(conn: AsyncConnection[Any], name: str, parameters: Any) -> list[tuple[Any, ...]]:
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    return await (await cursor.execute(QUERIES[name], parameters)).fetchall()


def _cursor(conn: Connection[Any]) -> Any:
    return conn.cursor(row_factory=tuple_row, binary=True)


def _only(row: tuple[Any, ...] | None) -> tuple[Any, ...]:
    if row is None:
        raise BrokenChain(0)
    return row


def _part(stream: UUID, after: int, upto: int | None, limit: int | None) -> dict[str, Any]:
    return {"stream": stream, "after": after, "upto": upto, "limit": limit}


def _page(rows: Sequence[tuple[Any, ...]], start: int) -> list[LoggedEvent]:
    events = [_intact(LoggedEvent(*row)) for row in rows]
    for index, event in enumerate(events, start):
        if event.index != index:
            raise BrokenChain(index)
    if events and start == 0:
        check_chain(events[:1], leaf.FIRST_PREV)
    if len(events) > 1:
        check_chain(events[1:], events[0].leaf_hash)
    return events


def _versions(rows: Sequence[tuple[Any, ...]], after: int) -> list[LoggedEvent]:
    events = [_intact(LoggedEvent(*row)) for row in rows]
    for version, event in enumerate(events, after + 1):
        if event.version != version:
            raise BrokenChain(event.index)
    return events


def _intact(event: LoggedEvent) -> LoggedEvent:
    if (
        leaf.header_digest(event.header_salt, event.header) != event.header_digest
        or leaf.body_digest(event.body_salt, event.body) != event.body_digest
    ):
        raise BrokenChain(event.index)
    return event
