"""Authenticity of issuance over HTTP: an agency's requests and queue, and a holder's own question.

An agency sees the requests that it, or a body that it answers for as a whole, made or was ever
asked; others do not exist for it. A holder proves herself by a code and a secret, and is told the
answer with all that proves it.
"""

import hmac
from base64 import b64encode
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from api import attesting
from api.contract import problems, told
from api.limits import Question
from api.orders import caller
from api.paging import WORD, After, At, Limit, page
from api.policy import AUDIT, Caller
from api.problems import Problem
from api.reading import recent
from api.services import Open, Services
from api.shapes.authenticity import HolderAnswer, RequestPage, RequestShown
from api.values import open_at, open_values
from domain.authenticity import RequestState
from domain.catalogue import HOLDER_SECRET
from domain.errors import RequestNotWaiting
from infrastructure.log.openings import openings
from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from projections import authenticity, freshness, transfers
from projections.authenticity import Filter
from projections.authenticity import Request as Row
from projections.rows import Connection

router = APIRouter(
    prefix="/v1/authenticity-requests", tags=["authenticity-requests"], route_class=Question
)

_OWN = problems(400, 401, 403, 404, 422)
_HOLDER = told("The answer, and what proves it.", HolderAnswer) | problems(404, 413, 415, 422, 429)
_NO_STORE = {"Cache-Control": "no-store"}
_EVENT_BYTES = 1 << 20
Word = Annotated[str | None, Field(max_length=64, pattern=WORD)]
Secret = Annotated[
    str, Field(min_length=1, max_length=200, pattern=WORD, description="Given at issuance.")
]
Code = Annotated[str, Path(max_length=64, description="The request's code.")]
Text = Annotated[str, Field(max_length=64, description="As people write it.")]


class Filters(BaseModel):
    """Which requests are wanted; what is left out lets everything through."""

    model_config = ConfigDict(extra="forbid")

    after: After = None
    limit: Limit = 100
    at: At = None
    role: Annotated[
        str | None, Field(pattern="^(requester|addressee)$", description="Made, or to be answered.")
    ] = None
    state: RequestState | None = None
    number: Word = Field(None, description="In whatever script of digits.")
    overdue: bool | None = Field(None, description="Only those that are late today.")


@router.get(
    "",
    summary="Requests that the caller made or is asked",
    responses=told("One page of them.", RequestPage) | _OWN,
)
async def listed(
    request: Request, services: Open, wanted: Annotated[Filters, Query()]
) -> JSONResponse:
    """The queue is `role=addressee&state=open`. Auditors see all."""
    who = await caller(request, services, required=True)
    async with recent(services) as connection:
        pinned, day = await _pinned(connection, wanted.at)
        chosen = Filter(
            role=wanted.role,
            state=None if wanted.state is None else wanted.state.value,
            number=wanted.number,
            overdue_on=day if wanted.overdue else None,
        )
        agencies = await transfers.stood_for(connection, who.agency or "")
        rows = await authenticity.page(
            connection,
            agencies,
            chosen,
            everything=AUDIT in who.scopes and wanted.role is None,
            after=-1 if wanted.after is None else wanted.after,
            limit=wanted.limit,
            at=wanted.at,
        )
    items = [_shown(row, day) for row in rows]
    return page(request, items, limit=wanted.limit, cursor="requested_index", at=pinned)


class HolderQuestion(BaseModel):
    """A document's code, and the secret that its holder was given."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: Text
    secret: Secret


@router.post(
    "/online",
    summary="A holder asks about her own document",
    responses=_HOLDER | problems(409),
)
async def online(request: Request, services: Open, asked: HolderQuestion) -> JSONResponse:
    """Recorded in the log and answered at once, by the operator's attestation.

    Where nothing has changed since the last question, its answer is told again; and a question that
    could not be answered is not recorded twice.
    """
    code = _normal(asked.code)
    _limit(request, services, code)
    behind = not await services.caught_up()
    # Before a connection is held: it is asked through another one of the same few.
    found = await services.codes.by_code(code)
    if behind and found.facts is None:
        # Issued a moment ago, perhaps: nobody's secret is called wrong for that.
        raise Problem("status_stale")
    async with services.pool.connection() as connection:
        values = await open_values(services, connection, found)
        right = _same(values.get(HOLDER_SECRET), asked.secret)
        record, original, facts = found.certificate, found.code, found.facts
        if record is None or original is None or facts is None or not right:
            raise Problem("code_or_secret_wrong")
        changed = max(record.state_index, original.state_index, record.reaffirmed_index or 0)
        known = await authenticity.asked_online(
            connection, code, changed=changed, sound=facts.issuer_sound
        )
    if known and known[0].attested:
        return await _tell_holder(services, known[0].request)
    if not attesting.ready(services):
        raise Problem("attestation_unavailable")
    waiting = [one.request for one in known]
    if not waiting:
        waiting = [await attesting.receive(services, code, asked.secret)]
    # More than one where several asked at the same moment; each of them may answer the others'.
    for question in waiting:
        with suppress(RequestNotWaiting):
            await attesting.answer(services, question, code)
    return await _tell_holder(services, waiting[0])


class HolderFetch(BaseModel):
    """A request's code, and the secret that its holder was given with it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    request: Text
    secret: Secret


