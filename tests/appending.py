"""Appends through the one procedure, for tests that need a log and do not care what it says."""

import secrets
import time
from hashlib import sha256
from uuid import UUID, uuid4

from infrastructure.log.batch import Appended, AppendRequest, Event, Order, append
from infrastructure.postgres import Role, Urls, connect
from infrastructure.proofs.leaf import Header

FOR_EVER = 2**53 - 1


def append_events(
    urls: Urls, count: int, *, topic: str = "sijill.ledger.tested.v1", agency: str = "ndc"
) -> int:
    """Record `count` meaningless events as one order; the log's size afterwards."""
    order = Order(
        agency=agency,
        idempotency_key=secrets.token_urlsafe(16),
        request_digest=bytes(32),
        evidence=b"[]",
        statement_digests=b"".join(sha256(b"%d" % line).digest() for line in range(count)),
        lines=count,
        not_before=0,
        not_after=FOR_EVER,
    )
    events = [_event(uuid4(), topic, agency, line) for line in range(count)]
    with connect(urls.service, Role.SERVICE, autocommit=True) as conn:
        (result,) = append(conn, [AppendRequest(order, events)], time.time_ns() // 1000)
    assert isinstance(result, Appended), result
    return result.index + count


def _event(stream: UUID, topic: str, agency: str, line: int) -> Event:
    header = Header(agency, bytes(32), ("A" * 43,), line, stream, topic, 1)
    return Event(
        stream=stream,
        version=1,
        type=topic,
        line=line,
        header=header.encode(),
        header_salt=secrets.token_bytes(16),
        body=b'{"body":"%d"}' % line,
        body_salt=secrets.token_bytes(16),
    )
