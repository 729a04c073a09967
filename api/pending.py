"""Pending orders: the roads by which an order comes to wait, is signed, refused and read.

An order that is complete is recorded with all its signatures as its evidence, exactly once: whoever
brings the last signature gets the answer, and whoever brings it again gets the same answer.
"""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import answers, waiting, writing
from api.answers import NO_STORE
from api.contract import APPROVAL, REFUSAL, problems, told
from api.i18n import negotiate
from api.orders import (
    Arrived,
    caller,
    check_read,
    head_of,
    judge_bytes,
    key_of,
    now_us,
    read_body,
    read_head,
    take_as_caller,
)
from api.paging import Limit, page
from api.policy import ANONYMOUS, Caller
from api.problems import Problem, as_problem
from api.services import InTurn, Open, Services
from api.shapes.orders import Order, OrderPage
from api.threads import off_loop
from api.turns import codes_of
from api.waiting import Waiting
from api.work import MICROSECONDS, Outcome, work_of
from domain.errors import CosignatureNotNeeded, PossessionMismatch, Refusal
from domain.keys import EnrolKey
from domain.ledger import Requirement
from domain.values import uuid7
from infrastructure.log import pending as store
from infrastructure.log.pending import PendingOrder, PendingSignature
from infrastructure.proofs import orders
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PublicKey, parse_jwk
from infrastructure.proofs.orders import SignedRequest

STATEMENTS_SHOWN = 100

router = APIRouter(prefix="/v1/orders", tags=["orders"])
_READING = problems(400, 401, 403, 404, 422)
_LISTED = told("One page of them.", OrderPage) | _READING
_SHOWN = told("The order.", Order) | _READING
OrderId = Annotated[UUID, Path(description="The id that the 202 answer named.")]


async def keep(request: Request, services: Services, arrived: Arrived) -> Response:
    """Store an order that waits; 202, with what it waits for. The same again: the same answer."""
    head, work = arrived.request, work_of(arrived)
    async with services.pool.connection() as connection:
        await store.expire(connection, now_us())
        known = await store.find_by_key(connection, work.agency, head.idempotency_key)
    if known is None:
        if arrived.late is not None:
            raise arrived.late
        await waiting.check_hope(services, work)
        needed = await waiting.missing(services, work)
        order = _new(services, arrived, needed)
        async with services.pool.connection() as connection:
            await store.insert(connection, order, _row(head, order.agency))
            known = await store.find_by_key(connection, order.agency, head.idempotency_key)
    if known is None:
        raise Problem("internal")
    kept = await waiting.load(services, known, arrived)
    if kept.state == "appended":
        return await _record(request, services, kept)
    kept.require_open()
    # All may be there: whoever brought the last one was cut off before it was recorded.
    return await _record_or_wait(request, services, kept)


async def add_possession(request: Request, services: Services) -> Response:
    """Take a proof of possession: the enrolment's own request, signed by the key that it enrols."""
    head = head_of(request)
    body = await read_body(request, orders.LINE_LIMIT_BYTES)
    async with services.pool.connection() as connection:
        found = await store.find_by_root(connection, head.path, head.root, now_us())
    if found is None:
        raise Problem("order_unknown")
    kept = await waiting.load(services, found)
    if kept.order.act != EnrolKey.ACT.name:
        raise CosignatureNotNeeded
    kept.require_key()
    # Before it is enrolled a key is known from nowhere but the statement.
    command = kept.work.commands.get(0)
    if isinstance(command, EnrolKey):
        key = _enrolled(command)
    else:
        key = await key_of(services, head.keyid)
    if head.keyid != key.thumbprint:
        raise PossessionMismatch
    arrived = judge_bytes(head, body, key, services.ledger_id, now_us())
    if not kept.signed_by(head.keyid) and arrived.late is not None:
        raise arrived.late
    return await _sign(request, services, kept, head, arrived.only.agency)


@router.post("/{order}/approval", summary="Countersign a pending order", **APPROVAL)
async def approve(request: Request, services: Open, order: OrderId, place: InTurn) -> Response:
    """Take a second signature. 201 with the receipt when it was the last one missing, else 202.

    Who has approved already gets the same answer again.
    """
    head, late = await _countersignature(request, services)
    kept = await waiting.load(services, order, room=place.take)
    agency = kept.order.agency
    if not kept.signed_by(head.keyid):
        agency = await waiting.signer(services, kept, head, late)
    _require_same(kept, head)
    return await _sign(request, services, kept, head, agency)


@router.post("/{order}/refusal", summary="Refuse a pending order", **REFUSAL)
async def refuse(request: Request, services: Open, order: OrderId, place: InTurn) -> Response:
    """Close an order for good; its own agency may, and whoever is asked to sign it."""
    head, late = await _countersignature(request, services)
    kept = await waiting.load(services, order, room=place.take)
    signer = await waiting.signer(services, kept, head, late)
    _require_same(kept, head)
    if kept.state == "refused":
        return _refused(kept)
    kept.require_open()
    try:
        needed = await waiting.missing(services, kept.work)
    except Refusal:
        needed = Requirement()
    who = await off_loop(partial(services.caller_of, head.keyid))
    if not waiting.may_refuse(who, kept, needed):
        raise CosignatureNotNeeded
    async with services.pool.connection() as connection:
        if await store.refuse(connection, order, f"refused_by {signer}") != "refused":
            raise Problem("order_closed")
    return _refused(kept)


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
        await store.expire(connection, now_us())
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
    try:
        room = partial(take_as_caller, request, services, place)
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
        head, key = read_head(request), _enrolled(command)
        if head.keyid == key.thumbprint:
            check_read(head, key, services)
            return ANONYMOUS
    who = await caller(request, services, required=True)
    if waiting.sees_all(who) or who.agency in await waiting.concerned(services, kept):
        return who
    return None


