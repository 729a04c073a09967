"""One route for each row of the act table, and the bulk road that takes any act on certificates.

A route adds nothing to its command: path, text and schema come from the command class. What happens
is always the same: authenticate, ask whether signatures are missing, then record or keep pending.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import anyio
import anyio.to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api import pending, writing
from api.i18n import negotiate
from api.orders import arrive, head_of, now_us
from api.problems import Problem, as_problem
from api.services import Open, Services
from domain.acts import ACTS, Command, Cosigning
from domain.errors import PathMismatch, Refusal, taken
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import JSON, NDJSON, POSSESSION_TAG

BULK_PATH = "/v1/certificates/bulk"
CHECK_PATH = "/v1/certificates/bulk/check"
WAIT_LIMIT_SECONDS = 30.0

OnEnd = Callable[[list[writing.Outcome]], Awaitable[None]]

router = APIRouter()


async def post_act(request: Request, services: Open) -> Response:
    """Authenticate one order and record it, or keep it until the other signatures are there."""
    if head_of(request).tag == POSSESSION_TAG:
        return await pending.add_possession(request, services)
    arrived = await arrive(request, services)
    command = arrived.commands[0]
    if len(arrived.lines) != 1 or arrived.request.content_type != JSON:
        raise Problem("one_line_expected", 422)
    if command.path != arrived.request.path:
        raise PathMismatch
    work = writing.work_of(arrived)
    if await _incomplete(services, work):
        return await pending.keep(request, services, arrived)
    [outcome] = await writing.record(services, work)
    return await told(request, services, work, outcome)


async def told(
    request: Request, services: Services, work: writing.Work, outcome: writing.Outcome
) -> Response:
    """Answer a single order; with `Prefer: wait=N` once a checkpoint covers it, or N seconds on."""
    if outcome.error is not None:
        raise outcome.error
    body = writing.answer(services, work, outcome)
    headers = {"Cache-Control": "no-store"}
    if body["replayed"]:
        headers["Idempotent-Replayed"] = "true"
    wait = _wait_seconds(request)
    if wait:
        covered = await services.covered(body["index"], wait)
        headers["Preference-Applied"] = f"wait={int(wait)}"
        body["covered"] = covered
    return JSONResponse(body, status_code=201, headers=headers)


async def post_bulk(request: Request, services: Open) -> Response:
    """Record up to 10,000 lines, each for itself (or all or none), and answer line by line.

    A line that needs a second officer makes the whole order pending. Lines that were recorded are
    answered the same when the same order is sent again, so a broken bulk is simply repeated.
    """
    arrived = await arrive(request, services, bulk=True)
    _require_bulk(arrived.commands, arrived.request.content_type)
    work = writing.work_of(arrived)
    if await _incomplete(services, work):
        return await pending.keep(request, services, arrived)
    return stream(request, services, work)


async def post_check(request: Request, services: Open) -> Response:
    """The same bulk judged and not recorded: every line says what it would have been answered.

    The path is part of what is signed, so a rehearsal can never be replayed as the real thing.
    """
    arrived = await arrive(request, services, bulk=True)
    _require_bulk(arrived.commands, arrived.request.content_type)
    if arrived.late is not None:
        raise arrived.late
    work = writing.work_of(arrived)
    language = negotiate(request.headers.get("accept-language", ""))

    async def lines() -> AsyncIterator[bytes]:
        seen: set[tuple[str, str]] = set()
        for start in range(0, len(work.lines), writing.CHUNK_LINES):
            chunk = range(start, min(start + writing.CHUNK_LINES, len(work.lines)))
            for item in await anyio.to_thread.run_sync(_rehearse, services, work, chunk, seen):
                yield _line(item, language)

    return StreamingResponse(lines(), media_type=NDJSON, headers={"Cache-Control": "no-store"})


def stream(
    request: Request, services: Services, work: writing.Work, on_end: OnEnd | None = None
) -> Response:
    """Answer a bulk as NDJSON while it is being recorded, a line for each line in order.

    `on_end` is awaited with all outcomes once the last line was recorded or refused.
    """
    language = negotiate(request.headers.get("accept-language", ""))

    async def lines() -> AsyncIterator[bytes]:
        done: list[writing.Outcome] = []
        async for outcomes in writing.record_in_pieces(services, work):
            done += outcomes
            yield b"".join(_line(_item(services, work, one), language) for one in outcomes)
        if on_end is not None:
            await on_end(done)

    return StreamingResponse(lines(), media_type=NDJSON, headers={"Cache-Control": "no-store"})


def _item(services: Services, work: writing.Work, outcome: writing.Outcome) -> dict[str, Any]:
    if outcome.error is not None:
        return {"line": outcome.line, "error": outcome.error}
    return {"line": outcome.line, **writing.answer(services, work, outcome)}


def _line(item: dict[str, Any], language: str) -> bytes:
    error = item.pop("error", None)
    if error is not None:
        item["problem"] = as_problem(error, language)
    return json.dumps(item, ensure_ascii=False).encode() + b"\n"


def _rehearse(
    services: Services, work: writing.Work, chunk: Sequence[int], seen: set[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Judge lines on the ledger as it is and on what the lines before them would have claimed."""
    items: list[dict[str, Any]] = []
    for number in chunk:
        signed = work.signed(number, now=now_us(), size=services.size)
        command = work.commands[number]
        item: dict[str, Any] = {"line": number}
        try:
            decision = services.ledger.rehearse(
                command, work.lines[number].statement, signed, services.directory
            )
            claims = {(claim.space, claim.key) for claim in decision.claims}
            refusal = decision.conflict(services.directory)
            if refusal is None and seen & claims:
                refusal = taken(min(seen & claims)[0])
            if refusal is not None:
                raise refusal
            seen |= claims
            item["accepted"] = True
        except (Refusal, ProofError) as error:
            item["error"] = error
        items.append(item)
    return items


