"""Writing: from an authenticated order to recorded events and their receipts.

Deciding, mapping and sealing are synchronous; appending waits on the committer.
A decision that the log has overtaken is made once more on fresh records, and only then refused.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg

from api import crediting, repeats
from api.orders import now_us
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from api.tries import DRAWS, Tries, told, worth_another
from api.turns import SharedLook, in_turns
from api.work import Outcome, Work, order_of
from domain.errors import KeyUnknown, RecordTwiceInOrder, Refusal
from domain.ledger import Apart, Decision, Directory
from infrastructure import telemetry
from infrastructure.log.batch import Appended, AppendRequest, Order
from infrastructure.log.reader import RecordedOrder
from infrastructure.log.refusals import ClaimTaken, StoreFailure
from infrastructure.proofs import receipts
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import ORDER_LIFE_SECONDS
from infrastructure.vault import VaultError

CHUNK_LINES = 500

_JUDGED = (Refusal, ProofError)
_REFUSALS = (Refusal, ProofError, Problem, VaultError)
# What a pool or a connection says when PostgreSQL cannot be asked.
STORE_ERRORS = (psycopg.OperationalError,)


async def record(services: Services, work: Work) -> list[Outcome]:
    """Record every line, or all or none where the order is atomic; outcomes in line order."""
    if len(work.lines) > 1 or work.request.atomic:
        return [one async for outcomes in record_in_pieces(services, work) for one in outcomes]
    done = await _attempt(services, work, order_of(work), [0])
    await _find_replays(services, work, done)
    await _doubt(services, work, done)
    return [done[0]]


async def record_in_pieces(services: Services, work: Work) -> AsyncIterator[list[Outcome]]:
    """As `record`, piece by piece; what fails is an outcome, not an exception."""
    order = order_of(work)
    if work.request.atomic:
        yield await _record_together(services, work, order)
        return
    for start in range(0, len(work.lines), CHUNK_LINES):
        chunk = range(start, min(start + CHUNK_LINES, len(work.lines)))
        outcomes: dict[int, Outcome] = {}
        for together in in_turns(work.commands, chunk):
            outcomes |= await _attempt(services, work, order, together)
        await _find_replays(services, work, outcomes)
        await _doubt(services, work, outcomes)
        yield [outcomes[number] for number in chunk]


async def recall(services: Services, work: Work, error: Exception) -> Outcome:
    """What a single order was answered when it was recorded, else the error."""
    done = {0: Outcome(0, error=error)}
    await _find_replays(services, work, done)
    await _doubt(services, work, done)
    return done[0]


async def _attempt(
    services: Services, work: Work, order: Order, chunk: Sequence[int]
) -> dict[int, Outcome]:
    done: dict[int, Outcome] = {}
    tries = Tries(chunk)
    while waiting := tries.going:
        prepared = await off_loop(partial(_prepare, services, work, order, waiting), len(waiting))
        sound = [number for number in waiting if isinstance(prepared[number], AppendRequest)]
        prepared |= await crediting.wrong(services, work, sound)
        requests = tries.sent(
            {n: one for n, one in prepared.items() if isinstance(one, AppendRequest)}
        )
        submitted = await _submit(services, list(requests.values()))
        results: dict[int, Appended | Exception] = dict(zip(requests, submitted, strict=True))
        results |= {n: one for n, one in prepared.items() if isinstance(one, Exception)}
        for number, result in results.items():
            if isinstance(result, Appended):
                done[number] = Outcome(number, result)
                tries.recorded(number, requests[number])
            elif not tries.refused(services, number, requests.get(number), result):
                done[number] = Outcome(number, error=told(result))
        tries.turn()
    return done


@dataclass(slots=True)
class _Together:
    """All lines as one request, or the line (None: all at once) that stands against it."""

    request: AppendRequest | None = None
    error: Exception = field(default_factory=lambda: Problem("internal"))
    line: int | None = None
    claimed_by: dict[tuple[str, str], int] = field(default_factory=dict)


async def _record_together(services: Services, work: Work, order: Order) -> list[Outcome]:
    numbers = range(len(work.lines))
    for attempt in range(1, DRAWS + 1):
        prepared = await off_loop(
            partial(_prepare_together, services, work, order), len(work.lines)
        )
        line, error = prepared.line, prepared.error
        if prepared.request and (wrong := await crediting.wrong(services, work, numbers)):
            line, error = next(iter(wrong.items()))
        elif prepared.request:
            [result] = await _submit(services, [prepared.request])
            if isinstance(result, Appended):
                return [Outcome(number, result, number) for number in numbers]
            error = result
            if isinstance(error, ClaimTaken):
                line = prepared.claimed_by.get((error.space, error.key))
        if not worth_another(services, error, attempt, prepared.request):
            break
    if isinstance(error, _JUDGED) and (doubt := await services.doubt(work.read_us)):
        error, line = doubt, None
    done = {number: _refused_with(number, line, told(error)) for number in numbers}
    await _find_replays(services, work, done)
    return [done[number] for number in numbers]


def _refused_with(number: int, culprit: int | None, error: Exception) -> Outcome:
    """The line that is wrong says why; the others name it."""
    if culprit is None or culprit == number or isinstance(error, StoreFailure):
        return Outcome(number, error=error)
    return Outcome(number, error=Problem("other_line_refused", other=culprit))


async def _submit(
    services: Services, requests: Sequence[AppendRequest]
) -> Sequence[Appended | Refusal | StoreFailure]:
    """Record requests at the same time, and let the next decisions know of them."""
    results: Sequence[Appended | Refusal | StoreFailure]
    if len(requests) == 1:
        try:
            results = [await services.committer.submit(requests[0])]
        except (Refusal, StoreFailure) as error:
            return [error]
    else:
        results = await services.committer.submit_lines(requests)
    for request, result in zip(requests, results, strict=True):
        if isinstance(result, Appended):
            services.ledger.forget(event.stream for event in request.events)
    appended = [result for result in results if isinstance(result, Appended)]
    if appended:
        services.saw(max(result.indexes[-1] for result in appended) + 1)
        new = sum(len(result.indexes) for result in appended if not result.replayed)
        telemetry.APPENDED.inc(new)
    return results


def _prepare(
    services: Services, work: Work, order: Order, numbers: Sequence[int]
) -> dict[int, AppendRequest | Exception]:
    ready: dict[int, AppendRequest | Exception] = {}
    directory = SharedLook(services.directory)
    for number in numbers:
        try:
            decision = _decide(services, work, number, directory)
            ready[number] = services.desk.request(order, decision, work.lines)
        except _REFUSALS as error:
            ready[number] = error
        except STORE_ERRORS:
            ready[number] = Problem("store_unavailable")
    return ready


def _prepare_together(services: Services, work: Work, order: Order) -> _Together:
    decisions: list[Decision] = []
    prepared = _Together()
    directory = SharedLook(services.directory)
    try:
        for number in range(len(work.lines)):
            prepared.line = number
            decisions.append(_decide(services, work, number, directory, prepared.claimed_by))
            prepared.claimed_by |= {(one.space, one.key): number for one in decisions[-1].claims}
        prepared.line = None
        prepared.request = services.desk.request(order, Decision.merge(decisions), work.lines)
    except RecordTwiceInOrder as error:
        prepared.error, prepared.line = error, int(error.params["line"])
    except _REFUSALS as error:
        prepared.error = error
    except STORE_ERRORS:
        prepared.error = Problem("store_unavailable")
    return prepared


def _decide(
    services: Services, work: Work, number: int, directory: Directory, apart: Apart = None
) -> Decision:
    if number in work.errors:
        raise work.errors[number]
    if work.late is not None:
        raise work.late
    signed = work.signed(number, now=now_us(), size=services.size)
    command, line = work.commands[number], work.lines[number]
    decision = services.ledger.decide(command, line.statement, signed, directory, apart)
    if len(work.signatures) == 1:
        # Only an order that waits for others may live longer than the hour.
        work.request.check_life(ORDER_LIFE_SECONDS)
    return decision


async def _find_replays(services: Services, work: Work, done: dict[int, Outcome]) -> None:
    """Answer lines that were recorded before: the ledger has moved on, so deciding refuses them."""
    refused = [number for number, outcome in done.items() if outcome.error is not None]
    if not refused:
        return
    try:
        found = await _replays(services, work, {number: done[number].error for number in refused})
        if places := [place for outcome in found.values() if (place := outcome.place)]:
            # They never passed through the append, which sees to this where it answers again.
            await services.committer.confirm(places)
    except (*STORE_ERRORS, StoreFailure) as error:
        # It may be recorded: a refusal would be a lie.
        failure = error if isinstance(error, StoreFailure) else Problem("store_unavailable")
        found = {number: Outcome(number, error=failure) for number in refused}
    done |= found


async def _replays(
    services: Services, work: Work, errors: Mapping[int, Exception | None]
) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    for number, error in errors.items():
        if before := await repeats.recorded_at(services, error):
            found[number] = Outcome(number, duplicate=before)
    refused = [number for number in errors if number not in found]
    if not refused or any(isinstance(errors[number], StoreFailure) for number in refused):
        return found
    recorded = await _recorded(services, work)
    if recorded is None:
        return found
    if recorded.request_digest != work.request.request_digest:
        reused = Problem("idempotency_key_reused")
        return found | {number: Outcome(number, error=reused) for number in refused}
    lines = {number: recorded.lines[number] for number in refused if number in recorded.lines}
    return found | {number: Outcome.found(number, line) for number, line in lines.items()}


async def _recorded(services: Services, work: Work) -> RecordedOrder | None:
    """What its own agency recorded under an order's key; nobody else is told that it was used."""
    if not work.agency or not await off_loop(partial(_is_own, services, work)):
        return None
    return await services.reader.recorded(work.agency, work.request.idempotency_key)


def _is_own(services: Services, work: Work) -> bool:
    """Whether the ordering key is of the agency that is named, in whatever condition it is."""
    try:
        signer = services.ledger.key(work.request.keyid, services.directory)
    except KeyUnknown:
        return False
    return signer.agency == work.agency


async def _doubt(services: Services, work: Work, done: dict[int, Outcome]) -> None:
    """Refuse nothing by a wrong clock of ours: days, keys and orders end by it."""
    refused = [number for number, outcome in done.items() if isinstance(outcome.error, _JUDGED)]
    if refused and (doubt := await services.doubt(work.read_us)):
        done |= {number: Outcome(number, error=doubt) for number in refused}


def answer(services: Services, work: Work, outcome: Outcome) -> dict[str, Any]:
    """What a recorded line is answered with: where it stands, and a receipt for it."""
    if outcome.duplicate is not None:
        return dict(outcome.duplicate)
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
    code = vars(command).get("new_code") or vars(command).get("code")
    if code is not None:
        body["code"] = code
        body["verify"] = f"/v1/verify/{code}"
    return body
