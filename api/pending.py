"""Pending orders: what waits for further signatures, and the roads by which these arrive.

An order that is complete is recorded with all its signatures as its evidence, exactly once: whoever
brings the last signature gets the answer, and whoever brings it again gets the same answer.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import acts, writing
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
)
from api.paging import Limit, page
from api.policy import ANONYMOUS, AUDIT, Caller
from api.problems import Problem
from api.services import Open, Services
from domain.acts import Command, parse_command
from domain.errors import CosignatureNotNeeded
from domain.keys import EnrolKey
from domain.ledger import Requirement
from domain.values import uuid7
from infrastructure.log import pending as store
from infrastructure.log.pending import PendingOrder, PendingSignature
from infrastructure.proofs import orders
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import parse_jwk
from infrastructure.proofs.orders import Line, SignedRequest

MICROSECONDS = 1_000_000
STATEMENTS_SHOWN = 100

router = APIRouter(prefix="/v1/orders", tags=["orders"])
OrderId = Annotated[UUID, Path(description="The id that the 202 answer named.")]


@dataclass(frozen=True, slots=True)
class Opened:
    """A pending order with its body unsealed and its signatures parsed."""

    order: PendingOrder
    lines: tuple[Line, ...]
    commands: tuple[Command, ...]
    signatures: tuple[SignedRequest, ...]

    @property
    def work(self) -> writing.Work:
        """What is recorded once the order is complete."""
        return writing.Work(self.signatures[0], self.lines, self.commands, self.signatures)

    def with_signature(self, signature: SignedRequest) -> "Opened":
        """The same order with one more signature."""
        return Opened(self.order, self.lines, self.commands, (*self.signatures, signature))


async def keep(request: Request, services: Services, arrived: Arrived) -> Response:
    """Store an order that waits; 202, with what it waits for. The same order again: the same answer."""
    if arrived.late is not None:
        raise arrived.late
    head = arrived.request
    identifier = uuid7(now_us())
    wrapped = services.vault.new_key()
    sealed = services.vault.seal(wrapped, identifier, head.root, arrived.body)
    valid_until = [c.valid_until * MICROSECONDS for c in arrived.commands if c.valid_until]
    order = PendingOrder(
        id=identifier,
        agency=arrived.commands[0].agency,
        idempotency_key=head.idempotency_key,
        request_digest=head.request_digest,
        act=arrived.commands[0].act,
        method=head.method,
        path=head.path,
        root=head.root,
        lines=head.lines,
        atomic=head.atomic,
        content_type=head.content_type,
        sealed_body=sealed,
        created=now_us(),
        not_after=min([head.not_after_us, *valid_until]),
        wrapped=wrapped,
    )
    async with services.pool.connection() as connection:
        known = await store.find_by_key(connection, order.agency, head.idempotency_key)
        if known is None:
            await anyio.to_thread.run_sync(_require_hopeful, services, arrived)
            if not await store.insert(connection, order, _row(head, order.agency)):
                known = await store.find_by_key(connection, order.agency, head.idempotency_key)
        identifier = known or identifier
    opened = await _open(services, identifier, arrived.body)
    if opened.order.request_digest != head.request_digest:
        raise Problem("idempotency_key_reused")
    if opened.order.state == "appended":
        return await _record(request, services, opened)
    return _accepted(opened, await _missing(services, opened))


def _require_hopeful(services: Services, arrived: Arrived) -> None:
    """Refuse at once what would be refused with all signatures: it need not wait for them."""
    work = writing.work_of(arrived)
    for number, command in enumerate(work.commands):
        signed = work.signed(number, now=now_us(), size=services.size)
        services.ledger.requirement(command, signed, services.directory)


async def add_possession(request: Request, services: Services) -> Response:
    """Take a proof of possession: the enrolment's own request, signed by the key that it enrols."""
    head = head_of(request)
    body = await read_body(request, orders.LINE_LIMIT_BYTES)
    async with services.pool.connection() as connection:
        found = await store.find_by_root(connection, head.path, head.root, now_us())
    if found is None:
        raise Problem("order_unknown")
    opened = await _open(services, found)
    command = opened.commands[0]
    if not isinstance(command, EnrolKey):
        raise CosignatureNotNeeded
    # The key is not enrolled yet: it stands in the statement that it signs.
    key = parse_jwk(command.jwk.model_dump(exclude_none=True))
    judge_bytes(head, body, key, services.ledger_id)
    return await _sign(request, services, opened, head, command.agency)


