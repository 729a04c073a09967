"""Pending orders read: the list of them, and one with what it says and what it waits for.

The roads by which one comes to wait, is signed and refused are in pending.py.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from api import waiting
from api.answers import NO_STORE
from api.contract import problems, told
from api.i18n import negotiate
from api.orders import caller, check_read, read_head
from api.paging import Limit, page
from api.pending import OrderId
from api.policy import ANONYMOUS, Caller
from api.problems import Problem, as_problem
from api.services import InTurn, Open, Services
from api.shapes.orders import Order, OrderPage
from api.waiting import Waiting
from domain.errors import Refusal
from domain.keys import EnrolKey
from infrastructure.log import pending as store
from infrastructure.log.pending import Outline
from infrastructure.proofs import orders

STATEMENTS_SHOWN = 100

router = APIRouter(prefix="/v1/orders", tags=["orders"])
_READING = problems(400, 401, 403, 404, 422)
_LISTED = told("One page of them.", OrderPage) | _READING
_SHOWN = told("The order.", Order) | _READING


@router.get("", summary="Orders that wait, or waited, for signatures", responses=_LISTED)
async def listed(
    request: Request,
    services: Open,
    limit: Limit = 100,
    state: Annotated[str | None, Query(pattern="^(open|appended|refused|expired)$")] = None,
    after: Annotated[UUID | None, Query(description="The order to go on after.")] = None,
) -> JSONResponse:
    """Orders that the caller's agency made or is asked to sign; auditors see all. Newest first."""
    who = await caller(request, services, required=True)
    async with services.pool.connection() as connection:
        await store.expire(connection, await services.sure.past(connection))
        rows = await store.listed(
            connection,
            agency=who.agency or "",
            everything=waiting.sees_all(who),
            state=state,
            after=after,
            limit=limit,
        )
    items = [
        {
            "order": str(row.id),
            "agency": row.agency,
            "act": row.act,
            "path": row.path,
            "lines": row.lines,
            "created": row.created,
            "not_after": row.not_after,
            "state": row.state,
            "reason": row.reason,
            "index": row.first_index,
        }
        for row in rows
    ]
    return page(request, items, limit=limit, cursor="order")


@router.get("/{order}", summary="One order: what it says and what it waits for", responses=_SHOWN)
async def show(
    request: Request,
    services: Open,
    order: OrderId,
    place: InTurn,
    start: Annotated[
        int, Query(alias="from", ge=0, le=orders.LINES_LIMIT, description="First line shown.")
    ] = 0,
) -> JSONResponse:
    """The statements to be countersigned; the ordering agency also sees the values it sent.

    Whoever signs recomputes `root` from all statements: a signature is over nothing else. The key
    that an enrolment enrols may read that enrolment, before anybody knows it. Of an order that is
    closed the statements are not shown any more.
    """
    read_head(request)

    async def room(outline: Outline) -> None:
        who = await caller(request, services, required=True)
        everything = waiting.sees_all(who)
        await waiting.take_room(place, outline, who.agency or "", everything=everything)

    try:
        kept = await waiting.load(services, order, room=room)
    except Problem:
        # Whose key may not read at all is told so here as well: else that would tell orders apart.
        await caller(request, services, required=True)
        raise
    who = await _reader(request, services, kept)
    if who is None:
        raise Problem("order_unknown")
    kept.require_key()
    stored = kept.order
    end = min(start + STATEMENTS_SHOWN, len(kept.work.lines))
    shown = [kept.work.lines[number] for number in range(start, end)]
    body: dict[str, Any] = {
        "order": str(stored.id),
        "agency": stored.agency,
        "act": stored.act,
        "path": stored.path,
        "root": stored.root.hex(),
        "lines": stored.lines,
        "atomic": stored.atomic,
        "created": stored.created,
        "not_after": stored.not_after,
        "state": kept.state,
        "reason": stored.reason,
        "index": stored.first_index,
        "signatures": [
            {"key": one.keyid, "tag": one.tag, "created": one.created, "expires": one.expires}
            for one in kept.work.signatures
        ],
        "waiting_for": [],
        "from": start,
        "statements": [line.parsed for line in shown],
    }
    if kept.state == "open":
        try:
            body["waiting_for"] = (await waiting.missing(services, kept.work)).listed()
        except Refusal as refusal:
            # Nobody need sign any more: this is what the order would be answered.
            language = negotiate(request.headers.get("accept-language", ""))
            body["problem"] = as_problem(refusal, language)
    if who.agency == stored.agency:
        body["disclosures"] = [line.disclosures for line in shown]
    return JSONResponse(body, headers=NO_STORE)


async def _reader(request: Request, services: Services, kept: Waiting) -> Caller | None:
    """Who reads an order, or None for whom it does not concern."""
    command = kept.work.commands.get(0)
    if isinstance(command, EnrolKey):
        head, key = read_head(request), waiting.enrolled(command)
        if head.keyid == key.thumbprint:
            check_read(head, key, services)
            return ANONYMOUS
    who = await caller(request, services, required=True)
    if waiting.sees_all(who) or who.agency in await waiting.concerned(services, kept):
        return who
    return None
