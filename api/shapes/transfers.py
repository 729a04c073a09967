"""Letters, consignments, inboxes and outboxes as their parties read them."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.common import At, Commitments, Day, Hash, Index, Next, Thumbprint, Time, exact
from domain.transfers.words import Business, LetterKind, Priority, Secrecy, Transport
from domain.values import Language

_Agency = Annotated[str, Field(description="An agency's id.")]
_Place = Annotated[
    str | None, Field(description="What to go on `after` in the list; null at the end.")
]


@exact
class OlderLetter(TypedDict):
    """A letter from before the ledger. Nobody here has verified it."""

    number: str
    date: Day
    verified: Literal[False]


@exact
class ConsignmentName(TypedDict):
    """A consignment by its name."""

    sender: _Agency
    consignment: str


@exact
class Moment(TypedDict):
    """Where and when something was recorded, and by which keys."""

    index: Index
    time: Time
    keys: NotRequired[list[Thumbprint]]


@exact
class RegisterPlace(TypedDict):
    """A place in a register."""

    unit: str
    series: str
    year: int
    number: str
    date: Day
    rectified_index: Index | None


@exact
class LetterShown(TypedDict):
    """A letter as it was registered by its sender, or by its receiver where it came on paper."""

    sender: _Agency
    letter: str
    direction: Literal["outgoing", "paper_in"]
    kind: LetterKind
    outgoing: Annotated[RegisterPlace, Field(description="The sender's own number and date.")]
    language: Language
    priority: Priority
    secrecy: Secrecy
    to: list[_Agency]
    copy_to: list[_Agency]
    correspondent: str | None
    originator: str | None
    answers: ConsignmentName | None
    answers_older: OlderLetter | None
    legal_basis: str | None
    claims: Commitments
    recorded: Moment
    cancelled_index: Index | None
    cancellation: str | None
    holder: Annotated[
        str | None, Field(description="Who has custody, of an original or a case file.")
    ]
    served: Annotated[int, Field(description="Consignments so far.")]


@exact
class TransportState(TypedDict):
    """How far it came, and who opened it when. Nothing of what the receiver did with it."""

    state: Transport
    dispatched: Moment
    delivered: Moment | None
    opened: Moment | None


@exact
class BusinessState(TypedDict):
    """What the receiver did with it: registered under its own number and date, closed, returned."""

    state: Business
    since_index: Index
    incoming: RegisterPlace | None
    registered: Moment | None
    reason: str | None
    referred_to: Annotated[str | None, Field(description="A unit; for the receiver only.")]


@exact
class StateWords(TypedDict):
    """What the states mean, and what happens next, in the caller's language."""

    transport: str
    business: str
    next: str


@exact
class ConsignmentShown(TypedDict):
    """One letter on its way to, or arrived at, one addressee."""

    sender: _Agency
    consignment: str
    addressee: str | None
    role: Literal["to", "copy", "onward", "outside", "paper_in"]
    previous: ConsignmentName | None
    transport: TransportState
    business: BusinessState
    due_date: Day | None
    reminders: int
    answered_index: Index | None
    urgency: Annotated[str, Field(description="Its place in lists: go on `after` it.")]
    words: StateWords


@exact
class Transferred(TypedDict):
    """A consignment and its letter."""

    consignment: ConsignmentShown
    letter: LetterShown


@exact
class TransferShown(TypedDict):
    """A letter, or a consignment with its letter, and the values that it commits to."""

    letter: LetterShown
    consignment: ConsignmentShown | None
    values: dict[str, str]
    at: At


@exact
class BoxPage(TypedDict):
    """Consignments, the most urgent first."""

    items: list[Transferred]
    next: _Place
    at: At


@exact
class ListedLetter(LetterShown):
    """A letter in a list; `index` is where it was registered."""

    index: Index


@exact
class LetterPage(TypedDict):
    """Letters in the order in which they were registered."""

    items: list[ListedLetter]
    next: Next
    at: At


@exact
class EventProof(TypedDict):
    """That the tree of the answer's size holds the event's leaf."""

    leaf_hash: Hash
    hashes: list[Hash]


@exact
class ChainStep(TypedDict):
    """One event of a letter's life."""

    index: Index
    time: Time
    consignment: ConsignmentName | None
    event: str
    words: str
    agency: _Agency
    keys: list[Thumbprint]
    internal: bool
    said: dict[str, Any]
    values: dict[str, str]
    proof: EventProof | None


@exact
class LetterChain(TypedDict):
    """Where a letter is: every event that the caller may see, each with a proof."""

    letter: LetterShown
    items: list[ChainStep]
    next: Next
    size: Annotated[int, Field(description="Of the tree that the proofs are for.")]
    root: Hash | None
    checkpoint: Annotated[str | None, Field(description="The signed checkpoint of that size.")]


@exact
class BoardRow(TypedDict):
    """How far a letter came to one of its recipients."""

    addressee: str | None
    role: str
    consignment: ConsignmentShown | None


@exact
class LetterBoard(TypedDict):
    """A letter's recipients; those who have not opened it first."""

    letter: LetterShown
    recipients: list[BoardRow]
    opened: int
    registered: int
    waiting: int
    at: At


@exact
class Article13(TypedDict):
    """The five fields of Law 78 of 2012, article 13, each by itself, and how they are proven."""

    law: Literal["law:78/2012:13"]
    originator: str
    sender: _Agency
    receiver: str
    time_sent: Moment
    time_received: Moment | None
    received_by: Annotated[
        str | None, Field(description="`delivered`, `opened` or `registered_incoming`.")
    ]
    letter: RegisterPlace
    incoming: RegisterPlace | None
    statement_digest: Hash
    at: At


@exact
class Refusals(TypedDict):
    """How often an agency refused or returned letters, by reason."""

    agency: _Agency
    business: Business
    reason: str
    letters: int


@exact
class RefusalReport(TypedDict):
    """Refusals and returns, pinned to an index."""

    items: list[Refusals]
    at: At
