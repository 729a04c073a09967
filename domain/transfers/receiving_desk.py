"""The rules of what a receiver orders, and of letters that come on paper."""

from collections.abc import Iterable
from uuid import UUID

from domain.errors import (
    AddresseeServed,
    ClaimMissing,
    ClaimUnknown,
    HandoverNeeded,
    HandoverOpen,
    IncomingRegistered,
    NoteReleased,
    NoteUnknown,
    ReplyMisdirected,
    TransferClosed,
    TransferFinished,
    TransferNotClosed,
    TransferNotRegistered,
    TransferRegistered,
    TransportRecorded,
)
from domain.ledger import Sitting, desk
from domain.registers import INCOMING_CLOSED_SPACE, INCOMING_SPACE
from domain.transfers import commands, events, receiving
from domain.transfers.record import (
    ADDRESSEE_SPACE,
    CONSIGNMENT_SPACE,
    Entered,
    Found,
    Letter,
    Name,
    arrived,
    sent,
)
from domain.transfers.rules import (
    addressee_key,
    begin,
    check_due,
    check_held,
    check_letter_claims,
    check_receiver,
    check_repeated,
    entry,
    free_addressee,
    take_number,
)
from domain.transfers.words import Business, CorrespondentKind, Transport

NOTE = "note"


@desk(receiving.AcknowledgeDelivery)
def acknowledge(order: receiving.AcknowledgeDelivery, sitting: Sitting) -> None:
    """Arrive once."""
    record, one = _alive(order, sitting)
    if one.transport is not Transport.DISPATCHED:
        raise TransportRecorded(state=one.transport.value)
    sitting.record(events.Delivered, on=record)


@desk(receiving.OpenTransfer)
def open_(order: receiving.OpenTransfer, sitting: Sitting) -> None:
    """Be opened once; delivery need not have been acknowledged."""
    record, one = _alive(order, sitting)
    if one.transport not in (Transport.DISPATCHED, Transport.DELIVERED):
        raise TransportRecorded(state=one.transport.value)
    sitting.record(events.Opened, on=record)


@desk(receiving.RegisterIncoming)
def register(order: receiving.RegisterIncoming, sitting: Sitting) -> None:
    """Register once, under a number that is free among the incoming."""
    record, one = _alive(order, sitting)
    if one.business is not Business.AWAITING:
        raise IncomingRegistered(id=order.consignment)
    entered = entry(order, sitting)
    sitting.record(events.RegisteredIncoming, on=record)
    _take_number(entered, record.id, sitting)


@desk(receiving.RectifyRegistration)
def rectify(order: receiving.RectifyRegistration, sitting: Sitting) -> None:
    """Put the registration right, also when closed; the number that was wrong is free again."""
    record, one = _arrived(order, sitting)
    if one.finished:
        raise TransferFinished(id=order.consignment, state=one.business.value)
    if one.entered is None:
        raise TransferNotRegistered(id=order.consignment)
    entered = entry(order, sitting, agency=one.entered.register.agency)
    sitting.record(events.IncomingRectified, on=record)
    if entered.key != one.entered.key:
        _take_number(entered, record.id, sitting)
        sitting.release(INCOMING_SPACE, one.entered.key)


@desk(receiving.AnnotateTransfer)
def annotate(order: receiving.AnnotateTransfer, sitting: Sitting) -> None:
    """Write a note on what one has registered."""
    _check_note(order.claims)
    record, _ = _registered(order, sitting)
    sitting.record(events.Annotated, on=record)


@desk(receiving.RectifyNote)
def rectify_note(order: receiving.RectifyNote, sitting: Sitting) -> None:
    """Put a note of one's own right, also when closed."""
    _check_note(order.claims)
    record, one = _arrived(order, sitting)
    if one.finished:
        raise TransferFinished(id=order.consignment, state=one.business.value)
    if order.note_index not in one.notes:
        raise NoteUnknown(index=order.note_index)
    sitting.record(events.NoteRectified, on=record)


@desk(receiving.ReferTransfer)
def refer(order: receiving.ReferTransfer, sitting: Sitting) -> None:
    """Refer what is registered to a unit."""
    if order.claims is not None:
        _check_note(order.claims)
    record, _ = _registered(order, sitting)
    sitting.record(events.Referred, on=record)


@desk(receiving.ReleaseNote)
def release(order: receiving.ReleaseNote, sitting: Sitting) -> None:
    """Release a note or referral once."""
    record, one = _registered(order, sitting)
    released = {**one.referrals, **one.notes}.get(order.note_index)
    if released is None:
        raise NoteUnknown(index=order.note_index)
    if released:
        raise NoteReleased(index=order.note_index)
    sitting.record(events.NoteReleased, on=record)