async def _countersignature(
    request: Request, services: Services
) -> tuple[SignedRequest, ProofError | None]:
    """An approval (or refusal) whose bytes and signature are right, and why it is too late."""
    head = head_of(request)
    if head.tag != orders.APPROVAL_TAG:
        raise ProofError("tag_unknown", "an approval is expected here")
    body = await read_body(request, orders.LINE_LIMIT_BYTES)
    head.check_ledger(services.ledger_id)
    orders.check_body(head, body)
    head.check_signature(await key_of(services, head.keyid))
    try:
        head.check_time(now_us(), life_seconds=orders.COSIGNED_LIFE_SECONDS)
    except ProofError as error:
        if error.code != "order_expired":
            raise
        return head, error
    return head, None


async def _sign(
    request: Request, services: Services, kept: Waiting, head: SignedRequest, agency: str
) -> Response:
    """Add a signature and, when nothing is missing any more, record."""
    kept.require_key()
    row = _row(head, agency)
    while not kept.signed_by(head.keyid):
        kept.require_open()
        await waiting.check_countersignature(services, kept, kept.with_signature(head))
        present = len(kept.work.signatures)
        async with services.pool.connection() as connection:
            await store.add_signature(connection, kept.order.id, row, position=present)
        # Where another one was faster, this one is judged anew: it may not be needed any more.
        kept = await waiting.load(services, kept.order.id)
    if kept.state == "appended":
        return await _tell_again(request, services, kept)
    kept.require_open()
    return await _record_or_wait(request, services, kept)


async def _record_or_wait(request: Request, services: Services, kept: Waiting) -> Response:
    needed = await waiting.missing(services, kept.work)
    if not needed.complete:
        return _accepted(kept, needed)
    return await _record(request, services, kept)


async def _record(request: Request, services: Services, kept: Waiting) -> Response:
    close = partial(_close, services, kept)
    if kept.bulk:
        pieces = writing.record_in_pieces(services, kept.work)
        return answers.bulk(request, services, kept.work, pieces, on_end=close)
    [outcome] = await writing.record(services, kept.work)
    await close([outcome])
    return await answers.single(request, services, kept.work, outcome)


async def _tell_again(request: Request, services: Services, kept: Waiting) -> Response:
    work, pieces = await waiting.recorded(services, kept)
    if kept.bulk:
        return answers.bulk(request, services, work, pieces)
    [[outcome]] = [piece async for piece in pieces]
    return await answers.single(request, services, work, outcome)


async def _close(services: Services, kept: Waiting, outcomes: list[Outcome]) -> None:
    """Close an order that is in the log; one that was refused as a whole stays open to its end."""
    indexes = [one.appended.indexes[one.position] for one in outcomes if one.appended is not None]
    if indexes:
        async with services.pool.connection() as connection:
            await store.close(connection, kept.order.id, min(indexes))


def _new(services: Services, arrived: Arrived, needed: Requirement) -> PendingOrder:
    head, commands = arrived.request, list(arrived.commands.values())
    identifier = uuid7(now_us())
    wrapped, sealed = services.vault.seal_new(identifier, head.root, arrived.body)
    until = [one.valid_until * MICROSECONDS for one in commands if one.valid_until]
    return PendingOrder(
        id=identifier,
        agency=commands[0].agency,
        asked=sorted({wanted.agency for group in needed.missing for wanted in group}),
        idempotency_key=head.idempotency_key,
        request_digest=head.request_digest,
        act=commands[0].act,
        method=head.method,
        path=head.path,
        codes=sorted(set().union(*map(codes_of, commands))),
        root=head.root,
        lines=head.lines,
        atomic=head.atomic,
        content_type=head.content_type,
        sealed_body=sealed,
        created=now_us(),
        not_after=min([head.not_after_us, *until]),
        wrapped=wrapped,
    )


def _enrolled(command: EnrolKey) -> PublicKey:
    """The key that an enrolment enrols: it is known from nowhere but the statement."""
    return parse_jwk(command.jwk.model_dump(exclude_none=True))


def _require_same(kept: Waiting, head: SignedRequest) -> None:
    """An approval covers the pending order's statements, and nothing else."""
    order = kept.order
    if (head.root, head.lines, head.atomic) != (order.root, order.lines, order.atomic):
        raise ProofError("statement_mismatch", "the approval covers another order's statements")


def _accepted(kept: Waiting, needed: Requirement) -> Response:
    order = kept.order
    said = {"order": str(order.id), "state": kept.state, "not_after": order.not_after}
    body = {**said, "waiting_for": needed.listed()}
    headers = {"Location": f"/v1/orders/{order.id}", **NO_STORE}
    return JSONResponse(body, status_code=202, headers=headers)


def _refused(kept: Waiting) -> Response:
    return JSONResponse({"order": str(kept.order.id), "state": "refused"}, headers=NO_STORE)


def _row(head: SignedRequest, agency: str) -> PendingSignature:
    return PendingSignature(
        base=head.base,
        sig=head.signature,
        keyid=head.keyid,
        tag=head.tag,
        agency=agency,
        idempotency_key=head.idempotency_key,
        created=head.created,
        expires=head.expires,
    )
