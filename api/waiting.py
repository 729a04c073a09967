"""An order that waits: what is stored of it, what it still waits for, and whom it concerns.

Nothing here answers a request or changes an order; the roads in and out are in pending.py, those
of readers in pending_reading.py.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from api.limits import Place
from api.orders import Arrived, now_us, read_commands
from api.policy import AUDIT, Caller
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from api.work import Outcome, Work
from api.writing import CHUNK_LINES
from domain.acts import ACTS, Command, Scope, parse_command
from domain.errors import CosignatureNotNeeded, Refusal
from domain.keys import EnrolKey
from domain.ledger import Requirement
from infrastructure.log import pending as store
from infrastructure.log.pending import Outline, PendingOrder, PendingSignature
from infrastructure.log.reader import LoggedEvent
from infrastructure.proofs import canonical, evidence, orders
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PublicKey, parse_jwk
from infrastructure.proofs.leaf import split_body
from infrastructure.proofs.orders import Line, SignedRequest
from infrastructure.vault import RecordKeyMissing


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored order; `work` has no lines where nobody can read its body.

    So it is once it is closed, and where a restore has left the key of its body behind.
    """

    order: PendingOrder
    work: Work

    @property
    def state(self) -> str:
        """Open, appended, refused or expired; an order past its time is expired at once."""
        order = self.order
        return "expired" if order.state == "open" and now_us() > order.not_after else order.state

    @property
    def readable(self) -> bool:
        """Whether its statements are at hand."""
        return bool(self.work.lines)

    @property
    def bulk(self) -> bool:
        """Whether it is answered line by line."""
        return self.order.content_type == orders.NDJSON

    def signed_by(self, keyid: str) -> bool:
        """Whether a key has signed it already."""
        return any(one.keyid == keyid for one in self.work.signatures)

    def with_signature(self, signature: SignedRequest) -> "Waiting":
        """The same order with one more signature."""
        signatures = (*self.work.signatures, signature)
        return replace(self, work=replace(self.work, signatures=signatures))

    def require_open(self) -> None:
        """Return while it waits.

        Raises:
            Problem: `order_closed`.
        """
        if self.state != "open":
            raise Problem("order_closed")

    def require_key(self) -> None:
        """Return unless it waits for what cannot be told: an order without lines lacks nothing.

        Asked once it is known whom the order concerns: a stranger is told nothing of it.

        Raises:
            RecordKeyMissing: it is open, and its body cannot be read.
        """
        if self.state == "open" and not self.readable:
            raise RecordKeyMissing("the order has no key in this database")

    def require_evidence(self) -> None:
        """Return when an auditor takes its signatures together: what is recorded stays for ever.

        Each was looked at as it came, but those of an order that waits may be an earlier release's.

        Raises:
            ProofError: `evidence_not_an_order`, `evidence_disagrees` or `order_malformed`.
        """
        evidence.check_agreement(self.work.signatures)
        approvals = (one for one in self.work.signatures if one.tag == orders.APPROVAL_TAG)
        if not all(map(orders.is_approval, approvals)):
            raise ProofError("order_malformed", "an approval's path is not in its one spelling")


async def load(
    services: Services,
    identifier: UUID,
    brought: Arrived | None = None,
    *,
    room: Callable[[Outline], Awaitable[None]] | None = None,
) -> Waiting:
    """An order as stored; `brought` is the same order, sent again. A large one asks for `room`.

    Raises:
        Problem: `order_unknown`; `idempotency_key_reused` where what was brought is another one;
            `busy`.
        ProofError, Refusal: for whom there is no room.
    """
    if room is not None:
        async with services.pool.connection() as connection:
            outline = await store.outline(connection, identifier)
        if outline is not None and outline.size_bytes > orders.LINE_LIMIT_BYTES:
            await room(outline)
    async with services.pool.connection() as connection:
        order = await store.find(connection, identifier)
        rows = await store.signatures(connection, identifier) if order else []
    if order is None:
        raise Problem("order_unknown")
    if brought is not None and order.request_digest != brought.request.request_digest:
        raise Problem("idempotency_key_reused")
    body = brought.body if brought is not None else None
    return await off_loop(partial(_read, services, order, rows, body), order.lines)


