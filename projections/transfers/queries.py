"""Questions about letters: one by name, its chain, an agency's inbox and outbox."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.rows import RowMaker, class_row, tuple_row

from domain.values import fold_number
from infrastructure.log.queries import load
from projections import agencies
from projections.rows import Connection, taken_from
from projections.transfers.record import Consignment, Letter

STATEMENTS: Final = load("projections.transfers", "transfers.sql")


DAYS_APART: Final = 31
"""A span of at most so many days is walked day by day, a page of each, if nothing else is asked.

What else is asked lets few rows through, and each day would be walked to its end for them.
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A consignment and the letter that it carries."""

    consignment: Consignment
    letter: Letter


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a chain, as far as it is told in clear; `said` is a JSON object."""

    log_index: int
    time: int
    consignment: str | None
    kind: str
    agency: str
    keys: list[str]
    internal: bool
    said: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One event for whoever listens to an inbox or outbox."""

    log_index: int
    time: int
    consignment: str | None
    letter: str
    kind: str
    agency: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How many consignments to one agency ended so, for one reason."""

    agency: str
    business: str
    reason: str
    letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which consignments are asked for; what is None lets everything through.

    `number` is the sender's or the receiver's, in whatever digits; days are those of registration,
    both ends included.
    """

    business: str | None = None
    transport: str | None = None
    unit: str | None = None
    parties: Sequence[str] | None = None
    number: str | None = None
    from_day: str | None = None
    to_day: str | None = None
    due_by: str | None = None
    priority: str | None = None

    def parameters(self) -> dict[str, Any]:
        """As the statement of an outbox names them."""
        return {
            "business": self.business,
            "transport": self.transport,
            "unit": self.unit,
            "parties": None if self.parties is None else list(self.parties),
            "number": None if self.number is None else fold_number(self.number),
            "from_day": self.from_day,
            "to_day": self.to_day,
            "due_by": self.due_by,
            "priority": self.priority,
        }

    def by_days(self) -> dict[str, Any]:
        """As the statement of an inbox names them: a short span day by day."""
        named, days = self.parameters(), self._days()
        apart = {} if days is None else {"from_day": None, "to_day": None}
        return {**named, **apart, "days": days}

    def _days(self) -> list[str] | None:
        """The days of a short span with both ends that is all that is asked, else None."""
        asked = {field.name for field in fields(self) if getattr(self, field.name) is not None}
        if asked != {"from_day", "to_day"} or self.from_day is None or self.to_day is None:
            return None
        try:
            first, last = map(date.fromisoformat, (self.from_day, self.to_day))
        except ValueError:
            return None  # no day of any calendar: compared as text, as an open span is
        if (last - first).days >= DAYS_APART:
            return None
        return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


async def letter(conn: Connection, name: str, *, at: int | None = None) -> Letter | None:
    """A letter by its name, after event `at` or now."""
    async with conn.cursor(row_factory=_letters) as cursor:
        await cursor.execute(STATEMENTS["letter"], {"name": name, "at": at})
        return await cursor.fetchone()


async def consignment(conn: Connection, name: str, *, at: int | None = None) -> Listed | None:
    """A consignment by its name, with its letter, after event `at` or now."""
    async with conn.cursor(row_factory=_listed) as cursor:
        await cursor.execute(STATEMENTS["consignment"], {"name": name, "at": at})
        return await cursor.fetchone()


async def succeeded(conn: Connection) -> list[str]:
    """The agencies that others answer for, in whole or in part."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(STATEMENTS["succeeded"])
        return [row[0] for row in await cursor.fetchall()]


async def stood_for(conn: Connection, agency: str) -> list[str]:
    """The agency, and those that are no more and that it answers for."""
    gone = await succeeded(conn)
    heirs = {one: await agencies.responsible(conn, one, None, None) for one in gone}
    return [agency, *(one for one, heir in heirs.items() if heir == agency and one != agency)]


async def is_party(conn: Connection, agencies: Collection[str], stream: UUID) -> bool:
    """Whether one of these agencies is party to a record."""
    return await _holds(conn, "is_party", {"stream": stream, "agencies": list(agencies)})


async def may_read_values(conn: Connection, agencies: Collection[str], index: int) -> bool:
    """Whether one of them may read what the letter says that the event at an index is about."""
    return await _holds(conn, "may_read_values", {"index": index, "agencies": list(agencies)})


async def taken_back(
    conn: Connection, agencies: Collection[str], letter: str
) -> tuple[list[str], int] | None:
    """What of a letter was sent to these agencies and when the last was taken back.

    None unless all of it was, and before they had opened any.
    """
    rows = await _taken_back(conn, agencies, [letter])
    return (rows[0].names, rows[0].last) if rows else None


async def as_taken_back(
    conn: Connection, agencies: Collection[str], letters: Collection[str]
) -> dict[str, tuple[Letter, int]]:
    """Those of some letters that were taken back so, by name, as they stood when the last was.

    And when that was.
    """
    rows = await _taken_back(conn, agencies, letters)
    return {row.letter.name: (row.letter, row.last) for row in rows}


