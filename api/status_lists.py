"""Token Status Lists (draft-ietf-oauth-status-list-21), served as its section 8 asks.

A list is signed when it is asked for, and handed out again until what it says has changed or it is
half as old as it may grow. It says of when it is; whoever keeps one for offline use goes by that.
One that has not changed by then is made smaller, too: that takes longer than making it.
"""

import asyncio
import gzip
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.caching import entity_tag, not_modified
from api.contract import problems, told
from api.orders import now_us
from api.problems import Problem
from api.reading import PRIMARY_SECONDS
from api.services import Open, Services
from api.shapes.verdicts import StatusLists
from api.shelves import Shelf
from domain.certificates.desk import LIST_SPAN
from infrastructure.log import clocks
from infrastructure.proofs.statuslist import (
    CWT,
    JWT,
    TTL_SECONDS,
    Signer,
    StatusList,
    uri_of,
)
from projections import freshness, status

router = APIRouter(prefix="/v1/status-lists", tags=["verify"])

KEPT_SECONDS = TTL_SECONDS // 2
CACHE_CONTROL = f"public, max-age={TTL_SECONDS}"
# A list is for everybody, browsers under other addresses included; it tells nothing of who asks.
OPEN = {"Access-Control-Allow-Origin": "*"}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_TOKEN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The list, signed.", "content": {CWT: _BINARY, JWT: _BINARY}}
}
_MICROSECONDS = 1_000_000


async def _make(services: Services, signer: Signer, number: int, known: Shelf | None) -> Shelf:
    """The list as the read model has it now.

    Raises:
        Problem: there is none, or what is known is too old.
    """
    checked = time.monotonic()
    # Nothing is waited for: a list says of when it is, and is looked at again in a second.
    async with services.pool.connection(timeout=PRIMARY_SECONDS) as connection:
        model = await freshness.status(connection)
        places = await status.listed(connection, number, at=model.index)
    lag = model.lag_microseconds
    apart = clocks.apart(model.clock, now_us())
    if services.missing or apart or lag > freshness.STALE_MICROSECONDS:
        raise Problem("status_stale")
    issued = (model.clock - lag) // _MICROSECONDS
    listed = await asyncio.to_thread(StatusList.of, places)
    # Under another note, as after a rotation of the log's key, nothing is handed out again.
    if known and known.signer is signer and known.token.list == listed:
        if issued - known.token.issued < KEPT_SECONDS:
            return replace(known, checked=checked)
        # It stands still: many more will fetch it as it is.
        listed = known.token.list
        if listed.packed is None:
            listed = await asyncio.to_thread(listed.settled)
    token = signer.token(number, listed, size=model.index + 1, issued=issued)
    return Shelf(token, checked, signer)


@router.get("", summary="Which status lists there are", responses=told("All.", StatusLists))
async def lists(services: Open) -> JSONResponse:
    """The aggregation (section 9 of the draft): fetch them all, and verify without a network."""
    return JSONResponse(
        {"status_lists": [uri_of(services.origin, number) for number in range(_lists(services))]},
        headers={"Cache-Control": CACHE_CONTROL, **OPEN},
    )


@router.get(
    "/{number}",
    summary="One status list, signed",
    responses={304: {"description": "Not changed."}, **_TOKEN, **problems(404, 406, 422, 501)},
    response_class=Response,
)
async def show(
    request: Request,
    services: Open,
    number: Annotated[int, Path(ge=0, le=2**31 - 1, description="The list of a certificate.")],
) -> Response:
    """Two bits for each certificate: 0 valid, 1 invalid, 2 suspended, 3 superseded.

    CWT unless `Accept` prefers JWT. A list is believed for its `exp` at most, and fetched again
    after its `ttl`. What was at some `time` is not told; the log tells it to auditors.
    """
    if "time" in request.query_params:
        raise Problem("status_history_not_served")
    media = _wanted(request.headers.get("accept", ""))
    signer = services.status_lists()
    if signer is None:
        raise Problem("status_key_missing")
    if number >= _lists(services):
        # Said before anything is kept of it: anybody may ask for any number.
        raise Problem("status_list_unknown")
    shelf = await services.shelves.find(number, partial(_make, services, signer, number))
    packed = media == JWT and "gzip" in request.headers.get("accept-encoding", "")
    body = await _spell(signer, shelf, media, packed=packed)
    tag = entity_tag(body)
    headers = {"Cache-Control": CACHE_CONTROL, "Vary": "Accept, Accept-Encoding", **OPEN}
    unchanged = not_modified(request, tag, **headers)
    if unchanged is not None:
        return unchanged
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers={**headers, "ETag": tag}, media_type=media)


def _lists(services: Services) -> int:
    """How many lists there are: an issuance draws from the list of the size that it saw."""
    return max(services.size - 1, 0) // LIST_SPAN + 1


async def _spell(signer: Signer, shelf: Shelf, media: str, *, packed: bool) -> bytes:
    name = f"{media} gzip" if packed else media
    if name not in shelf.spelt:
        body = shelf.spelt.get(media)
        if body is None:
            plain = signer.cwt if media == CWT else signer.jwt
            body = shelf.spelt[media] = await asyncio.to_thread(plain, shelf.token)
        if packed:
            shelf.spelt[name] = await asyncio.to_thread(gzip.compress, body, mtime=0)
    return shelf.spelt[name]


def _wanted(accept: str) -> str:
    """The media type to answer in; CWT is smaller, and wins where the caller does not mind.

    Raises:
        Problem: `not_acceptable`.
    """
    ranges = [_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    best = max((_quality(ranges, media), media == CWT, media) for media in (CWT, JWT))
    if best[0] <= 0:
        raise Problem("not_acceptable")
    return best[2]


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (word.strip().lower() for word in part.split(";"))
    told = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return name, min(max(float(told), 0.0), 1.0)
    except ValueError:
        return name, 0.0


def _quality(ranges: Sequence[tuple[str, float]], media: str) -> float:
    """RFC 9110, section 12.5.1: the most specific range that covers a type decides."""
    for name in (media, "application/*", "*/*"):
        for given, quality in ranges:
            if given == name:
                return quality
    return 0.0
