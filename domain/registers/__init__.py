"""Registers: where an agency numbers what it issues, by unit, series and year.

A register of the past may be captured: its entries become records, each with the grade of evidence
that it was taken over by. An agency then declares the register covered, and from that moment *not
in it* is an answer. Numbers are reserved and voided, and a register that is over is closed and
counted. Each unit keeps its own, and every series begins anew with the year of Baghdad.
"""

from domain.registers import desk
from domain.registers.commands import (
    AmendmentReason,
    CaptureEntry,
    CloseRegister,
    ConfirmEntry,
    CountRegister,
    CoverRegister,
    EntryState,
    Grade,
    ReserveNumber,
    StrikeEntry,
    UncoveringReason,
    UncoverRegister,
    VoidingReason,
    VoidNumber,
)
from domain.registers.events import (
    Captured,
    Closed,
    Confirmed,
    Counted,
    Covered,
    NumberVoided,
    Reserved,
    Struck,
    Uncovered,
)
from domain.registers.record import (
    Coverage,
    Entry,
    NumberNote,
    RegisterBook,
    book_of,
    check_kept,
    make_known,
    shelf_of,
)
from domain.registers.register import (
    CLOSED_SPACE,
    INCOMING_CLOSED_SPACE,
    INCOMING_SPACE,
    KNOWN_SPACE,
    NUMBER_SPACE,
    REGISTER_SPACE,
    RESERVED_SPACE,
    SHELF_PLACES,
    SHELF_SPACE,
    Register,
)

__all__ = [
    "CLOSED_SPACE",
    "INCOMING_CLOSED_SPACE",
    "INCOMING_SPACE",
    "KNOWN_SPACE",
    "NUMBER_SPACE",
    "REGISTER_SPACE",
    "RESERVED_SPACE",
    "SHELF_PLACES",
    "SHELF_SPACE",
    "AmendmentReason",
    "CaptureEntry",
    "Captured",
    "CloseRegister",
    "Closed",
    "ConfirmEntry",
    "Confirmed",
    "CountRegister",
    "Counted",
    "CoverRegister",
    "Coverage",
    "Covered",
    "Entry",
    "EntryState",
    "Grade",
    "NumberNote",
    "NumberVoided",
    "Register",
    "RegisterBook",
    "ReserveNumber",
    "Reserved",
    "StrikeEntry",
    "Struck",
    "UncoverRegister",
    "Uncovered",
    "UncoveringReason",
    "VoidNumber",
    "VoidingReason",
    "book_of",
    "check_kept",
    "desk",
    "make_known",
    "shelf_of",
]
