"""Reports: figures pinned to a log index, so that anybody can count them again."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from psycopg import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.paging import After, At, Day, Limit, page
from api.problems import Problem
from api.reading import recent
from api.services import Open
from api.shapes.authenticity import AuthenticityReport
from api.shapes.verdicts import IssuanceReport, PublishedPage
from api.threads import off_loop
from projections import authenticity, freshness, reports
from projections.reports import MOST_ROWS, Issuance, Narrowed, TooLong

router = APIRouter(prefix="/v1/reports", tags=["reports"], responses=problems(404, 422))

Word = Annotated[str | None, Query(max_length=48, pattern=r"^[a-z0-9_-]+$")]


@router.get(
    "/issuance",
    summary="Issuances and withdrawals by agency, type and day",
    responses=told("The figures.", IssuanceReport),
)
async def issuance(
    services: Open,
    at: At = None,
    agency: Word = None,
    type: Word = None,  # noqa: A002 - the public name of the parameter
    from_day: Day = None,
    to_day: Day = None,
) -> JSONResponse:
    """Counts as after event `at`; the same index gives the same figures for ever.

    Narrow what has more than 20,000 rows by agency, type or days; the digest says to what.
    """
    async with services.limits.report_place().held():
        async with recent(services) as connection:
            applied = (await freshness.status(connection)).index
            if at is not None and at > applied:
                raise Problem("index_unknown", index=at)
            pinned = applied if at is None else at
            narrowed = Narrowed(agency, type, from_day, to_day)
            rows = await issued(connection, narrowed, at=pinned)
        return await off_loop(partial(_told, rows, narrowed, pinned), lines=len(rows))


async def issued(
    connection: AsyncConnection[Any], narrowed: Narrowed, *, at: int
) -> list[Issuance]:
    """The rows of a report that is told or published.

    Raises:
        Problem: `report_too_long`.
    """
    try:
        return await reports.issuance(connection, narrowed, at=at, most=MOST_ROWS)
    except TooLong:
        raise Problem("report_too_long", most=MOST_ROWS) from None


def _told(rows: list[Issuance], narrowed: Narrowed, at: int) -> JSONResponse:
    items = [
        {
            "agency": row.agency,
            "type": row.type,
            "day": row.day,
            "issued": row.issued,
            "withdrawn": row.withdrawn,
            "acts": row.acts,
        }
        for row in rows
    ]
    totals = {
        "issued": sum(row.issued for row in rows),
        "withdrawn": sum(row.withdrawn for row in rows),
    }
    return JSONResponse(
        {
            "at": at,
            "items": items,
            "totals": totals,
            "digest": reports.digest(rows, narrowed, at=at),
        },
        headers={"Cache-Control": "no-store"},
    )


@router.get(
    "/authenticity",
    summary="How agencies answer requests for authenticity",
    responses=told("The figures.", AuthenticityReport),
)
async def answering(services: Open, at: At = None, agency: Word = None) -> JSONResponse:
    """Answering time (median and 95th percentile), what is overdue, refusals by reason.

    Counts as after event `at`, overdue on the day of that event. What the operator attested at once
    is no agency's answer and is not counted.
    """
    async with services.limits.report_place().held(), recent(services) as connection:
        known = await freshness.status(connection)
        if at is not None and at > known.index:
            raise Problem("index_unknown", index=at)
        today = await freshness.day(connection, known, at=at)
        rows = await authenticity.report(connection, today=today, at=at, agency=agency)
    items = [asdict(row) for row in rows]
    pinned = known.index if at is None else at
    return JSONResponse(
        {"at": pinned, "day": today, "items": items}, headers={"Cache-Control": "no-store"}
    )


@router.get(
    "",
    summary="Reports that were published, in the order of the log",
    responses=told("One page of them.", PublishedPage),
)
async def published(
    request: Request, services: Open, after: After = None, limit: Limit = 100, at: At = None
) -> JSONResponse:
    """Which figures an authority stands by: of which index, narrowed to what, with which digest."""
    async with recent(services) as connection:
        applied = (await freshness.status(connection)).index
        if at is not None and at > applied:
            raise Problem("index_unknown", index=at)
        rows = await reports.published(
            connection, after=-1 if after is None else after, limit=limit, at=at
        )
    items = [
        {
            "index": row.log_index,
            "agency": row.agency,
            "report": row.report,
            "at": row.of_index,
            "digest": row.digest,
            "subject": row.subject,
            "type": row.type,
            "from_day": row.from_day,
            "to_day": row.to_day,
        }
        for row in rows
    ]
    return page(request, items, limit=limit, cursor="index", at=applied if at is None else at)
