"""The rows of letters, of their consignments, of the parties, and of everything that happened."""

from typing import Any, Final, NamedTuple
from uuid import UUID

from projections.rows import Journal, Table

OUTGOING: Final = "outgoing"
PAPER_IN: Final = "paper_in"


class Letter(NamedTuple):
    """One letter as its sender registered it, or as its receiver did where it came on paper.

    `name` is `sender|id`. Days are ISO, times µs UTC, indexes log indexes. `holder` has custody of
    an original or a case file, by the consignment `held_by` (None: it began there).
    """

    name: str
    stream: UUID
    direction: str
    agency: str
    id: str
    kind: str
    unit: str
    series: str
    year: int
    number: str
    folded_number: str
    date: str
    language: str
    priority: str
    secrecy: str
    addressees: list[str]
    copies: list[str]
    correspondent: str | None
    originator: str | None
    answers: str | None
    older: dict[str, str] | None
    legal_basis: str | None
    claims: dict[str, str]
    log_index: int
    time: int
    keys: list[str]
    rectified_index: int | None = None
    cancelled_index: int | None = None
    cancellation: str | None = None
    holder: str | None = None
    held_by: str | None = None


class Consignment(NamedTuple):
    """One letter on its way to, or arrived at, one addressee; `name` is `sender|id`.

    `transport` is how far it came, `business` what the receiver did with it; neither is made from
    the other. `urgency` orders what has to be done: unanswered before answered before closed, the
    earliest due date first, then as it came.

    What an inbox is searched by stands here, so that a list is asked of one table: `origin` is who
    wrote the letter, `priority` the letter's, `day` that of the receiver's registration and, until
    then, the one that the letter bore when it was sent.
    `registrar` is whose registers its incoming number stands in; `replies` are where the replies
    began that were sent to whom they are for, and have not come back.
    """

    name: str
    stream: UUID
    sender: str
    id: str
    addressee: str | None
    role: str
    letter: str
    origin: str
    priority: str
    day: str
    previous: str | None
    log_index: int
    time: int
    keys: list[str]
    replies: list[int]
    transport: str
    business: str
    business_index: int
    urgency: str
    delivered_index: int | None = None
    delivered_time: int | None = None
    opened_index: int | None = None
    opened_time: int | None = None
    opened_by: list[str] | None = None
    unit: str | None = None
    series: str | None = None
    year: int | None = None
    number: str | None = None
    folded_number: str | None = None
    date: str | None = None
    registered_index: int | None = None
    registered_time: int | None = None
    rectified_index: int | None = None
    due_date: str | None = None
    reminders: int = 0
    reason: str | None = None
    referred_to: str | None = None
    registrar: str | None = None

    @property
    def answered_index(self) -> int | None:
        """Where it was first answered by a reply that has not come to nothing."""
        return self.replies[0] if self.replies else None


class Party(NamedTuple):
    """That an agency is party to a stream's record, and so may read it."""

    name: str
    stream: UUID
    agency: str


class Happened(NamedTuple):
    """One event of a letter's life: what it says in clear, and whether it stays inside.

    `note` is the index of the note or referral that it is, puts right or releases: one event of a
    note that does not stay inside opens all of them.
    """

    log_index: int
    time: int
    stream: UUID
    letter: str
    consignment: str | None
    kind: str
    agency: str
    keys: list[str]
    internal: bool
    note: int | None
    said: str


LETTERS: Final = Table("letters", Letter, "name", documents=frozenset({"older", "claims"}))
CONSIGNMENTS: Final = Table("consignments", Consignment, "name", documents=frozenset({"replies"}))
PARTIES: Final = Table("transfer_parties", Party, "name")
HAPPENED: Final = Journal("transfer_events", Happened, "log_index", ("log_index",))

_RANKS: Final = {
    "awaiting_registration": 0,
    "registered_incoming": 0,
    "closed": 2,
}


def urgency(business: str, due: str | None, index: int, *, answered: bool) -> str:
    """The text by which a list of consignments is ordered, and paged."""
    rank = _RANKS.get(business, 3)
    return f"{rank or int(answered)}|{due or '9999-12-31'}|{index:016d}"


def ranked(row: Consignment) -> Consignment:
    """The row with its place in the order."""
    answered = row.answered_index is not None
    place = urgency(row.business, row.due_date, row.log_index, answered=answered)
    return row._replace(urgency=place)


def party(stream: UUID, agency: str) -> Party:
    """The row of a party."""
    return Party(f"{stream}|{agency}", stream, agency)


def name_of(sender: Any, id_: Any) -> str:
    """The name of a letter or consignment."""
    return f"{sender}|{id_}"
