"""The rules of acts about registers and the numbers in them."""

from datetime import date

from domain.catalogue import certificate_type
from domain.errors import (
    CoverageUnchanged,
    DateInFuture,
    RegisterAlreadyCounted,
    RegisterClosed,
    RegisterNotClosed,
    RegisterNotCovered,
    RegisterYearRuns,
    YearMismatch,
)
from domain.ledger import Sitting, desk
from domain.registers import commands, events
from domain.registers.record import book_of, check_kept, entry_of, make_known
from domain.registers.register import (
    CLOSED_SPACE,
    INCOMING_CLOSED_SPACE,
    INCOMING_SPACE,
    NUMBER_SPACE,
    REGISTER_SPACE,
    RESERVED_SPACE,
)


@desk(commands.CoverRegister)
def cover(order: commands.CoverRegister, sitting: Sitting) -> None:
    """Declare a register covered, or covered at another grade."""
    check_kept(order.register, sitting)
    book = book_of(order.register, sitting)
    if book is None:
        stream = sitting.new_stream()
        sitting.record(events.Covered, on=stream)
        sitting.claim(REGISTER_SPACE, order.register.key, stream)
        make_known(order.register, stream, sitting)
        return
    if book.coverage is not None and book.coverage.grade == order.grade:
        raise CoverageUnchanged
    sitting.record(events.Covered, on=book)


@desk(commands.UncoverRegister)
def uncover(order: commands.UncoverRegister, sitting: Sitting) -> None:
    """Withdraw a declaration that stands."""
    check_kept(order.register, sitting)
    book = book_of(order.register, sitting)
    if book is None or book.coverage is None:
        raise RegisterNotCovered
    sitting.record(events.Uncovered, on=book)


@desk(commands.ReserveNumber)
def reserve(order: commands.ReserveNumber, sitting: Sitting) -> None:
    """Reserve a number that nothing stands under."""
    check_kept(order.register, sitting)
    stream = sitting.new_stream()
    sitting.record(events.Reserved, on=stream)
    sitting.claim(RESERVED_SPACE, order.number_key, stream)
    sitting.absent(NUMBER_SPACE, order.number_key)
    sitting.absent(CLOSED_SPACE, order.register.key)


@desk(commands.VoidNumber)
def void(order: commands.VoidNumber, sitting: Sitting) -> None:
    """Void a number that nothing stands under; a reservation of it is over."""
    check_kept(order.register, sitting)
    if order.incoming:
        stream = sitting.new_stream()
        sitting.record(events.NumberVoided, on=stream)
        sitting.claim(INCOMING_SPACE, order.number_key, stream)
        sitting.absent(INCOMING_CLOSED_SPACE, order.register.key)
        return
    reserved = sitting.find(RESERVED_SPACE, order.number_key)
    if reserved is None:
        stream = sitting.new_stream()
        sitting.record(events.NumberVoided, on=stream)
        # A reservation that comes first is what is voided.
        sitting.absent(RESERVED_SPACE, order.number_key)
    else:
        stream = reserved
        sitting.record(events.NumberVoided, on=sitting.load(reserved))
        sitting.release(RESERVED_SPACE, order.number_key)
    sitting.claim(NUMBER_SPACE, order.number_key, stream)
    sitting.absent(CLOSED_SPACE, order.register.key)


@desk(commands.CaptureEntry)
def capture(order: commands.CaptureEntry, sitting: Sitting) -> None:
    """Capture an entry under a number that is free."""
    check_kept(order.register, sitting)
    kind = certificate_type(order.type)
    claims = order.claims or {}
    kind.check_captured(claims)
    written = date.fromisoformat(order.date)
    if written.year != order.year:
        raise YearMismatch(year=order.year)
    if written > sitting.today:
        raise DateInFuture(day=order.date)
    stream = sitting.new_stream()
    sitting.record(events.Captured, on=stream)
    sitting.claim(NUMBER_SPACE, order.number_key, stream)
    make_known(order.register, stream, sitting)
    sitting.absent(CLOSED_SPACE, order.register.key)
    sitting.look_up_by(kind.lookups(claims))


@desk(commands.ConfirmEntry)
def confirm(order: commands.ConfirmEntry, sitting: Sitting) -> None:
    """Give an entry another grade or state."""
    check_kept(order.register, sitting)
    entry = entry_of(order.register, order.number, sitting)
    if (entry.grade, entry.state) == (order.grade, order.entry_state):
        raise CoverageUnchanged
    sitting.record(events.Confirmed, on=entry)


@desk(commands.StrikeEntry)
def strike(order: commands.StrikeEntry, sitting: Sitting) -> None:
    """Strike an entry and give its number free, as long as its register is open."""
    check_kept(order.register, sitting)
    entry = entry_of(order.register, order.number, sitting)
    sitting.record(events.Struck, on=entry)
    sitting.release(NUMBER_SPACE, order.number_key)
    sitting.absent(CLOSED_SPACE, order.register.key)


@desk(commands.CloseRegister)
def close(order: commands.CloseRegister, sitting: Sitting) -> None:
    """Close a register of a year that is over in Baghdad."""
    check_kept(order.register, sitting)
    if order.year >= sitting.today.year:
        raise RegisterYearRuns(year=order.year)
    book = book_of(order.register, sitting, incoming=order.incoming)
    if book is None:
        stream = sitting.new_stream()
        sitting.record(events.Closed, on=stream)
        sitting.claim(REGISTER_SPACE, order.register.book_key(incoming=order.incoming), stream)
        if not order.incoming:
            make_known(order.register, stream, sitting)
    elif book.closed_at is not None:
        raise RegisterClosed
    else:
        stream = book.id
        sitting.record(events.Closed, on=book)
    space = INCOMING_CLOSED_SPACE if order.incoming else CLOSED_SPACE
    sitting.claim(space, order.register.key, stream)


@desk(commands.CountRegister)
def count(order: commands.CountRegister, sitting: Sitting) -> None:
    """Sign the count of a register that is closed, once."""
    check_kept(order.register, sitting)
    book = book_of(order.register, sitting, incoming=order.incoming)
    if book is None or book.closed_at is None:
        raise RegisterNotClosed
    if book.counted_at is not None:
        raise RegisterAlreadyCounted
    sitting.record(events.Counted, on=book)
