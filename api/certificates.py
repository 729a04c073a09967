"""Certificates as their agency reads them, with the values; and the catalogue of types, for all.

Another agency's certificate and none at all are answered alike.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from psycopg import AsyncConnection
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.limits import Question
from api.orders import caller
from api.paging import WORD, After, At, Day, Limit, page
from api.policy import AUDIT, Caller
from api.problems import Problem
from api.reading import recent
from api.services import Open, Services
from api.shapes.registry import CertificatePage, CertificateShown, CertificateTypes
from api.succession import is_own, kept, looked_up, owner_of
from api.values import open_values
from domain.catalogue import HOLDER_SECRET, TYPES, certificate_type
from domain.errors import TypeUnknown
from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from projections import certificates, freshness
from projections.certificates import Certificate, Filter

router = APIRouter(prefix="/v1", tags=["certificates"], route_class=Question)

_OWN = problems(400, 401, 403, 404, 422)
_PAGE = told("One page of them.", CertificatePage)

Word = Annotated[str | None, Field(max_length=64, pattern=WORD)]


@router.get(
    "/certificate-types",
    summary="The catalogue of certificate types",
    responses=told("All of it.", CertificateTypes),
)
async def types() -> JSONResponse:
    """What each kind of document commits to, and how many officers must sign it."""
    items = [one.model_dump(mode="json") for one in TYPES.values()]
    return JSONResponse({"items": items}, headers={"Cache-Control": "public, max-age=300"})


_NARROWING = ("type", "unit", "series", "number", "state", "from_day", "to_day", "in_doubt")


class Filters(BaseModel):
    """Which of an agency's certificates are wanted; what is left out lets everything through."""

    model_config = ConfigDict(extra="forbid")

    after: After = None
    limit: Limit = 100
    at: At = None
    agency: Word = Field(
        None, description="Whose: for auditors, and for who has succeeded that body there."
    )
    type: Word = None
    unit: Word = None
    series: Word = None
    number: Word = Field(None, description="In whatever script of digits.")
    state: Word = None
    from_day: Day = None
    to_day: Day = None
    in_doubt: bool | None = Field(None, description="Waiting for re-affirmation, or not.")


@router.get(
    "/certificates",
    summary="The caller's own certificates",
    responses=_PAGE | _OWN,
)
async def listed(
    request: Request, services: Open, wanted: Annotated[Filters, Query()]
) -> JSONResponse:
    """Search by what stands in clear; by a committed value with `POST /v1/certificates/search`."""
    who = await caller(request, services, required=True)
    chosen = Filter(**{name: getattr(wanted, name) for name in _NARROWING})
    owner = await owner_of(services, who, wanted.agency, wanted.unit, wanted.series)
    return await _page(
        request,
        services,
        (who, owner),
        chosen,
        after=wanted.after,
        limit=wanted.limit,
        at=wanted.at,
    )


class Search(BaseModel):
    """A search by a committed value, exact but for spelling."""

    model_config = ConfigDict(extra="forbid", strict=True)

    field: Annotated[
        str, Field(pattern=r"^[a-z0-9_]{1,48}$", description="A look-up field of the type.")
    ]
    value: Annotated[str, Field(min_length=1, max_length=500)]
    agency: Word = Field(None, description="A body that the caller's has succeeded.")
    type: Word = None
    unit: Word = None
    series: Word = None
    number: Word = Field(None, description="In whatever script of digits.")
    state: Word = None
    from_day: Day = None
    to_day: Day = None
    in_doubt: bool | None = Field(None, description="Waiting for re-affirmation, or not.")


