"""Versioned rows: what a read model keeps, and the working set in which one page of events lands.

A row says what is true from its `since_index` until just before its `until_index`; the row without
an end is the present. An event never changes what was true before it: it ends a row and begins
another. So one table answers today and `?at=N` alike, and the state after event N can be compared
byte for byte with a rebuild that stopped there.

It must not know any noun. Handlers work on the rows in memory; the database is asked once a page
for the rows that the page touches and is given the difference once, whatever the page holds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, Final, Generic, LiteralString, TypeVar, cast

from psycopg import AsyncConnection, AsyncCursor, errors, sql
from psycopg.rows import RowMaker, no_result, tuple_row

from projections.copying import copy_in, document, lines, plain

Connection = AsyncConnection[Any]
R = TypeVar("R", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class Journal(Generic[R]):
    """A table that only grows. `row` is a NamedTuple: its fields are the columns, in order.

    `since` names the column with the log index from which a row counts; `order` names the columns
    that order rows without ties. The table's own name is unqualified: a generation is a schema.
    """

    name: str
    row: type[R]
    since: str
    order: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return cast("tuple[str, ...]", cast("Any", self.row)._fields)

    def listing(self, at: int) -> sql.Composed:
        """`COPY` of the rows that count after event `at`, in their order."""
        columns = [sql.Identifier(name) for name in self.columns]
        return _listing(self.name, columns, self.since, at, self.order)


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """A table of versioned rows. `row` is a NamedTuple: its fields are the columns, in order.

    `key` names the one field that identifies a row; `documents` are the fields kept as `jsonb`;
    `key_type` is the key's type in PostgreSQL, which a list of keys cannot tell it by itself.
    The columns `since_index` and `until_index` stand behind the fields.
    """

    name: str
    row: type[R]
    key: str
    documents: frozenset[str] = frozenset()
    key_type: str = "text"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns without the two that say when a row counts."""
        return cast("tuple[str, ...]", cast("Any", self.row)._fields)

    def listing(self, at: int) -> sql.Composed:
        """`COPY` of every row begun by event `at`, ended only where it had ended by then."""
        until = sql.SQL("CASE WHEN until_index <= {} THEN until_index END").format(sql.Literal(at))
        columns = [*map(sql.Identifier, (*self.columns, "since_index")), until]
        return _listing(self.name, columns, "since_index", at, (self.key, "since_index"))


@dataclass(slots=True)
class _Current(Generic[R]):
    """The row that holds now; `stored` says that the database has it as a row without end."""

    row: R
    since: int
    stored: bool


class _Shelf(Generic[R]):
    """One table's part of the working set."""

    def __init__(self, table: Table[R]) -> None:
        self.table = table
        self.key_of: Callable[[R], Any] = attrgetter(table.key)
        self.loaded: set[Any] = set()
        self.current: dict[Any, _Current[R]] = {}
        self.past: list[tuple[R, int, int]] = []
        self.ended: dict[Any, int] = {}

    def put(self, row: R, index: int) -> None:
        key = self.key_of(row)
        present = self.current.get(key)
        if present is None:
            self.current[key] = _Current(row, index, stored=False)
            return
        if present.row == row:
            return
        if present.stored:
            self.ended[key] = index
        elif present.since != index:
            self.past.append((present.row, present.since, index))
        self.current[key] = _Current(row, index, stored=False)


def taken_from(cursor: AsyncCursor[Any], row: type[R], *, behind: int = 0) -> RowMaker[R]:
    """What makes rows of one table from the columns of a result, `table.*` being among them.

    As many rows of other tables as `behind` says stand in front and have a column of the name of
    this table's first field. Columns cost a list of wide rows half of what a `jsonb` for each does.

    Raises:
        UndefinedColumn: the table lacks one of the row's fields, as PostgreSQL says where it is
            asked for by name.
    """
    result = cursor.pgresult
    if not result or not result.nfields:
        return no_result
    columns = tuple(result.fname(place) for place in range(result.nfields))
    return cast("RowMaker[R]", _maker(columns, row, behind))


@cache
def _maker(columns: tuple[bytes | None, ...], row: type[Any], behind: int) -> RowMaker[Any]:
    fields = [name.encode() for name in row._fields]
    try:
        start = [place for place, name in enumerate(columns) if name == fields[0]][behind]
        places = itemgetter(*(columns.index(name, start) for name in fields))
    except (IndexError, ValueError):
        raise errors.UndefinedColumn(row.__name__) from None
    make = row._make
    return lambda values: make(places(values))


