"""Writes events into the log by hand, for tests of what reads them.

The append function stamps events with the clock and accepts what an agency signed. A read model is
tested on events of any day and of keys that nobody holds, so this writes the rows as their owner.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg

from domain.ledger import Fact
from infrastructure.postgres import Role, Urls, connect
from infrastructure.proofs import leaf

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
START = 1_767_225_600_000_000
"""Midnight UTC of 1 January 2026, in microseconds."""


def stream_of(name: str) -> UUID:
    """A stream id that is the same in every run."""
    return UUID(bytes=sha256(name.encode()).digest()[:16], version=4)


@dataclass
class Scribe:
    """Appends one event at a time; `time` is what the next one is stamped with (µs UTC)."""

    urls: Urls
    time: int = START
    size: int = 0
    versions: dict[UUID, int] = field(default_factory=dict)
    pending: list[tuple[Any, ...]] = field(default_factory=list)

    def record(
        self,
        topic: str,
        statement: dict[str, Any],
        *,
        keys: tuple[str, ...] = ("k1",),
        stream: str | UUID = "stream",
        status: tuple[int, int] | None = None,
    ) -> int:
        """Add an event to be written; its index. `status` is (list, index)."""
        agency = statement.get("agency", "ndc")
        identity = stream if isinstance(stream, UUID) else stream_of(stream)
        version = self.versions.get(identity, 0) + 1
        self.versions[identity] = version
        header = {
            "agency": agency,
            "evidence": "00" * 32,
            "keys": list(keys),
            "line": 0,
            "stream": str(identity),
            "type": topic,
            "version": version,
        }
        body: dict[str, Any] = {"statement": statement}
        if status is not None:
            body["status"] = {"index": status[1], "list": status[0]}
        parts = json.dumps(header).encode(), json.dumps(body).encode()
        return self._add(topic, agency, identity, version, parts)

    def copy(self, facts: Iterable[Fact]) -> None:
        """Add facts as the domain decided them, at the time that they carry."""
        for fact in facts:
            header = leaf.Header(
                agency=fact.agency,
                evidence=fact.evidence,
                keys=fact.keys,
                line=fact.line,
                stream=fact.originator_id,
                type=fact.TOPIC,
                version=fact.originator_version,
            )
            parts = header.encode(), leaf.encode_body(fact.statement, fact.chosen)
            self.time = (fact.timestamp - _EPOCH) // _MICROSECOND
            self._add(fact.TOPIC, fact.agency, fact.originator_id, fact.originator_version, parts)

    def _add(
        self, topic: str, agency: str, stream: UUID, version: int, parts: tuple[bytes, bytes]
    ) -> int:
        index = self.size
        leaf_hash, nothing, salt = sha256(b"%d" % index).digest(), bytes(32), bytes(16)
        self.pending.append(
            (
                *(index, self.time, version, index, stream, leaf_hash, nothing, nothing),
                *(salt, salt, topic, agency, *parts),
            )
        )
        self.size += 1
        self.time += 1_000
        return index

    def write(self) -> int:
        """Write what was added, in one transaction as an append would; the log's size."""
        if not self.pending:
            return self.size
        with connect(self.urls.admin, Role.OWNER) as conn:
            with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
                for row in self.pending:
                    copy.write_row(row)
            self._move_head(conn)
        self.pending.clear()
        return self.size

    def _move_head(self, conn: psycopg.Connection[Any]) -> None:
        last = self.pending[-1]
        conn.execute(
            "UPDATE ledger.head SET size = %s, time = %s, leaf_hash = %s",
            (self.size, last[1], last[5]),
        )
        conn.execute("SELECT pg_notify('sijill_log', %s)", (str(self.size),))


_COPY = (
    "COPY ledger.events (index, time, version, order_index, stream, leaf_hash, header_digest,"
    " body_digest, header_salt, body_salt, type, agency, header, body) FROM STDIN"
)