@router.post("/{order}/approval", summary="Countersign a pending order")
async def approve(request: Request, services: Open, order: OrderId) -> Response:
    """Take a second signature. 201 with the receipt when it was the last one missing, else 202."""
    head, signer = await _countersigner(request, services)
    opened = await _open(services, order)
    _require_same(opened, head)
    return await _sign(request, services, opened, head, signer)


@router.post("/{order}/refusal", summary="Refuse a pending order")
async def refuse(request: Request, services: Open, order: OrderId) -> Response:
    """Close an order for good; its own agency may, and whoever was asked to sign it."""
    head, signer = await _countersigner(request, services)
    opened = await _open(services, order)
    _require_same(opened, head)
    if signer not in await _concerned(services, opened):
        raise Problem("order_unknown")
    async with services.pool.connection() as connection:
        await store.close(connection, order, "refused", reason=f"refused_by {signer}")
    return JSONResponse({"order": str(order), "state": "refused"}, headers=_NO_STORE)


@router.get("", summary="Orders that wait, or waited, for signatures")
async def listed(
    request: Request,
    services: Open,
    limit: Limit = 100,
    state: Annotated[str | None, Query(pattern="^(open|appended|refused|expired)$")] = None,
    after: Annotated[int | None, Query(ge=0, description="`created` to go on after.")] = None,
) -> JSONResponse:
    """Orders that the caller's agency made or signed; founders and auditors see all. Newest first."""
    who = await caller(request, services, required=True)
    async with services.pool.connection() as connection:
        rows = await store.listed(
            connection,
            agency=who.agency or "",
            everything=_sees_all(services, who),
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
            "state": _state(row.state, row.not_after),
            "reason": row.reason,
            "index": row.first_index,
        }
        for row in rows
    ]
    return page(request, items, limit=limit, cursor="created")


@router.get("/{order}", summary="One order: what it says and what it waits for")
async def show(
    request: Request,
    services: Open,
    order: OrderId,
    start: Annotated[
        int, Query(alias="from", ge=0, le=orders.LINES_LIMIT, description="First line shown.")
    ] = 0,
) -> JSONResponse:
    """The statements to be countersigned; the ordering agency also sees the values it sent.

    Whoever signs recomputes `root` from all statements: a signature is over nothing else. The key
    that an enrolment enrols may read that enrolment, before anybody knows it.
    """
    opened = await _open(services, order)
    who = await _reader(request, services, opened)
    if who is None:
        raise Problem("order_unknown")
    shown = opened.lines[start : start + STATEMENTS_SHOWN]
    body: dict[str, Any] = {
        "order": str(opened.order.id),
        "agency": opened.order.agency,
        "act": opened.order.act,
        "path": opened.order.path,
        "root": opened.order.root.hex(),
        "lines": opened.order.lines,
        "atomic": opened.order.atomic,
        "created": opened.order.created,
        "not_after": opened.order.not_after,
        "state": _state(opened.order.state, opened.order.not_after),
        "reason": opened.order.reason,
        "index": opened.order.first_index,
        "signatures": [
            {"key": one.keyid, "tag": one.tag, "created": one.created, "expires": one.expires}
            for one in opened.signatures
        ],
        "waiting_for": (await _missing(services, opened)).listed(),
        "from": start,
        "statements": [line.parsed for line in shown],
    }
    if who.agency == opened.order.agency:
        body["disclosures"] = [line.disclosures for line in shown]
    return JSONResponse(body, headers=_NO_STORE)


_NO_STORE = {"Cache-Control": "no-store"}


async def _reader(request: Request, services: Services, opened: Opened) -> Caller | None:
    """Who reads an order, or None for whom it does not concern."""
    command = opened.commands[0]
    if isinstance(command, EnrolKey):
        head = read_head(request)
        key = parse_jwk(command.jwk.model_dump(exclude_none=True))
        if head.keyid == key.thumbprint:
            check_read(head, key, services)
            return ANONYMOUS
    who = await caller(request, services, required=True)
    concerned = _sees_all(services, who) or who.agency in await _concerned(services, opened)
    return who if concerned else None


async def _sign(
    request: Request, services: Services, opened: Opened, head: SignedRequest, agency: str
) -> Response:
    """Add a signature and, when nothing is missing any more, record."""
    _require_open(opened)
    known = {one.keyid for one in opened.signatures}
    after = opened if head.keyid in known else opened.with_signature(head)
    if after is not opened:
        await anyio.to_thread.run_sync(partial(_countersign, services, opened, after))
        async with services.pool.connection() as connection:
            await store.add_signature(connection, opened.order.id, _row(head, agency))
        # Others may have signed meanwhile: what counts is what is stored.
        after = await _open(services, opened.order.id)
    missing = await _missing(services, after)
    if not missing.complete:
        return _accepted(after, missing)
    return await _record(request, services, after)


