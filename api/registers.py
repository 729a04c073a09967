"""Registers: what is covered and closed, for all; what stands in them, for their agency.

That a register is covered is a public promise of its agency. Its numbers are nobody else's, but for
the body that has succeeded it there.
"""

from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from psycopg import AsyncConnection
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.limits import Question
from api.orders import caller
from api.paging import WORD, After, At, Limit, page
from api.policy import AUDIT, Caller
from api.problems import Problem
from api.reading import recent
from api.services import Open, Services
from api.shapes.registers import (
    RegisterEntries,
    RegisterPage,
    RegisterReport,
    RegisterShown,
    RegistersUsed,
)
from api.succession import kept, looked_up, owner_of, succeeds
from api.threads import off_loop
from domain.registers import Register
from projections import freshness, registers
from projections.register_report import LISTED, Report, Reporter
from projections.registers import Book, Entry, Filter, Number

router = APIRouter(prefix="/v1/registers", tags=["registers"], route_class=Question)

_OWN = problems(400, 401, 403, 404, 422)
Word = Annotated[str | None, Field(max_length=64, pattern=WORD)]
AgencyWord = Annotated[str | None, Query(max_length=48, pattern=r"^[a-z][a-z0-9-]{1,47}$")]
Unit = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
Series = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Year = Annotated[int, Path(ge=1800, le=2199)]
OneYear = Annotated[int | None, Field(ge=1800, le=2199)]


@router.get(
    "",
    summary="Registers, and what is declared of them",
    responses=told("One page of them.", RegisterPage) | problems(404, 422),
)
async def listed(
    request: Request,
    services: Open,
    agency: AgencyWord = None,
    year: Annotated[int | None, Query(ge=1800, le=2199)] = None,
    covered: Annotated[bool | None, Query(description="Covered now, or not.")] = None,
    after: After = None,
    limit: Limit = 100,
    at: At = None,
) -> JSONResponse:
    """Which registers are covered, at which grade, which are closed, and the counts signed."""
    async with recent(services) as connection:
        pinned = await _pinned(connection, at)
        rows = await registers.page(
            connection,
            agency=agency,
            year=year,
            covered=covered,
            after=-1 if after is None else after,
            limit=limit,
            at=at,
        )
    items = [_book(row) for row in rows]
    return page(request, items, limit=limit, cursor="opened_index", at=pinned)


class Filters(BaseModel):
    """Which entries are wanted; what is left out lets everything through."""

    model_config = ConfigDict(extra="forbid")

    after: After = None
    limit: Limit = 100
    at: At = None
    agency: Word = Field(
        None, description="Whose: for auditors, and for who has succeeded that body there."
    )
    unit: Word = None
    series: Word = None
    year: OneYear = None
    number: Word = Field(None, description="In whatever script of digits.")
    kind: Annotated[
        str | None, Field(pattern="^(captured|voided|reserved)$", description="Of one kind.")
    ] = None


@router.get(
    "/entries",
    summary="Captured, voided and reserved numbers of the caller's registers",
    responses=told("One page of them.", RegisterEntries) | _OWN,
)
async def entries(
    request: Request, services: Open, wanted: Annotated[Filters, Query()]
) -> JSONResponse:
    """Search by what stands in clear; by a committed value with `POST /v1/registers/search`."""
    who = await caller(request, services, required=True)
    owner = await owner_of(services, who, wanted.agency, wanted.unit, wanted.series)
    chosen = Filter(
        unit=wanted.unit,
        series=wanted.series,
        year=wanted.year,
        number=wanted.number,
        kind=wanted.kind,
    )
    after = -1 if wanted.after is None else wanted.after
    async with recent(services) as connection:
        pinned = await _pinned(connection, wanted.at)
        rows = await registers.entries(
            connection, owner, chosen, after=after, limit=wanted.limit, at=wanted.at
        )
    return await _entries(request, services, (who, owner), rows, limit=wanted.limit, at=pinned)


