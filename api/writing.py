"""Writing: from an authenticated order to recorded events and their receipts.

Deciding, mapping and sealing are synchronous and run in a thread; appending waits on the committer.
A decision that the log has overtaken is made once more on fresh records, and only then refused.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import psycopg
from psycopg_pool import PoolTimeout

from api.orders import Arrived, now_us
from api.problems import Problem
from api.services import Services
from domain.acts import Command
from domain.errors import Refusal, taken
from domain.ledger import Decision, Signed
from infrastructure import telemetry
from infrastructure.log.batch import Appended, AppendRequest, Order
from infrastructure.log.refusals import ClaimTaken, Conflict, StoreFailure
from infrastructure.proofs import evidence, receipts
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import ORDER_LIFE_SECONDS, POSSESSION_TAG, Line, SignedRequest

TRIES = 4
CHUNK_LINES = 500
MICROSECONDS = 1_000_000

_REFUSALS = (Refusal, ProofError, Problem)
# What a pool or a connection says when PostgreSQL cannot be asked.
STORE_ERRORS = (psycopg.OperationalError, PoolTimeout)


@dataclass(frozen=True, slots=True)
class Work:
    """A complete order: the request, its lines, and all signatures in evidence order."""

    request: SignedRequest
    lines: Sequence[Line] = field(repr=False)
    commands: Sequence[Command]
    signatures: Sequence[SignedRequest]
    late: ProofError | None = None

    @property
    def agency(self) -> str:
        """The agency whose order it is."""
        return self.commands[0].agency

    def signed(self, line: int, *, now: int, size: int) -> Signed:
        """What the domain is told about the signatures, for one line."""
        possession = [one.keyid for one in self.signatures if one.tag == POSSESSION_TAG]
        return Signed(
            agency=self.agency,
            keys=tuple(one.keyid for one in self.signatures),
            evidence=self.evidence_digest,
            now=now,
            ledger_size=size,
            possession=possession[0] if possession else None,
            line=line,
        )

    @property
    def evidence(self) -> bytes:
        """The evidence bytes of the whole order."""
        return evidence.encode_evidence(self.signatures)

    @property
    def evidence_digest(self) -> bytes:
        """What every header of this order carries."""
        return evidence.evidence_digest(self.evidence)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line: recorded (perhaps earlier), or refused."""

    line: int
    appended: Appended | None = None
    position: int = 0
    error: Exception | None = None


def work_of(arrived: Arrived) -> Work:
    """The work of an order that needs no signature but its own."""
    return Work(arrived.request, arrived.lines, arrived.commands, (arrived.request,), arrived.late)


def order_of(work: Work) -> Order:
    """What the log keeps of an order; the time bounds hold for every signature at once."""
    until = [one.not_after_us for one in work.signatures]
    until += [
        one.valid_until * MICROSECONDS for one in work.commands if one.valid_until is not None
    ]
    return Order(
        agency=work.agency,
        idempotency_key=work.request.idempotency_key,
        request_digest=work.request.request_digest,
        evidence=work.evidence,
        statement_digests=b"".join(line.digest for line in work.lines),
        lines=len(work.lines),
        not_before=max(one.not_before_us for one in work.signatures),
        not_after=min(until),
        clock_exempt=all(one.act == "ledger.accept_clock" for one in work.commands),
    )


async def record(services: Services, work: Work) -> list[Outcome]:
    """Record every line, or all or none where the order is atomic; outcomes in line order."""
    return [one async for outcomes in record_in_pieces(services, work) for one in outcomes]


async def record_in_pieces(services: Services, work: Work) -> AsyncIterator[list[Outcome]]:
    """As `record`, piece by piece; what fails is an outcome, not an exception."""
    order = order_of(work)
    if work.request.atomic:
        yield await _record_together(services, work, order)
        return
    for start in range(0, len(work.lines), CHUNK_LINES):
        chunk = range(start, min(start + CHUNK_LINES, len(work.lines)))
        outcomes = await _attempt(services, work, order, chunk)
        yield [outcomes[number] for number in chunk]


async def _attempt(
    services: Services, work: Work, order: Order, chunk: Sequence[int]
) -> dict[int, Outcome]:
    done: dict[int, Outcome] = {}
    waiting = list(chunk)
    for attempt in range(TRIES):
        prepare = partial(_prepare, services, work, order, waiting)
        # A thread costs more than one decision, but a decision may have to ask the database.
        prepared = await anyio.to_thread.run_sync(prepare)
        results: dict[int, Appended | Exception] = {}
        async with anyio.create_task_group() as group:
            for number, ready in prepared.items():
                if isinstance(ready, AppendRequest):
                    group.start_soon(_submit, services, number, ready, results)
                else:
                    results[number] = ready
        again: list[int] = []
        for number in waiting:
            result = results[number]
            if isinstance(result, Appended):
                done[number] = Outcome(number, result)
            elif _worth_another_try(services, result) and attempt + 1 < TRIES:
                again.append(number)
            else:
                done[number] = Outcome(number, error=_told(result))
        waiting = again
        if not waiting:
            break
    await _find_replays(services, work, done)
    return done