@router.post(
    "/certificates/search",
    summary="The caller's certificates that hold a value",
    responses=_PAGE | _OWN | problems(413, 415),
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
    narrowed = {name: getattr(wanted, name) for name in _NARROWING}
    chosen = Filter(**narrowed, looked_up=looked)
    return await _page(request, services, (who, owner), chosen, after=after, limit=limit, at=None)


@router.get(
    "/certificates/{code}",
    summary="One certificate of the caller's, with its values",
    responses=told("The certificate.", CertificateShown) | _OWN,
)
async def show(
    request: Request,
    services: Open,
    code: Annotated[str, Path(max_length=64, description="The public code.")],
    at: At = None,
) -> JSONResponse:
    """What the log holds of it after event `at`, its originals, and the values it commits to."""
    who = await caller(request, services, required=True)
    try:
        normal = codes.normalise(code)
    except ProofError:
        raise Problem("certificate_unknown") from None
    behind = not await services.caught_up()
    async with services.pool.connection() as connection:
        found = await certificates.by_code(connection, normal, at=at)
        if at is not None and found.basis.stale:
            raise Problem("index_unknown", index=at)
        if behind and at is None and found.certificate is None:
            # Issued a moment ago, perhaps.
            raise Problem("status_stale")
        own = await is_own(services, who, found.certificate)
        if found.certificate is None or not (own or AUDIT in who.scopes):
            raise Problem("certificate_unknown", code=normal)
        originals = await certificates.originals(connection, found.certificate, at=at)
        credentials = await certificates.credentials_of(
            connection, [one.code for one in originals], at=at
        )
        values = await open_values(services, connection, found) if own else {}
    body = _certificate(found.certificate)
    body["asked_code"] = normal
    body["values"] = {name: value for name, value in values.items() if name != HOLDER_SECRET}
    body["originals"] = [
        {
            "code": one.code,
            "edition": one.edition,
            "original": one.original,
            "state": one.state,
            "issue_index": one.issue_index,
            "issue_time": one.issue_time,
            "successor": one.successor,
            "effective_date": one.effective_date,
            "expiry_date": one.expiry_date,
            "language": one.language,
            "status": {"list": one.status_list, "index": one.status_index},
            "claims": one.claims,
            "credential_index": credentials[one.code].recorded_index
            if one.code in credentials
            else None,
        }
        for one in originals
    ]
    body["at"] = found.basis.index
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def _page(
    request: Request,
    services: Services,
    whose: tuple[Caller, str],
    chosen: Filter,
    *,
    after: int | None,
    limit: int,
    at: int | None,
) -> JSONResponse:
    if chosen.type is not None and chosen.type not in TYPES:
        raise TypeUnknown(type=chosen.type)
    who, owner = whose
    async with _source(services, chosen) as connection:
        status = await freshness.status(connection)
        if at is not None and at > status.index:
            raise Problem("index_unknown", index=at)
        rows = await certificates.page(
            connection, owner, chosen, after=-1 if after is None else after, limit=limit, at=at
        )
    found = [row.certificate for row in rows]
    own = await kept(services, who, owner, ((one.unit, one.series) for one in found))
    items = [
        {**_certificate(row.certificate), "in_doubt": bool(row.doubted), "doubted": row.doubted}
        for row in rows
        if (row.certificate.unit, row.certificate.series) in own
    ]
    pinned = status.index if at is None else at
    last = (len(found), found[-1].issue_index if found else -1)
    return page(request, items, limit=limit, cursor="issue_index", last=last, at=pinned)


@asynccontextmanager
async def _source(services: Services, chosen: Filter) -> AsyncIterator[AsyncConnection[Any]]:
    """Look-ups are the vault's: what was erased is not found a moment later either."""
    if chosen.looked_up is None:
        async with recent(services) as connection:
            yield connection
        return
    await services.caught_up()
    async with services.pool.connection() as connection:
        yield connection


def _certificate(row: Certificate) -> dict[str, Any]:
    return {
        "code": row.code,
        "agency": row.agency,
        "type": row.type,
        "type_names": certificate_type(row.type).names.model_dump(),
        "unit": row.unit,
        "series": row.series,
        "year": row.year,
        "number": row.number,
        "date": row.date,
        "edition": row.edition,
        "state": row.state,
        "state_index": row.state_index,
        "reason": row.reason,
        "legal_basis": row.legal_basis,
        "counts_from": row.counts_from,
        "successor": row.successor,
        "issue_index": row.issue_index,
        "issue_time": row.issue_time,
        "reaffirmed_index": row.reaffirmed_index,
        "erased_index": row.erased_index,
        "court_orders": row.court_orders,
        "holds": row.holds,
    }
