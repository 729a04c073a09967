"""Agencies as readers see them: names in three languages, standing, and whom they stand under.

Two times are kept apart. A row says what was *recorded* after an index; inside it, names and
parents are lists by the day from which they *hold*, so that a document can show the name that its
issuer had on its day.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.rows import class_row, tuple_row

from domain.values import Standing
from infrastructure.log.follower import Recorded
from infrastructure.log.queries import load
from infrastructure.proofs.heirs import step
from projections.projector import Projector
from projections.rows import Connection, Table, WorkingSet

_SQL = load("projections", "agencies.sql")

ALWAYS: Final = "0001-01-01"
"""Since when a name or a parent holds that was entered without a day: it has always been so."""

_OPENED: Final = "sijill.ledger.opened.v1"
_ADDED: Final = "sijill.agency.added.v1"
_RENAMED: Final = "sijill.agency.renamed.v1"
_REPARENTED: Final = "sijill.agency.reparented.v1"
_MERGED: Final = "sijill.agency.merged.v1"
_SPLIT: Final = "sijill.agency.split.v1"
_STANDINGS: Final = {
    "sijill.agency.linked.v1": Standing.LINKED.value,
    "sijill.agency.suspended.v1": Standing.SUSPENDED.value,
    "sijill.agency.reinstated.v1": Standing.LINKED.value,
    "sijill.agency.closed.v1": Standing.CLOSED.value,
}


class Agency(NamedTuple):
    """One agency. `names` and `parents` are `{"since": day, "index": n, "value": …}` by day.

    The value is `{"ar": …, "ckb": …, "en": …}` of names, and an agency's id or None of parents.
    `successions` are `{"index": n, "successor": id, "unit": …, "series": …, "since": day}`, in
    the order of the log.
    """

    id: str
    stream: UUID
    kind: str
    standing: str
    founder: bool
    names: list[dict[str, Any]]
    parents: list[dict[str, Any]]
    added_index: int
    successions: list[dict[str, Any]]

    def names_on(self, day: str) -> dict[str, str]:
        """Its names on a day (ISO), by language; before all of them, the first ever recorded."""
        known = _holding(self.names, day) or min(self.names, key=lambda one: one["index"])
        names: dict[str, str] = known["value"]
        return names

    def parent_on(self, day: str) -> str | None:
        """The agency that it stands under on a day (ISO)."""
        known = _holding(self.parents, day)
        return known["value"] if known else None


AGENCIES: Final = Table(
    "agencies", Agency, "id", documents=frozenset({"names", "parents", "successions"})
)


async def show(conn: Connection, agency: str, *, at: int | None = None) -> Agency | None:
    """One agency as it stood after event `at` (None: now), or None."""
    async with conn.cursor(row_factory=class_row(Agency)) as cursor:
        await cursor.execute(_SQL["show"], {"id": agency, "at": at})
        return await cursor.fetchone()


async def responsible(
    conn: Connection, agency: str, unit: str | None, series: str | None, *, at: int | None = None
) -> str | None:
    """Who answers for a series of an agency after event `at`; None where there is no such agency.

    The steps of the domain's own `responsible`, over rows.
    """
    index = -1
    while (row := await show(conn, agency, at=at)) is not None:
        taken = step(row.successions, unit, series, after=index)
        if taken is None:
            return agency
        agency, index = taken["successor"], taken["index"]
    return None


async def heirs(conn: Connection, agency: str) -> list[str]:
    """The agency, and whoever answers or once answered for anything that it did."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["heirs"], {"agency": agency})
        return [row[0] for row in await cursor.fetchall()]