async def _record_together(services: Services, work: Work, order: Order) -> list[Outcome]:
    for attempt in range(TRIES):
        result = await anyio.to_thread.run_sync(_prepare_together, services, work, order)
        if isinstance(result, AppendRequest):
            results: dict[int, Appended | Exception] = {}
            await _submit(services, 0, result, results)
            answer = results[0]
        else:
            answer = result
        if isinstance(answer, Appended):
            return [Outcome(number, answer, number) for number in range(len(work.lines))]
        if not _worth_another_try(services, answer) or attempt + 1 == TRIES:
            break
    done = {number: Outcome(number, error=_told(answer)) for number in range(len(work.lines))}
    await _find_replays(services, work, done)
    return [done[number] for number in range(len(work.lines))]


async def _submit(
    services: Services,
    number: int,
    request: AppendRequest,
    results: dict[int, Appended | Exception],
) -> None:
    try:
        appended = await services.committer.submit(request)
    except (Refusal, StoreFailure) as error:
        results[number] = error
        return
    results[number] = appended
    services.ledger.forget(event.stream for event in request.events)
    services.saw(appended.indexes[-1] + 1)
    telemetry.APPENDED.inc(0 if appended.replayed else len(appended.indexes))


def _prepare(
    services: Services, work: Work, order: Order, numbers: Sequence[int]
) -> dict[int, AppendRequest | Exception]:
    ready: dict[int, AppendRequest | Exception] = {}
    for number in numbers:
        try:
            decision = _decide(services, work, number)
            ready[number] = services.desk.request(order, decision, work.lines)
        except _REFUSALS as error:
            ready[number] = error
        except STORE_ERRORS:
            ready[number] = Problem("store_unavailable")
    return ready


def _prepare_together(services: Services, work: Work, order: Order) -> AppendRequest | Exception:
    try:
        decisions = [_decide(services, work, number) for number in range(len(work.lines))]
        return services.desk.request(order, Decision.merge(decisions), work.lines)
    except _REFUSALS as error:
        return error
    except STORE_ERRORS:
        return Problem("store_unavailable")


def _decide(services: Services, work: Work, number: int) -> Decision:
    if work.late is not None:
        raise work.late
    signed = work.signed(number, now=now_us(), size=services.size)
    command, line = work.commands[number], work.lines[number]
    decision = services.ledger.decide(command, line.statement, signed, services.directory)
    if len(work.signatures) == 1:
        # Only an order that waits for others may live longer than the hour.
        work.request.check_time(now_us(), life_seconds=ORDER_LIFE_SECONDS)
    return decision


def _worth_another_try(services: Services, result: Exception) -> bool:
    """Whether fresh records (or another draw) may change the answer; makes the next look fresh."""
    if isinstance(result, Conflict):
        services.ledger.forget([result.stream])
        return True
    return isinstance(result, ClaimTaken) and result.space == "status"


def _told(error: Exception) -> Exception:
    """The refusal as the agency knows it."""
    return taken(error.space) if isinstance(error, ClaimTaken) else error


async def _find_replays(services: Services, work: Work, done: dict[int, Outcome]) -> None:
    """Answer lines that were recorded before: the ledger has moved on, so deciding refuses them."""
    refused = [number for number, outcome in done.items() if outcome.error is not None]
    if not refused or any(isinstance(done[number].error, StoreFailure) for number in refused):
        return
    recorded = await services.reader.recorded(work.agency, work.request.idempotency_key)
    if recorded is None:
        return
    if recorded.request_digest != work.request.request_digest:
        for number in refused:
            done[number] = Outcome(number, error=Problem("idempotency_key_reused"))
        return
    for number in refused:
        found = recorded.lines.get(number)
        if found is not None:
            appended = Appended(found.index, found.time, (found.index,), (found.leaf_hash,), True)
            done[number] = Outcome(number, appended)


def answer(services: Services, work: Work, outcome: Outcome) -> dict[str, Any]:
    """What a recorded line is answered with: where it stands, and a receipt for it."""
    appended = outcome.appended
    assert appended is not None  # noqa: S101 - narrows; refused lines are told by problems.py
    command, line = work.commands[outcome.line], work.lines[outcome.line]
    index = appended.indexes[outcome.position]
    leaf_hash = appended.leaf_hashes[outcome.position]
    receipt = receipts.Receipt(services.ledger_id, index, leaf_hash, line.digest)
    body: dict[str, Any] = {
        "index": index,
        "leaf_hash": leaf_hash.hex(),
        "time": appended.time,
        "statement_digest": line.digest.hex(),
        "receipt": receipts.sign(receipt, services.receipts).decode(),
        "checkpoint": f"/log/checkpoint?covers={index}",
        "replayed": appended.replayed,
    }
    code = getattr(command, "new_code", None) or getattr(command, "code", None)
    if code is not None:
        body["code"] = code
        body["verify"] = f"/v1/verify/{code}"
    return body
