"""Rules that senders and receivers share: ids, recipients, registers, custody, due dates."""

from datetime import date, timedelta
from uuid import UUID

from domain.acts import Command
from domain.agencies import responsible
from domain.errors import (
    AddressedToItself,
    AddresseeNotLinked,
    AgencyClosed,
    ClaimMissing,
    ClaimUnknown,
    DateInFuture,
    DueDateNotLater,
    HandoverOpen,
    NotTheHolder,
    TransferIdTaken,
    TransferRepeated,
    YearMismatch,
)
from domain.ledger import Fact, Sitting
from domain.registers import Register, check_kept
from domain.transfers import commands
from domain.transfers.record import (
    ADDRESSEE_SPACE,
    CONSIGNMENT_SPACE,
    LETTER_SPACE,
    Consignment,
    Conveyance,
    Entered,
    Name,
    acts_for,
    found_consignment,
)
from domain.values import Standing

SUBJECT, CORRESPONDENT, DOCUMENT, ATTACHMENT = (
    "subject",
    "correspondent_name",
    "document",
    "attachment_",
)
ATTACHMENTS = frozenset(f"{ATTACHMENT}{number}" for number in range(1, 61))
RECEIVES = frozenset({Standing.LINKED, Standing.SUSPENDED})


def begin(
    event: type[Fact], record: Conveyance, id_: str, addressee: str, sitting: Sitting
) -> None:
    """Begin a consignment of a letter: with the letter where it has a holder, else by itself."""
    name = Name(sitting.signed.agency, id_)
    kept = record if record.has_custody else None
    stream = kept.id if kept else sitting.new_stream()
    sitting.record(event, on=kept or stream)
    sitting.claim(CONSIGNMENT_SPACE, name.key, stream)
    if kept is None:
        sitting.claim(ADDRESSEE_SPACE, addressee_key(record, addressee), stream)


def addressee_key(record: Conveyance, addressee: str) -> str:
    """The key of the claim that a letter, or a referral, is on its way to an addressee."""
    return f"{record.id}|{addressee}"


def free_addressee(record: Conveyance, one: Consignment, sitting: Sitting) -> None:
    """What did not arrive may be sent again, in another consignment."""
    if record.has_custody:
        return
    origin = sitting.find(CONSIGNMENT_SPACE, one.previous.key) if one.previous else None
    if one.letter is not None:
        origin = sitting.find(LETTER_SPACE, one.letter.key)
    if origin is not None:
        sitting.release(ADDRESSEE_SPACE, f"{origin}|{one.addressee or ''}")


def check_repeated(
    name: Name, letter: Name | None, addressee: str | None, sitting: Sitting
) -> None:
    """One consignment has one outcome: the same again is answered with it.

    Raises:
        TransferRepeated: it was recorded; `index` says where.
        TransferIdTaken: the agency used the id for something else.
    """
    if sitting.find(CONSIGNMENT_SPACE, name.key) is None:
        return
    one = found_consignment(name, sitting).consignment
    if one.addressee == addressee and letter in (one.letter, one.previous):
        raise TransferRepeated(index=one.index)
    raise TransferIdTaken(id=name.id)


def entry(order: commands.Registration, sitting: Sitting, *, agency: str | None = None) -> Entered:
    """Where a registration stands: in the register of the year of its date, which is no future one.

    Tomorrow is allowed: a clock may be ahead.
    """
    day = date.fromisoformat(order.date)
    if day.year != order.year:
        raise YearMismatch(year=order.year)
    if day > sitting.today + timedelta(days=1):
        raise DateInFuture(day=order.date)
    register = Register(agency or order.agency, order.unit, order.series, order.year)
    return Entered(register, order.number, day)


def take_number(
    entered: Entered, stream: UUID, sitting: Sitting, *, space: str, closed: str
) -> None:
    """Enter a letter under a number of a register that the agency keeps and that is not closed."""
    check_kept(entered.register, sitting)
    sitting.claim(space, entered.key, stream)
    sitting.absent(closed, entered.register.key)


def check_letter_claims(claims: dict[str, str], *, with_name: bool) -> None:
    """A letter commits to its subject, to files by their digests, and to a name outside."""
    allowed = {SUBJECT, DOCUMENT, CORRESPONDENT} if with_name else {SUBJECT, DOCUMENT}
    for name in sorted(claims.keys() - allowed - ATTACHMENTS):
        raise ClaimUnknown(claim=name)
    for name in (SUBJECT, CORRESPONDENT):
        if name in allowed and name not in claims:
            raise ClaimMissing(claim=name)


def check_receiver(addressee: str, order: Command, sitting: Sitting) -> None:
    """Somebody else on the network, who can receive."""
    if addressee == order.agency:
        raise AddressedToItself
    check_receives(addressee, sitting)


def check_reached(addressee: str, sitting: Sitting) -> None:
    """Who was an addressee and is no more receives by who answers for it.

    So it does what was sent the day before it ended.
    """
    check_receives(responsible(addressee, None, None, sitting.agency), sitting)


def check_receives(addressee: str, sitting: Sitting) -> None:
    """A suspended agency receives, too; one without the network is sent paper."""
    standing = sitting.agency(addressee).standing
    if standing is Standing.CLOSED:
        raise AgencyClosed(agency=addressee)
    if standing not in RECEIVES:
        raise AddresseeNotLinked(agency=addressee)


def check_held(record: Conveyance, agency: str, by: Name | None, sitting: Sitting) -> None:
    """Only the holder hands an original on, and to one receiver at a time."""
    holder = record.holder or ""
    if record.held_by != by or not acts_for(agency, holder, sitting):
        raise NotTheHolder(holder=holder)
    if record.handover is not None:
        raise HandoverOpen


def check_due(
    due: str | None, sitting: Sitting, *, moves: date | None = None, dated: date | None = None
) -> None:
    """A due date is today or later, and later than the one that it moves.

    What was entered after the day that it bears (`dated`) may have been due since that day.
    """
    if due is None:
        return
    day = date.fromisoformat(due)
    earliest = sitting.today if dated is None else min(dated, sitting.today)
    if day < earliest or (moves is not None and day <= moves):
        raise DueDateNotLater(due_date=due)