class WorkingSet:
    """The rows that one page of events reads and writes, over all tables."""

    def __init__(self, tables: Iterable[Table[Any]]) -> None:
        """Begin empty; nothing is known about any key until it was loaded or put."""
        self._shelves: dict[str, _Shelf[Any]] = {table.name: _Shelf(table) for table in tables}
        self._entries: dict[str, list[Any]] = {}
        self._journals: dict[str, Journal[Any]] = {}

    def get(self, table: Table[R], key: Any) -> R | None:
        """The present row, or None when there is none.

        Raises:
            LookupError: nobody loaded that key, so that *none* would be a guess.
        """
        row = self.peek(table, key)
        if row is None and key not in self._shelves[table.name].loaded:
            raise LookupError(f"{table.name} {key} was not loaded")
        return row

    def peek(self, table: Table[R], key: Any) -> R | None:
        """The present row if the working set has it; None says nothing about the database."""
        present: _Current[R] | None = self._shelves[table.name].current.get(key)
        return None if present is None else present.row

    def need(self, table: Table[R], key: Any) -> R:
        """The present row of a key that must have one.

        Raises:
            LookupError: there is none: the log speaks of something that it never opened.
        """
        row = self.get(table, key)
        if row is None:
            raise LookupError(f"{table.name} {key} does not exist")
        return row

    def put(self, table: Table[R], row: R, index: int) -> None:
        """Let `row` hold from event `index` on. A row equal to the present one changes nothing."""
        self._shelves[table.name].put(row, index)

    def present(self, table: Table[R]) -> list[R]:
        """Every present row in the working set, loaded or put, in no promised order."""
        return [present.row for present in self._shelves[table.name].current.values()]

    def enter(self, journal: Journal[R], row: R) -> None:
        """Append a row to a journal."""
        self._journals[journal.name] = journal
        self._entries.setdefault(journal.name, []).append(row)

    def entries(self, journal: Journal[R]) -> Sequence[R]:
        """What the page appended to a journal so far."""
        return self._entries.get(journal.name, ())

    async def load(self, conn: Connection, wanted: Mapping[str, set[Any]]) -> None:
        """Fetch the present rows of each table's wanted keys; known keys are not asked again."""
        for name, keys in wanted.items():
            shelf = self._shelves[name]
            missing = keys - shelf.loaded - shelf.current.keys()
            if missing:
                await _fetch(conn, shelf, sorted(missing))
                shelf.loaded |= missing

    async def load_by(
        self,
        conn: Connection,
        table: Table[Any],
        query: LiteralString,
        parameters: Mapping[str, Any],
    ) -> None:
        """Fetch the present rows whose keys `query` selects as its only column."""
        async with conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(query, parameters)
            keys = {row[0] for row in await cursor.fetchall()}
        await self.load(conn, {table.name: keys})

    async def flush(self, conn: Connection) -> None:
        """Write the difference: end the rows that were overtaken, then add the new ones."""
        for shelf in self._shelves.values():
            await _end(conn, shelf)
            await _add(conn, shelf)
        for name, rows in self._entries.items():
            columns = self._journals[name].columns
            await copy_in(conn, name, columns, lines(rows, [plain] * len(columns)))


# Only table and column names of our own dataclasses are put in; values always travel beside.
_FETCH: Final = sql.SQL(
    "SELECT {columns}, since_index FROM {table}"
    " WHERE {key} = ANY(%(keys)s::{key_type}[]) AND until_index IS NULL"
)
_END: Final = sql.SQL(
    "UPDATE {table} AS present SET until_index = overtaken.index"
    " FROM unnest(%(keys)s::{key_type}[], %(indexes)s::bigint[]) AS overtaken (key, index)"
    " WHERE present.{key} = overtaken.key AND present.until_index IS NULL"
)
_LISTING: Final = sql.SQL(
    "COPY (SELECT {columns} FROM {table} WHERE {since} <= {at} ORDER BY {order}) TO STDOUT"
)
_COMMA: Final = sql.SQL(", ")


def _about(template: sql.SQL, table: Table[Any]) -> sql.Composed:
    return template.format(
        table=sql.Identifier(table.name),
        columns=_COMMA.join(map(sql.Identifier, table.columns)),
        key=sql.Identifier(table.key),
        key_type=sql.Identifier(table.key_type),
    )


def _listing(
    table: str, columns: Sequence[sql.Composable], since: str, at: int, order: Sequence[str]
) -> sql.Composed:
    return _LISTING.format(
        columns=_COMMA.join(columns),
        table=sql.Identifier(table),
        since=sql.Identifier(since),
        at=sql.Literal(at),
        order=_COMMA.join(map(sql.Identifier, order)),
    )


async def _fetch(conn: Connection, shelf: _Shelf[Any], keys: list[Any]) -> None:
    table = shelf.table
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_about(_FETCH, table), {"keys": keys})
        async for *values, since in cursor:
            row = table.row(*values)
            shelf.current[shelf.key_of(row)] = _Current(row, since, stored=True)


async def _end(conn: Connection, shelf: _Shelf[Any]) -> None:
    if not shelf.ended:
        return
    keys, indexes = zip(*sorted(shelf.ended.items()), strict=True)
    cursor = await conn.execute(
        _about(_END, shelf.table), {"keys": list(keys), "indexes": list(indexes)}
    )
    if cursor.rowcount != len(keys):
        raise LookupError(f"{shelf.table.name}: {len(keys)} rows to end, {cursor.rowcount} ended")


async def _add(conn: Connection, shelf: _Shelf[Any]) -> None:
    rows = [(*row, since, until) for row, since, until in shelf.past]
    rows += [
        (*present.row, present.since, None)
        for present in shelf.current.values()
        if not present.stored
    ]
    if rows:
        table = shelf.table
        kinds = [document if name in table.documents else plain for name in table.columns]
        block = lines(rows, [*kinds, plain, plain])
        await copy_in(conn, table.name, (*table.columns, "since_index", "until_index"), block)
