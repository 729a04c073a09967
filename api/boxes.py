"""Inbox and outbox: the most urgent first, searched, paged by place, and heard as it happens."""

import heapq
import itertools
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from api import letters
from api.contract import problems, told
from api.i18n import negotiate
from api.limits import Question
from api.listening import EventStream, Listening, listen
from api.orders import caller
from api.paging import MAXIMUM_LIMIT, WORD, Day
from api.reading import recent
from api.services import Open, Services, StreamTurn
from api.shapes.transfers import BoxPage
from domain.transfers.words import Business, Priority, Transport
from domain.values.comparison import fold_value
from projections import agencies, freshness, transfers
from projections.rows import Connection
from projections.transfers import Filter

router = APIRouter(prefix="/v1", tags=["transfers"], route_class=Question)

_OWN = problems(400, 401, 403, 404, 422)
_PAGE = told("One page.", BoxPage) | _OWN
_STREAM = {
    200: {
        "description": "Events as they happen: `id` is the log index; alone, how far was looked.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
} | _OWN
_PLACE = r"^[0-9]\|[0-9]{4}-[0-9]{2}-[0-9]{2}\|[0-9]{16}$"
# More than any state has.
_AGENCIES = 20_000

Word = Annotated[str | None, Field(max_length=200, pattern=WORD)]


class Wanted(BaseModel):
    """Which consignments are wanted; what is left out lets everything through."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[str | None, Field(pattern=_PLACE, description="A place to go on after.")] = (
        None
    )
    limit: Annotated[int, Field(ge=1, le=MAXIMUM_LIMIT, description="Rows a page.")] = 100
    business: Annotated[Business | None, Field(description="What the receiver did.")] = None
    transport: Annotated[Transport | None, Field(description="How far it came.")] = None
    unit: Word = None
    party: Word = Field(None, description="The other agency: its id, or a part of its name.")
    number: Word = Field(None, description="Either side's, in whatever script of digits.")
    from_day: Day = None
    to_day: Day = None
    due_by: Day = Field(None, description="Due on this day or before.")
    priority: Priority | None = None

    @property
    def filter(self) -> Filter:
        """As the read model takes it; the parties are found beside it."""
        return Filter(
            business=self.business,
            transport=self.transport,
            unit=self.unit,
            number=self.number,
            from_day=self.from_day,
            to_day=self.to_day,
            due_by=self.due_by,
            priority=self.priority,
        )


@router.get("/inbox", summary="What has arrived for the caller", responses=_PAGE)
async def inbox(
    request: Request, services: Open, wanted: Annotated[Wanted, Query()]
) -> JSONResponse:
    """Unanswered before answered before closed, and the earliest due date first."""
    return await _box(request, services, wanted, incoming=True)


@router.get("/outbox", summary="What the caller has sent", responses=_PAGE)
async def outbox(
    request: Request, services: Open, wanted: Annotated[Wanted, Query()]
) -> JSONResponse:
    """As the inbox, by consignment."""
    return await _box(request, services, wanted, incoming=False)


@router.get(
    "/inbox/events",
    summary="Listen to the inbox",
    responses=_STREAM,
    response_class=EventStream,
)
async def inbox_events(
    request: Request,
    services: Open,
    place: StreamTurn,
    wanted: Annotated[Listening, Query()],
) -> EventStream:
    """Server-sent events. `Last-Event-ID` (or `after`) is the log index to go on after."""
    return await listen(request, services, wanted, place, incoming=True)


@router.get(
    "/outbox/events",
    summary="Listen to the outbox",
    responses=_STREAM,
    response_class=EventStream,
)
async def outbox_events(
    request: Request,
    services: Open,
    place: StreamTurn,
    wanted: Annotated[Listening, Query()],
) -> EventStream:
    """As the inbox: what happened to what the caller has sent."""
    return await listen(request, services, wanted, place, incoming=False)


async def _box(
    request: Request, services: Services, wanted: Wanted, *, incoming: bool
) -> JSONResponse:
    who = await caller(request, services, required=True)
    agency = who.agency or ""
    chosen = wanted.filter
    async with recent(services) as connection:
        status = await freshness.status(connection)
        if wanted.party is not None:
            parties = await _parties(connection, wanted.party)
            chosen = replace(chosen, parties=parties)
        mine = await transfers.stood_for(connection, agency)
        boxes = [
            await transfers.box(
                connection,
                one,
                chosen,
                incoming=incoming,
                after=wanted.after or "",
                limit=wanted.limit,
            )
            for one in mine
        ]
        merged = heapq.merge(*boxes, key=lambda one: one.consignment.urgency)
        found, moments = await _as_seen(
            connection, mine, list(itertools.islice(merged, wanted.limit))
        )
        served = await transfers.served(connection, moments)
    language = negotiate(request.headers.get("accept-language", ""))
    items = [letters.listed(one, mine, language, served[one.letter.name]) for one in found]
    following = found[-1].consignment.urgency if len(found) >= wanted.limit else None
    response = JSONResponse({"items": items, "next": following, "at": status.index})
    if following is not None:
        address = request.url.include_query_params(after=following, limit=wanted.limit)
        response.headers["Link"] = f'<{address.path}?{address.query}>; rel="next"'
    response.headers["Cache-Control"] = "no-store"
    return response


async def _as_seen(
    connection: Connection, mine: list[str], found: list[transfers.Listed]
) -> tuple[list[transfers.Listed], dict[str, int | None]]:
    """What was taken back before these agencies opened it, without the letter's later life.

    And, by the letter's name, after which event each is shown (None: as it is now).
    """
    doubtful = {
        one.letter.name
        for one in found
        if one.consignment.business == Business.WITHDRAWN and one.consignment.opened_index is None
    }
    stood = await transfers.as_taken_back(connection, mine, doubtful) if doubtful else {}
    moments: dict[str, int | None] = {one.letter.name: None for one in found}
    moments |= {name: last for name, (_, last) in stood.items()}
    shown = [
        replace(one, letter=stood[one.letter.name][0]) if one.letter.name in stood else one
        for one in found
    ]
    return shown, moments


async def _parties(connection: Connection, text: str) -> list[str]:
    """The agencies whose id is the text, or one of whose names has it in whatever spelling."""
    wanted = fold_value(text)
    return [
        one.id
        for one in await agencies.page(connection, limit=_AGENCIES)
        if one.id == text or any(wanted in name for name in _names(one))
    ]


def _names(agency: agencies.Agency) -> list[str]:
    """Every name that an agency ever had, folded."""
    entries = (entry["value"] for entry in agency.names)
    return [fold_value(name) for names in entries for name in names.values()]