@router.get(
    "/used",
    summary="The caller's registers of one year",
    responses=told("All of them.", RegistersUsed) | _OWN,
)
async def used(
    request: Request,
    services: Open,
    year: Annotated[int, Query(ge=1800, le=2199)],
    agency: AgencyWord = None,
) -> JSONResponse:
    """Unit and series of every register in which anything was numbered or declared that year.

    A register's book of incoming letters is named beside it. Of another `agency` those are told
    that the caller's has succeeded it in.
    """
    who = await caller(request, services, required=True)
    owner = agency or who.agency or ""
    async with recent(services) as connection:
        pinned = await _pinned(connection, None)
        rows = await registers.used(connection, owner, year)
    own = await kept(services, who, owner, ((one.unit, one.series) for one in rows))
    rows = [one for one in rows if (one.unit, one.series) in own]
    if not rows and not _may_read(who, owner):
        raise Problem("agency_unknown", agency=owner)
    items = [{**one._asdict(), "year": year} for one in rows]
    return JSONResponse({"items": items, "at": pinned}, headers={"Cache-Control": "no-store"})


class Search(BaseModel):
    """A search by a committed value, exact but for spelling."""

    model_config = ConfigDict(extra="forbid", strict=True)

    field: Annotated[
        str, Field(pattern=r"^[a-z0-9_]{1,48}$", description="A look-up field of the type.")
    ]
    value: Annotated[str, Field(min_length=1, max_length=500)]
    agency: Word = Field(None, description="A body that the caller's has succeeded.")
    unit: Word = None
    series: Word = None


@router.post(
    "/search",
    summary="The caller's captured entries that hold a value",
    responses=told("One page of them.", RegisterEntries) | _OWN | problems(413, 415),
)
async def search(
    request: Request,
    services: Open,
    wanted: Search,
    after: After = None,
    limit: Limit = 100,
) -> JSONResponse:
    """A signed read with a body, so that no personal value stands in an address."""
    who = await caller(request, services, required=True)
    owner = await owner_of(services, who, wanted.agency, wanted.unit, wanted.series)
    looked = await looked_up(services, owner, wanted.field, wanted.value)
    async with services.pool.connection() as connection:
        pinned = await _pinned(connection, None)
        rows = await registers.entries(
            connection,
            owner,
            Filter(unit=wanted.unit, series=wanted.series, looked_up=looked),
            after=-1 if after is None else after,
            limit=limit,
        )
    return await _entries(request, services, (who, owner), rows, limit=limit, at=pinned)


class OneBook(BaseModel):
    """Whose register, and which of its two books, after which event."""

    model_config = ConfigDict(extra="forbid")

    agency: Annotated[str | None, Field(max_length=48, pattern=r"^[a-z][a-z0-9-]{1,47}$")] = None
    at: At = None
    incoming: bool = Field(
        default=False, description="The book of incoming letters, with numbers of its own."
    )


@router.get(
    "/{unit}/{series}/{year}",
    summary="One register",
    responses=told("The register.", RegisterShown) | _OWN,
)
async def show(
    request: Request,
    services: Open,
    unit: Unit,
    series: Series,
    year: Year,
    wanted: Annotated[OneBook, Query()],
) -> JSONResponse:
    """What is declared of it; for who may read it also its counts and the next number.

    Without `agency` it is the caller's own.
    """
    who = await caller(request, services, required=wanted.agency is None)
    register = Register(wanted.agency or who.agency or "", unit, series, year)
    reads = _may_read(who, register.agency) or (
        who.agency is not None and await succeeds(services, who, register.agency, unit, series)
    )
    incoming = wanted.incoming
    place = services.limits.register_place().held(who.agency or "") if reads else nullcontext()
    async with place, recent(services) as connection:
        pinned = await _pinned(connection, wanted.at)
        book = await registers.show(connection, register, incoming=incoming, at=pinned)
        found: Report | None = None
        if reads:
            reporter = Reporter(None)
            found = await found_in(connection, register, reporter, incoming=incoming, at=pinned)
    body = _book(book) if book else _unopened(register, incoming=incoming)
    body["at"] = pinned
    if found is not None:
        body["counts"] = {
            "given": found.given,
            "voided": found.voided.count,
            "reserved": found.reserved.count,
            "missing": found.missing,
        }
        body["next"] = found.highest + 1
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


