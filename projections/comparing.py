"""Read models held against the log: built again beside the ones in use, and compared row by row.

A read model is nothing by itself, but people act on it. So the log is followed once more into a
scratch schema, as far as the one in use has come (or as far as one asks), and whatever row is not
the same in both is told with its key. Both go on being read meanwhile; only the scratch is written.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.rows import tuple_row

from infrastructure.log.follower import Follower
from infrastructure.log.queries import load
from projections import model
from projections.model import ACTIVE, PROJECTORS, ReadModel
from projections.projector import Projector
from projections.rows import Connection, Journal, Table

PREFIX: Final = "scratch_"
"""Not a generation's name: no rebuild takes a scratch for one that it may go on with or drop."""

ROWS_TOGETHER: Final = 500

_SQL: Final = load("projections", "comparing.sql")

# Names of our own tables and columns only; rows are compared as they stood after event `at`. They
# are joined by their own keys and compared as rows: documents are made of those alone that differ.
_DIFFERENCES: Final = sql.SQL("""
SELECT jsonb_build_array({keys})::text, coalesce(live.{since}, made.{since}),
    to_jsonb(live), to_jsonb(made)
FROM ({live}) AS live FULL JOIN ({made}) AS made USING ({keys})
WHERE live IS DISTINCT FROM made
ORDER BY 2, 1
""")
_ROWS: Final = sql.SQL("SELECT {columns} FROM {schema}.{table} WHERE {since} <= {at}")

# No event has made what counts, or ends, only behind the last one that was applied; and readers who
# ask for the present alone do not look from where on a row counts.
_AHEAD: Final = sql.SQL("""
SELECT jsonb_build_array({keys})::text, {since}, to_jsonb(live)
FROM {schema}.model, {schema}.{table} AS live
WHERE {beyond}
ORDER BY 2, 1
""")

Reached = Callable[[int], None]
"""Told how many events the scratch holds by now."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what the log makes: its table, key and the event from which it counts.

    `expected` and `found` hold what differs, by column; None where there is no such row.
    """

    table: str
    key: list[Any]
    since: int
    expected: dict[str, Any] | None
    found: dict[str, Any] | None

    @property
    def place(self) -> str:
        """Table and key, in one word."""
        return "/".join([self.table, *map(str, self.key)])

    def told(self, side: dict[str, Any] | None) -> str:
        """What one side says, for a finding."""
        return "-" if side is None else json.dumps(side, ensure_ascii=False, sort_keys=True)


async def position(conn: Connection, *, projectors: Sequence[Projector] = PROJECTORS) -> int | None:
    """The last event in the read model in use; None where other rules made it, or none was made.

    Raises:
        psycopg.Error: it cannot be read.
    """
    made = await model.made(conn, ACTIVE)
    if made is None or made.fingerprint != model.fingerprint(projectors):
        return None
    return made.index


async def head(conn: Connection) -> int:
    """The last event in the log.

    Raises:
        psycopg.Error: it cannot be read.
    """
    return await model.head(conn)


@asynccontextmanager
async def scratch(
    conn: Connection,
    at: int,
    *,
    name: str,
    keep: bool = False,
    projectors: Sequence[Projector] = PROJECTORS,
    on_page: Reached | None = None,
) -> AsyncIterator[str]:
    """A schema with the read models as they stand after event `at`; gone afterwards, or kept.

    Raises:
        FollowerStopped: the log cannot be applied, and at which event.
    """
    schema = f"{PREFIX}{name}"
    await _tidy(conn)
    await _drop(conn, schema)
    await model.create(conn, schema, projectors=projectors)
    if not keep:
        await _leave_unlogged(conn, schema, projectors)
    try:
        follower = Follower(ReadModel(schema, projectors))
        reached = -1
        while reached < at:
            step = await follower.step(conn, upto=at)
            if step == reached:
                break
            reached = step
            if on_page is not None:
                on_page(reached + 1)
        yield schema
    except BaseException:
        await _drop(conn, schema)
        raise
    if not keep:
        await _drop(conn, schema)


