"""Agencies and their keys as anybody may read them: public bodies, public keys, dated names."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.paging import WORD, After, At, Limit, page
from api.problems import Problem
from api.reading import recent
from api.services import Open
from api.shapes.registry import AgencyPage, AgencyShown, Answerable, KeyList, KeyShown
from projections import agencies, freshness, keys
from projections.agencies import Agency
from projections.keys import Key

router = APIRouter(prefix="/v1", tags=["agencies"], responses=problems(404, 422))

AgencyId = Annotated[str, Path(max_length=48, pattern=WORD, description="The agency's id.")]
Part = Annotated[str | None, Query(max_length=48, pattern=WORD)]
Thumbprint = Annotated[
    str, Path(max_length=64, pattern=WORD, description="RFC 7638 thumbprint of the key.")
]


@router.get(
    "/agencies",
    summary="All agencies, in the order in which they were added",
    responses=told("One page of them.", AgencyPage),
)
async def listed(
    request: Request, services: Open, after: After = None, limit: Limit = 100, at: At = None
) -> JSONResponse:
    """Every agency of the ledger, closed ones included."""
    async with recent(services) as connection:
        status = await freshness.status(connection)
        _require_known(at, status.index)
        rows = await agencies.page(
            connection, after=-1 if after is None else after, limit=limit, at=at
        )
        day = await freshness.day(connection, status, at=at)
    items = [_agency(row, day) for row in rows]
    return page(request, items, limit=limit, cursor="added_index", at=_at(at, status.index))


@router.get("/agencies/{agency}", summary="One agency", responses=told("The agency.", AgencyShown))
async def show(services: Open, agency: AgencyId, at: At = None) -> JSONResponse:
    """Its names and parents with the days from which they hold, and how it stands."""
    async with recent(services) as connection:
        status = await freshness.status(connection)
        _require_known(at, status.index)
        found = await agencies.show(connection, agency, at=at)
        day = await freshness.day(connection, status, at=at)
    if found is None:
        raise Problem("agency_unknown", agency=agency)
    body = _agency(found, day)
    body |= {"names_by_day": found.names, "parents_by_day": found.parents}
    body["successions"] = found.successions
    return JSONResponse({**body, "at": _at(at, status.index)})


@router.get(
    "/agencies/{agency}/successor",
    summary="Who answers for what an agency did",
    responses=told("The body that answers.", Answerable),
)
async def successor(
    services: Open,
    agency: AgencyId,
    unit: Part = None,
    series: Part = None,
    at: At = None,
) -> JSONResponse:
    """The lawful successor for a register unit and series, or for the agency as a whole.

    The agency itself where nobody has succeeded it. Followed through the registry as it stood
    after event `at`, so the answer to the past does not change.
    """
    async with recent(services) as connection:
        status = await freshness.status(connection)
        _require_known(at, status.index)
        found = await agencies.responsible(connection, agency, unit, series, at=at)
    if found is None:
        raise Problem("agency_unknown", agency=agency)
    said = {"agency": agency, "unit": unit, "series": series, "answered_by": found}
    return JSONResponse({**said, "at": _at(at, status.index)})


@router.get(
    "/agencies/{agency}/keys",
    summary="Every key that an agency ever had",
    responses=told("Its keys.", KeyList),
)
async def keys_of(services: Open, agency: AgencyId, at: At = None) -> JSONResponse:
    """Public keys with their scopes and all that ended them; retired ones included."""
    async with recent(services) as connection:
        status = await freshness.status(connection)
        _require_known(at, status.index)
        if await agencies.show(connection, agency, at=at) is None:
            raise Problem("agency_unknown", agency=agency)
        found = await keys.of(connection, agency, at=at)
    return JSONResponse({"items": [_key(one) for one in found], "at": _at(at, status.index)})


@router.get("/keys/{key}", summary="One key", responses=told("The key.", KeyShown))
async def key(services: Open, key: Thumbprint, at: At = None) -> JSONResponse:
    """Whose it is, what it may sign, and whether it still may."""
    async with recent(services) as connection:
        status = await freshness.status(connection)
        _require_known(at, status.index)
        found = await keys.show(connection, key, at=at)
    if found is None:
        raise Problem("key_not_found", key=key)
    return JSONResponse({**_key(found), "at": _at(at, status.index)})


def _require_known(at: int | None, applied: int) -> None:
    if at is not None and at > applied:
        raise Problem("index_unknown", index=at)


def _at(at: int | None, applied: int) -> int:
    return applied if at is None else at


def _agency(row: Agency, day: str) -> dict[str, Any]:
    return {
        "agency": row.id,
        "kind": row.kind,
        "standing": row.standing,
        "founder": row.founder,
        "names": row.names_on(day),
        "parent": row.parent_on(day),
        "added_index": row.added_index,
    }


def _key(row: Key) -> dict[str, Any]:
    return {
        "key": row.thumbprint,
        "agency": row.agency,
        "jwk": row.jwk,
        "scopes": row.scopes,
        "office": row.office,
        "officer": row.officer,
        "acting_for": row.acting_for,
        "custodial": row.custodial,
        "not_before": row.not_before,
        "not_after": row.not_after,
        "enrolled_index": row.enrolled_index,
        "enrolled_by": row.enrolled_by,
        "retired_index": row.retired_index,
        "compromised_as_of": row.compromised_as_of,
        "compromised_index": row.compromised_index,
        "void_from": row.void_from,
    }
