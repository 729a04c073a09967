"""The rules of what a sender orders. Authority has been judged before a rule here runs."""

from datetime import date
from typing import Final
from uuid import UUID

from domain.errors import (
    AddressedToItself,
    AddresseeServed,
    DueDateMissing,
    DueDateStanding,
    LetterCancelled,
    NotAnAddressee,
    OneAddresseeOnly,
    RecipientRepeated,
    RecipientsMissing,
    ReplyMisdirected,
    RoadOnPaper,
    TransferClosed,
    TransferFinished,
    TransferNotRegistered,
    TransferRegistered,
)
from domain.ledger import Sitting, desk
from domain.registers import CLOSED_SPACE, NUMBER_SPACE
from domain.transfers import commands, events
from domain.transfers.record import (
    ADDRESSEE_SPACE,
    LETTER_SPACE,
    Consignment,
    Entered,
    Found,
    Letter,
    Name,
    acts_for,
    arrived,
    found_letter,
    sent,
)
from domain.transfers.rules import (
    addressee_key,
    begin,
    check_due,
    check_held,
    check_letter_claims,
    check_reached,
    check_receiver,
    check_repeated,
    entry,
    free_addressee,
    take_number,
)
from domain.transfers.words import CUSTODY_KINDS, Business, Transport

CLOSED_TAKES_NO_DAY_SINCE: Final = date(2026, 11, 29)
"""Until then a closed letter took due dates; a log may hold some, and its check lets them pass
(decision 37)."""


@desk(commands.RegisterOutgoing)
def register_outgoing(order: commands.RegisterOutgoing, sitting: Sitting) -> None:
    """Register a letter under a number that is free."""
    check_letter_claims(order.claims, with_name=order.correspondent is not None)
    _check_recipients(order)
    entered = entry(order, sitting)
    _check_reply(order, sitting)
    stream = sitting.new_stream()
    sitting.record(events.RegisteredOutgoing, on=stream)
    sitting.claim(LETTER_SPACE, Name(order.agency, order.new_letter).key, stream)
    _take_number(entered, stream, sitting)


@desk(commands.DispatchLetter)
def dispatch(order: commands.DispatchLetter, sitting: Sitting) -> None:
    """Dispatch to an addressee, or to who answers for it by now, on the network, once."""
    letter = _to_be_sent(order, order.addressee, sitting)
    if letter.recipients:
        check_reached(order.addressee, sitting)
    else:
        check_receiver(order.addressee, order, sitting)
    check_due(order.due_date, sitting, dated=letter.entered.date)
    if letter.has_custody:
        check_held(letter, order.agency, None, sitting)
    begin(events.Dispatched, letter, order.new_consignment, order.addressee, sitting)


@desk(commands.SendOnPaper)
def send_on_paper(order: commands.SendOnPaper, sitting: Sitting) -> None:
    """Send on paper to an addressee, or to the correspondent outside."""
    letter = _to_be_sent(order, order.addressee, sitting)
    if letter.has_custody:
        raise OneAddresseeOnly
    begin(events.SentOnPaper, letter, order.new_consignment, order.addressee or "", sitting)


@desk(commands.CancelLetter)
def cancel(order: commands.CancelLetter, sitting: Sitting) -> None:
    """Cancel a letter once; what somebody else holds is not the sender's to cancel."""
    letter = _own_letter(order, sitting)
    if letter.has_custody:
        check_held(letter, order.agency, None, sitting)
    sitting.record(events.Cancelled, on=letter)


@desk(commands.RectifyOutgoing)
def rectify_outgoing(order: commands.RectifyOutgoing, sitting: Sitting) -> None:
    """Put the registration right; the number that was wrong is free again."""
    letter = _own_letter(order, sitting)
    entered = entry(order, sitting, agency=letter.entered.register.agency)
    sitting.record(events.OutgoingRectified, on=letter)
    if entered.key != letter.entered.key:
        _take_number(entered, letter.id, sitting)
        sitting.release(NUMBER_SPACE, letter.entered.key)


@desk(commands.WithdrawTransfer)
def withdraw(order: commands.WithdrawTransfer, sitting: Sitting) -> None:
    """Take back what waits for its receiver."""
    record, one = _on_its_way(order, sitting)
    if one.business is not Business.AWAITING:
        raise TransferRegistered(id=order.consignment)
    sitting.record(events.Withdrawn, on=record)
    free_addressee(record, one, sitting)