async def _taken_back(
    conn: Connection, agencies: Collection[str], letters: Collection[str]
) -> list["_TakenBack"]:
    async with conn.cursor(row_factory=_all_taken_back) as cursor:
        asked = {"agencies": list(agencies), "letters": list(letters)}
        await cursor.execute(STATEMENTS["taken_back"], asked)
        return await cursor.fetchall()


async def _holds(conn: Connection, name: str, asked: Mapping[str, Any]) -> bool:
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(STATEMENTS[name], asked)
        row = await cursor.fetchone()
    return bool(row and row[0])


async def served(conn: Connection, letters: Mapping[str, int | None]) -> dict[str, int]:
    """How many consignments of each letter its sender had begun after an event (None: by now)."""
    asked = {"letters": list(letters), "ats": list(letters.values())}
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(STATEMENTS["served"], asked)
        return dict.fromkeys(letters, 0) | dict(await cursor.fetchall())


async def consignments_of(
    conn: Connection, letter: str, *, at: int | None = None
) -> list[Consignment]:
    """All consignments of a letter, as they began: few of many, or thousands of a circular."""
    asked = {"letter": letter, "at": at}
    async with conn.cursor(row_factory=_consignments) as cursor:
        await cursor.execute(STATEMENTS["consignments_of"], asked)
        return await cursor.fetchall()


async def box(
    conn: Connection,
    agency: str,
    chosen: Filter,
    *,
    incoming: bool,
    after: str = "",
    limit: int = 100,
) -> list[Listed]:
    """An agency's inbox or outbox after a place in it, the most urgent first."""
    named = chosen.by_days() if incoming else chosen.parameters()
    asked = {**named, "agency": agency, "after": after, "limit": limit}
    async with conn.cursor(row_factory=_listed) as cursor:
        await cursor.execute(
            STATEMENTS["incoming" if incoming else "outgoing"], asked, prepare=False
        )
        return await cursor.fetchall()


async def letters_of(
    conn: Connection,
    agencies: Collection[str],
    *,
    number: str | None = None,
    after: int = -1,
    limit: int = 100,
    at: int | None = None,
) -> list[Letter]:
    """The letters that agencies registered as outgoing, the oldest first."""
    folded = None if number is None else fold_number(number)
    asked = {"agencies": list(agencies), "number": folded, "after": after}
    asked |= {"limit": limit, "at": at}
    async with conn.cursor(row_factory=_letters) as cursor:
        await cursor.execute(STATEMENTS["letters_of"], asked)
        return await cursor.fetchall()


async def chain(
    conn: Connection,
    letter: str,
    *,
    agencies: Collection[str] | None,
    only: Collection[str] | None = None,
    after: int = -1,
    limit: int = 200,
    at: int | None = None,
) -> list[Step]:
    """A letter's events that agencies may see (None: all of them), in the order of the log.

    `only` leaves out what happened to consignments other than those.
    """
    seeing = None if agencies is None else list(agencies)
    those = None if only is None else list(only)
    asked = {"letter": letter, "agencies": seeing, "only": those, "after": after, "at": at}
    async with conn.cursor(row_factory=class_row(Step)) as cursor:
        await cursor.execute(STATEMENTS["chain"], {**asked, "limit": limit})
        return await cursor.fetchall()


async def heard(
    conn: Connection,
    agencies: Collection[str],
    *,
    incoming: bool,
    after: int,
    last: int,
    limit: int,
) -> list[Heard]:
    """What the inbox or outbox of agencies has heard of after one index, up to another."""
    asked = {"agencies": list(agencies), "inbox": incoming, "after": after, "last": last}
    async with conn.cursor(row_factory=class_row(Heard)) as cursor:
        await cursor.execute(STATEMENTS["heard"], {**asked, "limit": limit})
        return await cursor.fetchall()


async def parties_of(conn: Connection, indexes: Collection[int]) -> dict[int, frozenset[str]]:
    """Who may open each of these events besides the agency that acted, where anybody may."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(STATEMENTS["parties_of"], {"indexes": list(indexes)})
        return {index: frozenset(agencies) async for index, agencies in cursor}


async def counted(
    conn: Connection, *, agencies: Collection[str] | None = None, at: int | None = None
) -> list[Counted]:
    """Refusals and returns by receiver and reason, of these agencies (None: of all)."""
    asked = {"agencies": None if agencies is None else list(agencies), "at": at}
    async with conn.cursor(row_factory=class_row(Counted)) as cursor:
        await cursor.execute(STATEMENTS["counted"], asked, prepare=False)
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class _TakenBack:
    """A letter as it stood when the last of what was sent, `names`, was taken back."""

    names: list[str]
    last: int
    letter: Letter


def _letters(cursor: AsyncCursor[Any]) -> RowMaker[Letter]:
    return taken_from(cursor, Letter)


def _consignments(cursor: AsyncCursor[Any]) -> RowMaker[Consignment]:
    return taken_from(cursor, Consignment)


def _listed(cursor: AsyncCursor[Any]) -> RowMaker[Listed]:
    consignment, letter = taken_from(cursor, Consignment), taken_from(cursor, Letter, behind=1)
    return lambda values: Listed(consignment(values), letter(values))


def _all_taken_back(cursor: AsyncCursor[Any]) -> RowMaker[_TakenBack]:
    letter = taken_from(cursor, Letter)
    return lambda values: _TakenBack(values[0], values[1], letter(values))
