"""One route for each row of the act table, and for each collection a bulk road for its acts.

A route adds nothing to its command: path, text and schema come from the command class. What happens
is always the same: authenticate, ask whether signatures are missing, then record or keep pending.
"""

from collections.abc import AsyncIterator
from typing import Any

import anyio.to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import answers, attesting, contract, figures, pending, waiting, writing
from api.orders import Arrived, arrive, head_of
from api.problems import Problem
from api.rehearsal import Rehearsal
from api.services import InTurn, Open, Services
from api.work import Outcome, Work, work_of
from domain.acts import ACTS, Cosigning
from domain.errors import PathMismatch, Refusal
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import NDJSON, POSSESSION_TAG

CHECK = "/check"
"""Beside a bulk road: the same, judged and not recorded."""

router = APIRouter()


async def post_act(request: Request, services: Open) -> Response:
    """Authenticate one order and record it, or keep it until the other signatures are there."""
    head = head_of(request)
    if head.tag == POSSESSION_TAG:
        return await pending.add_possession(request, services)
    arrived = await arrive(request, services, head=head)
    if arrived.only.path != arrived.request.path:
        raise PathMismatch
    work = work_of(arrived)
    try:
        await figures.check(services, work)
        waits = await _waits(services, work)
    except Refusal as refusal:
        # What was recorded is answered the same, whatever stands against it by now.
        outcome = await writing.recall(services, work, refusal)
        return await answers.single(request, services, work, outcome)
    if waits:
        return await pending.keep(request, services, arrived)
    [outcome] = await writing.record(services, work)
    if outcome.error is None:
        await attesting.follow(services, [work.commands[0]])
    return await answers.single(request, services, work, outcome)


async def post_bulk(request: Request, services: Open, place: InTurn) -> Response:
    """Record up to 10,000 lines, each for itself (or all or none), and answer line by line.

    A line that needs a second officer makes the whole order pending. Lines that were recorded are
    answered the same when the same order is sent again, so a broken bulk is simply repeated.
    """
    arrived = await arrive(request, services, bulk=place)
    _require_bulk(arrived)
    work = work_of(arrived)
    try:
        waits = await _waits(services, work)
    except Refusal:
        waits = False  # every line is told its own refusal
    if waits:
        return await pending.keep(request, services, arrived)

    async def follow(outcomes: list[Outcome]) -> None:
        recorded = [work.commands[one.line] for one in outcomes if one.error is None]
        await attesting.follow(services, recorded)

    pieces = writing.record_in_pieces(services, work)
    return answers.bulk(request, services, work, pieces, on_end=follow)


async def post_check(request: Request, services: Open, place: InTurn) -> Response:
    """The same bulk judged and not recorded: every line says what it would have been answered.

    `accepted`, or a `problem`. Each line is judged on the ledger as it is: one that acts on a
    record, or takes a number, that a line before it changes or frees has `depends_on`, that line.
    It may be answered otherwise once that one is recorded.

    The path is part of what is signed, so a rehearsal can never be replayed as the real thing.
    """
    arrived = await arrive(request, services, bulk=place)
    _require_bulk(arrived)
    if arrived.late is not None:
        raise arrived.late
    work = work_of(arrived)

    async def pieces() -> AsyncIterator[list[dict[str, Any]]]:
        rehearsal = Rehearsal(services, work)
        for start in range(0, len(work.lines), writing.CHUNK_LINES):
            chunk = range(start, min(start + writing.CHUNK_LINES, len(work.lines)))
            yield await anyio.to_thread.run_sync(rehearsal.lines, chunk)

    return answers.lines(request, pieces())


async def _waits(services: Services, work: Work) -> bool:
    """Whether some line still waits for signatures."""
    if all(command.signed_alone for command in work.commands.values()):
        return False
    return not (await waiting.missing(services, work)).complete


def _require_bulk(arrived: Arrived) -> None:
    if arrived.request.content_type != NDJSON:
        raise ProofError("content_type_unsupported", f"a bulk is {NDJSON}")
    road = arrived.request.path.removesuffix(CHECK)
    if not all(command.ACT.bulk_path == road for command in arrived.commands.values()):
        raise Problem("act_not_for_bulk")


def _add_routes() -> None:
    for name, command in sorted(ACTS.items()):
        if command.ACT.cosigning is Cosigning.GENESIS:
            continue
        summary, _, description = (command.__doc__ or "").partition("\n")
        router.add_api_route(
            command.ACT.path,
            post_act,
            methods=["POST"],
            status_code=201,
            summary=summary.rstrip("."),
            description=description.strip() or summary,
            operation_id=name.replace(".", "_"),
            tags=[contract.tag_of(name)],
            **contract.of_act(command),
        )
    for road in sorted({command.ACT.bulk_path for command in ACTS.values()} - {""}):
        collection = road.split("/")[2]
        for path, endpoint in ((road + CHECK, post_check), (road, post_bulk)):
            router.add_api_route(
                path,
                endpoint,
                methods=["POST"],
                summary=(endpoint.__doc__ or "").partition("\n")[0].rstrip("."),
                tags=[collection],
                **(contract.BULK if path == road else contract.CHECK),
            )


_add_routes()