@desk(receiving.ReferOnward)
def refer_onward(order: receiving.ReferOnward, sitting: Sitting) -> None:
    """Refer to another agency what is registered; an original goes out of one's own hands."""
    check_receiver(order.addressee, order, sitting)
    name = Name(order.sender, order.consignment)
    new = Name(order.agency, order.new_consignment)
    found = arrived(name, order.agency, sitting)
    origin = found.record.name if isinstance(found.record, Letter) else name
    check_repeated(new, origin, order.addressee, sitting)
    record, one = _registered(order, sitting)
    dated = record.entered if isinstance(record, Letter) else one.entered
    check_due(order.due_date, sitting, dated=dated and dated.date)
    if record.has_custody:
        check_held(record, order.agency, one.name, sitting)
    elif sitting.find(ADDRESSEE_SPACE, addressee_key(record, order.addressee)) is not None:
        raise AddresseeServed
    begin(events.ReferredOnward, record, order.new_consignment, order.addressee, sitting)


@desk(receiving.ReturnTransfer)
def return_(order: receiving.ReturnTransfer, sitting: Sitting) -> None:
    """Send back what is not closed. What is in one's custody is handed over instead."""
    record, one = _alive(order, sitting)
    if one.business is Business.CLOSED:
        raise TransferClosed(id=order.consignment)
    if record.has_custody and one.business is not Business.AWAITING:
        raise HandoverNeeded
    sitting.record(events.Returned, on=record)
    free_addressee(record, one, sitting)


@desk(receiving.RefuseTransfer)
def refuse(order: receiving.RefuseTransfer, sitting: Sitting) -> None:
    """Refuse what is not registered."""
    record, one = _alive(order, sitting)
    if one.business is not Business.AWAITING:
        raise TransferRegistered(id=order.consignment)
    sitting.record(events.Refused, on=record)
    free_addressee(record, one, sitting)


@desk(receiving.CloseTransfer)
def close(order: receiving.CloseTransfer, sitting: Sitting) -> None:
    """Close what is registered and not being handed over."""
    record, _ = _registered(order, sitting)
    if record.handover is not None:
        raise HandoverOpen
    sitting.record(events.Closed, on=record)


@desk(receiving.ReopenTransfer)
def reopen(order: receiving.ReopenTransfer, sitting: Sitting) -> None:
    """Reopen what is closed."""
    sitting.record(events.Reopened, on=_closed(order, sitting).record)


@desk(receiving.ArchiveTransfer)
def archive(order: receiving.ArchiveTransfer, sitting: Sitting) -> None:
    """Archive what is closed."""
    sitting.record(events.Archived, on=_closed(order, sitting).record)


@desk(receiving.ReceiveOnPaper)
def receive_on_paper(order: receiving.ReceiveOnPaper, sitting: Sitting) -> None:
    """Register a letter from outside under a number that is free among the incoming."""
    body = order.correspondent is CorrespondentKind.PUBLIC_BODY
    check_letter_claims(order.claims, with_name=not body or "correspondent_name" in order.claims)
    name = Name(order.agency, order.new_consignment)
    check_repeated(name, None, order.agency, sitting)
    if order.originator is not None:
        sitting.agency(order.originator)
    _check_answered(order, sitting)
    entered = entry(order, sitting)
    stream = sitting.new_stream()
    sitting.record(events.ReceivedOnPaper, on=stream)
    sitting.claim(CONSIGNMENT_SPACE, name.key, stream)
    _take_number(entered, stream, sitting)


def _check_answered(order: receiving.ReceiveOnPaper, sitting: Sitting) -> None:
    """What came on paper answers what one has sent on paper: the network has its own replies."""
    if order.answers is None:
        return
    name = Name(order.answers.sender, order.answers.consignment)
    if sent(name, order.agency, sitting).consignment.transport is not Transport.PAPER_OUT:
        raise ReplyMisdirected


def _take_number(entered: Entered, stream: UUID, sitting: Sitting) -> None:
    take_number(entered, stream, sitting, space=INCOMING_SPACE, closed=INCOMING_CLOSED_SPACE)


def _check_note(claims: Iterable[str]) -> None:
    present = set(claims)
    for name in sorted(present - {NOTE}):
        raise ClaimUnknown(claim=name)
    if NOTE not in present:
        raise ClaimMissing(claim=NOTE)


def _arrived(order: commands.OnConsignment, sitting: Sitting) -> Found:
    return arrived(Name(order.sender, order.consignment), order.agency, sitting)


def _alive(order: commands.OnConsignment, sitting: Sitting) -> Found:
    """A consignment addressed to the agency that has not ended, nor been closed."""
    found = _arrived(order, sitting)
    state = found.consignment.business
    if state is Business.CLOSED:
        raise TransferClosed(id=order.consignment)
    if found.consignment.finished:
        raise TransferFinished(id=order.consignment, state=state.value)
    return found


def _registered(order: commands.OnConsignment, sitting: Sitting) -> Found:
    found = _alive(order, sitting)
    if found.consignment.business is not Business.REGISTERED:
        raise TransferNotRegistered(id=order.consignment)
    return found


def _closed(order: commands.OnConsignment, sitting: Sitting) -> Found:
    found = _arrived(order, sitting)
    state = found.consignment.business
    if found.consignment.finished:
        raise TransferFinished(id=order.consignment, state=state.value)
    if state is not Business.CLOSED:
        raise TransferNotClosed(id=order.consignment)
    return found
