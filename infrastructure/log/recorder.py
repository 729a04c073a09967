"""The eventsourcing framework's door to the log: its application finds this by name.

Facts are read through it. They are written through it only by whoever has a decision and an order
in hand (the command line, tests): the log takes no event without them. The service appends through
the committer instead, and the follower reads by index, so the framework's subscriptions and
tracking have no counterpart here.
"""

from collections.abc import Sequence
from typing import Any, NoReturn, cast
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    Mapper,
    Notification,
    NotSupportedError,
    StoredEvent,
    Transcoder,
)
from psycopg import Connection
from psycopg_pool import ConnectionPool

from domain.ledger import Decision
from infrastructure import postgres
from infrastructure.log import committer
from infrastructure.log.batch import AppendRequest, Order
from infrastructure.log.mapper import FactMapper, Sealed, StoredFact, request_of_stored
from infrastructure.log.reader import LoggedEvent, load_events, load_head, load_stream
from infrastructure.log.refusals import AppendRefused, Conflict

URL_SETTING = "SIJILL_DATABASE_URL"
SIZE_SETTING = "SIJILL_READERS"


class LedgerRecorder(ApplicationRecorder):
    """Reads streams and ranges; appends what comes with its decision and order.

    The framework counts notifications from 1: an event's is its log index plus one, which is the
    size of the log right after it.
    """

    def __init__(self, pool: ConnectionPool[Connection[Any]]) -> None:
        self._pool = pool

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Appends the facts of `decision` (a Decision) for `order` (an Order), durably.

        `sealed` (a mapping of line to `mapper.Sealed`) may come with them.

        Raises:
            IntegrityError: a stream has moved on since the decision.
            AppendRefused: for any other reason of the append procedure.
            NotSupportedError: decision or order are missing.
        """
        if not stored_events:
            return []
        request = self._request([cast("StoredFact", one) for one in stored_events], **kwargs)
        with self._pool.connection() as conn:
            (result,) = committer.append(conn, [request])
        if isinstance(result, Conflict):
            raise IntegrityError(f"stream {result.stream} has moved on") from result
        if isinstance(result, AppendRefused):
            raise result
        return [index + 1 for index in result.indexes]

    @staticmethod
    def _request(
        stored: Sequence[StoredFact],
        *,
        decision: Decision | None = None,
        order: Order | None = None,
        sealed: dict[int, Sealed] | None = None,
        **_: Any,
    ) -> AppendRequest:
        if decision is None or order is None:
            raise NotSupportedError("the log takes no event without its decision and its order")
        return request_of_stored(decision, order, stored, sealed)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The facts of a record, oldest first.

        Raises:
            NotSupportedError: newest first is asked for; nothing here needs it.
        """
        if desc:
            raise NotSupportedError("records are read from their beginning")
        stream = originator_id if isinstance(originator_id, UUID) else UUID(originator_id)
        with self._pool.connection() as conn:
            events = load_stream(conn, stream, after=gt or 0, upto=lte, limit=limit)
        return [stored_fact(event) for event in events]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """A section of the log, at most `limit` events long; `topics` thins it out afterwards."""
        first = 0 if start is None else start - 1 if inclusive_of_start else start
        last = first + limit if stop is None else min(first + limit, stop)
        with self._pool.connection() as conn:
            events = load_events(conn, first, last)
        return [
            Notification(
                id=event.index + 1,
                originator_id=event.stream,
                originator_version=event.version,
                topic=event.type,
                state=event.body,
            )
            for event in events
            if not topics or event.type in topics
        ]

    def max_notification_id(self) -> int | None:
        """The size of the log, None while it is empty."""
        with self._pool.connection() as conn:
            return load_head(conn).size or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> NoReturn:
        """Not offered.

        Raises:
            NotSupportedError: always; `reader.Reader.follow` is the tail of the log.
        """
        del gt, topics
        raise NotSupportedError("the tail of the log is infrastructure.log.reader.Reader.follow")


class LedgerFactory(InfrastructureFactory[Any]):
    """`PERSISTENCE_MODULE=infrastructure.log.recorder:LedgerFactory`.

    Settings: `SIJILL_DATABASE_URL`, the service's connection string, and `SIJILL_READERS`, how
    many threads may load records at the same time (8).
    """

    _pool: ConnectionPool[Connection[Any]] | None = None

    @property
    def pool(self) -> ConnectionPool[Connection[Any]]:
        """The connections, opened when they are first asked for.

        Raises:
            InfrastructureFactoryError: no connection string is set.
        """
        if self._pool is None:
            url = self.env.get(URL_SETTING)
            if not url:
                raise InfrastructureFactoryError(f"{URL_SETTING} is not set")
            size = int(self.env.get(SIZE_SETTING, "8"))
            self._pool = postgres.pool(url, postgres.Role.SERVICE, size=size, autocommit=True)
            self._pool.open()
        return self._pool

    def close(self) -> None:
        """Closes the connections."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def mapper(
        self,
        transcoder: Transcoder | None = None,
        mapper_class: type[Mapper[Any]] | None = None,
    ) -> Mapper[Any]:
        """The one mapper: stored bytes have one form for ever."""
        del mapper_class
        return FactMapper(transcoder=transcoder or self.transcoder())

    def application_recorder(self) -> LedgerRecorder:
        """The log."""
        return LedgerRecorder(self.pool)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The log for `events`.

        Raises:
            NotSupportedError: for anything else; snapshots would be state that nobody signed.
        """
        if purpose != "events":
            raise NotSupportedError("the log keeps facts and no snapshots")
        return self.application_recorder()

    def tracking_recorder(self, tracking_recorder_class: Any = None) -> NoReturn:
        """Not offered.

        Raises:
            NotSupportedError: always; the follower keeps its own position.
        """
        del tracking_recorder_class
        raise NotSupportedError("the follower keeps its own position")

    def process_recorder(self) -> NoReturn:
        """Not offered.

        Raises:
            NotSupportedError: always; one application writes the log.
        """
        raise NotSupportedError("one application writes the log")


def stored_fact(event: LoggedEvent) -> StoredFact:
    """A logged event in the framework's terms."""
    return StoredFact(
        originator_id=event.stream,
        originator_version=event.version,
        topic=event.type,
        state=event.body,
        header=event.header,
        index=event.index,
        time=event.time,
    )
