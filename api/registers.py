"""Registers: what is covered and closed, for all; what stands in them, for their agency.

That a register is covered is a public promise of its agency. Its numbers are nobody else's.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.desk import lookup_space
from api.limits import Question
from api.orders import caller
from api.paging import WORD, After, At, Limit, page
from api.policy import AUDIT, Caller
from api.problems import Problem
from api.reading import recent
from api.services import Open
from api.shapes.registers import (
    RegisterEntries,
    RegisterPage,
    RegisterReport,
    RegisterShown,
    RegistersUsed,
)
from domain.catalogue.calendar import CALENDAR
from domain.registers import Register
from domain.values.comparison import fold_value
from projections import freshness, register_report, registers
from projections.register_report import LISTED, Report
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
    agency: Word = Field(None, description="Whose registers, for auditors.")
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
    owner = owner_of(who, wanted.agency)
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
    items = [_entry(row) for row in rows]
    return page(request, items, limit=wanted.limit, cursor="entry_index", at=pinned)


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
    """Unit and series of every register in which anything was numbered or declared that year."""
    who = await caller(request, services, required=True)
    owner = owner_of(who, agency)
    async with recent(services) as connection:
        pinned = await _pinned(connection, None)
        rows = await registers.used(connection, owner, year)
    items = [{"unit": unit, "series": series, "year": year} for unit, series in rows]
    return JSONResponse({"items": items, "at": pinned}, headers={"Cache-Control": "no-store"})


class Search(BaseModel):
    """A search by a committed value, exact but for spelling."""

    model_config = ConfigDict(extra="forbid", strict=True)

    field: Annotated[
        str, Field(pattern=r"^[a-z0-9_]{1,48}$", description="A look-up field of the type.")
    ]
    value: Annotated[str, Field(min_length=1, max_length=500)]


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
    owner = who.agency or ""
    space = lookup_space(owner, wanted.field)
    hmac = services.vault.lookup(space, fold_value(wanted.value))
    await services.caught_up()
    async with services.pool.connection() as connection:
        pinned = await _pinned(connection, None)
        rows = await registers.entries(
            connection,
            owner,
            Filter(looked_up=(space, hmac)),
            after=-1 if after is None else after,
            limit=limit,
        )
    items = [_entry(row) for row in rows]
    return page(request, items, limit=limit, cursor="entry_index", at=pinned)


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
    agency: AgencyWord = None,
    at: At = None,
) -> JSONResponse:
    """What is declared of it; for its own agency and auditors also its counts and the next number.

    Without `agency` it is the caller's own.
    """
    who = await caller(request, services, required=agency is None)
    register = Register(agency or who.agency or "", unit, series, year)
    async with recent(services) as connection:
        pinned = await _pinned(connection, at)
        book = await registers.show(connection, register, at=at)
        rows: list[Number] | None = None
        if _may_read(who, register.agency):
            rows = await registers.numbers(connection, register, at=at)
    body = _book(book) if book else _unopened(register)
    body["at"] = pinned
    if rows is not None:
        found = register_report.report(rows, CALENDAR, late_days=0)
        body["counts"] = {
            "given": found.given,
            "voided": len(found.voided),
            "reserved": len(found.reserved),
            "missing": found.missing,
        }
        body["next"] = found.highest + 1
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


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
    agency: AgencyWord = None,
    at: At = None,
    late_days: Annotated[
        int, Query(ge=0, le=366, description="Recorded later than so many days: dated back.")
    ] = 3,
) -> JSONResponse:
    """Gaps, voids, numbers that are only reserved, documents dated back, acts out of hours.

    All are counted; of each kind the first 500 are listed. Hours and days are Baghdad's.
    """
    who = await caller(request, services, required=True)
    register = Register(owner_of(who, agency), unit, series, year)
    async with recent(services) as connection:
        pinned = await _pinned(connection, at)
        rows = await registers.numbers(connection, register, at=at)
    found = register_report.report(rows, CALENDAR, late_days=late_days)
    body = {**register._asdict(), "at": pinned, **_odd(found)}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def _pinned(connection: Any, at: int | None) -> int:
    applied = (await freshness.status(connection)).index
    if at is not None and at > applied:
        raise Problem("index_unknown", index=at)
    return applied if at is None else at


def _may_read(who: Caller, agency: str) -> bool:
    return who.agency == agency or AUDIT in who.scopes


def owner_of(who: Caller, agency: str | None) -> str:
    """Whose registers are read: one's own; an auditor names the agency."""
    if agency is None or _may_read(who, agency):
        return agency or who.agency or ""
    raise Problem("agency_unknown", agency=agency)


def _book(row: Book) -> dict[str, Any]:
    shown = row._asdict()
    del shown["key"], shown["stream"]
    return shown


def _unopened(register: Register) -> dict[str, Any]:
    """A register about which nothing was ordered yet: it is not covered and not closed."""
    names = ("opened_index", "coverage", "coverage_index", "closed_index", "counted_index")
    return {**register._asdict(), **dict.fromkeys((*names, "given", "voided"))}


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
        "gaps": [asdict(one) for one in found.gaps[:LISTED]],
        **{f"{name}_count": len(rows) for name, rows in lists.items()},
        **{name: [asdict(one) for one in rows[:LISTED]] for name, rows in lists.items()},
    }
