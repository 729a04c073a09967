"""Append requests out of thin air: what the store is handed, without the nouns that decide."""

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

from psycopg import Connection

from domain.values import uuid7
from infrastructure.log import committer
from infrastructure.log.batch import Appended, AppendRequest, Event, Order, Result, append

SECOND = 1_000_000
TOPIC = "sijill.thing.done.v1"


def now_us() -> int:
    return time.time_ns() // 1_000


def a_stream() -> UUID:
    return uuid7(now_us())


def an_order(
    key: str | None = None,
    *,
    agency: str = "moj",
    lines: int = 1,
    root: str = "root",
    not_before: int | None = None,
    not_after: int | None = None,
    clock_exempt: bool = False,
) -> Order:
    now = now_us()
    return Order(
        agency=agency,
        idempotency_key=key or secrets.token_urlsafe(16),
        request_digest=sha256(root.encode()).digest(),
        evidence=b"evidence",
        statement_digests=os.urandom(32 * lines),
        lines=lines,
        not_before=now - 300 * SECOND if not_before is None else not_before,
        not_after=now + 3600 * SECOND if not_after is None else not_after,
        clock_exempt=clock_exempt,
    )


def an_event(
    stream: UUID | None = None,
    version: int = 1,
    *,
    line: int = 0,
    sealed: bytes | None = None,
    lookups: Sequence[tuple[str, bytes]] = (),
) -> Event:
    return Event(
        stream=stream or a_stream(),
        version=version,
        type=TOPIC,
        line=line,
        header=os.urandom(20),
        header_salt=os.urandom(16),
        body=os.urandom(30),
        body_salt=os.urandom(16),
        sealed=sealed,
        lookups=lookups,
    )


def a_request(order: Order | None = None, *events: Event, **parts: object) -> AppendRequest:
    """A request of one new event unless told otherwise; `parts` are AppendRequest's.

    Without an order, several events are the lines of a new one.
    """
    lines = events or (an_event(),)
    if order is None and len(lines) > 1:
        lines = tuple(replace(event, line=line) for line, event in enumerate(lines))
    return AppendRequest(
        order or an_order(lines=len(lines)),
        lines,
        **parts,  # type: ignore[arg-type]  # each test names what the class names
    )


def once(conn: Connection[Any], *requests: AppendRequest) -> list[Result]:
    """One call of the procedure."""
    return append(conn, requests, now_us())


def done(conn: Connection[Any], *requests: AppendRequest) -> list[Appended]:
    """All of them recorded, in as many calls as it takes."""
    answers = committer.append(conn, requests)
    assert all(isinstance(answer, Appended) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Appended)]


def log_size(conn: Connection[Any]) -> int:
    row = conn.execute("SELECT size FROM ledger.head").fetchone()
    assert row is not None
    return int(row[0])
