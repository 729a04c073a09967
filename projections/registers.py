"""Registers as readers see them: what is covered, what is closed, and which numbers they hold.

Documents that the ledger saw issued stand in the rows of certificates already, and letters in those
of letters; here is what stands beside them in a register, and the register itself.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.rows import class_row, tuple_row

from domain.ledger import Home
from domain.registers import Register
from domain.values import fold_number
from infrastructure.log.follower import Recorded
from infrastructure.log.queries import load
from projections.projector import Projector
from projections.rows import Connection, Table, WorkingSet

_SQL = load("projections", "registers.sql")

COVERED: Final = "sijill.register.covered.v1"
UNCOVERED: Final = "sijill.register.uncovered.v1"
CLOSED: Final = "sijill.register.closed.v1"
COUNTED: Final = "sijill.register.counted.v1"
RESERVED: Final = "sijill.register.reserved.v1"
NUMBER_VOIDED: Final = "sijill.register.number_voided.v1"
CAPTURED: Final = "sijill.register.captured.v1"
CONFIRMED: Final = "sijill.register.confirmed.v1"
STRUCK: Final = "sijill.register.struck.v1"

NUMBERS_TOGETHER: Final = 1_000
"""How many of a register's numbers are held at once."""


class Book(NamedTuple):
    """One register; `coverage` is a grade, or None where it is not declared covered.

    `incoming` is its book of incoming letters, which is closed and counted by itself.
    """

    key: str
    stream: UUID
    agency: str
    unit: str
    series: str
    year: int
    opened_index: int
    coverage: str | None = None
    coverage_index: int | None = None
    closed_index: int | None = None
    counted_index: int | None = None
    given: int | None = None
    voided: int | None = None
    incoming: bool = False


class Entry(NamedTuple):
    """What stands in a register: `kind` is `captured`, `voided` or `reserved`."""

    stream: UUID
    kind: str
    agency: str
    unit: str
    series: str
    year: int
    number: str
    folded_number: str
    entry_index: int
    entry_time: int
    type: str | None = None
    date: str | None = None
    grade: str | None = None
    state: str | None = None
    claims: dict[str, str] = {}  # noqa: RUF012 - a default of a NamedTuple is never changed
    reason: str | None = None
    struck_index: int | None = None
    incoming: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a register, and what stands under it; `ordinal` is its place in the series.

    `kind` is `issued`, `outgoing` or `incoming` (a letter), `captured`, `voided` or `reserved`.
    """

    kind: str
    number: str
    date: str | None
    index: int
    time: int
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries are asked for; what is None lets everything through."""

    unit: str | None = None
    series: str | None = None
    year: int | None = None
    number: str | None = None
    kind: str | None = None
    looked_up: tuple[Sequence[str], Sequence[bytes]] | None = None


BOOKS: Final = Table("registers", Book, "key")
ENTRIES: Final = Table(
    "register_entries", Entry, "stream", documents=frozenset({"claims"}), key_type="uuid"
)


async def show(
    conn: Connection, register: Register, *, incoming: bool = False, at: int | None = None
) -> Book | None:
    """One register (or its book of incoming letters) as it stood after event `at` (None: now)."""
    key = register.book_key(incoming=incoming)
    async with conn.cursor(row_factory=class_row(Book)) as cursor:
        await cursor.execute(_SQL["show"], {"key": key, "at": at})
        return await cursor.fetchone()


async def page(
    conn: Connection,
    *,
    agency: str | None = None,
    year: int | None = None,
    covered: bool | None = None,
    after: int = -1,
    limit: int = 200,
    at: int | None = None,
) -> list[Book]:
    """Registers opened after index `after`, oldest first."""
    parameters = {"agency": agency, "year": year, "covered": covered}
    parameters |= {"after": after, "limit": limit, "at": at}
    async with conn.cursor(row_factory=class_row(Book)) as cursor:
        await cursor.execute(_SQL["page"], parameters)
        return await cursor.fetchall()


async def entries(
    conn: Connection,
    agency: str,
    chosen: Filter,
    *,
    after: int = -1,
    limit: int = 200,
    at: int | None = None,
) -> list[Entry]:
    """An agency's captured, voided and reserved numbers after index `after`, oldest first."""
    spaces, hmacs = chosen.looked_up or (None, None)
    parameters = {
        "agency": agency,
        "unit": chosen.unit,
        "series": chosen.series,
        "year": chosen.year,
        "number": None if chosen.number is None else fold_number(chosen.number),
        "kind": chosen.kind,
        "space": None if spaces is None else list(spaces),
        "hmac": None if hmacs is None else list(hmacs),
        "after": after,
        "limit": limit,
        "at": at,
    }
    async with conn.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(_SQL["entries"], parameters)
        return await cursor.fetchall()


