"""Which ledger this is: what a client pins before it believes anything else."""

import anyio.to_thread
from fastapi import APIRouter
from starlette.responses import JSONResponse

from api.contract import told
from api.services import Open
from api.shapes.log import Ledger
from infrastructure.proofs import leaf

router = APIRouter(tags=["ledger"])


@router.get("/v1/ledger", responses=told("The ledger.", Ledger))
async def ledger(services: Open) -> JSONResponse:
    """The origin, the id (leaf hash of index 0), the format's version and the verifier keys.

    Whoever needs certainty takes these from paper or from a newspaper and compares: an address that
    lies about its tree will lie about its keys too.
    """
    keys = await anyio.to_thread.run_sync(services.log_keys)
    answer = {
        "ledger": services.ledger_id.hex(),
        "origin": services.origin,
        "format_version": leaf.VERSION,
        "log_vkey": keys[-1].verifier,
        "log_vkeys": [key.verifier for key in keys],
        "log_key_indexes": [key.since for key in keys],
        "receipts_vkey": services.receipts_vkey,
    }
    return JSONResponse(answer, headers={"Cache-Control": "public, max-age=60"})
