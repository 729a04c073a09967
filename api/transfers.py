"""Letters as their parties read them: one by one, where they are, and who has not opened them.

Whatever an agency is no party to is answered as if it were not there.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse

from api import letters
from api.attached import recorded
from api.contract import problems, told
from api.i18n import translate
from api.limits import Question
from api.orders import caller
from api.paging import WORD, After, At, Limit, page
from api.policy import AUDIT
from api.proving import covering_proofs
from api.reading import recent
from api.seeing import Seen, index_of, look
from api.services import Open, Services
from api.shapes.attachments import AttachmentList
from api.shapes.transfers import (
    Article13,
    LetterBoard,
    LetterChain,
    LetterPage,
    RefusalReport,
    TransferShown,
)
from api.values import open_at
from domain.errors import TransferUnknown
from infrastructure.attachments import records
from infrastructure.proofs import canonical
from infrastructure.proofs.leaf import split_body
from projections import transfers
from projections.rows import Connection
from projections.transfers import Consignment, Letter, Step, name_of

router = APIRouter(prefix="/v1", tags=["transfers"], route_class=Question)

_OWN = problems(400, 401, 403, 404, 422)
_COVER_SECONDS = 2.0

Sender = Annotated[str, Path(max_length=64, description="The agency that drew the id.")]
Id = Annotated[str, Path(max_length=64, description="A consignment's id, or a letter's.")]
Word = Annotated[str | None, Query(max_length=64, pattern=WORD)]


@router.get(
    "/transfers", summary="The caller's letters", responses=told("A page.", LetterPage) | _OWN
)
async def own(
    request: Request,
    services: Open,
    number: Word = None,
    after: After = None,
    limit: Limit = 100,
    at: At = None,
) -> JSONResponse:
    """Letters that the agency registered as outgoing, the oldest first."""
    who = await caller(request, services, required=True)
    async with recent(services) as connection:
        index = await index_of(connection, at)
        found = await transfers.letters_of(
            connection,
            await transfers.stood_for(connection, who.agency or ""),
            number=number,
            after=-1 if after is None else after,
            limit=limit,
            at=index,
        )
        served = await transfers.served(connection, {one.name: index for one in found})
    items = [{**letters.letter_of(one, served[one.name]), "index": one.log_index} for one in found]
    return page(request, items, limit=limit, at=index)


@router.get(
    "/transfers/refusals",
    summary="Refusals and returns by reason",
    responses=told("The report.", RefusalReport) | _OWN,
)
async def refusals(request: Request, services: Open, at: At = None) -> JSONResponse:
    """How often the agency refused the electronic form, and the like; an auditor sees all.

    What a body refused that it answers for is among it.
    """
    who = await caller(request, services, required=True)
    async with services.limits.report_place().held(), recent(services) as connection:
        index = await index_of(connection, at)
        own = await transfers.stood_for(connection, who.agency or "")
        agencies = None if AUDIT in who.scopes else own
        found = await transfers.counted(connection, agencies=agencies, at=index)
    items = [
        {
            "agency": one.agency,
            "business": one.business,
            "reason": one.reason,
            "letters": one.letters,
        }
        for one in found
    ]
    return _private({"items": items, "at": index})


@router.get(
    "/transfers/{sender}/{record}",
    summary="One letter or consignment",
    responses=told("It, with its values.", TransferShown) | _OWN,
)
async def show(
    request: Request, services: Open, sender: Sender, record: Id, at: At = None
) -> JSONResponse:
    """A consignment with its letter; a letter by itself for its sender."""
    async with look(request, services, name_of(sender, record), at) as (connection, seen):
        values = await _values(services, connection, seen.letter) if seen.open else {}
        letter = await _letter(connection, seen)
    one = seen.consignment
    shown = one and letters.consignment_of(one, seen.language, inside=seen.inside)
    answer = {"letter": letter, "consignment": shown}
    return _private({**answer, "values": values, "at": seen.index})


@router.get(
    "/transfers/{sender}/{record}/chain",
    summary="Where a letter is",
    responses=told("What happened to it.", LetterChain) | _OWN,
)
async def chain(
    request: Request,
    services: Open,
    sender: Sender,
    record: Id,
    after: After = None,
    limit: Limit = 100,
) -> JSONResponse:
    """Every event of the letter that the caller may see, in order, each with its proof.

    Notes and referrals stay inside the agency that made them unless it has released them. An
    auditor sees that they were made, not what they say.
    """
    async with look(request, services, name_of(sender, record)) as (connection, seen):
        steps = await transfers.chain(
            connection,
            seen.letter.name,
            agencies=None if seen.auditor else seen.mine,
            only=seen.only,
            after=-1 if after is None else after,
            limit=limit,
            at=seen.index,
        )
        notes = {
            step.log_index: await open_at(services, connection, step.log_index)
            for step in steps
            if step.kind in ("annotated", "note_rectified", "referred") and seen.reads(step)
        }
        letter = await _letter(connection, seen)
    indexes = [step.log_index for step in steps]
    if indexes:
        await services.covered(indexes[-1], _COVER_SECONDS)
    proofs = await covering_proofs(services, indexes)
    items = []
    for step in steps:
        values = dict(notes.get(step.log_index, {}).values())
        items.append(_step(step, seen.language, values, proofs.of(step.log_index)))
    following = indexes[-1] if len(indexes) >= limit else None
    answer = {
        "letter": letter,
        "items": items,
        "next": following,
        "size": proofs.size,
        "root": proofs.root,
        "checkpoint": proofs.note,
    }
    return _private(answer)


@router.get(
    "/transfers/{sender}/{record}/board",
    summary="Who has not opened a letter",
    responses=told("Its recipients.", LetterBoard) | _OWN,
)
async def board(
    request: Request, services: Open, sender: Sender, record: Id, at: At = None
) -> JSONResponse:
    """A letter's recipients for its sender: not sent to, not opened, not registered, the rest."""
    async with look(request, services, name_of(sender, record), at) as (connection, seen):
        letter = seen.letter
        if not seen.sender:
            raise TransferUnknown(id=record)
        found = await transfers.consignments_of(connection, letter.name, at=seen.index)
        answered = await _letter(connection, seen)
    rows = _recipients(letter, found)
    shown = [
        {
            "addressee": addressee,
            "role": role,
            "consignment": one and letters.consignment_of(one, seen.language, inside=False),
        }
        for addressee, role, one in rows
    ]
    answer = {
        "letter": answered,
        "recipients": shown,
        "opened": sum(one is not None and one.opened_index is not None for _, _, one in rows),
        "registered": sum(one is not None and one.number is not None for _, _, one in rows),
        "waiting": sum(_order(one) < _OPENED for _, _, one in rows),
        "at": seen.index,
    }
    return _private(answer)


