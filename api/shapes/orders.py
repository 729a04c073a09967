"""Answers to orders, and orders that wait."""

from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import Hash, Index, Problem, Seconds, Thumbprint, Time, exact
from domain.acts import Scope


@exact
class Recorded(TypedDict):
    """Where a line stands in the log, durable, and the ledger's word for it."""

    index: Index
    leaf_hash: Hash
    time: Time
    statement_digest: Hash
    receipt: Annotated[str, Field(description="A signed note, `sijill-receipt/v1`.")]
    checkpoint: Annotated[str, Field(description="Where to ask for the covering checkpoint.")]
    replayed: Annotated[bool, Field(description="An earlier request recorded it.")]
    covered: NotRequired[Annotated[bool, Field(description="With `Prefer: wait=N`.")]]
    code: NotRequired[Annotated[str, Field(description="The public code of the certificate.")]]
    verify: NotRequired[Annotated[str, Field(description="Where to verify it.")]]


_Line = Annotated[int, Field(ge=0, description="Its number in the order, from 0.")]


@exact
class RecordedLine(Recorded):
    """A line of a bulk that is recorded."""

    line: _Line


@exact
class Duplicate(TypedDict):
    """A consignment that was recorded before: its one outcome. Nothing was appended."""

    index: Index
    leaf_hash: Hash
    time: Time
    statement_digest: Annotated[Hash, Field(description="Of the statement that was recorded.")]
    checkpoint: Annotated[str, Field(description="Where to ask for the covering checkpoint.")]
    replayed: Literal[True]
    duplicate: Literal[True]
    covered: NotRequired[Annotated[bool, Field(description="With `Prefer: wait=N`.")]]


@exact
class DuplicateLine(Duplicate):
    """A line of a bulk that was recorded before."""

    line: _Line


@exact
class RefusedLine(TypedDict):
    """A line of a bulk that is refused."""

    line: _Line
    problem: Problem


@exact
class Rehearsed(TypedDict):
    """What a line would be answered: `accepted`, or a `problem`."""

    line: _Line
    accepted: NotRequired[bool]
    problem: NotRequired[Problem]
    depends_on: NotRequired[
        Annotated[
            int,
            Field(
                description="A line before it that changes the same record, or frees the same "
                "number: the answer holds for the ledger as it is, and may be another afterwards."
            ),
        ]
    ]


@exact
class WantedSignature(TypedDict):
    """A signature that would do; `role` says why."""

    role: Literal["possession", "authority", "parent", "administrator", "officer"]
    agency: str
    scope: NotRequired[Scope]
    key: NotRequired[Thumbprint]


_State = Literal["open", "appended", "refused", "expired"]
_Waiting = Annotated[
    list[list[WantedSignature]], Field(description="Of each group any signature does.")
]


@exact
class Pending(TypedDict):
    """An order that waits: of each group in `waiting_for` any signature does."""

    order: UUID
    state: _State
    waiting_for: _Waiting
    not_after: Time


@exact
class OrderRefused(TypedDict):
    """An order that was refused for good."""

    order: UUID
    state: Literal["refused"]


@exact
class OrderListed(TypedDict):
    """One order in a list; `index` is its first event's, once it is recorded."""

    order: UUID
    agency: str
    act: str
    path: str
    lines: int
    created: Time
    not_after: Time
    state: _State
    reason: str | None
    index: Index | None


@exact
class OrderPage(TypedDict):
    """Orders, the newest first."""

    items: list[OrderListed]
    next: Annotated[UUID | None, Field(description="What to go on `after`; null at the end.")]


@exact
class OrderSignature(TypedDict):
    """A signature that an order has."""

    key: Thumbprint
    tag: str
    created: Seconds
    expires: Seconds


@exact
class OrderShown(OrderListed):
    """One order; `statements` are its lines `from` there on, while it waits."""

    root: Annotated[str, Field(description="The statements' Merkle root: what is signed.")]
    atomic: bool
    signatures: list[OrderSignature]
    waiting_for: _Waiting
    statements: Annotated[list[dict[str, Any]], Field(description="As they were ordered.")]
    disclosures: NotRequired[
        Annotated[list[list[str]], Field(description="Of each statement; for its own agency.")]
    ]
    problem: NotRequired[
        Annotated[Problem, Field(description="Why it would be refused with all signatures.")]
    ]


# `from` is no name that Python lets a class have.
_From = TypedDict("_From", {"from": int})


@exact
class Order(OrderShown, _From):
    """One order; `statements` are its lines `from` there on, while it waits."""
