"""The trust list: who may issue what, and what became of them, signed for verifiers offline.

A list is of the newest checkpoint, and is handed out again until there is another; it says itself
how long it may be relied on. What it holds is public: bodies of the state, their keys, no person.
"""

import asyncio
import time
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.caching import entity_tag, not_modified
from api.contract import problems, told
from api.jsonbytes import encode_json
from api.orders import now_us
from api.problems import Problem
from api.reading import PRIMARY_SECONDS
from api.services import Open, Services
from api.shapes.verdicts import TrustList
from infrastructure.log import checkpoints, clocks
from infrastructure.log.checkpoints import CheckpointRow
from infrastructure.proofs import trust
from infrastructure.proofs.orders import JSON
from projections import freshness
from projections import trust as rows

router = APIRouter(prefix="/v1", tags=["verify"])

KEPT_SECONDS = 30.0
WAIT_SECONDS = 5.0
# For everybody, browsers under other addresses included; it tells nothing of who asks.
HEADERS = {"Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*"}
_MICROSECONDS = 1_000_000


@router.get(
    "/trust",
    summary="The trust list, for verifiers without a network",
    responses={
        304: {"description": "It is the one that is known."},
        **told("The list, signed, with the checkpoint that it is of.", TrustList),
        **problems(503),
    },
)
async def trust_list(request: Request, services: Open) -> Response:
    """Agencies, names, keys, scopes and compromises as after the newest checkpoint.

    `content` is a function of the log's first `size` events; `note` is signed by the receipts key
    over its digest, the tree's root and the time until which it may be relied on.
    """
    kept = services.trust
    async with kept.lock:
        head = await _newest(services)
        if kept.size != head.size or time.monotonic() - kept.made >= KEPT_SECONDS:
            kept.body = await _made(services, head)
            kept.size, kept.made = head.size, time.monotonic()
        body = kept.body
    tag = entity_tag(body)
    unchanged = not_modified(request, tag, **HEADERS)
    return unchanged or Response(body, media_type=JSON, headers={**HEADERS, "ETag": tag})


async def _newest(services: Services) -> CheckpointRow:
    async with services.pool.connection(timeout=PRIMARY_SECONDS) as connection:
        head = await checkpoints.newest(connection)
    if head is None or not await services.applied.reach(head.size, WAIT_SECONDS):
        raise Problem("checkpoint_pending")
    return head


async def _made(services: Services, head: CheckpointRow) -> bytes:
    async with services.pool.connection(timeout=PRIMARY_SECONDS) as connection:
        model = await freshness.status(connection)
        if services.missing or clocks.apart(model.clock, now_us()):
            raise Problem("status_stale")
        agencies, keys = await rows.listed(connection, head.size - 1)
    issued = model.clock // _MICROSECONDS
    return await asyncio.to_thread(_encoded, services, head, agencies, keys, issued)


def _encoded(
    services: Services,
    head: CheckpointRow,
    agencies: list[dict[str, Any]],
    keys: list[dict[str, Any]],
    issued: int,
) -> bytes:
    said = trust.content(
        ledger=services.ledger_id,
        origin=services.origin,
        size=head.size,
        founders=sorted(services.founders),
        agencies=agencies,
        keys=keys,
    )
    word = trust.TrustNote(
        ledger=services.ledger_id,
        size=head.size,
        root=head.root,
        digest=trust.digest(trust.encode(said)),
        issued=issued,
        expires=issued + trust.LIFE_SECONDS,
    )
    answer = {
        "content": said,
        "note": word.sign(services.receipts).decode(),
        "checkpoint": (head.note or b"").decode(),
    }
    return encode_json(answer)
