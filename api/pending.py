"""Pending orders: the roads by which an order comes to wait, is signed and refused.

What is read of them is in pending_reading.py.

An order that is complete is recorded with all its signatures as its evidence, exactly once: whoever
brings the last signature gets the answer, and whoever brings it again gets the same answer.
"""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import answers, waiting, writing
from api.answers import NO_STORE
from api.contract import APPROVAL, REFUSAL
from api.limits import Place
from api.orders import (
    Arrived,
    head_of,
    judge_bytes,
    key_of,
    lateness,
    now_us,
    read_body,
)
from api.problems import Problem
from api.services import InTurn, Open, Services
from api.threads import off_loop
from api.turns import codes_of
from api.waiting import Waiting
from api.work import MICROSECONDS, Outcome, work_of
from domain.errors import CosignatureNotNeeded, PossessionMismatch, Refusal
from domain.keys import EnrolKey
from domain.ledger import Requirement
from domain.values import uuid7
from infrastructure.log import pending as store
from infrastructure.log.pending import Outline, PendingOrder, PendingSignature
from infrastructure.proofs import orders
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import SignedRequest

router = APIRouter(prefix="/v1/orders", tags=["orders"])
OrderId = Annotated[UUID, Path(description="The id that the 202 answer named.")]


async def keep(request: Request, services: Services, arrived: Arrived) -> Response:
    """Store an order that waits; 202, with what it waits for. The same again: the same answer."""
    head, work = arrived.request, work_of(arrived)
    async with services.pool.connection() as connection:
        await store.expire(connection, await services.sure.past(connection))
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
    if await _is_recorded(services, kept):
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
        key = waiting.enrolled(command)
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
    head, late = await _countersignature(request, services, f"/v1/orders/{order}/approval")
    kept = await _load(services, order, head, place)
    agency = kept.order.agency
    if not kept.signed_by(head.keyid):
        agency = await waiting.signer(services, kept, head, late)
    return await _sign(request, services, kept, head, agency)


@router.post("/{order}/refusal", summary="Refuse a pending order", **REFUSAL)
async def refuse(request: Request, services: Open, order: OrderId, place: InTurn) -> Response:
    """Close an order for good; its own agency may, and whoever is asked to sign it."""
    head, late = await _countersignature(request, services, f"/v1/orders/{order}/refusal")
    kept = await _load(services, order, head, place)
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


async def _countersignature(
    request: Request, services: Services, path: str
) -> tuple[SignedRequest, ProofError | None]:
    """An approval (or refusal) whose bytes and signature are right, and why it is too late."""
    head = head_of(request)
    if head.tag != orders.APPROVAL_TAG:
        raise ProofError("tag_unknown", "an approval is expected here")
    if head.path != path:
        # The route takes an id in any spelling. What is signed is evidence, and has one.
        raise ProofError("order_malformed", "the order's id is not in its one spelling")
    body = await read_body(request, orders.LINE_LIMIT_BYTES)
    head.check_ledger(services.ledger_id)
    orders.check_body(head, body)
    head.check_signature(await key_of(services, head.keyid))
    return head, lateness(head, now_us())


async def _load(services: Services, order: UUID, head: SignedRequest, place: Place) -> Waiting:
    """The order that a signature is for, which was found right as bytes."""

    async def room(outline: Outline) -> None:
        key = await off_loop(partial(services.ledger.key, head.keyid, services.directory))
        await waiting.take_room(place, outline, key.agency, everything=False)

    return await waiting.load(services, order, room=room)


async def _sign(
    request: Request, services: Services, kept: Waiting, head: SignedRequest, agency: str
) -> Response:
    """Add a signature and, when nothing is missing any more, record."""
    _require_same(kept, head)
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
    if await _is_recorded(services, kept):
        return await _tell_again(request, services, kept)
    kept.require_open()
    return await _record_or_wait(request, services, kept)


async def _record_or_wait(request: Request, services: Services, kept: Waiting) -> Response:
    needed = await waiting.missing(services, kept.work)
    if not needed.complete:
        return _accepted(kept, needed)
    kept.require_evidence()
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


async def _is_recorded(services: Services, kept: Waiting) -> bool:
    """Whether the log has it, whatever its row says: its worker may have died before closing it.

    A bulk that is still open may have been cut off in the middle, and goes on. Whether it is, its
    row says: by our clock alone, which may have stepped ahead, nothing is closed for good.
    """
    order = kept.order
    if order.state == "appended" or (kept.bulk and order.state == "open"):
        return order.state == "appended"
    found = await services.reader.recorded(order.agency, order.idempotency_key)
    if found is None or found.request_digest != order.request_digest:
        return False
    async with services.pool.connection() as connection:
        await store.close(connection, order.id, found.first_index)
    return True


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


def _require_same(kept: Waiting, head: SignedRequest) -> None:
    """A signature covers the pending order's statements, and nothing else."""
    order = kept.order
    if (head.root, head.lines, head.atomic) != (order.root, order.lines, order.atomic):
        raise ProofError("statement_mismatch", "it covers another order's statements")


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
