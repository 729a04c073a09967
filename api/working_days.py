"""Working days as this ledger knows them: those of the law, less the holidays of the year."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.orders import now_us
from api.services import Open
from api.shapes.registers import WorkingCalendar
from domain.values import baghdad_day

ANSWER_DAYS = 3
"""How many working days an agency has for an answer, unless it is told otherwise."""
LONGEST_DAYS = 60

router = APIRouter(prefix="/v1", tags=["registers"])


@router.get(
    "/calendar",
    summary="Working days: when offices are shut, and when an answer is due",
    responses=told("The calendar.", WorkingCalendar) | problems(422),
)
async def calendar(
    services: Open,
    working_days: Annotated[
        int, Query(ge=0, le=LONGEST_DAYS, description="How many working days ahead `due_date` is.")
    ] = ANSWER_DAYS,
) -> JSONResponse:
    """What the law fixes for every year, and the days that this ledger's operator has entered.

    Where no day of a year is announced, its holidays that go by the moon are not known here yet.
    """
    known, today = services.working_days.calendar, baghdad_day(now_us())
    body: dict[str, Any] = {
        "weekend": sorted(known.weekend),
        "opens": known.opens.isoformat("minutes"),
        "shuts": known.shuts.isoformat("minutes"),
        "yearly": [f"{month:02}-{day:02}" for month, day in sorted(known.yearly)],
        "announced": _listed(known.announced),
        "worked": _listed(known.worked),
        "today": today.isoformat(),
        "due_date": known.after(today, working_days).isoformat(),
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _listed(days: frozenset[date]) -> list[str]:
    return [day.isoformat() for day in sorted(days)]