async def differences(
    conn: Connection,
    made: str,
    at: int,
    *,
    live: str = ACTIVE,
    projectors: Sequence[Projector] = PROJECTORS,
) -> AsyncIterator[Difference]:
    """Every row of the read models in use that is not, after event `at`, what the log makes.

    Those that no event can have made, because they count from beyond the last one, are among them.
    """
    for projector in projectors:
        for kept in projector.kept:
            statement = _DIFFERENCES.format(
                keys=_named(kept),
                since=sql.Identifier(_since(kept)),
                live=_rows(live, kept, at),
                made=_rows(made, kept, at),
            )
            async for key, since, found, expected in _read(conn, statement):
                yield _difference(kept.name, json.loads(key), since, expected, found)
    async for one in ahead(conn, live=live, projectors=projectors):
        yield one


async def ahead(
    conn: Connection, *, live: str = ACTIVE, projectors: Sequence[Projector] = PROJECTORS
) -> AsyncIterator[Difference]:
    """Every row of the read models in use that begins or ends behind the last event applied."""
    for projector in projectors:
        for kept in projector.kept:
            marks = [_since(kept), *(["until_index"] if isinstance(kept, Table) else [])]
            statement = _AHEAD.format(
                keys=_named(kept),
                since=sql.Identifier(_since(kept)),
                schema=sql.Identifier(live),
                table=sql.Identifier(kept.name),
                beyond=sql.SQL(" OR ").join(
                    sql.SQL("live.{} > model.index").format(sql.Identifier(one)) for one in marks
                ),
            )
            async for key, since, found in _read(conn, statement):
                yield Difference(kept.name, json.loads(key), since, None, found)


async def _read(conn: Connection, statement: sql.Composed) -> AsyncIterator[tuple[Any, ...]]:
    async with (
        conn.transaction(),
        conn.cursor(name="differences", row_factory=tuple_row) as cursor,
    ):
        await cursor.execute(statement)
        cursor.itersize = ROWS_TOGETHER
        async for row in cursor:
            yield row


def _difference(
    table: str,
    key: list[Any],
    since: int,
    expected: dict[str, Any] | None,
    found: dict[str, Any] | None,
) -> Difference:
    if expected is None or found is None:
        return Difference(table, key, since, expected, found)
    names = [name for name in expected if expected[name] != found[name]]
    return Difference(
        table,
        key,
        since,
        {name: expected[name] for name in names},
        {name: found[name] for name in names},
    )


def _since(kept: Table[Any] | Journal[Any]) -> str:
    return kept.since if isinstance(kept, Journal) else "since_index"


def _keys(kept: Table[Any] | Journal[Any]) -> tuple[str, ...]:
    """Columns that name a row; none of them is ever null."""
    return kept.order if isinstance(kept, Journal) else (kept.key, _since(kept))


def _named(kept: Table[Any] | Journal[Any]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, _keys(kept)))


def _rows(schema: str, kept: Table[Any] | Journal[Any], at: int) -> sql.Composed:
    since = _since(kept)
    columns: list[sql.Composable] = [sql.Identifier(name) for name in kept.columns]
    if isinstance(kept, Table):
        ended = "CASE WHEN until_index <= {} THEN until_index END AS until_index"
        columns += [sql.Identifier(since), sql.SQL(ended).format(sql.Literal(at))]
    return _ROWS.format(
        columns=sql.SQL(", ").join(columns),
        schema=sql.Identifier(schema),
        table=sql.Identifier(kept.name),
        since=sql.Identifier(since),
        at=sql.Literal(at),
    )


async def _leave_unlogged(conn: Connection, schema: str, projectors: Sequence[Projector]) -> None:
    """What is gone afterwards anyhow need not outlive a crash."""
    for table in (kept.name for projector in projectors for kept in projector.kept):
        name = sql.Identifier(schema, table)
        await conn.execute(sql.SQL("ALTER TABLE {} SET UNLOGGED").format(name))


async def _tidy(conn: Connection) -> None:
    """Drop what those have left behind who were killed, and no scratch that somebody works on."""
    async with conn.transaction(), conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["lock"])
        await cursor.execute(_SQL["left_behind"])
        for (schema,) in await cursor.fetchall():
            await _drop(conn, schema)


async def _drop(conn: Connection, schema: str) -> None:
    await conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
