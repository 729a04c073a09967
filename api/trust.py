"""The trust list: who may issue what, and what became of them, signed for verifiers offline.

A list is of the newest checkpoint that the read model has reached, and is handed out again until
there is another; it says itself of when it is and how long it may be relied on. Nothing is waited
for. What it holds is public: bodies of the state, their keys, no person.
"""

import asyncio
import time
from functools import partial
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
from infrastructure.log import clocks
from infrastructure.proofs import trust
from infrastructure.proofs.orders import JSON
from projections import trust as rows
from projections.rows import Connection
from projections.trust import Sealed

router = APIRouter(prefix="/v1", tags=["verify"])

KEPT_SECONDS = 30.0
STALE_SECONDS = 60
"""A list that has lacked an event for longer is handed out to nobody."""
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
    over its digest, the tree's root, the time at which this was the whole log, and the time until
    which it may be relied on. 503 `status_stale` where that was more than a minute ago.
    """
    body = await services.trust.flight.share(partial(_newest, services))
    tag = entity_tag(body)
    unchanged = not_modified(request, tag, **HEADERS)
    return unchanged or Response(body, media_type=JSON, headers={**HEADERS, "ETag": tag})


async def _newest(services: Services) -> bytes:
    """The list as it is now, or was made half a minute ago where there is no newer checkpoint.

    Raises:
        Problem: `checkpoint_pending`; `status_stale` where nobody knows what came since.
    """
    kept = services.trust
    async with services.pool.connection(timeout=PRIMARY_SECONDS) as connection:
        head = await _sealed(connection)
        lacking = head.lacking > STALE_SECONDS * _MICROSECONDS
        if services.missing or lacking or clocks.apart(head.clock, now_us()):
            raise Problem("status_stale")
        if kept.size == head.size and time.monotonic() - kept.made < KEPT_SECONDS:
            return kept.body
        agencies, keys = await rows.listed(connection, head.size - 1)
    kept.body = await asyncio.to_thread(_encoded, services, head, agencies, keys)
    kept.size, kept.made = head.size, time.monotonic()
    return kept.body


async def _sealed(connection: Connection) -> Sealed:
    try:
        head = await rows.sealed(connection)
    except LookupError:
        head = None
    if head is None:
        raise Problem("checkpoint_pending")
    return head


def _encoded(
    services: Services,
    head: Sealed,
    agencies: list[dict[str, Any]],
    keys: list[dict[str, Any]],
) -> bytes:
    issued = head.whole_at // _MICROSECONDS
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
        "checkpoint": head.note.decode(),
    }
    return encode_json(answer)