async def forebears(conn: Connection, agency: str) -> list[str]:
    """The other agencies that this one answers or once answered for, in whole or in part."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["forebears"], {"agency": agency})
        return [row[0] for row in await cursor.fetchall()]


async def page(
    conn: Connection, *, after: int = -1, limit: int = 200, at: int | None = None
) -> list[Agency]:
    """Agencies added after index `after`, oldest first, as they stood after event `at` (None: now).

    At most `limit`, or a few more: agencies of one index (the two founders) are not torn apart.
    """
    async with conn.cursor(row_factory=class_row(Agency)) as cursor:
        await cursor.execute(_SQL["page"], {"after": after, "limit": limit, "at": at})
        return await cursor.fetchall()


def _dated(entries: list[dict[str, Any]], event: Recorded, value: Any) -> list[dict[str, Any]]:
    """The entries with one more, by the day from which each holds.

    Of two that hold from the same day the one recorded last counts, so it stands behind.
    """
    since = event.statement.get("effective_date", ALWAYS)
    entry = {"since": since, "index": event.index, "value": value}
    return sorted([*entries, entry], key=lambda one: (one["since"], one["index"]))


def _holding(entries: list[dict[str, Any]], day: str) -> dict[str, Any] | None:
    place = bisect_right(entries, day, key=lambda one: one["since"])
    return entries[place - 1] if place else None


def _opened(event: Recorded, rows: WorkingSet) -> None:
    for founder in event.statement["founders"]:
        _enter(event, rows, founder["id"], founder, founder=True)


def _added(event: Recorded, rows: WorkingSet) -> None:
    _enter(event, rows, event.statement["subject"], event.statement)


def _enter(
    event: Recorded, rows: WorkingSet, agency: str, said: dict[str, Any], *, founder: bool = False
) -> None:
    standing = Standing.LINKED if founder else Standing.PLANNED
    row = Agency(
        id=agency,
        stream=event.stream,
        kind=said["kind"],
        standing=standing.value,
        founder=founder,
        names=_dated([], event, said["names"]),
        parents=_dated([], event, said.get("parent")),
        added_index=event.index,
        successions=[],
    )
    rows.put(AGENCIES, row, event.index)


def _changed_standing(event: Recorded, rows: WorkingSet) -> None:
    agency = rows.need(AGENCIES, event.statement["subject"])
    rows.put(AGENCIES, agency._replace(standing=_STANDINGS[event.type]), event.index)


def _merged(event: Recorded, rows: WorkingSet) -> None:
    _succeeded(event, rows, [{"successor": event.statement["successor"]}], closed=True)


def _split(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    rest = said.get("rest")
    given = [*said["shares"], *([{"successor": rest}] if rest else [])]
    _succeeded(event, rows, given, closed=rest is not None)


def _succeeded(
    event: Recorded, rows: WorkingSet, given: list[dict[str, str]], *, closed: bool
) -> None:
    agency = rows.need(AGENCIES, event.statement["subject"])
    since = event.statement["effective_date"]
    successions = [
        {
            "index": event.index,
            "successor": one["successor"],
            "unit": one.get("unit"),
            "series": one.get("series"),
            "since": since,
        }
        for one in given
    ]
    changed = agency._replace(
        successions=[*agency.successions, *successions],
        standing=Standing.CLOSED.value if closed else agency.standing,
    )
    rows.put(AGENCIES, changed, event.index)


def _renamed(event: Recorded, rows: WorkingSet) -> None:
    agency = rows.need(AGENCIES, event.statement["subject"])
    names = _dated(agency.names, event, event.statement["names"])
    rows.put(AGENCIES, agency._replace(names=names), event.index)


def _reparented(event: Recorded, rows: WorkingSet) -> None:
    agency = rows.need(AGENCIES, event.statement["subject"])
    parents = _dated(agency.parents, event, event.statement.get("parent"))
    rows.put(AGENCIES, agency._replace(parents=parents), event.index)


def _needs(event: Recorded) -> Iterable[tuple[Table[Agency], str]]:
    if event.type in (_OPENED, _ADDED):
        return ()
    return [(AGENCIES, event.statement["subject"])]


PROJECTOR: Final = Projector(
    name="agencies",
    version=2,
    statements=_SQL,
    handlers={
        _OPENED: _opened,
        _ADDED: _added,
        **dict.fromkeys(_STANDINGS, _changed_standing),
        _MERGED: _merged,
        _SPLIT: _split,
        _RENAMED: _renamed,
        _REPARENTED: _reparented,
    },
    tables=(AGENCIES,),
    needs=_needs,
)
