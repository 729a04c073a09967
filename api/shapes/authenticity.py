"""Requests for authenticity in answers."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import At, Base64, Commitments, Day, Index, Next, Salt, Time, exact
from domain.authenticity import Finding, RequestState
from domain.registers import Grade


@exact
class RequestEvent(TypedDict):
    """What befell a request, and where in the log; a proof is at `/v1/proofs/inclusion`."""

    index: Index
    time: Time
    event: str
    agency: str
    finding: NotRequired[Finding]
    grade: NotRequired[Grade]
    unit: NotRequired[str]
    series: NotRequired[str]
    certificate: NotRequired[str]
    reason: NotRequired[str]
    to: NotRequired[str]


@exact
class RequestTold(TypedDict):
    """A request as everybody who may know of it sees it."""

    request: str
    requester: str
    addressee: Annotated[str | None, Field(description="Who is asked; null: the ledger itself.")]
    channel: Literal["agency", "counter", "online"]
    code: str | None
    type: str | None
    number: str | None
    date: Day | None
    state: RequestState
    finding: Finding | None
    attested: Annotated[bool, Field(description="The operator's word, not the issuer's.")]
    grade: Grade | None
    unit: str | None
    series: str | None
    certificate: Annotated[str | None, Field(description="Of the authenticity certificate.")]
    verify: str | None
    reason: str | None
    due_date: Day
    overdue: Annotated[bool, Field(description="Late today, and not ended.")]
    requested_index: Index
    requested_time: Time
    ended_index: Index | None
    ended_time: Time | None
    history: list[RequestEvent]


@exact
class Listed(RequestTold):
    """A request with the commitments that came with it."""

    claims: Commitments


@exact
class RequestPage(TypedDict):
    """Requests in the order in which they were recorded."""

    items: list[Listed]
    next: Next
    at: At


@exact
class RequestShown(Listed):
    """One request, with the values behind its commitments for those who are party to it."""

    values: dict[str, str]
    at: At


@exact
class RequestOpening(TypedDict):
    """The bytes and salts that the leaf of an event commits to."""

    index: Index
    header: Base64
    header_salt: Salt
    body: Base64
    body_salt: Salt


@exact
class HolderAnswer(RequestTold):
    """What a holder is told, and what proves it."""

    events: list[RequestOpening]
    at: At


@exact
class Answering(TypedDict):
    """How one agency answers; seconds from request to answer are values that occurred."""

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


@exact
class AuthenticityReport(TypedDict):
    """Answering by agency, as after one log index."""

    at: At
    day: Annotated[Day, Field(description="Due before it: overdue.")]
    items: list[Answering]