async def homes(conn: Connection, streams: Collection[UUID]) -> dict[UUID, Home]:
    """Whose registers these records are, or stand in."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["homes"], {"streams": list(streams)})
        return {stream: Home(*home) for stream, *home in await cursor.fetchall()}


class Used(NamedTuple):
    """A register that anything was done in; `incoming` is its book of incoming letters."""

    unit: str
    series: str
    incoming: bool


async def used(conn: Connection, agency: str, year: int) -> list[Used]:
    """Every register of an agency and year that anything was done in."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["used"], {"agency": agency, "year": year})
        return [Used(*row) for row in await cursor.fetchall()]


async def numbers(
    conn: Connection,
    register: Register,
    take: Callable[[list[Number]], Awaitable[None]],
    *,
    incoming: bool = False,
    at: int | None = None,
) -> None:
    """Give `take` every number of one register, or of its incoming letters, in parts.

    They come in the order of its series. However many there are, one part is held at a time.
    """
    asked = {**register._asdict(), "incoming": incoming, "at": at}
    async with (
        conn.transaction(),
        conn.cursor(name="numbers", row_factory=class_row(Number)) as cursor,
    ):
        await cursor.execute(_SQL["numbers"], asked)
        while part := await cursor.fetchmany(NUMBERS_TOGETHER):
            await take(part)


def _register(event: Recorded) -> Register:
    said = event.statement
    owner = said.get("owner", event.agency)
    return Register(owner, said["unit"], said["series"], said["year"])


def _is_incoming(event: Recorded) -> bool:
    return bool(event.statement.get("incoming", False))


def _key(event: Recorded) -> str:
    return _register(event).book_key(incoming=_is_incoming(event))


def _book(event: Recorded, rows: WorkingSet) -> Book:
    key = _key(event)
    if event.version > 1:
        return rows.need(BOOKS, key)
    register, incoming = _register(event), _is_incoming(event)
    return Book(key, event.stream, *register, opened_index=event.index, incoming=incoming)


def _covered(event: Recorded, rows: WorkingSet) -> None:
    book = _book(event, rows)
    changed = book._replace(coverage=event.statement["grade"], coverage_index=event.index)
    rows.put(BOOKS, changed, event.index)


def _uncovered(event: Recorded, rows: WorkingSet) -> None:
    changed = _book(event, rows)._replace(coverage=None, coverage_index=event.index)
    rows.put(BOOKS, changed, event.index)


def _closed(event: Recorded, rows: WorkingSet) -> None:
    rows.put(BOOKS, _book(event, rows)._replace(closed_index=event.index), event.index)


def _counted(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    changed = _book(event, rows)._replace(
        counted_index=event.index, given=said["given"], voided=said["voided"]
    )
    rows.put(BOOKS, changed, event.index)


def _entered(kind: str, event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    entry = Entry(
        event.stream,
        kind,
        *_register(event),
        number=said["number"],
        folded_number=fold_number(said["number"]),
        entry_index=event.index,
        entry_time=event.time,
        type=said.get("type"),
        date=said.get("date"),
        grade=said.get("grade"),
        state=said.get("entry_state", "stands") if kind == "captured" else None,
        claims=said.get("claims", {}),
        reason=said.get("reason"),
        incoming=_is_incoming(event),
    )
    rows.put(ENTRIES, entry, event.index)


def _captured(event: Recorded, rows: WorkingSet) -> None:
    _entered("captured", event, rows)


def _voided(event: Recorded, rows: WorkingSet) -> None:
    _entered("voided", event, rows)


def _reserved(event: Recorded, rows: WorkingSet) -> None:
    _entered("reserved", event, rows)


def _confirmed(event: Recorded, rows: WorkingSet) -> None:
    entry, said = rows.need(ENTRIES, event.stream), event.statement
    changed = entry._replace(grade=said["grade"], state=said.get("entry_state", "stands"))
    rows.put(ENTRIES, changed, event.index)


def _struck(event: Recorded, rows: WorkingSet) -> None:
    entry = rows.need(ENTRIES, event.stream)
    changed = entry._replace(struck_index=event.index, reason=event.statement["reason"])
    rows.put(ENTRIES, changed, event.index)


_OF_BOOKS: Final = {
    COVERED: _covered,
    UNCOVERED: _uncovered,
    CLOSED: _closed,
    COUNTED: _counted,
}


def _needs(event: Recorded) -> Iterable[tuple[Table[Any], Any]]:
    if event.type in _OF_BOOKS and event.version > 1:
        yield BOOKS, _key(event)
    elif event.type not in _OF_BOOKS and event.version > 1:
        yield ENTRIES, event.stream


PROJECTOR: Final = Projector(
    name="registers",
    version=2,
    statements=_SQL,
    handlers={
        **_OF_BOOKS,
        CAPTURED: _captured,
        NUMBER_VOIDED: _voided,
        RESERVED: _reserved,
        CONFIRMED: _confirmed,
        STRUCK: _struck,
    },
    tables=(BOOKS, ENTRIES),
    needs=_needs,
)
