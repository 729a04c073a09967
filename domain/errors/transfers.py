"""Refusals about letters, files and originals that pass between agencies."""

from domain.errors.base import Malformed, Refusal, Unknown


class TransferUnknown(Unknown, code="transfer_unknown"):
    """No letter of that id to which this agency is party: another's and none look the same."""


class NoteUnknown(Unknown, code="note_unknown"):
    """The transfer holds no note or referral of that index."""


class TransferIdTaken(Refusal, code="transfer_id_taken"):
    """The agency used this id for another letter or consignment; draw another."""


class TransferRepeated(Refusal, code="transfer_repeated"):
    """This consignment is recorded already, at `index`: it has one outcome, however often sent."""


class IncomingNumberTaken(Refusal, code="incoming_number_taken"):
    """The agency used this number in its incoming register, in whatever digits."""


class NotAnAddressee(Refusal, code="not_an_addressee"):
    """The letter names no such addressee; addressees are frozen when it is registered.

    Of one that was merged or split since, its successor receives what is dispatched to it.
    """


class AddresseeServed(Refusal, code="addressee_served"):
    """This letter is on its way to the addressee already, or has arrived there."""


class AddresseeNotLinked(Refusal, code="addressee_not_linked"):
    """The addressee is not on the network; record that the letter is sent on paper."""


class AddressedToItself(Malformed, code="addressed_to_itself"):
    """An agency does not send to itself; inside it, a letter is referred to a unit."""


class RecipientsMissing(Malformed, code="recipients_missing"):
    """A letter names an addressee, or a correspondent outside the network."""


class RecipientRepeated(Malformed, code="recipient_repeated"):
    """An agency stands once among the addressees."""


class OneAddresseeOnly(Malformed, code="one_addressee_only"):
    """An original or a case file goes to one addressee, by the network, without copies."""


class LetterCancelled(Refusal, code="letter_cancelled"):
    """The sender has cancelled the letter."""


class TransferNotRegistered(Refusal, code="transfer_not_registered"):
    """The receiver has to register it as incoming first."""


class TransferRegistered(Refusal, code="transfer_registered"):
    """The receiver has registered it; it is too late for this act."""


class IncomingRegistered(Refusal, code="incoming_registered"):
    """The receiver has registered it herself, and a letter is registered once."""


class TransferClosed(Refusal, code="transfer_closed"):
    """A closed letter takes nothing but reopening, rectification and archiving."""


class TransferNotClosed(Refusal, code="transfer_not_closed"):
    """Only a closed letter is reopened or archived."""


class TransferFinished(Refusal, code="transfer_finished"):
    """Nothing more happens to this consignment; `state` says how it ended."""


class NotTheHolder(Refusal, code="not_the_holder"):
    """Another agency holds the original or the case file."""


class HandoverOpen(Refusal, code="handover_open"):
    """The original or the case file is being handed over; that has to end first."""


class HandoverNeeded(Refusal, code="handover_needed"):
    """What was registered is in this agency's custody: it is handed over, not just sent back."""


class TransportRecorded(Refusal, code="transport_recorded"):
    """Delivery, or opening, was recorded before."""


class RoadOnPaper(Refusal, code="road_on_paper"):
    """This went on paper: nobody on the network receives it."""


class DueDateStanding(Refusal, code="due_date_standing"):
    """There is a due date; it is extended, not set."""


class DueDateMissing(Refusal, code="due_date_missing"):
    """There is no due date to extend."""


class DueDateNotLater(Refusal, code="due_date_not_later"):
    """A due date is today or later, and an extended one later than it was."""


class ReplyMisdirected(Refusal, code="reply_misdirected"):
    """A reply goes to whoever sent the letter that it answers."""


class NoteReleased(Refusal, code="note_released"):
    """The note or referral was released to the parties before."""