@desk(commands.RemindAddressee)
def remind(order: commands.RemindAddressee, sitting: Sitting) -> None:
    """Remind whoever has not closed it."""
    record, one = _on_its_way(order, sitting)
    _check_open(one)
    sitting.record(events.Reminded, on=record)


@desk(commands.SetDueDate)
def set_due_date(order: commands.SetDueDate, sitting: Sitting) -> None:
    """Set a due date where there is none."""
    record, one = _on_its_way(order, sitting)
    if sitting.today >= CLOSED_TAKES_NO_DAY_SINCE:
        _check_open(one)
    if one.due is not None:
        raise DueDateStanding(due_date=one.due.isoformat())
    check_due(order.due_date, sitting)
    sitting.record(events.DueDateSet, on=record)


@desk(commands.ExtendDueDate)
def extend_due_date(order: commands.ExtendDueDate, sitting: Sitting) -> None:
    """Move a due date to a later day."""
    record, one = _on_its_way(order, sitting)
    if sitting.today >= CLOSED_TAKES_NO_DAY_SINCE:
        _check_open(one)
    if one.due is None:
        raise DueDateMissing(id=order.consignment)
    check_due(order.due_date, sitting, moves=one.due)
    sitting.record(events.DueDateExtended, on=record)


def _check_recipients(order: commands.RegisterOutgoing) -> None:
    recipients = (*order.to, *order.copy_to)
    kept = order.kind in CUSTODY_KINDS and not order.copy_to
    if not order.to and order.correspondent is None and not kept:
        raise RecipientsMissing
    if len(set(recipients)) < len(recipients):
        raise RecipientRepeated
    if order.agency in recipients:
        raise AddressedToItself
    if order.kind in CUSTODY_KINDS and (len(recipients) > 1 or order.correspondent is not None):
        raise OneAddresseeOnly


def _check_reply(order: commands.RegisterOutgoing, sitting: Sitting) -> None:
    """A reply answers a letter that was addressed to the replier, and goes to who sent it.

    Or to who answers for that body by now.
    """
    if order.answers is None:
        return
    name = Name(order.answers.sender, order.answers.consignment)
    one = arrived(name, order.agency, sitting).consignment
    if one.entered is None:
        raise TransferNotRegistered(id=name.id)
    if one.business is Business.CLOSED:
        raise TransferClosed(id=name.id)
    if one.finished:
        raise TransferFinished(id=name.id, state=one.business.value)
    if one.transport is Transport.PAPER_IN:
        if order.correspondent is None and not order.to:
            raise ReplyMisdirected
    elif not any(acts_for(one, name.sender, sitting) for one in order.to):
        raise ReplyMisdirected


def _take_number(entered: Entered, stream: UUID, sitting: Sitting) -> None:
    take_number(entered, stream, sitting, space=NUMBER_SPACE, closed=CLOSED_SPACE)


def _own_letter(order: commands.OnLetter, sitting: Sitting) -> Letter:
    letter = found_letter(Name(order.sender, order.letter), order.agency, sitting)
    if letter.cancelled_at is not None:
        raise LetterCancelled(id=order.letter)
    return letter


def _to_be_sent(
    order: commands.DispatchLetter | commands.SendOnPaper, addressee: str | None, sitting: Sitting
) -> Letter:
    letter = found_letter(Name(order.sender, order.letter), order.agency, sitting)
    check_repeated(Name(order.agency, order.new_consignment), letter.name, addressee, sitting)
    if letter.cancelled_at is not None:
        raise LetterCancelled(id=order.letter)
    named = (
        letter.correspondent is not None
        if addressee is None
        else addressee in letter.recipients or letter.names_nobody
    )
    if not named:
        raise NotAnAddressee
    if sitting.find(ADDRESSEE_SPACE, addressee_key(letter, addressee or "")) is not None:
        raise AddresseeServed
    return letter


def _on_its_way(order: commands.OnConsignment, sitting: Sitting) -> Found:
    """A consignment of one's own that has not ended."""
    found = sent(Name(order.sender, order.consignment), order.agency, sitting)
    one = found.consignment
    if one.transport in (Transport.PAPER_IN, Transport.PAPER_OUT):
        raise RoadOnPaper(id=order.consignment)
    if one.finished:
        raise TransferFinished(id=order.consignment, state=one.business.value)
    return found


def _check_open(one: Consignment) -> None:
    """Nothing is waited for any more once its receiver has closed it."""
    if one.business is Business.CLOSED:
        raise TransferFinished(id=one.name.id, state=one.business.value)
