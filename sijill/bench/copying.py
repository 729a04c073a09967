"""The ceiling: the same rows, ready made, by COPY into all the same tables of another database.

Indexes, constraints, partitions and triggers are those of the log. Nothing is judged, hashed or
sealed while the clock runs, and one transaction carries as many events as a batch of the log.
"""

import time
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, LiteralString

from psycopg import Connection

from infrastructure import postgres
from infrastructure.log.batch import AppendRequest
from infrastructure.postgres import Urls
from infrastructure.proofs import leaf
from sijill.bench.figures import Sample
from sijill.bench.threads import each_its_own, run_threads

TABLES: dict[str, LiteralString] = {
    "events": (
        "COPY ledger.events (index, time, version, order_index, stream, leaf_hash, header_digest,"
        " body_digest, header_salt, body_salt, type, agency, header, body)"
        " FROM STDIN (FORMAT BINARY)"
    ),
    "streams": "COPY ledger.streams (stream, version, index) FROM STDIN (FORMAT BINARY)",
    "orders": (
        "COPY ledger.orders (first_index, lines, agency, idempotency_key, evidence,"
        " statement_digests) FROM STDIN (FORMAT BINARY)"
    ),
    "order_keys": (
        "COPY ledger.order_keys (agency, idempotency_key, request_digest, first_index)"
        " FROM STDIN (FORMAT BINARY)"
    ),
    "order_lines": "COPY ledger.order_lines (first_index, line, index) FROM STDIN (FORMAT BINARY)",
    "claims": "COPY ledger.claims (space, key, stream, index) FROM STDIN (FORMAT BINARY)",
    "sealed": "COPY vault.sealed (index, stream, sealed) FROM STDIN (FORMAT BINARY)",
    "lookups": "COPY vault.lookups (space, hmac, stream, index) FROM STDIN (FORMAT BINARY)",
    "records": "COPY vault_keys.records (stream, wrapped) FROM STDIN (FORMAT BINARY)",
}
_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_COLUMNS = Struct(">h")
_LENGTH = Struct(">i")
_INT4 = Struct(">i")
_INT8 = Struct(">q")

Batch = list[tuple[LiteralString, bytes]]
"""The COPY statements of one transaction, each with its rows."""


class Copied:
    """The database that is copied into; its log begins where `size` says."""

    def __init__(self, urls: Urls) -> None:
        self._url = urls.admin
        with postgres.connect(self._url, None, autocommit=True) as connection:
            row = connection.execute("SELECT size, time, leaf_hash FROM ledger.head").fetchone()
        if row is None:
            raise ValueError("a log has a head")
        self._size, self._time, self._prev = row

    def batches(self, pieces: Iterable[Sequence[AppendRequest]]) -> list[Batch]:
        """The rows of some batches, which the log would make of them one after the other."""
        return [self._batch(piece) for piece in pieces]

    def copy(
        self, batches: Sequence[Batch], *, events: int, seconds: float, connections: int = 1
    ) -> Sample:
        """Copy batches of so many events, one transaction each, until the time is up.

        Each batch can be copied once.
        """
        with each_its_own(self._url, None, connections) as connection:
            return run_threads(
                connections,
                seconds,
                batches,
                lambda batch: _copy(connection(), batch),
                events=events,
            )

    def _batch(self, requests: Sequence[AppendRequest]) -> Batch:
        rows: dict[str, list[bytes]] = {name: [] for name in TABLES}
        self._time = max(self._time, time.time_ns() // 1_000)
        first: dict[str, int] = {}
        for request in requests:
            index = self._size
            known = first.setdefault(request.order.idempotency_key, index)
            if known == index:
                _order_rows(rows, request, index)
            self._event_rows(rows, request, index, known)
            self._size = index + 1
        return [
            (statement, b"".join([_BEGIN, *rows[name], _END]))
            for name, statement in TABLES.items()
            if rows[name]
        ]

    def _event_rows(
        self, rows: dict[str, list[bytes]], request: AppendRequest, index: int, first: int
    ) -> None:
        [event] = request.events
        header = leaf.header_digest(event.header_salt, event.header)
        body = leaf.body_digest(event.body_salt, event.body)
        self._prev = leaf.Leaf(
            index=index, time=self._time, prev=self._prev, header=header, body=body
        ).hash()
        stream = event.stream.bytes
        place = _int8(index)
        rows["events"].append(
            _row(
                place,
                _int8(self._time),
                _int8(event.version),
                _int8(first),
                stream,
                self._prev,
                header,
                body,
                event.header_salt,
                event.body_salt,
                event.type.encode(),
                request.order.agency.encode(),
                event.header,
                event.body,
            )
        )
        rows["streams"].append(_row(stream, _int8(event.version), place))
        if request.order.lines > 1:
            rows["order_lines"].append(_row(_int8(first), _INT4.pack(event.line), place))
        for space, key, owner in request.claims:
            rows["claims"].append(_row(space.encode(), key.encode(), owner.bytes, place))
        if event.sealed is not None:
            rows["sealed"].append(_row(place, stream, event.sealed))
        for space, hmac in event.lookups:
            rows["lookups"].append(_row(space.encode(), hmac, stream, place))
        for owner, wrapped in request.record_keys.items():
            rows["records"].append(_row(owner.bytes, wrapped))


def _order_rows(rows: dict[str, list[bytes]], request: AppendRequest, index: int) -> None:
    order = request.order
    agency, key, place = order.agency.encode(), order.idempotency_key.encode(), _int8(index)
    lines = _INT4.pack(order.lines)
    rows["orders"].append(_row(place, lines, agency, key, order.evidence, order.statement_digests))
    rows["order_keys"].append(_row(agency, key, order.request_digest, place))


def _copy(connection: Connection[Any], batch: Batch) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        for statement, data in batch:
            with cursor.copy(statement) as copy:
                copy.write(data)


def _int8(value: int) -> bytes:
    return _INT8.pack(value)


def _row(*columns: bytes) -> bytes:
    parts = [_COLUMNS.pack(len(columns))]
    for column in columns:
        parts.append(_LENGTH.pack(len(column)))
        parts.append(column)
    return b"".join(parts)