async def take_room(place: Place, outline: Outline, agency: str, *, everything: bool) -> None:
    """Take a place for a large order, in the name of an agency whose signature was found right.

    A place is for whom the order concerns, by what is stored beside it: others would hold one for
    as long as it takes to read what is none of theirs, and *busy* would tell them that it is there.
    What is large is a bulk, and only its own agency's officers are asked to sign a bulk.

    Raises:
        Problem: `order_unknown`, as of one that is not there; `busy`.
    """
    if not everything and agency not in {outline.agency, *outline.asked}:
        raise Problem("order_unknown")
    await place.take(agency)


def _read(
    services: Services, order: PendingOrder, rows: list[PendingSignature], body: bytes | None
) -> Waiting:
    if body is None and order.wrapped is not None:
        body = services.vault.open(order.wrapped, order.id, order.root, order.sealed_body)
    signatures = tuple(orders.parse_signed_base(row.base.decode("ascii"), row.sig) for row in rows)
    if body is None:
        return Waiting(order, Work(signatures[0], {}, {}, signatures))
    lines = orders.parse_lines(signatures[0], body)
    commands, errors = read_commands(lines)
    return Waiting(order, Work(signatures[0], dict(enumerate(lines)), commands, signatures, errors))


async def missing(services: Services, work: Work) -> Requirement:
    """The signatures that the lines of an order wait for; refused lines wait for none.

    Raises:
        Refusal: no line is entitled to its act by the signatures that are there; the first reason.
    """
    return await off_loop(partial(_missing, services, work), len(work.lines))


def _missing(services: Services, work: Work) -> Requirement:
    needed = Requirement()
    refusals: list[Refusal] = []
    for number, command in work.commands.items():
        signed = work.signed(number, now=now_us(), size=services.size)
        try:
            needed |= services.ledger.missing(command, signed, services.directory)
        except Refusal as refusal:
            refusals.append(refusal)
    if refusals and len(refusals) == len(work.commands):
        raise refusals[0]
    return needed


async def check_hope(services: Services, work: Work) -> None:
    """Refuse at once what would be refused with all signatures: it need not wait for them.

    The lines of a bulk stand for themselves: those that have no hope are told so in the end.

    Raises:
        Refusal, ProofError: why a single order, or an order of all or none, has no hope.
    """
    if len(work.lines) > 1 and not work.request.atomic:
        return
    await off_loop(partial(_check_hope, services, work), len(work.lines))


def _check_hope(services: Services, work: Work) -> None:
    for number in work.lines:
        if number in work.errors:
            raise work.errors[number]
        signed = work.signed(number, now=now_us(), size=services.size)
        services.ledger.requirement(work.commands[number], signed, services.directory)


async def check_countersignature(services: Services, before: Waiting, after: Waiting) -> None:
    """Return when the signature that `after` has more is one that the order waits for.

    Raises:
        CosignatureNotNeeded: it answers nothing. Refusal: the key may not sign, or no line has any
            hope by now.
    """
    check = partial(_check_countersignature, services, before.work, after.work)
    await off_loop(check, len(before.work.lines))


def _check_countersignature(services: Services, before: Work, after: Work) -> None:
    waited, left = Requirement(), Requirement()
    refusal: Refusal | None = None
    judged = False
    for number, command in before.commands.items():
        now, size = now_us(), services.size
        try:
            asked = services.ledger.missing(
                command, before.signed(number, now=now, size=size), services.directory
            )
        except Refusal as error:
            refusal = refusal or error
            continue
        judged = True
        waited |= asked
        signed = after.signed(number, now=now, size=size)
        left |= services.ledger.missing(command, signed, services.directory)
    if refusal is not None and not judged:
        raise refusal
    if left == waited:
        raise CosignatureNotNeeded


