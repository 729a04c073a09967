"""What the ledger knows of a request for authenticity of issuance, and what happens to it.

open ──▶ answered (by the issuer's word) · attested (by the operator) · refused · withdrawn
│ ▲
├─┴─ original needed: brought, it is answered
└─── referred: the same question, before another agency
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from domain.authenticity.commands import Channel, Finding
from domain.errors import RequestUnknown
from domain.ledger import Fact, Record, Sitting


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    ORIGINAL_NEEDED = "original_needed"
    ANSWERED = "answered"
    ATTESTED = "attested"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


WAITING = frozenset({RequestState.OPEN, RequestState.ORIGINAL_NEEDED})
REQUEST_SPACE = "request"
PROOF_SPACE = "authenticity-certificate"


@dataclass(frozen=True)
class Asked:
    """The document that is asked about: by its code, or by type, number and date."""

    code: str | None
    type: str | None
    number: str | None
    date: date | None


class AuthenticityRequest(Record):
    """The record of one request."""

    TOPIC = "sijill.authenticity"

    def begin(self) -> None:
        """Start open; the request says the rest."""
        self.requester: str
        self.issuer: str | None
        self.addressee: str | None
        self.channel: Channel | None = None
        self.asked: Asked
        self.state = RequestState.OPEN
        self.finding: Finding | None = None
        self.first_due: date
        self.addressees: list[str] = []

    def ask(self, fact: Fact, channel: Channel | None) -> None:
        """Take in what is asked; without a channel a holder asked online."""
        said = fact.said
        day = said.get("date")
        self.requester = fact.agency
        self.issuer = self.addressee = said.get("issuer")
        self.addressees += [self.issuer] if self.issuer else []
        self.first_due = date.fromisoformat(said["due_date"])
        self.channel = channel
        self.asked = Asked(
            said.get("code"),
            said.get("type"),
            said.get("number"),
            date.fromisoformat(day) if day else None,
        )


def found(code: str, sitting: Sitting) -> AuthenticityRequest:
    """The request that a code names.

    Raises:
        RequestUnknown: there is none.
    """
    stream = sitting.find(REQUEST_SPACE, code)
    record = sitting.load(stream) if stream else None
    if not isinstance(record, AuthenticityRequest):
        raise RequestUnknown(request=code)
    return record


class Requested(Fact):
    """An agency asked, for itself or for a holder at its counter."""

    TOPIC = "sijill.authenticity.requested.v1"
    OPENS = "sijill.authenticity"

    def apply(self, aggregate: AuthenticityRequest) -> None:
        """Make the request."""
        aggregate.ask(self, Channel(self.said.get("channel", Channel.AGENCY)))


class Received(Fact):
    """A holder asked online."""

    TOPIC = "sijill.authenticity.received.v1"
    OPENS = "sijill.authenticity"

    def apply(self, aggregate: AuthenticityRequest) -> None:
        """Make the request."""
        aggregate.ask(self, None)


class Attested(Fact):
    """The operator answered from the ledger."""

    TOPIC = "sijill.authenticity.attested.v1"

    def apply(self, aggregate: AuthenticityRequest) -> None:
        """It is over."""
        aggregate.state = RequestState.ATTESTED
        aggregate.finding = Finding(self.said["finding"])


class Answered(Fact):
    """The agency answered."""

    TOPIC = "sijill.authenticity.answered.v1"

    def apply(self, aggregate: AuthenticityRequest) -> None:
        """It is over, unless the original is to be seen first."""
        aggregate.finding = Finding(self.said["finding"])
        needed = aggregate.finding is Finding.ORIGINAL_NEEDED
        aggregate.state = RequestState.ORIGINAL_NEEDED if needed else RequestState.ANSWERED


class Refused(Fact):
    """The agency refused to answer."""

    TOPIC = "sijill.authenticity.refused.v1"

    def apply(self, aggregate: AuthenticityRequest) -> None:
        """It is over."""
        aggregate.state = RequestState.REFUSED


class Referred(Fact):
    """The request was referred to another agency."""

    TOPIC = "sijill.authenticity.referred.v1"

    def apply(self, aggregate: AuthenticityRequest) -> None:
        """Another agency is asked the same, and has found nothing yet."""
        aggregate.addressee = self.said["to"]
        aggregate.addressees.append(self.said["to"])
        aggregate.state = RequestState.OPEN
        aggregate.finding = None


class Withdrawn(Fact):
    """The request was withdrawn."""

    TOPIC = "sijill.authenticity.withdrawn.v1"

    def apply(self, aggregate: AuthenticityRequest) -> None:
        """It is over."""
        aggregate.state = RequestState.WITHDRAWN
