"""Requests for authenticity as readers see them: who asked whom, by when, and what was found."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.rows import class_row, dict_row, tuple_row

from domain.values import fold_number
from infrastructure.log.follower import Recorded
from infrastructure.log.queries import load
from projections.projector import Projector
from projections.rows import Connection, Table, WorkingSet

_SQL = load("projections", "authenticity.sql")

REQUESTED: Final = "sijill.authenticity.requested.v1"
RECEIVED: Final = "sijill.authenticity.received.v1"
_ENDS: Final = {
    "sijill.authenticity.attested.v1": "attested",
    "sijill.authenticity.answered.v1": "answered",
    "sijill.authenticity.refused.v1": "refused",
    "sijill.authenticity.withdrawn.v1": "withdrawn",
}
REFERRED: Final = "sijill.authenticity.referred.v1"
_TOLD: Final = ("finding", "grade", "unit", "series", "certificate", "reason", "to")


class Request(NamedTuple):
    """One request; `parties` are all agencies that it was ever before."""

    request: str
    stream: UUID
    requester: str
    addressee: str | None
    parties: list[str]
    channel: str
    code: str | None
    type: str | None
    number: str | None
    folded_number: str | None
    date: str | None
    state: str
    finding: str | None
    grade: str | None
    unit: str | None
    series: str | None
    certificate: str | None
    reason: str | None
    due_date: str
    requested_index: int
    requested_time: int
    ended_index: int | None
    ended_time: int | None
    claims: dict[str, str]
    history: list[dict[str, Any]]


REQUESTS: Final = Table(
    "authenticity_requests", Request, "request", documents=frozenset({"claims", "history"})
)


@dataclass(frozen=True, slots=True)
class Answering:
    """How an agency answers: counts, seconds from request to answer, refusals by reason."""

    agency: str
    requests: int
    answered: int
    waiting: int
    overdue: int
    refused: int
    median_seconds: int | None
    p95_seconds: int | None
    refusals: dict[str, int]
    findings: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which requests are asked for; `overdue_on` is the day by which they are late."""

    role: str | None = None
    state: str | None = None
    number: str | None = None
    overdue_on: str | None = None


async def show(conn: Connection, request: str, *, at: int | None = None) -> Request | None:
    """One request as after event `at` (None: now), or None."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SQL["show"], {"request": request, "at": at})
        row = await cursor.fetchone()
    return None if row is None else _request(row)


async def page(
    conn: Connection,
    agencies: Collection[str],
    chosen: Filter,
    *,
    everything: bool = False,
    after: int = -1,
    limit: int = 200,
    at: int | None = None,
) -> list[Request]:
    """Requests that agencies made or are asked (or, for auditors, `everything`), oldest first.

    The agencies differ from one another; of everything no role is asked.
    """
    parameters = {
        "agencies": list(agencies),
        "everything": everything,
        "role": chosen.role,
        "state": chosen.state,
        "number": None if chosen.number is None else fold_number(chosen.number),
        "overdue_on": chosen.overdue_on,
        "after": after,
        "limit": limit,
        "at": at,
    }
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SQL["page"], parameters, prepare=False)
        return [_request(row) for row in await cursor.fetchall()]


class AskedOnline(NamedTuple):
    """A holder's question: whether it is answered or waits."""

    request: str
    attested: bool


async def asked_online(
    conn: Connection, code: str, *, changed: int, sound: bool, most: int = 20
) -> list[AskedOnline]:
    """Holders' questions about a code that wait, after those whose answer still holds.

    That is one given after index `changed`; where the record is not `sound` (a key behind it counts
    for nothing), only one that says that it was withdrawn.
    """
    parameters = {"code": code, "changed": changed, "sound": sound, "most": most}
    async with conn.cursor(row_factory=class_row(AskedOnline)) as cursor:
        await cursor.execute(_SQL["online"], parameters)
        return await cursor.fetchall()


async def parties_of(conn: Connection, streams: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """The agencies that each of these requests was ever before."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["parties"], {"streams": list(streams)})
        return {stream: frozenset(parties) for stream, parties in await cursor.fetchall()}


async def report(
    conn: Connection, *, today: str, at: int | None = None, agency: str | None = None
) -> list[Answering]:
    """How each agency answers, as after event `at`; what is due before `today` is overdue."""
    parameters = {"today": today, "at": at, "agency": agency}
    async with conn.cursor(row_factory=class_row(Answering)) as cursor:
        await cursor.execute(_SQL["report"], parameters)
        return await cursor.fetchall()


def _request(row: Mapping[str, Any]) -> Request:
    return Request(**{name: row[name] for name in Request._fields})


def _entry(event: Recorded) -> dict[str, Any]:
    said = event.statement
    told: dict[str, Any] = {name: said[name] for name in _TOLD if name in said}
    kind = event.type.split(".")[2]
    return {
        "index": event.index,
        "time": event.time,
        "event": kind,
        "agency": event.agency,
        **told,
    }


def _asked(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    number = said.get("number")
    addressee = said.get("issuer")
    online = event.type == RECEIVED
    row = Request(
        request=said["request"],
        stream=event.stream,
        requester=event.agency,
        addressee=addressee,
        parties=sorted({event.agency, addressee or event.agency}),
        channel="online" if online else said.get("channel", "agency"),
        code=said.get("code"),
        type=said.get("type"),
        number=number,
        folded_number=None if number is None else fold_number(number),
        date=said.get("date"),
        state="open",
        finding=None,
        grade=None,
        unit=None,
        series=None,
        certificate=None,
        reason=None,
        due_date=said["due_date"],
        requested_index=event.index,
        requested_time=event.time,
        ended_index=None,
        ended_time=None,
        claims=said.get("claims", {}),
        history=[_entry(event)],
    )
    rows.put(REQUESTS, row, event.index)


def _ended(event: Recorded, rows: WorkingSet) -> None:
    row, said = rows.need(REQUESTS, event.statement["request"]), event.statement
    waits = said.get("finding") == "original_needed"
    changed = row._replace(
        state="original_needed" if waits else _ENDS[event.type],
        finding=said.get("finding"),
        grade=said.get("grade"),
        unit=said.get("unit"),
        series=said.get("series"),
        certificate=said.get("certificate"),
        reason=said.get("reason"),
        ended_index=None if waits else event.index,
        ended_time=None if waits else event.time,
        history=[*row.history, _entry(event)],
    )
    rows.put(REQUESTS, changed, event.index)


def _referred(event: Recorded, rows: WorkingSet) -> None:
    row, said = rows.need(REQUESTS, event.statement["request"]), event.statement
    changed = row._replace(
        addressee=said["to"],
        parties=sorted({*row.parties, event.agency, said["to"]}),
        state="open",
        # What was found before the original was seen is history, and nobody's answer any more.
        finding=None,
        grade=None,
        unit=None,
        series=None,
        certificate=None,
        reason=None,
        due_date=said["due_date"],
        history=[*row.history, _entry(event)],
    )
    rows.put(REQUESTS, changed, event.index)


def _needs(event: Recorded) -> Iterable[tuple[Table[Any], Any]]:
    if event.type not in (REQUESTED, RECEIVED):
        yield REQUESTS, event.statement["request"]


PROJECTOR: Final = Projector(
    name="authenticity",
    version=3,
    statements=_SQL,
    handlers={
        REQUESTED: _asked,
        RECEIVED: _asked,
        **dict.fromkeys(_ENDS, _ended),
        REFERRED: _referred,
    },
    tables=(REQUESTS,),
    needs=_needs,
)
