"""VACUUM, plain and freezing, and indexes made and dropped concurrently, while the log is written.

An append holds no lock on a table that these want, so none may fail. How long one had to wait at
most is measured and told.
"""

import asyncio
import time
from dataclasses import dataclass

from psycopg import sql

from infrastructure import postgres
from infrastructure.log.batch import AppendRequest
from infrastructure.log.committer import Committer
from infrastructure.postgres import Urls
from tests.infrastructure.log.making import a_request, a_stream, an_event

CALLERS = 24
# Whatever holds rows: a partitioned table itself holds none, and takes no concurrent index.
_TABLES = """
SELECT relnamespace::regnamespace::text, relname, attname
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum = 1
WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('ledger', 'vault', 'vault_keys')
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was appended meanwhile, and how long callers waited for it, in seconds."""

    events: int
    statements: int
    median_seconds: float
    longest_seconds: float


async def maintain(urls: Urls, *, passes: int) -> Maintained:
    """Maintain every table of a log so many times over while it is appended to.

    Raises:
        StoreFailure, psycopg.Error: an append, or the maintenance, failed.
    """
    stop = asyncio.Event()
    waits: list[float] = []
    async with Committer(urls.service) as committer:
        callers = [asyncio.create_task(_append(committer, stop, waits)) for _ in range(CALLERS)]
        try:
            statements = await _maintain(urls, passes)
        finally:
            stop.set()
            await asyncio.gather(*callers)
    waits.sort()
    return Maintained(len(waits), statements, waits[len(waits) // 2], waits[-1])


def _request() -> AppendRequest:
    """An event with a row in every table that an issuance writes."""
    stream = a_stream()
    return a_request(
        None,
        an_event(stream, sealed=b"sealed", lookups=[("name", stream.bytes * 2)]),
        claims=[("code", str(stream), stream)],
        record_keys={stream: b"wrapped"},
    )


async def _append(committer: Committer, stop: asyncio.Event, waits: list[float]) -> None:
    while not stop.is_set():
        request = _request()
        started = time.monotonic()
        await committer.submit(request)
        waits.append(time.monotonic() - started)


async def _maintain(urls: Urls, passes: int) -> int:
    done = 0
    async with await postgres.connect_async(
        urls.admin, None, autocommit=True, limits=postgres.PATIENT
    ) as admin:
        tables = await (await admin.execute(_TABLES)).fetchall()
        for _ in range(passes):
            for schema, table, column in tables:
                for statement in _statements(schema, table, column):
                    await admin.execute(statement)
                    done += 1
    return done


def _statements(schema: str, table: str, column: str) -> list[sql.Composed]:
    """What is done to one table."""
    name = sql.Identifier(schema, table)
    index = "made_meanwhile"
    return [
        sql.SQL("VACUUM {}").format(name),
        sql.SQL("VACUUM (FREEZE) {}").format(name),
        sql.SQL("CREATE INDEX CONCURRENTLY {} ON {} ({})").format(
            sql.Identifier(index), name, sql.Identifier(column)
        ),
        sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(schema, index)),
        sql.SQL("ANALYZE {}").format(name),
    ]