async def concerned(services: Services, waiting: Waiting) -> set[str]:
    """Agencies that an order concerns: whose it is, and whoever was or is asked to sign it."""
    agencies = {waiting.order.agency, *waiting.order.asked}
    if waiting.readable and waiting.state == "open":
        try:
            needed = await missing(services, waiting.work)
        except Refusal:
            return agencies
        agencies |= {wanted.agency for group in needed.missing for wanted in group}
    return agencies


async def signer(
    services: Services, waiting: Waiting, head: SignedRequest, late: ProofError | None
) -> str:
    """The agency of a key that may sign an order now.

    Concern comes first: whom the order does not concern is told the same as if there were none,
    whatever is the matter with its key or its time.

    Raises:
        Problem: `order_unknown`. ProofError: it comes too late. Refusal: the key may not sign.
    """
    ledger, directory = services.ledger, services.directory
    key = await off_loop(partial(ledger.key, head.keyid, directory))
    if key.agency not in await concerned(services, waiting):
        raise Problem("order_unknown")
    if late is not None:
        raise late
    await off_loop(partial(services.caller_of, head.keyid))
    return key.agency


def enrolled(command: EnrolKey) -> PublicKey:
    """The key that an enrolment enrols: it is known from nowhere but the statement."""
    return parse_jwk(command.jwk.model_dump(exclude_none=True))


def may_refuse(who: Caller, waiting: Waiting, needed: Requirement) -> bool:
    """Whether a key may close an order: one that might have ordered it, or that is asked to sign.

    A key that may read for its agency is not yet one that may undo what its officers ordered.

    Raises:
        RecordKeyMissing: whether it is asked cannot be told.
    """
    if who.agency == waiting.order.agency:
        # The stored name as well: it is known also where the lines cannot be read.
        names = {waiting.order.act, *(one.act for one in waiting.work.commands.values())}
        scopes = {Scope.ADMINISTER.value, *(ACTS[name].ACT.scope.value for name in names)}
        return bool(who.scopes & scopes)
    waiting.require_key()
    return any(
        wanted.agency == who.agency and (wanted.scope is None or wanted.scope in who.scopes)
        for group in needed.missing
        for wanted in group
    )


def sees_all(who: Caller) -> bool:
    """Whether every order is open to a caller."""
    return AUDIT in who.scopes


async def recorded(
    services: Services, waiting: Waiting
) -> tuple[Work, AsyncIterator[list[Outcome]]]:
    """A recorded order as the log has it: its work, and the outcomes of its lines in pieces.

    The body is gone with its key, so a line that was refused then is refused as closed now.

    Raises:
        StoreFailure: it is recorded, but may not yet be confirmed.
    """
    order = waiting.order
    found = await services.reader.recorded(order.agency, order.idempotency_key)
    if found is not None:
        # Read, and so not known to be where a receipt may say that it is. The last line speaks for
        # all: they were read together.
        places = sorted((line.index, line.leaf_hash) for line in found.lines.values())
        await services.committer.confirm(places[-1:])
    indexes = found.lines if found is not None else {}
    told: dict[int, Line] = {}
    commands: dict[int, Command] = {}
    work = Work(waiting.work.request, told, commands, waiting.work.signatures)

    async def pieces() -> AsyncIterator[list[Outcome]]:
        for start in range(0, order.lines, CHUNK_LINES):
            outcomes: list[Outcome] = []
            for number in range(start, min(start + CHUNK_LINES, order.lines)):
                line = indexes.get(number)
                if line is None:
                    outcomes.append(Outcome(number, error=Problem("order_closed")))
                    continue
                [event] = await services.reader.events(line.index, line.index + 1)
                told[number] = _line_of(event)
                commands[number] = parse_command(told[number].parsed)
                outcomes.append(Outcome.found(number, line))
            yield outcomes

    return work, pieces()


def _line_of(event: LoggedEvent) -> Line:
    """The line that became an event, without the values that came along."""
    statement = split_body(event.body).statement
    parsed = canonical.parse(statement, limit_bytes=len(statement))
    return Line(statement, canonical.statement_digest(statement), parsed, [], statement)
