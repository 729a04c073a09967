"""A witness over HTTP: `add-checkpoint` for logs, the newest cosigned checkpoint for everybody."""

import re

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from infrastructure.proofs import witnessing
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.witnessing import MAX_REQUEST_BYTES, Answer
from sijill.witness import Witness

HASH = re.compile("[0-9a-f]{64}")
NEWEST = {"Cache-Control": "public, max-age=5"}


def application(witness: Witness) -> Starlette:
    """The two resources of a witness."""

    async def add_checkpoint(request: Request) -> Response:
        data = b""
        try:
            async for piece in request.stream():
                data += piece
                if len(data) > MAX_REQUEST_BYTES:
                    return Response(status_code=witnessing.MALFORMED)
        except ClientDisconnect:
            return Response(status_code=witnessing.MALFORMED)
        try:
            answer, line = await anyio.to_thread.run_sync(witness.add_checkpoint, data)
        except ProofError:
            # What it remembers cannot be read: to cosign anything now could contradict it.
            return Response(status_code=503)
        return _response(answer, line)

    async def newest(request: Request) -> Response:
        name = request.path_params["name"]
        found = witness.newest(name) if HASH.fullmatch(name) else None
        if found is None:
            return Response(status_code=witnessing.UNKNOWN)
        return PlainTextResponse(found, headers=NEWEST)

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{name}/checkpoint", newest, methods=["GET"]),
        ]
    )


def _response(answer: Answer, line: bytes) -> Response:
    if answer.status == witnessing.OK:
        return Response(line, media_type="text/plain; charset=utf-8")
    if answer.status == witnessing.CONFLICT:
        return Response(f"{answer.size}\n", answer.status, media_type=witnessing.SIZE_TYPE)
    return Response(status_code=answer.status)
