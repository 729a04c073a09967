"""Liveness, readiness and metrics: what an operator's machines ask. None of it needs a key.

`/livez` says that the process runs and looks at nothing else. `/readyz` says whether it may be
given traffic, a line per check; it fails when PostgreSQL is gone, the log is frozen, or the newest
checkpoint or the read model is old although events wait for it.
"""

from collections.abc import Iterator

import psycopg
from fastapi import APIRouter
from psycopg.rows import class_row
from starlette.responses import PlainTextResponse, Response

from api.orders import now_us
from api.services import Open, Services
from infrastructure import telemetry
from infrastructure.log import clocks
from infrastructure.log.checkpoints import SEALING, Sealing
from projections.freshness import NoReadModel, Status, status

router = APIRouter(tags=["operations"])

ASK_SECONDS = 2.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/livez", response_class=PlainTextResponse, summary="The process runs")
async def livez() -> PlainTextResponse:
    """Answer `ok` without looking at anything."""
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})


@router.get(
    "/readyz",
    response_class=PlainTextResponse,
    summary="The service may be given traffic",
    responses={
        503: {
            "description": "It may not; the lines say why.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
async def readyz(services: Open) -> PlainTextResponse:
    """One line per check, `[+]` or `[-]`; 503 when any failed."""
    checks = await _checks(services)
    lines = [f"[-]{name} {said}" if said else f"[+]{name} ok" for name, said in checks]
    ready = not any(said for _, said in checks)
    lines.append("ready" if ready else "not ready")
    return PlainTextResponse(
        "\n".join(lines) + "\n",
        status_code=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


@router.get(
    "/metrics", summary="Metrics in Prometheus' text format", response_class=PlainTextResponse
)
async def metrics(services: Open) -> Response:
    """Counters added up over the worker processes of this host; sizes as of this moment."""
    telemetry.LOG_SIZE.set(services.size)
    telemetry.CHECKPOINT_SIZE.set(services.sealed.position)
    telemetry.PROJECTION_INDEX.set(services.applied.position - 1)
    try:
        state, _ = await _ask(services)
    except (psycopg.Error, LookupError):
        state = None
    if state is not None:
        telemetry.CHECKPOINT_AGE.set(state.waited_seconds)
    return Response(telemetry.exposition(), media_type=CONTENT_TYPE)


async def _checks(services: Services) -> list[tuple[str, str]]:
    """Each check with what is wrong, empty where nothing is."""
    try:
        state, model = await _ask(services)
    except psycopg.Error:
        return [("database", "not reachable")]
    except LookupError as error:
        return [("database", ""), ("log", str(error))]
    lost = f"{services.missing} events are missing" if services.missing else ""
    return [("database", ""), ("entries", lost), *_judge(state, model)]


def _judge(state: Sealing, model: Status | NoReadModel) -> Iterator[tuple[str, str]]:
    yield "log", f"frozen: {state.sealer}" if state.sealer else ""
    yield "checkpoint", f"{state.waiting} events without a checkpoint" if state.late else ""
    if isinstance(model, NoReadModel):
        yield "projection", str(model)
    else:
        yield "projection", f"{model.lag_seconds} s behind" if model.late else ""
    yield "clock", clocks.trouble(now_us(), database_us=state.clock, head_us=state.time)


async def _ask(services: Services) -> tuple[Sealing, Status | NoReadModel]:
    """How far the ledger is sealed, and how far the read model has come, or why there is none.

    Raises:
        psycopg.Error: the database cannot be asked. LookupError: it holds no ledger.
    """
    async with services.pool.connection(timeout=ASK_SECONDS) as connection:
        async with connection.cursor(row_factory=class_row(Sealing)) as cursor:
            state = await (await cursor.execute(SEALING)).fetchone()
        model: Status | NoReadModel
        try:
            model = await status(connection)
        except NoReadModel as error:
            model = error
    if state is None:
        raise LookupError("there is no ledger")
    return state, model
