"""Liveness, readiness and metrics: what an operator's machines ask. None of it needs a key.

`/livez` says that the process runs and looks at nothing else. `/readyz` says whether it may be given
traffic, a line per check; it fails when PostgreSQL is gone, the log is frozen or the newest
checkpoint is old although events wait for it.
"""

import time
from collections.abc import AsyncIterator

import psycopg
from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from api.services import Open, Services
from infrastructure import telemetry

router = APIRouter(tags=["operations"])

CHECKPOINT_LATE_SECONDS = 30
PROJECTION_LATE_SECONDS = 10
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/livez", response_class=PlainTextResponse, summary="The process runs")
async def livez() -> PlainTextResponse:
    """Answer `ok` without looking at anything."""
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})


@router.get("/readyz", response_class=PlainTextResponse, summary="The service may be given traffic")
async def readyz(services: Open) -> PlainTextResponse:
    """One line per check, `[+]` or `[-]`; 503 when any failed."""
    lines: list[str] = []
    ready = True
    async for name, problem in _checks(services):
        ready = ready and not problem
        lines.append(f"[-]{name} {problem}" if problem else f"[+]{name} ok")
    lines.append("ready" if ready else "not ready")
    return PlainTextResponse(
        "\n".join(lines) + "\n",
        status_code=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


@router.get("/metrics", summary="Metrics in Prometheus' text format")
async def metrics() -> Response:
    """Counters added up over the worker processes of this host."""
    return Response(telemetry.exposition(), media_type=CONTENT_TYPE)


async def _checks(services: Services) -> AsyncIterator[tuple[str, str]]:
    """Yield (check, problem or empty)."""
    try:
        async with services.pool.connection(timeout=2.0) as connection:
            row = await (await connection.execute(_STATUS)).fetchone()
    except (psycopg.Error, TimeoutError):
        yield "database", "not reachable"
        return
    yield "database", ""
    if row is None:
        yield "ledger", "not founded; run sijill init"
        return
    now = time.time()
    size, time_us, sealed = row
    yield "ledger", ""
    unsealed = size - sealed
    age = now - time_us / 1_000_000
    late = unsealed > 0 and age > CHECKPOINT_LATE_SECONDS
    yield "checkpoint", f"{unsealed} events without a checkpoint" if late else ""
    yield "clock", "log is ahead of this clock" if age < -300 else ""


_STATUS = """
SELECT head.size, head.time, coalesce((SELECT max(size) FROM ledger.checkpoints WHERE note IS NOT NULL), 0)
FROM ledger.head
"""
