"""Generations: a read model is a schema, built beside the one in use and swapped in by its name.

Whoever reads says `read.certificates`. The schema called `read` is the generation in use; a new one
grows as `read_<n>` and takes over the name in one transaction, so no connection has to learn of it:
PostgreSQL plans a prepared statement anew when a schema changes its name. The keeper's role owns
these schemas; the service's role reads them.

Read models are not proof and not backed up: the log makes them again, and the same log makes the
same rows, whatever the size of the pages (`digest` compares them).
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import errors, sql
from psycopg.rows import class_row, tuple_row

from infrastructure.log.follower import Follower, FollowerStopped, Overtaken, Recorded
from infrastructure.log.queries import load
from projections import (
    agencies,
    authenticity,
    certificates,
    keys,
    registers,
    reports,
    status,
    transfers,
)
from projections.projector import Projector
from projections.rows import Connection, Table, WorkingSet

ACTIVE: Final = "read"
PROJECTORS: Final = (
    agencies.PROJECTOR,
    keys.PROJECTOR,
    certificates.PROJECTOR,
    registers.PROJECTOR,
    authenticity.PROJECTOR,
    status.PROJECTOR,
    reports.PROJECTOR,
    transfers.PROJECTOR,
)
"""In the order in which one event reaches them: reports read what certificates have settled."""

_SQL = load("projections", "model.sql")
# Known, and nothing of them is read back from here.
_IGNORED: Final = frozenset({"sijill.ledger.key_rotated.v1", "sijill.ledger.clock_accepted.v1"})


def fingerprint(projectors: Sequence[Projector] = PROJECTORS) -> str:
    """Names the rules by which rows are made: SHA-256 over every noun's version and tables."""
    digest = hashlib.sha256(_SQL["schema"].encode())
    for projector in projectors:
        digest.update(f"\n{projector.name} {projector.version}\n".encode())
        digest.update(projector.statements["schema"].encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Position:
    """By which rules a generation was made, and how far it has come."""

    index: int
    generation: int
    fingerprint: str


class ReadModel:
    """One generation as the follower's sink. One instance belongs to one follower."""

    def __init__(self, schema: str = ACTIVE, projectors: Sequence[Projector] = PROJECTORS) -> None:
        """Apply events to the generation in `schema`."""
        self._schema = schema
        self._projectors = projectors
        self._fingerprint = fingerprint(projectors)
        self._tables: list[Table[Any]] = [t for p in projectors for t in p.tables]
        self._by_topic = _by_topic(projectors)
        self._position: Position | None = None

    async def position(self, conn: Connection) -> int:
        """Index of the last event applied.

        Raises:
            FollowerStopped: `read_model_outdated`: other rules made this generation; rebuild it.
        """
        await _enter(conn, self._schema)
        position = await _position(conn)
        if position.fingerprint != self._fingerprint:
            raise FollowerStopped("read_model_outdated")
        self._position = position
        return position.index

    async def apply(self, conn: Connection, page: Sequence[Recorded]) -> None:
        """Apply a page that follows the position without a gap.

        Raises:
            Overtaken: the position moved, or the generation was replaced, since it was asked for.
            FollowerStopped: `event_type_unknown`, or `event_not_applicable` with its cause.
        """
        await _enter(conn, self._schema)
        await self._move(conn, page[-1])
        rows = WorkingSet(self._tables)
        await rows.load(conn, self._needed(page))
        for projector in self._projectors:
            if projector.prepare is not None:
                await projector.prepare(conn, page, rows)
        self._tell(page, lambda projector, event: projector.handlers[event.type](event, rows))
        await rows.flush(conn)
        for projector in self._projectors:
            if projector.finish is not None:
                await projector.finish(conn, page, rows)
        if self._schema == ACTIVE:
            await conn.execute(_SQL["notify"], {"size": page[-1].index + 1})

    async def _move(self, conn: Connection, last: Recorded) -> None:
        """Take the tracking row first: it is the lock that makes a page happen exactly once."""
        position = self._position
        if position is None:
            raise Overtaken
        cursor = await conn.execute(
            _SQL["move"],
            {
                "last": last.index,
                "time": last.time,
                "position": position.index,
                "generation": position.generation,
                "fingerprint": position.fingerprint,
            },
        )
        if cursor.rowcount != 1:
            raise Overtaken

    def _needed(self, page: Sequence[Recorded]) -> dict[str, set[Any]]:
        wanted: dict[str, set[Any]] = {table.name: set() for table in self._tables}

        def ask(projector: Projector, event: Recorded) -> None:
            if projector.needs is not None:
                for table, key in projector.needs(event):
                    wanted[table.name].add(key)

        self._tell(page, ask)
        return wanted

    def _tell(self, page: Sequence[Recorded], tell: Callable[[Projector, Recorded], None]) -> None:
        """Tell each noun concerned of each event, in the order of the log.

        Whatever goes wrong names its event, and is never a reason to pass it over.
        """
        for event in page:
            concerned = self._by_topic.get(event.type)
            if concerned is None:
                raise FollowerStopped("event_type_unknown", index=event.index, topic=event.type)
            try:
                for projector in concerned:
                    tell(projector, event)
            except Exception as error:
                raise FollowerStopped(
                    "event_not_applicable", index=event.index, topic=event.type
                ) from error


def _by_topic(projectors: Sequence[Projector]) -> dict[str, list[Projector]]:
    topics: dict[str, list[Projector]] = {topic: [] for topic in _IGNORED}
    for projector in projectors:
        for topic in projector.ignored:
            topics.setdefault(topic, [])
        for topic in projector.handlers:
            topics.setdefault(topic, []).append(projector)
    return topics


async def create(
    conn: Connection,
    schema: str = ACTIVE,
    *,
    generation: int = 1,
    projectors: Sequence[Projector] = PROJECTORS,
) -> None:
    """Make the empty tables of a generation, readable by the service's role."""
    async with conn.transaction():
        await conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        await _enter(conn, schema)
        await conn.execute(_SQL["schema"])
        for projector in projectors:
            await conn.execute(projector.statements["schema"])
        await conn.execute(
            _SQL["begin"], {"generation": generation, "fingerprint": fingerprint(projectors)}
        )
        for grant in ("GRANT USAGE ON SCHEMA {}", "GRANT SELECT ON ALL TABLES IN SCHEMA {}"):
            await conn.execute(sql.SQL(grant + " TO sijill_service").format(sql.Identifier(schema)))


async def ensure(conn: Connection, *, projectors: Sequence[Projector] = PROJECTORS) -> bool:
    """Make the generation in use if there is none yet; True if it was made by these rules.

    False asks for `rebuild`: an older release filled it, and going on would mix two sets of rules;
    or `prepare` has built one where there was none, and an empty one stands in its place till then.
    """
    async with conn.transaction():
        await conn.execute(_SQL["lock"])
        present = await _generations(conn)
        if ACTIVE not in present:
            await create(conn, generation=0 if present else 1, projectors=projectors)
        await _enter(conn, ACTIVE)
        stands = await _position(conn)
        return stands.generation > 0 and stands.fingerprint == fingerprint(projectors)


async def prepare(conn: Connection, *, projectors: Sequence[Projector] = PROJECTORS) -> int:
    """Build the next generation beside the one in use, which an older release goes on filling.

    Returns the index that it has come to; `rebuild` then has little left to do. Where the one in
    use was made by these rules, nothing is built.

    Raises:
        FollowerStopped: as `rebuild`.
    """
    async with _alone(conn):
        active = await made(conn, ACTIVE)
        if active and active.generation and active.fingerprint == fingerprint(projectors):
            return active.index
        _, follower, _ = await _grow(conn, projectors)
        return await follower.catch_up(conn)


async def rebuild(conn: Connection, *, projectors: Sequence[Projector] = PROJECTORS) -> int:
    """Build a new generation from the whole log beside the one in use, then swap; its number.

    What `prepare`, or a rebuild that was cut off, has built by these rules is gone on with. Readers
    see the old generation until the swap, which waits for the follower's page in flight and applies
    what came meanwhile, so that nobody who saw index N is ever shown less.

    Raises:
        FollowerStopped: `rebuild_running`, or the log cannot be applied; the old one stays in use.
    """
    async with _alone(conn):
        generation, follower, replaced = await _grow(conn, projectors)
        await follower.catch_up(conn)
        retired = await _swap(conn, follower, _beside(generation), replaced=replaced)
        if retired is not None:
            await _drop(conn, retired)
        return generation


@asynccontextmanager
async def _alone(conn: Connection) -> AsyncIterator[None]:
    if not await _one(conn, _SQL["try_rebuild"]):
        raise FollowerStopped("rebuild_running")
    try:
        yield
    finally:
        await conn.execute(_SQL["end_rebuild"])


async def _grow(
    conn: Connection, projectors: Sequence[Projector]
) -> tuple[int, Follower, int | None]:
    """The next generation, begun or gone on with: its number, its follower, what it replaces."""
    present = await _generations(conn)
    active = await made(conn, ACTIVE) if ACTIVE in present else None
    generation = active.generation + 1 if active else 1
    schema = _beside(generation)
    begun = await made(conn, schema) if schema in present else None
    goes_on = begun is not None and begun.fingerprint == fingerprint(projectors)
    for abandoned in present - {ACTIVE, schema if goes_on else ACTIVE}:
        await _drop(conn, abandoned)
    if not goes_on:
        await create(conn, schema, generation=generation, projectors=projectors)
    follower = Follower(ReadModel(schema, projectors))
    return generation, follower, active.generation if active else None


def _beside(generation: int) -> str:
    return f"{ACTIVE}_{generation}"


async def made(conn: Connection, schema: str) -> Position | None:
    """By which rules a generation was made, and how far it has come; None if it never began."""
    with suppress(errors.UndefinedTable, FollowerStopped):
        async with conn.transaction():
            await _enter(conn, schema)
            return await _position(conn)
    return None


async def head(conn: Connection) -> int:
    """Index of the last event in the log, -1 where there is none."""
    return int(await _one(conn, _SQL["head"]) or 0) - 1


async def _swap(
    conn: Connection, follower: Follower, schema: str, *, replaced: int | None
) -> str | None:
    """Give the name in use to `schema` in one transaction; the name that the old one has now."""
    retired = None if replaced is None else _beside(replaced)
    async with conn.transaction():
        if retired is not None:
            await _enter(conn, ACTIVE)
            await conn.execute(_SQL["retire"])
        reached = await follower.catch_up(conn, upto=await head(conn))
        if retired is not None:
            await _rename(conn, ACTIVE, retired)
        await _rename(conn, schema, ACTIVE)
        await conn.execute(_SQL["notify"], {"size": reached + 1})
    return retired


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 over every row of a generation, and over the rows of each of its tables."""

    whole: bytes
    tables: dict[str, bytes]


async def digest(
    conn: Connection,
    *,
    at: int,
    schema: str = ACTIVE,
    projectors: Sequence[Projector] = PROJECTORS,
) -> bytes:
    """As `digests`: the one over every row."""
    return (await digests(conn, at=at, schema=schema, projectors=projectors)).whole


async def digests(
    conn: Connection,
    *,
    at: int,
    schema: str = ACTIVE,
    projectors: Sequence[Projector] = PROJECTORS,
) -> Digests:
    """SHA-256 over the rows as they stood after event `at`, tables and rows in a fixed order.

    The same log gives the same digest however the pages fell, and a generation that has gone on
    gives the digest of one that stopped at `at`.
    """
    whole = hashlib.sha256()
    tables: dict[str, bytes] = {}
    async with conn.transaction():
        await _enter(conn, schema)
        for kept in (one for projector in projectors for one in projector.kept):
            whole.update(f"{kept.name}\n".encode())
            single = hashlib.sha256()
            async with conn.cursor() as cursor, cursor.copy(kept.listing(at)) as copy:
                async for block in copy:
                    whole.update(block)
                    single.update(block)
            tables[kept.name] = single.digest()
    return Digests(whole.digest(), tables)


async def _enter(conn: Connection, schema: str) -> None:
    path = sql.SQL(", ").join([sql.Identifier(schema), sql.Identifier("pg_temp")])
    await conn.execute(_SQL["enter"], {"path": path.as_string(conn)})


async def _position(conn: Connection) -> Position:
    async with conn.cursor(row_factory=class_row(Position)) as cursor:
        position = await (await cursor.execute(_SQL["position"])).fetchone()
    if position is None:
        raise FollowerStopped("read_model_missing")
    return position


async def _generations(conn: Connection) -> set[str]:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["generations"])
        return {row[0] for row in await cursor.fetchall()}


async def _one(conn: Connection, statement: LiteralString) -> Any:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        row = await (await cursor.execute(statement)).fetchone()
    return None if row is None else row[0]


async def _rename(conn: Connection, old: str, new: str) -> None:
    await conn.execute(
        sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
    )


async def _drop(conn: Connection, schema: str) -> None:
    """Drop a generation that nobody uses, unless somebody still reads it: then the next rebuild."""
    with suppress(errors.LockNotAvailable):
        async with conn.transaction():
            await conn.execute(_SQL["hurry"])
            await conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
