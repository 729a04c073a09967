"""Reports: figures pinned to a log index, so that anybody can count them again."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.paging import At
from api.problems import Problem
from api.reading import recent
from api.services import Open
from api.shapes.authenticity import AuthenticityReport
from api.shapes.verdicts import IssuanceReport
from projections import authenticity, freshness, reports

router = APIRouter(prefix="/v1/reports", tags=["reports"], responses=problems(404, 422))

Day = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A day in Asia/Baghdad, ISO."),
]
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
    """Counts as after event `at`; the same index gives the same figures for ever."""
    async with recent(services) as connection:
        applied = (await freshness.status(connection)).index
        if at is not None and at > applied:
            raise Problem("index_unknown", index=at)
        pinned = applied if at is None else at
        rows = await reports.issuance(
            connection, at=pinned, agency=agency, type_=type, from_day=from_day, to_day=to_day
        )
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
        {"at": pinned, "items": items, "totals": totals}, headers={"Cache-Control": "no-store"}
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
    async with recent(services) as connection:
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
