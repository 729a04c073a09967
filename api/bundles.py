"""Evidence bundles: what a holder, an agency or a court takes away about one certificate.

Everybody who has the code may have one, because all in it is public but the bodies; these are in it
for whoever may open them. It must not know how a bundle is judged.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from psycopg import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from api.contract import problems
from api.limits import Question
from api.log import tree_of
from api.orders import caller
from api.policy import Caller, Part, RecordParties, may_open, noun_of
from api.problems import Problem
from api.services import Open, Services
from infrastructure.log import bundling, checkpoints
from infrastructure.log.checkpoints import CheckpointRow
from infrastructure.log.openings import StoredOpening
from infrastructure.proofs import canonical, codes, receipts
from infrastructure.proofs import verdict as verdicts
from infrastructure.proofs.bundle import Bundle, Proven
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import JSON
from infrastructure.proofs.verdict import Basis
from projections import certificates
from projections.certificates import Found

router = APIRouter(prefix="/v1", tags=["certificates"], route_class=Question)

WAIT_SECONDS = 10.0
TLOG_PROOF = "text/plain; charset=utf-8"
_NO_STORE = {"Cache-Control": "no-store"}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {
            JSON: {"schema": {"type": "object", "additionalProperties": True}},
            "text/plain": {"schema": {"type": "string"}},
        },
    }
}


@router.get(
    "/certificates/{code}/bundle",
    summary="The evidence for one certificate, as a file that verifies offline",
    response_class=Response,
    responses={**_FILES, **problems(400, 401, 403, 404, 422, 503)},
)
async def bundle(
    request: Request,
    services: Open,
    code: Annotated[str, Path(max_length=64, description="The public code.")],
    form: Annotated[
        Literal["bundle", "tlog-proof"],
        Query(alias="format", description="The whole bundle, or the issuance as C2SP tlog-proof."),
    ] = "bundle",
) -> Response:
    """Every event of the certificate and of what it rests on, with proofs up to one checkpoint.

    The status at that size is the ledger's signed word. Bodies are in it as far as the caller may
    open them; values never are.
    """
    who = await caller(request, services)
    try:
        normal = codes.normalise(code)
    except ProofError:
        raise Problem("certificate_unknown") from None
    made = await bundle_of(services, who, normal)
    if form == "tlog-proof":
        return Response(made.tlog_proof().encode(), media_type=TLOG_PROOF, headers=_NO_STORE)
    return Response(made.encode(), media_type=JSON, headers=_NO_STORE)


async def bundle_of(services: Services, who: Caller, code: str) -> Bundle:
    """The bundle of a code, of the newest checkpoint, as far as the caller may open it.

    Raises:
        Problem: `certificate_unknown`, `checkpoint_pending`, `bundle_too_large`.
    """
    async with services.pool.connection() as connection:
        head, found = await _newest(services, connection, code)
        if found.certificate is None:
            raise Problem("certificate_unknown", code=code)
        return await _made(services, connection, who, head, found, code)


async def _newest(
    services: Services, connection: AsyncConnection[Any], code: str
) -> tuple[CheckpointRow, Found]:
    """A checkpoint that covers the code as it stands now, and how it stood there.

    Raises:
        Problem: `checkpoint_pending`.
    """
    known = await certificates.by_code(connection, code)
    last = known.certificate.state_index if known.certificate else 0
    if not await services.covered(last, WAIT_SECONDS):
        raise Problem("checkpoint_pending")
    head = await checkpoints.newest(connection)
    if head is None or not await services.applied.reach(head.size, WAIT_SECONDS):
        raise Problem("checkpoint_pending")
    return head, await certificates.by_code(connection, code, at=head.size - 1)


async def _made(
    services: Services,
    connection: AsyncConnection[Any],
    who: Caller,
    head: CheckpointRow,
    found: Found,
    code: str,
) -> Bundle:
    assert found.certificate is not None  # noqa: S101 - the caller has looked
    record, tree = found.certificate.stream, tree_of(services, connection)
    try:
        rows = await bundling.behind(connection, record, head.size)
    except bundling.TooMuch:
        raise Problem("bundle_too_large") from None
    events = []
    for row in rows:
        event = await bundling.proven(connection, tree, row, head.size)
        events.append(_opened(who, row, event))
    return Bundle(
        ledger=services.ledger_id,
        record=record,
        checkpoint=head.note or b"",
        events=events,
        code=code,
        verdict=_verdict(services, found, head.size),
    )


def _opened(who: Caller, row: StoredOpening, event: Proven) -> Proven:
    """An event as far as the caller may open it."""
    noun, parties = noun_of(row.type), RecordParties(row.agency)
    opening = event.opening
    if not may_open(who, noun, Part.HEADER, parties):
        opening = replace(opening, header=None, header_salt=b"")
    if not may_open(who, noun, Part.BODY, parties):
        opening = replace(opening, body=None, body_salt=b"")
    if not may_open(who, noun, Part.EVIDENCE, parties):
        opening = replace(opening, order=None)
    return replace(event, opening=opening)


def _verdict(services: Services, found: Found, size: int) -> bytes:
    """The ledger's signed word for how the code stood at this size, judged on that event's day."""
    decided = verdicts.judge(found.facts, basis=Basis(size - 1, 0), today=found.today)
    said = {
        "code": found.facts.code if found.facts else "",
        "matched": [],
        "mismatched": [],
        "outcome": decided.outcome.value,
        "reason": decided.reason.value,
    }
    word = receipts.VerdictNote(services.ledger_id, size - 1, canonical.dumps(said))
    return receipts.sign(word, services.receipts)
