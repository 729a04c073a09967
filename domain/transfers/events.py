"""What happens to letters. Each fact reads its statement and changes its record."""

from datetime import date
from typing import Any

from domain.ledger import Fact
from domain.registers import Register
from domain.transfers.record import (
    Consigned,
    Consignment,
    Conveyance,
    Entered,
    Letter,
    Name,
)
from domain.transfers.words import Business, LetterKind, Transport


def _day(said: dict[str, Any], name: str) -> date | None:
    return date.fromisoformat(said[name]) if name in said else None


def _entered(fact: Fact, agency: str | None = None) -> Entered:
    said = fact.said
    register = Register(agency or fact.agency, said["unit"], said["series"], said["year"])
    return Entered(register, said["number"], date.fromisoformat(said["date"]))


def _letter_of(said: dict[str, Any]) -> Name:
    return Name(said["sender"], said["letter"])


def _named(fact: Fact, record: Conveyance) -> Consignment:
    return record.consignments[Name(fact.said["sender"], fact.said["consignment"]).key]


def _begin(
    fact: Fact,
    record: Conveyance,
    *,
    letter: Name | None,
    transport: Transport,
    business: Business = Business.AWAITING,
) -> Consignment:
    """A new consignment, drawn by whoever ordered the act."""
    name = Name(fact.agency, fact.said["new_consignment"])
    one = Consignment(
        name=name,
        addressee=fact.said.get("addressee"),
        letter=letter,
        index=fact.at,
        transport=transport,
        business=business,
        due=_day(fact.said, "due_date"),
    )
    record.consignments[name.key] = one
    return one


class RegisteredOutgoing(Fact):
    """A letter was registered as outgoing."""

    TOPIC = "sijill.transfer.registered_outgoing.v1"
    OPENS = "sijill.transfer"

    def apply(self, aggregate: Letter) -> None:
        """Make the letter. An original or a case file is held by whoever registers it."""
        said = self.said
        aggregate.name = Name(self.agency, said["new_letter"])
        aggregate.kind = LetterKind(said["kind"])
        aggregate.entered = _entered(self)
        aggregate.to = tuple(said.get("to", ()))
        aggregate.copy_to = tuple(said.get("copy_to", ()))
        aggregate.correspondent = said.get("correspondent")
        if aggregate.has_custody:
            aggregate.holder = self.agency


class Dispatched(Fact):
    """A letter was dispatched to one addressee."""

    TOPIC = "sijill.transfer.dispatched.v1"
    OPENS = "sijill.consignment"
    KEYED = True

    def apply(self, aggregate: Conveyance) -> None:
        """Begin the consignment."""
        _begin(self, aggregate, letter=_letter_of(self.said), transport=Transport.DISPATCHED)


class SentOnPaper(Fact):
    """A letter was sent to one addressee on paper."""

    TOPIC = "sijill.transfer.sent_on_paper.v1"
    OPENS = "sijill.consignment"

    def apply(self, aggregate: Consigned) -> None:
        """Nobody on the network receives it, so it ends here."""
        _begin(
            self,
            aggregate,
            letter=_letter_of(self.said),
            transport=Transport.PAPER_OUT,
            business=Business.SENT_ON_PAPER,
        )


class Cancelled(Fact):
    """The sender cancelled a letter."""

    TOPIC = "sijill.transfer.cancelled.v1"

    def apply(self, aggregate: Letter) -> None:
        """Remember since when."""
        aggregate.cancelled_at = self.at


class OutgoingRectified(Fact):
    """An outgoing registration was put right."""

    TOPIC = "sijill.transfer.outgoing_rectified.v1"

    def apply(self, aggregate: Letter) -> None:
        """It stands elsewhere in the sender's register."""
        aggregate.entered = _entered(self, aggregate.entered.register.agency)


class Delivered(Fact):
    """The receiver acknowledged that it arrived."""

    TOPIC = "sijill.transfer.delivered.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It has arrived."""
        _named(self, aggregate).transport = Transport.DELIVERED


class Opened(Fact):
    """An officer of the receiver's opened it."""

    TOPIC = "sijill.transfer.opened.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It is open."""
        _named(self, aggregate).transport = Transport.OPENED