class Oddities(OneBook):
    """Of which book, and from when on something is dated back."""

    late_days: Annotated[
        int, Field(ge=0, le=366, description="Recorded later than so many days: dated back.")
    ] = 3


@router.get(
    "/{unit}/{series}/{year}/report",
    summary="What is odd in one register",
    responses=told("The report.", RegisterReport) | _OWN,
)
async def odd(
    request: Request,
    services: Open,
    unit: Unit,
    series: Series,
    year: Year,
    wanted: Annotated[Oddities, Query()],
) -> JSONResponse:
    """Gaps, voids, numbers that are only reserved, what is dated back, acts out of hours.

    All are counted; of each kind the first 500 are listed. Hours and days are Baghdad's.
    """
    who = await caller(request, services, required=True)
    owner = await owner_of(services, who, wanted.agency, unit, series)
    register = Register(owner, unit, series, year)
    calendar = services.working_days.calendar
    reporter = Reporter(calendar, wanted.late_days)
    place = services.limits.register_place()
    async with place.held(who.agency or ""), recent(services) as connection:
        pinned = await _pinned(connection, wanted.at)
        found = await found_in(connection, register, reporter, incoming=wanted.incoming, at=pinned)
    body = {
        **register._asdict(),
        "incoming": wanted.incoming,
        "at": pinned,
        "calendar_digest": calendar.digest(),
        **await off_loop(partial(_odd, found), lines=LISTED),
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def found_in(
    connection: AsyncConnection[Any],
    register: Register,
    reporter: Reporter,
    *,
    incoming: bool,
    at: int,
) -> Report:
    """The report over one of a register's two books; part by part, and not on the event loop."""

    async def take(part: list[Number]) -> None:
        await off_loop(partial(reporter.add, part), lines=len(part))

    await registers.numbers(connection, register, take, incoming=incoming, at=at)
    return reporter.end()


async def _entries(
    request: Request,
    services: Services,
    whose: tuple[Caller, str],
    rows: list[Entry],
    *,
    limit: int,
    at: int,
) -> JSONResponse:
    """A page of entries of a caller's, or of a body's that it has succeeded there."""
    own = await kept(services, *whose, ((one.unit, one.series) for one in rows))
    items = [_entry(row) for row in rows if (row.unit, row.series) in own]
    last = (len(rows), rows[-1].entry_index if rows else -1)
    return page(request, items, limit=limit, cursor="entry_index", last=last, at=at)


async def _pinned(connection: Any, at: int | None) -> int:
    applied = (await freshness.status(connection)).index
    if at is not None and at > applied:
        raise Problem("index_unknown", index=at)
    return applied if at is None else at


def _may_read(who: Caller, agency: str) -> bool:
    return who.agency == agency or AUDIT in who.scopes


def _book(row: Book) -> dict[str, Any]:
    shown = row._asdict()
    del shown["key"], shown["stream"]
    return shown


def _unopened(register: Register, *, incoming: bool) -> dict[str, Any]:
    """A register about which nothing was ordered yet: it is not covered and not closed."""
    names = ("opened_index", "coverage", "coverage_index", "closed_index", "counted_index")
    nothing = dict.fromkeys((*names, "given", "voided"))
    return {**register._asdict(), **nothing, "incoming": incoming}


def _entry(row: Entry) -> dict[str, Any]:
    shown = row._asdict()
    del shown["stream"], shown["folded_number"]
    return shown


def _odd(found: Report) -> dict[str, Any]:
    lists = {
        "voided": found.voided,
        "reserved": found.reserved,
        "backdated": found.backdated,
        "out_of_hours": found.out_of_hours,
    }
    return {
        "given": found.given,
        "missing": found.missing,
        "gaps": [asdict(one) for one in found.gaps.first],
        **{f"{name}_count": some.count for name, some in lists.items()},
        **{name: [asdict(one) for one in some.first] for name, some in lists.items()},
    }