@router.post("/fetched", summary="A holder fetches the answer", responses=_HOLDER)
async def fetched(request: Request, services: Open, asked: HolderFetch) -> JSONResponse:
    """Of a question that an agency asked at its counter, or that was asked online."""
    code = _normal(asked.request)
    _limit(request, services, code)
    await services.caught_up()
    async with services.pool.connection() as connection:
        await freshness.status(connection)
        row = await authenticity.show(connection, code)
        secret = None
        if row is not None and HOLDER_SECRET in row.claims:
            values = await open_at(services, connection, row.requested_index)
            secret = values.get(row.claims[HOLDER_SECRET], ("", None))[1]
        if not _same(secret, asked.secret):
            raise Problem("code_or_secret_wrong")
    return await _tell_holder(services, code)


@router.get(
    "/{request_code}",
    summary="One request that the caller made or is asked",
    responses=told("The request.", RequestShown) | _OWN,
)
async def show(
    request: Request,
    services: Open,
    request_code: Code,
    at: At = None,
) -> JSONResponse:
    """What is asked, with the values that came with it, and what became of it, index by index."""
    who = await caller(request, services, required=True)
    await services.caught_up()
    async with services.pool.connection() as connection:
        pinned, day = await _pinned(connection, at)
        row, party = await sighted(connection, who, request_code, at)
        opened = await open_at(services, connection, row.requested_index)
    values = {
        name: value
        for digest, (name, value) in opened.items()
        if row.claims.get(name) == digest and name != HOLDER_SECRET
    }
    body = {**_shown(row, day), "values": values if party else {}, "at": pinned}
    return JSONResponse(body, headers=_NO_STORE)


async def sighted(
    connection: Connection, who: Caller, text: str, at: int | None
) -> tuple[Row, bool]:
    """The request of that code, and whether the caller is party to it: else it is an auditor.

    Raises:
        Problem: `request_unknown`: it is not there, or the caller may not see it.
    """
    try:
        code = codes.normalise(text)
    except ProofError:
        raise Problem("request_unknown") from None
    row = await authenticity.show(connection, code, at=at)
    agencies = await transfers.stood_for(connection, who.agency or "")
    party = row is not None and any(one in row.parties for one in agencies)
    if row is None or not (party or AUDIT in who.scopes):
        raise Problem("request_unknown")
    return row, party


def _normal(text: str) -> str:
    try:
        return codes.normalise(text)
    except ProofError:
        raise Problem("code_or_secret_wrong") from None


def _limit(request: Request, services: Services, code: str) -> None:
    """A secret is not guessed here: the same bounds as for presented values."""
    address = request.client.host if request.client else ""
    if not services.limits.allow_comparison(code, address):
        raise Problem("rate_limited")


def _same(recorded: str | None, presented: str) -> bool:
    """Whether a secret is the recorded one; where none is recorded, none is right."""
    alike = hmac.compare_digest((recorded or "").encode(), presented.encode())
    return recorded is not None and alike


async def _pinned(connection: Any, at: int | None) -> tuple[int, str]:
    """The index to answer at, and the day that was *today* at it."""
    known = await freshness.status(connection)
    if at is not None and at > known.index:
        raise Problem("index_unknown", index=at)
    return known.index if at is None else at, await freshness.day(connection, known, at=at)


async def _tell_holder(services: Services, code: str) -> JSONResponse:
    """The request as it stands, with the bytes behind each event's leaf."""
    await services.caught_up()
    async with services.pool.connection() as connection:
        pinned, day = await _pinned(connection, None)
        row = await authenticity.show(connection, code)
        if row is None:
            raise Problem("status_stale")
        events = [await _opened(connection, one["index"]) for one in row.history]
    shown = _shown(row, day)
    del shown["claims"]
    return JSONResponse({**shown, "events": events, "at": pinned}, headers=_NO_STORE)


async def _opened(connection: Any, index: int) -> dict[str, Any]:
    [one] = await openings(connection, index, index + 1, limit_bytes=_EVENT_BYTES)
    return {
        "index": index,
        "header": b64encode(one.header).decode(),
        "header_salt": one.header_salt.hex(),
        "body": b64encode(one.body).decode(),
        "body_salt": one.body_salt.hex(),
    }


def _shown(row: Row, day: str) -> dict[str, Any]:
    """A request as it stood on a day."""
    shown = row._asdict()
    for name in ("stream", "parties", "folded_number"):
        del shown[name]
    waits = row.ended_index is None
    late = waits and row.due_date < day
    return {
        **shown,
        "attested": row.state == RequestState.ATTESTED,
        "overdue": late,
        "verify": None if row.certificate is None else f"/v1/verify/{row.certificate}",
    }
