"""Answers to orders: one object for a single order, a line of NDJSON for each line of a bulk.

A bulk is answered while it is being recorded. Whoever loses the answer sends the same bytes again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api import writing
from api.i18n import negotiate
from api.jsonbytes import encode_json
from api.problems import as_problem
from api.services import Services
from api.work import Outcome, Work
from infrastructure.proofs.orders import JSON, NDJSON

WAIT_LIMIT_SECONDS = 30
NO_STORE = {"Cache-Control": "no-store"}

OnEnd = Callable[[list[Outcome]], Awaitable[None]]


async def single(request: Request, services: Services, work: Work, outcome: Outcome) -> Response:
    """Answer a single order; with `Prefer: wait=N` once a checkpoint covers it, or N seconds on."""
    if outcome.error is not None:
        raise outcome.error
    body = writing.answer(services, work, outcome)
    headers = dict(NO_STORE)
    if body["replayed"]:
        headers["Idempotent-Replayed"] = "true"
    wait = _wait_seconds(request)
    if wait:
        body["covered"] = await services.covered(body["index"], wait)
        headers["Preference-Applied"] = f"wait={wait}"
    status = 200 if "duplicate" in body else 201
    return Response(encode_json(body), status_code=status, headers=headers, media_type=JSON)


def bulk(
    request: Request,
    services: Services,
    work: Work,
    pieces: AsyncIterator[list[Outcome]],
    on_end: OnEnd | None = None,
) -> Response:
    """Answer a bulk piece by piece, a line for each line in order.

    `on_end` is awaited with all outcomes once the last line was recorded or refused.
    """

    async def items() -> AsyncIterator[list[dict[str, Any]]]:
        done: list[Outcome] = []
        async for outcomes in pieces:
            done += outcomes
            yield [_item(services, work, one) for one in outcomes]
        if on_end is not None:
            await on_end(done)

    return lines(request, items())


def lines(request: Request, pieces: AsyncIterator[list[dict[str, Any]]]) -> Response:
    """Stream objects as NDJSON; an `error` among the members is told as a problem."""
    language = negotiate(request.headers.get("accept-language", ""))

    async def told() -> AsyncIterator[bytes]:
        async for items in pieces:
            yield b"".join(_line(item, language) for item in items)

    return StreamingResponse(told(), media_type=NDJSON, headers=NO_STORE)


def _item(services: Services, work: Work, outcome: Outcome) -> dict[str, Any]:
    if outcome.error is not None:
        return {"line": outcome.line, "error": outcome.error}
    return {"line": outcome.line, **writing.answer(services, work, outcome)}


def _line(item: dict[str, Any], language: str) -> bytes:
    error = item.pop("error", None)
    if error is not None:
        item["problem"] = as_problem(error, language)
    return encode_json(item) + b"\n"


def _wait_seconds(request: Request) -> int:
    """`Prefer: wait=N` of RFC 7240 section 4.3, bounded."""
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait" and value.isascii() and value.isdigit():
            return min(int(value[:9]), WAIT_LIMIT_SECONDS)
    return 0