class RegisteredIncoming(Fact):
    """The receiver registered it."""

    TOPIC = "sijill.transfer.registered_incoming.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It has an incoming number; custody passes, and who held it before has done with it."""
        one = _named(self, aggregate)
        one.entered = _entered(self)
        one.business = Business.REGISTERED
        if aggregate.has_custody:
            if aggregate.held_by is not None:
                aggregate.consignments[aggregate.held_by.key].business = Business.HANDED_ON
            aggregate.holder, aggregate.held_by = self.agency, one.name


class IncomingRectified(Fact):
    """An incoming registration was put right."""

    TOPIC = "sijill.transfer.incoming_rectified.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It stands elsewhere in the receiver's register."""
        one = _named(self, aggregate)
        one.entered = _entered(self, one.entered.register.agency if one.entered else None)


class Annotated(Fact):
    """A marginal note was written."""

    TOPIC = "sijill.transfer.annotated.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """Remember where it stands in the log."""
        _named(self, aggregate).notes[self.at] = bool(self.said.get("released"))


class NoteRectified(Fact):
    """A note was put right."""

    TOPIC = "sijill.transfer.note_rectified.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """Both stay; the record only knows that there is a note."""


class Referred(Fact):
    """It was referred to a unit."""

    TOPIC = "sijill.transfer.referred.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """Remember where that stands in the log."""
        _named(self, aggregate).referrals[self.at] = bool(self.said.get("released"))


class NoteReleased(Fact):
    """A note or a referral was released to the other parties."""

    TOPIC = "sijill.transfer.note_released.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """They may read it."""
        one, index = _named(self, aggregate), self.said["note_index"]
        (one.notes if index in one.notes else one.referrals)[index] = True


class ReferredOnward(Fact):
    """It was referred to another agency, or handed on to it."""

    TOPIC = "sijill.transfer.referred_onward.v1"
    OPENS = "sijill.consignment"
    KEYED = True

    def apply(self, aggregate: Conveyance) -> None:
        """Begin the next consignment."""
        letter = aggregate.name if isinstance(aggregate, Letter) else None
        one = _begin(self, aggregate, letter=letter, transport=Transport.DISPATCHED)
        one.previous = Name(self.said["sender"], self.said["consignment"])


class Returned(Fact):
    """It was sent back."""

    TOPIC = "sijill.transfer.returned.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It ends here."""
        _named(self, aggregate).business = Business.RETURNED


class Refused(Fact):
    """It was refused."""

    TOPIC = "sijill.transfer.refused.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It ends here."""
        _named(self, aggregate).business = Business.REFUSED


class Withdrawn(Fact):
    """The sender took it back."""

    TOPIC = "sijill.transfer.withdrawn.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It ends here."""
        _named(self, aggregate).business = Business.WITHDRAWN


class Reminded(Fact):
    """The receiver was reminded."""

    TOPIC = "sijill.transfer.reminded.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """A reminder changes nothing but is on record."""


class DueDateSet(Fact):
    """A due date was set."""

    TOPIC = "sijill.transfer.due_date_set.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """Remember it."""
        _named(self, aggregate).due = _day(self.said, "due_date")


class DueDateExtended(Fact):
    """More time was given."""

    TOPIC = "sijill.transfer.due_date_extended.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """Remember the new day."""
        _named(self, aggregate).due = _day(self.said, "due_date")


class Closed(Fact):
    """The receiver closed it."""

    TOPIC = "sijill.transfer.closed.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It has been dealt with."""
        _named(self, aggregate).business = Business.CLOSED


class Reopened(Fact):
    """The receiver took it up again."""

    TOPIC = "sijill.transfer.reopened.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """It is registered and open as before."""
        _named(self, aggregate).business = Business.REGISTERED


class Archived(Fact):
    """The receiver archived it."""

    TOPIC = "sijill.transfer.archived.v1"

    def apply(self, aggregate: Conveyance) -> None:
        """The end of its life."""
        _named(self, aggregate).business = Business.ARCHIVED


class ReceivedOnPaper(Fact):
    """A letter from outside the network was registered."""

    TOPIC = "sijill.transfer.received_on_paper.v1"
    OPENS = "sijill.consignment"

    def apply(self, aggregate: Consigned) -> None:
        """It is registered from the start; its receiver drew its id."""
        one = _begin(
            self,
            aggregate,
            letter=None,
            transport=Transport.PAPER_IN,
            business=Business.REGISTERED,
        )
        one.addressee = self.agency
        one.entered = _entered(self)
