"""Evidence bundles: what a holder, an agency or a court takes away about one record.

Of a certificate everybody who has the code may have one, because all in it is public but the
bodies; these are in it for whoever may open them. Of letters, requests and entries of registers
their parties may, and auditors. It must not know how a bundle is judged.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from psycopg import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from api import authenticity, registers, transfers
from api.contract import problems
from api.limits import Question
from api.log import parties_of, tree_of
from api.orders import caller
from api.paging import WORD
from api.policy import Caller, Part, RecordParties, is_declared, may_open, noun_of
from api.problems import Problem
from api.seeing import look
from api.services import Open, Services
from api.succession import owner_of
from api.threads import off_loop
from domain.errors import EntryUnknown
from infrastructure.log import bundling, checkpoints
from infrastructure.log.checkpoints import CheckpointRow
from infrastructure.log.openings import StoredOpening
from infrastructure.proofs import canonical, codes, receipts
from infrastructure.proofs import verdict as verdicts
from infrastructure.proofs.bundle import Bundle
from infrastructure.proofs.bundled import Proven
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import JSON
from infrastructure.proofs.verdict import Basis
from projections import certificates, freshness
from projections.certificates import Found
from projections.registers import Filter, entries
from projections.transfers import name_of

router = APIRouter(prefix="/v1", route_class=Question)

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
_OF_PARTIES = problems(400, 401, 403, 404, 422, 503)
Form = Annotated[
    Literal["bundle", "tlog-proof"],
    Query(
        alias="format",
        description="The whole bundle, or the record's first event as C2SP tlog-proof.",
    ),
]


@router.get(
    "/certificates/{code}/bundle",
    tags=["certificates"],
    summary="The evidence for one certificate, as a file that verifies offline",
    response_class=Response,
    responses={**_FILES, **problems(400, 401, 403, 404, 422, 503)},
)
async def bundle(
    request: Request,
    services: Open,
    code: Annotated[str, Path(max_length=64, description="The public code.")],
    form: Form = "bundle",
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
    return await _file(await bundle_of(services, who, normal), form)


@router.get(
    "/transfers/{sender}/{record}/bundle",
    tags=["transfers"],
    summary="The evidence for one letter or consignment, as a file that verifies offline",
    response_class=Response,
    responses={**_FILES, **_OF_PARTIES},
)
async def of_letter(
    request: Request,
    services: Open,
    sender: transfers.Sender,
    record: transfers.Id,
    form: Form = "bundle",
) -> Response:
    """Every event of it that the caller may see, and what these rest on.

    With a consignment comes its letter.
    """
    who = await caller(request, services, required=True)
    async with look(request, services, name_of(sender, record)) as (_, seen):
        one = seen.consignment
    streams = [one.stream] if one else []
    head = await _settled(services)
    async with _place(services) as connection:
        made = await _gathered(services, connection, who, head, [*streams, seen.letter.stream])
    return await _file(made, form)


@router.get(
    "/authenticity-requests/{request_code}/bundle",
    tags=["authenticity-requests"],
    summary="The evidence for one request, as a file that verifies offline",
    response_class=Response,
    responses={**_FILES, **_OF_PARTIES},
)
async def of_request(
    request: Request,
    services: Open,
    request_code: authenticity.Code,
    form: Form = "bundle",
) -> Response:
    """Every event of it and what these rest on, for whoever made it or was ever asked."""
    who = await caller(request, services, required=True)
    head = await _settled(services)
    async with _place(services) as connection:
        row, _ = await authenticity.sighted(connection, who, request_code, head.size - 1)
        made = await _gathered(services, connection, who, head, [row.stream])
    return await _file(made, form)


@router.get(
    "/registers/{unit}/{series}/{year}/bundle",
    tags=["registers"],
    summary="The evidence for one entry of a register, as a file that verifies offline",
    response_class=Response,
    responses={**_FILES, **_OF_PARTIES},
)
async def of_entry(
    request: Request,
    services: Open,
    unit: registers.Unit,
    series: registers.Series,
    year: registers.Year,
    number: Annotated[str, Query(max_length=64, pattern=WORD, description="The entry's number.")],
    agency: registers.AgencyWord = None,
    form: Form = "bundle",
) -> Response:
    """Of what was captured, voided or reserved under a number, the newest; for its agency."""
    who = await caller(request, services, required=True)
    chosen = Filter(unit=unit, series=series, year=year, number=number)
    owner = await owner_of(services, who, agency, unit, series)
    head = await _settled(services)
    async with _place(services) as connection:
        rows = await entries(connection, owner, chosen, at=head.size - 1)
        if not rows:
            raise EntryUnknown
        made = await _gathered(services, connection, who, head, [rows[-1].stream])
    return await _file(made, form)


async def _file(made: Bundle, form: str) -> Response:
    if form == "tlog-proof":
        return Response(made.tlog_proof().encode(), media_type=TLOG_PROOF, headers=_NO_STORE)
    data = await off_loop(made.encode, lines=len(made.events))
    return Response(data, media_type=JSON, headers=_NO_STORE)


@asynccontextmanager
async def _place(services: Services) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection to gather a bundle over: taken when there is nothing more to wait for."""
    async with services.limits.evidence_place().held(), services.pool.connection() as connection:
        yield connection