@router.get(
    "/transfers/{sender}/{record}/attachments",
    summary="What a letter has attached",
    responses=told("All of it.", AttachmentList) | _OWN,
)
async def attached(request: Request, services: Open, sender: Sender, record: Id) -> JSONResponse:
    """The letter itself and its attachments; each is fetched from `/v1/attachments`.

    Who sees the letter and may not read what it says is told which there are, no digests.
    """
    async with look(request, services, name_of(sender, record)) as (connection, seen):
        found = await records.of_stream(connection, seen.letter.stream)
        items = [await recorded(services, connection, one, opened=seen.open) for one in found]
    return _private({"items": items})


@router.get(
    "/transfers/{sender}/{record}/article-13",
    summary="The five fields of Law 78 of 2012, article 13",
    responses=told("Each by itself.", Article13) | _OWN,
)
async def article13(
    request: Request, services: Open, sender: Sender, record: Id, at: At = None
) -> JSONResponse:
    """Originator, sender, receiver, time sent and time received, with where each is recorded."""
    async with look(request, services, name_of(sender, record), at) as (_, seen):
        one, letter = seen.consignment, seen.letter
    if one is None:
        raise TransferUnknown(id=record)
    [event] = await services.reader.events(one.log_index, one.log_index + 1)
    received, by = _received(one)
    answer = {
        "law": "law:78/2012:13",
        "originator": letter.originator or letter.correspondent or letter.agency
        if letter.direction == "paper_in"
        else letter.agency,
        "sender": one.sender,
        "receiver": one.addressee or letter.correspondent or "",
        "time_sent": {"index": one.log_index, "time": one.time, "keys": one.keys},
        "time_received": received,
        "received_by": by,
        "letter": letters.outgoing_of(letter),
        "incoming": letters.incoming_of(one),
        "statement_digest": canonical.statement_digest(split_body(event.body).statement).hex(),
        "at": seen.index,
    }
    return _private(answer)


async def _letter(connection: Connection, seen: Seen) -> dict[str, Any]:
    """The letter as the caller sees it."""
    name = seen.letter.name
    served = await transfers.served(connection, {name: seen.index})
    return letters.letter_of(seen.letter, served[name])


async def _values(services: Services, connection: Connection, letter: Letter) -> dict[str, str]:
    """What the letter commits to, as far as the log's commitments vouch for it."""
    opened = await open_at(services, connection, letter.log_index)
    return {
        name: value for digest, (name, value) in opened.items() if letter.claims.get(name) == digest
    }


def _step(
    step: Step, language: str, values: dict[str, str], proof: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "index": step.log_index,
        "time": step.time,
        "consignment": letters.named(step.consignment),
        "event": step.kind,
        "words": translate(language, f"event.transfer.{step.kind}"),
        "agency": step.agency,
        "keys": step.keys,
        "internal": step.internal,
        "said": json.loads(step.said),
        "values": values,
        "proof": proof,
    }


_OPENED = 3


def _order(one: Consignment | None) -> int:
    """Not sent to, not arrived, not opened, and the others."""
    if one is None:
        return 0
    return {"dispatched": 1, "delivered": 2}.get(one.transport, _OPENED)


def _recipients(
    letter: Letter, found: list[Consignment]
) -> list[tuple[str | None, str, Consignment | None]]:
    newest = {one.addressee: one for one in found if one.role in ("to", "copy", "outside")}
    roles = [(one, "to") for one in letter.addressees] + [(one, "copy") for one in letter.copies]
    named = {one for one, _ in roles}
    # A case file that named nobody has gone to these.
    roles += [(one, "to") for one in newest if one is not None and one not in named]
    rows: list[tuple[str | None, str, Consignment | None]] = [
        (name, role, newest.get(name)) for name, role in roles
    ]
    if letter.correspondent is not None and letter.direction == "outgoing":
        rows.append((None, "outside", newest.get(None)))
    rows += [(one.addressee, "onward", one) for one in found if one.role == "onward"]
    return sorted(rows, key=lambda row: _order(row[2]))


def _received(one: Consignment) -> tuple[dict[str, int | None] | None, str | None]:
    """When it was received: the first of what shows that it had arrived."""
    known = [
        (one.delivered_index, one.delivered_time, "delivered"),
        (one.opened_index, one.opened_time, "opened"),
        (one.registered_index, one.registered_time, "registered_incoming"),
    ]
    arrived = [item for item in known if item[0] is not None]
    if not arrived:
        return None, None
    index, time, by = min(arrived, key=lambda item: item[0] or 0)
    return {"index": index, "time": time}, by


def _private(answer: dict[str, Any]) -> JSONResponse:
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})