async def _record(request: Request, services: Services, opened: Opened) -> Response:
    work = opened.work
    if len(work.lines) > 1:
        return acts.stream(request, services, work, on_end=partial(_close, services, opened))
    [outcome] = await writing.record(services, work)
    await _close(services, opened, [outcome])
    return await acts.told(request, services, work, outcome)


async def _close(services: Services, opened: Opened, outcomes: list[writing.Outcome]) -> None:
    """Close an order once it is in the log; one that was refused as a whole stays open to its end."""
    indexes = [one.appended.indexes[one.position] for one in outcomes if one.appended is not None]
    if indexes:
        async with services.pool.connection() as connection:
            await store.close(connection, opened.order.id, "appended", first_index=min(indexes))


def _countersign(services: Services, before: Opened, after: Opened) -> None:
    size = services.size
    for number in range(len(before.commands)):
        services.ledger.countersign(
            [before.commands[number]],
            before.work.signed(number, now=now_us(), size=size),
            after.work.signed(number, now=now_us(), size=size),
            services.directory,
        )


async def _missing(services: Services, opened: Opened) -> Requirement:
    if opened.order.state != "open":
        return Requirement()

    def ask() -> Requirement:
        missing = Requirement()
        for number, command in enumerate(opened.commands):
            signed = opened.work.signed(number, now=now_us(), size=services.size)
            missing |= services.ledger.missing(command, signed, services.directory)
        return missing

    return await anyio.to_thread.run_sync(ask)


async def _concerned(services: Services, opened: Opened) -> set[str]:
    """Agencies that an order concerns: who made it, who signed it, who is asked to."""
    missing = await _missing(services, opened)
    asked = {wanted.agency for group in missing.missing for wanted in group}
    return {opened.order.agency, *asked}


async def _countersigner(request: Request, services: Services) -> tuple[SignedRequest, str]:
    """Verify an approval's (or refusal's) signature; its agency is the key's own."""
    head = head_of(request)
    if head.tag != orders.APPROVAL_TAG:
        raise ProofError("tag_unknown", "an approval is expected here")
    body = await read_body(request, orders.LINE_LIMIT_BYTES)
    head.check_ledger(services.ledger_id)
    orders.check_body(head, body)
    head.check_time(now_us(), life_seconds=orders.COSIGNED_LIFE_SECONDS)
    head.check_signature(await key_of(services, head.keyid))
    signer = await anyio.to_thread.run_sync(services.caller_of, head.keyid)
    return head, signer.agency or ""


async def _open(services: Services, identifier: UUID, body: bytes | None = None) -> Opened:
    """An order as stored; a closed one only with the body that its sender brings again."""
    async with services.pool.connection() as connection:
        order = await store.find(connection, identifier)
        rows = await store.signatures(connection, identifier) if order else []
    if order is None:
        raise Problem("order_unknown")
    if body is None:
        if order.wrapped is None:
            raise Problem("order_closed", state=order.state)
        body = services.vault.open(order.wrapped, order.id, order.root, order.sealed_body)
    signatures = tuple(orders.parse_signed_base(row.base.decode("ascii"), row.sig) for row in rows)
    lines = tuple(orders.parse_lines(signatures[0], body))
    commands = tuple(parse_command(line.parsed) for line in lines)
    return Opened(order, lines, commands, signatures)


def _require_open(opened: Opened) -> None:
    if _state(opened.order.state, opened.order.not_after) != "open":
        raise Problem("order_closed", state=_state(opened.order.state, opened.order.not_after))


def _require_same(opened: Opened, head: SignedRequest) -> None:
    """An approval covers the pending order's statements, and nothing else."""
    order = opened.order
    if (head.root, head.lines, head.atomic) != (order.root, order.lines, order.atomic):
        raise ProofError("statement_mismatch", "the approval covers another order's statements")


def _accepted(opened: Opened, missing: Requirement) -> Response:
    body = {
        "order": str(opened.order.id),
        "state": _state(opened.order.state, opened.order.not_after),
        "waiting_for": missing.listed(),
        "not_after": opened.order.not_after,
    }
    headers = {"Location": f"/v1/orders/{opened.order.id}", **_NO_STORE}
    return JSONResponse(body, status_code=202, headers=headers)


def _state(state: str, not_after: int) -> str:
    """An open order past its time is expired, whether or not anybody has closed it."""
    return "expired" if state == "open" and now_us() > not_after else state


def _sees_all(services: Services, who: Caller) -> bool:
    return AUDIT in who.scopes or who.agency in services.founders


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