async def _settled(services: Services) -> CheckpointRow:
    """A checkpoint over all that was recorded when the caller asked, which read models reach.

    Raises:
        Problem: `checkpoint_pending`.
    """
    await services.caught_up()
    async with services.pool.connection() as connection:
        index = (await freshness.status(connection)).index
    return await _covering(services, index)


async def _covering(services: Services, index: int) -> CheckpointRow:
    """The newest checkpoint once it covers an index and the read model reaches it.

    Whoever waits here holds no connection: verdicts need them.

    Raises:
        Problem: `checkpoint_pending`.
    """
    if not await services.covered(index, WAIT_SECONDS):
        raise Problem("checkpoint_pending")
    async with services.pool.connection() as connection:
        head = await checkpoints.newest(connection)
    if head is None or not await services.followed(head.size, WAIT_SECONDS):
        raise Problem("checkpoint_pending")
    return head


async def bundle_of(services: Services, who: Caller, code: str) -> Bundle:
    """The bundle of a code, of the newest checkpoint, as far as the caller may open it.

    Raises:
        Problem: `certificate_unknown`, `checkpoint_pending`, `bundle_too_large`.
    """
    known = await services.codes.by_code(code)
    head = await _covering(services, known.decided_index)
    async with _place(services) as connection:
        found = await certificates.by_code(connection, code, at=head.size - 1)
        if found.certificate is None:
            raise Problem("certificate_unknown", code=code)
        return await _made(services, connection, who, head, found, code)


async def _made(
    services: Services,
    connection: AsyncConnection[Any],
    who: Caller,
    head: CheckpointRow,
    found: Found,
    code: str,
) -> Bundle:
    assert found.certificate is not None  # noqa: S101 - the caller has looked
    made = await _gathered(services, connection, who, head, [found.certificate.stream])
    return replace(made, code=code, verdict=_verdict(services, found, head.size))


async def _gathered(
    services: Services,
    connection: AsyncConnection[Any],
    who: Caller,
    head: CheckpointRow,
    streams: Sequence[UUID],
) -> Bundle:
    """The bundle of the first of these records, with what all of them rest on.

    An event of which the caller may see nothing is not in it: that it is there is nobody's word.
    """
    tree = tree_of(services, connection)
    try:
        rows = await bundling.behind(connection, streams, head.size)
    except bundling.TooMuch:
        raise Problem("bundle_too_large") from None
    others = await parties_of(connection, who, rows)
    events = []
    for row in rows:
        parties = RecordParties(row.agency, others.get(row.index, frozenset()))
        if may_open(who, noun_of(row.type), Part.HEADER, parties):
            event = await bundling.proven(connection, tree, row, head.size)
            events.append(_opened(who, row, event, parties))
    return Bundle(
        ledger=services.ledger_id,
        record=streams[0],
        checkpoint=head.note or b"",
        events=events,
    )


def _opened(who: Caller, row: StoredOpening, event: Proven, parties: RecordParties) -> Proven:
    """An event as far as the caller may open it."""
    noun, opening = noun_of(row.type), event.opening
    if not (may_open(who, noun, Part.BODY, parties) or is_declared(row.type)):
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