async def _incomplete(services: Services, work: writing.Work) -> bool:
    """Whether some line still waits for signatures."""
    if all(command.ACT.cosigning is Cosigning.NONE for command in work.commands):
        return False

    def ask() -> bool:
        for number, command in enumerate(work.commands):
            signed = work.signed(number, now=now_us(), size=services.size)
            try:
                if not services.ledger.missing(command, signed, services.directory).complete:
                    return True
            except Refusal:
                # Recording will say so, unless the order was recorded before: then it answers.
                return False
        return False

    return await anyio.to_thread.run_sync(ask)


def _require_bulk(commands: Sequence[Command], content_type: str) -> None:
    if content_type != NDJSON:
        raise ProofError("content_type_unsupported", f"a bulk is {NDJSON}")
    if not all(command.ACT.bulk for command in commands):
        raise Problem("act_not_for_bulk", 422)


def _wait_seconds(request: Request) -> float:
    """`Prefer: wait=N` of RFC 7240 section 4.3, bounded."""
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait" and value.isdigit():
            return min(float(value), WAIT_LIMIT_SECONDS)
    return 0.0


def _request_body(command: type[Command] | None) -> dict[str, Any]:
    """The OpenAPI description of a signed request, from the command class itself."""
    statement: dict[str, Any] = (
        command.model_json_schema(ref_template="#/components/schemas/{model}")
        if command
        else {"type": "object", "description": "The statement of any act on certificates."}
    )
    statement.pop("$defs", None) if command is None else None
    envelope = {
        "type": "object",
        "required": ["statement"],
        "properties": {
            "statement": statement,
            "disclosures": {"type": "array", "items": {"type": "string"}},
        },
    }
    media = JSON if command else NDJSON
    schema = envelope if command else {"type": "string", "description": "One envelope a line."}
    return {"required": True, "content": {media: {"schema": schema}}}


SIGNED_HEADERS = [
    {
        "in": "header",
        "name": name,
        "required": True,
        "schema": {"type": "string"},
        "description": text,
    }
    for name, text in (
        ("Sijill-Ledger", "Id of the ledger: 64 hexadecimal digits."),
        ("Sijill-Statement", "`sha-256=:root:;lines=n`, with `;atomic` for all or none."),
        ("Idempotency-Key", "A quoted string of 22 to 64 characters, used for one order ever."),
        ("Content-Digest", "`sha-256=:…:` of the body (RFC 9530)."),
        ("Signature-Input", "RFC 9421, as docs/reference/ledger-format.md fixes it."),
        ("Signature", "RFC 9421; 64 bytes, Ed25519 or P-256."),
    )
]

ANSWERS: dict[int | str, dict[str, Any]] = {
    201: {"description": "Recorded and durable: index, leaf hash, receipt."},
    202: {"description": "Waiting for further signatures; the order's id and for whom."},
    400: {"description": "The request is not in the one spelling that is signed."},
    401: {"description": "The signature is missing, wrong, out of its time or of an unknown key."},
    403: {"description": "The key or its agency may not order this."},
    404: {"description": "No such record, as far as this agency may know."},
    409: {"description": "A rule of the ledger says no."},
    413: {"description": "The body is too large."},
    415: {"description": "Another content type or an encoding."},
    422: {"description": "The statement is not one that the act allows."},
    503: {"description": "Not now: the log, its clock or the queue. Send the same bytes again."},
}


def _add_routes() -> None:
    for name, command in sorted(ACTS.items()):
        if command.ACT.cosigning is Cosigning.GENESIS:
            continue
        summary, _, description = (command.__doc__ or "").partition("\n")
        router.add_api_route(
            _template(command.ACT.path),
            post_act,
            methods=["POST"],
            status_code=201,
            summary=summary.rstrip("."),
            description=description.strip() or summary,
            operation_id=name.replace(".", "_"),
            tags=[name.partition(".")[0] + "s"],
            responses=ANSWERS,
            openapi_extra={"requestBody": _request_body(command), "parameters": SIGNED_HEADERS},
        )
    for path, endpoint in ((CHECK_PATH, post_check), (BULK_PATH, post_bulk)):
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            summary=(endpoint.__doc__ or "").partition("\n")[0].rstrip("."),
            tags=["certificates"],
            responses={200: {"description": "An answer for each line, as NDJSON."}, **ANSWERS},
            openapi_extra={"requestBody": _request_body(None), "parameters": SIGNED_HEADERS},
        )


def _template(path: str) -> str:
    """Bulk paths come first by being literal; members of the statement become path parameters."""
    return path


_add_routes()
