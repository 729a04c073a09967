"""What the ledger knows of a letter and of its consignments.

A letter is a record of its sender's. Each addressee's consignment is a record of its own, so that
nine hundred receivers never wait on one another. An original or a case file is different: it has
one holder at every index, so all its consignments are kept in the letter's own record.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from domain.agencies import responsible
from domain.errors import AgencyUnknown, TransferUnknown
from domain.ledger import Record, Sitting
from domain.registers import Register
from domain.transfers.words import CUSTODY_KINDS, FINISHED, Business, LetterKind, Transport

LETTER_SPACE = "letter"
CONSIGNMENT_SPACE = "consignment"
ADDRESSEE_SPACE = "addressee"


class Name(NamedTuple):
    """The name of a letter or a consignment: its sender and the id that the sender drew."""

    sender: str
    id: str

    @property
    def key(self) -> str:
        """The key of its claim. It holds the sender, so that nobody can take another's id."""
        return f"{self.sender}|{self.id}"


class Entered(NamedTuple):
    """Where something stands in a register."""

    register: Register
    number: str
    date: date

    @property
    def key(self) -> str:
        """The key of the number's claim."""
        return self.register.number_key(self.number)


@dataclass
class Consignment:
    """One letter on its way to, or arrived at, one addressee.

    Attributes:
        addressee: None where it is outside the network.
        letter: None where it came on paper.
        index: where it was dispatched.
        transport: how far it came; `business`: what the receiver did with it.
        notes: log indexes of notes and referrals; whether each is released.
        previous: the consignment that it was referred onward from.
    """

    name: Name
    addressee: str | None
    letter: Name | None
    index: int
    transport: Transport
    business: Business = Business.AWAITING
    previous: Name | None = None
    entered: Entered | None = None
    due: date | None = None
    notes: dict[int, bool] = field(default_factory=dict)
    referrals: dict[int, bool] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.business in FINISHED

    @property
    def open_to_sender(self) -> bool:
        """Whether it waits for its receiver to register it."""
        return self.business is Business.AWAITING


class Conveyance(Record):
    """A record that consignments are kept in."""

    def begin(self) -> None:
        """Start with none."""
        self.consignments: dict[str, Consignment] = {}
        self.holder: str | None = None
        """Who has custody; None where everybody has a copy."""
        self.kind: LetterKind | None = None
        self.held_by: Name | None = None
        """The consignment by which the holder has it; None for the agency it began with."""

    @property
    def has_custody(self) -> bool:
        """Whether it is an original or a case file."""
        return self.kind in CUSTODY_KINDS

    @property
    def handover(self) -> Consignment | None:
        """The hand-over that is under way, of an original or a case file."""
        if not self.has_custody:
            return None
        waiting = (one for one in self.consignments.values() if one.open_to_sender)
        return next(waiting, None)


class Letter(Conveyance):
    """The record of one letter, as its sender registered it."""

    TOPIC = "sijill.transfer"

    def begin(self) -> None:
        """Start as registered."""
        super().begin()
        self.name: Name
        self.entered: Entered
        self.to: tuple[str, ...] = ()
        self.copy_to: tuple[str, ...] = ()
        self.correspondent: str | None = None
        self.cancelled_at: int | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody it is addressed or copied to."""
        return (*self.to, *self.copy_to)

    @property
    def names_nobody(self) -> bool:
        """Whether it named nobody: an original or a case file that goes where it is handed."""
        return self.has_custody and not self.recipients


class Consigned(Conveyance):
    """The record of one consignment of a letter of which everybody has a copy."""

    TOPIC = "sijill.consignment"


class Found(NamedTuple):
    """A consignment and the record that it is kept in."""

    record: Conveyance
    consignment: Consignment


def found_letter(name: Name, agency: str, sitting: Sitting) -> Letter:
    """A letter of this agency's.

    Raises:
        TransferUnknown: there is none; another agency's is not told apart.
    """
    # Nothing of another's letter is looked up: not even the time that it takes tells of it.
    mine = acts_for(agency, name.sender, sitting)
    stream = sitting.find(LETTER_SPACE, name.key) if mine else None
    record = sitting.load(stream) if stream else None
    if not isinstance(record, Letter):
        raise TransferUnknown(id=name.id)
    return record


def found_consignment(name: Name, sitting: Sitting) -> Found:
    """A consignment, whoever asks: the caller must check that the agency is party to it.

    Raises:
        TransferUnknown: there is none.
    """
    stream = sitting.find(CONSIGNMENT_SPACE, name.key)
    record = sitting.load(stream) if stream else None
    if not isinstance(record, Conveyance):
        raise TransferUnknown(id=name.id)
    return Found(record, sitting.part(record, record.consignments, name.key))


def arrived(name: Name, agency: str, sitting: Sitting) -> Found:
    """A consignment that is addressed to this agency.

    Raises:
        TransferUnknown: there is none.
    """
    found = found_consignment(name, sitting)
    addressee = found.consignment.addressee
    if addressee is None or not acts_for(agency, addressee, sitting):
        raise TransferUnknown(id=name.id)
    return found


def sent(name: Name, agency: str, sitting: Sitting) -> Found:
    """A consignment that this agency sent.

    Raises:
        TransferUnknown: there is none.
    """
    if not acts_for(agency, name.sender, sitting):
        raise TransferUnknown(id=name.id)
    return found_consignment(name, sitting)


def acts_for(agency: str, party: str, sitting: Sitting) -> bool:
    """Whether an agency may act as a party: it is the party, or answers for one that is no more."""
    if agency == party:
        return True
    try:
        return agency == responsible(party, None, None, sitting.agency)
    except AgencyUnknown:
        return False
