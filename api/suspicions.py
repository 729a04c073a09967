"""Reports of suspected forgeries: anybody may make one, the issuer and auditors read them.

Nobody signs a report, so it is no event and no evidence; it is a hint to look. It holds a code and
coded words, nothing of who reported and nothing of what stands on the paper.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.limits import Question
from api.orders import caller, now_us
from api.paging import Day
from api.policy import AUDIT
from api.problems import Problem
from api.reading import PRIMARY_SECONDS
from api.services import Open
from api.shapes.verdicts import ReportTaken, SuspicionPage
from domain.values import AgencyId, baghdad_day
from infrastructure.proofs import codes
from projections import agencies, certificates, freshness, suspicions
from projections.rows import Connection
from projections.suspicions import Place

router = APIRouter(prefix="/v1", tags=["verify"], route_class=Question)


class Suspected(StrEnum):
    """What looks wrong."""

    CONTENT_DIFFERS = "content_differs"
    PAPER_ALTERED = "paper_altered"
    CODE_COPIED = "code_copied"
    SEAL_OR_SIGNATURE_FALSE = "seal_or_signature_false"
    ISSUER_DENIES = "issuer_denies"
    OFFERED_FOR_SALE = "offered_for_sale"
    OTHER = "other"


class Report(BaseModel):
    """What is reported: no text, no names."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[Suspected, Field(description="What looks wrong.")]
    agency: Annotated[
        AgencyId | None,
        Field(description="Whom the paper names as its issuer; kept where the code is unknown."),
    ] = None


@router.post(
    "/verify/{code}/report",
    summary="Report a paper that looks forged",
    status_code=202,
    responses=told("Taken, whoever it is about.", ReportTaken, status=202)
    | problems(400, 413, 415, 422, 429),
)
async def report(
    request: Request,
    services: Open,
    code: Annotated[str, Path(max_length=64, description="The public code on the paper.")],
    said: Report,
) -> JSONResponse:
    """For the issuer and auditors, who are shown how often what was reported on which day.

    The answer is the same whether the code is known or not. Nothing of who reports is kept.
    """
    normal = codes.normalise(code)
    address = request.client.host if request.client else ""
    if not services.limits.allow_report(normal, address):
        raise Problem("rate_limited")
    now = now_us()
    async with services.pool.connection(timeout=PRIMARY_SECONDS) as connection:
        try:
            found = await certificates.by_code(connection, normal)
        except LookupError:
            raise Problem("store_unavailable") from None
        taken = await suspicions.add(
            connection,
            day=baghdad_day(now).isoformat(),
            code=normal,
            kind=said.kind.value,
            claimed=None if found.certificate else said.agency,
            of_certificate=found.certificate is not None,
            now=now,
        )
    if not taken:
        raise Problem("rate_limited")
    return JSONResponse({"code": normal, "kind": said.kind.value}, HTTPStatus.ACCEPTED)


@router.get(
    "/forgery-reports",
    summary="What was reported of the caller's papers",
    responses=told("The newest days first.", SuspicionPage) | problems(401, 403, 422),
)
async def listed(
    request: Request,
    services: Open,
    code: Annotated[str | None, Query(max_length=64)] = None,
    from_day: Day = None,
    to_day: Day = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> JSONResponse:
    """For an agency, of its own certificates and of papers that name it; for auditors, of all.

    What a body left behind is told to whoever answers for it, series by series.
    """
    who = await caller(request, services, required=True)
    agency = None if AUDIT in who.scopes else who.agency
    async with services.pool.connection(timeout=PRIMARY_SECONDS) as connection:
        await freshness.status(connection)
        rows = await suspicions.page(
            connection,
            agency=agency,
            others=[] if agency is None else await _succeeded(connection, agency),
            code=None if code is None else codes.normalise(code),
            from_day=from_day,
            to_day=to_day,
            limit=limit,
        )
    items: list[dict[str, Any]] = [
        {
            "day": row.day,
            "code": row.code,
            "kind": row.kind,
            "reports": row.reports,
            "first": row.first,
            "last": row.last,
            "issuer": row.issuer,
            "claimed": row.claimed,
        }
        for row in rows
    ]
    return JSONResponse({"items": items}, headers={"Cache-Control": "no-store"})


async def _succeeded(connection: Connection, agency: str) -> list[Place]:
    """Where anything was reported that was another's and that the agency answers for now."""
    before = await agencies.forebears(connection, agency)
    if not before:
        return []
    return [
        one
        for one in await suspicions.places(connection, before)
        if await agencies.responsible(connection, *one) == agency
    ]
