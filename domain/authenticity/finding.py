"""What a finding rests on: what the ledger and the registers that were searched say of it.

It must not know who may ask or answer.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final

from domain.agencies import responsible
from domain.authenticity import commands
from domain.authenticity.commands import Finding
from domain.authenticity.record import AuthenticityRequest
from domain.certificates import Certificate, OriginalStatus, Status
from domain.errors import (
    CertificateInDoubt,
    FindingMismatch,
    RegisterCovered,
    RegisterNotCovered,
)
from domain.ledger import Sitting
from domain.registers import (
    KNOWN_SPACE,
    NUMBER_SPACE,
    REGISTER_SPACE,
    Entry,
    EntryState,
    Register,
    book_of,
    shelf_of,
)

_OF_ENTRY = {
    EntryState.STANDS: Finding.GENUINE,
    EntryState.CHANGED: Finding.CHANGED,
    EntryState.REVOKED: Finding.REVOKED,
}
_OF_LEDGER = frozenset({Finding.SUSPENDED, Finding.VOIDED})
_GRADED = frozenset({Finding.GENUINE, Finding.CHANGED, Finding.REVOKED})
PARTIAL_LIFTINGS_COUNT_SINCE: Final = date(2026, 11, 29)
"""Until then a finding did not rest on a lifting that left a certificate out of force; a log may
hold such findings, and its check lets them pass (decision 37)."""


def finding_of(code: str, sitting: Sitting) -> Finding:
    """What the ledger itself says of a public code; every code that it issued is in it.

    Raises:
        CertificateInDoubt: a key behind it counted for nothing, and nobody stood by it since.
    """
    stream = sitting.find("code", code)
    if stream is None:
        sitting.absent("code", code)
        return Finding.NOT_FOUND
    certificate = sitting.load(stream)
    if not isinstance(certificate, Certificate):
        return Finding.NOT_FOUND
    original = sitting.part(certificate, certificate.originals, code)
    if certificate.status is Status.VOIDED:
        return Finding.VOIDED
    if certificate.status is Status.REVOKED or original.status is OriginalStatus.REVOKED:
        return Finding.REVOKED
    partial = sitting.today >= PARTIAL_LIFTINGS_COUNT_SINCE
    if certificate.in_doubt(sitting, code, partial=partial):
        raise CertificateInDoubt(code=code)
    if certificate.status is Status.SUSPENDED:
        return Finding.SUSPENDED
    standing = certificate.status is Status.IN_FORCE and original.status is OriginalStatus.CURRENT
    return Finding.GENUINE if standing else Finding.CHANGED


def check_finding(
    order: commands.AnswerAuthenticity, asked: AuthenticityRequest, sitting: Sitting
) -> None:
    """A finding about paper: what a register holds binds it, and so does what is declared of it."""
    if order.finding in _OF_LEDGER or (order.grade is None and order.finding in _GRADED):
        raise FindingMismatch
    if order.finding is Finding.ORIGINAL_NEEDED:
        return
    registers = searched(order, asked, sitting)
    if not registers:
        raise FindingMismatch
    if order.finding in _GRADED:
        held = all_held(registers, asked, sitting)
        if held and (order.finding, order.grade) not in held:
            raise FindingMismatch
        if not held:
            _check_room(registers, asked, sitting)
        return
    could_stand = shelf_of(registers[0], sitting)
    if all_held([*registers, *could_stand], asked, sitting):
        raise FindingMismatch
    # A request tells neither the unit nor the series of a paper's number: it is nowhere only where
    # every register of the issuer and year is covered that it could stand in.
    covered = _all_covered({registers[0], *could_stand}, sitting)
    if order.finding is Finding.NOT_FOUND and not covered:
        raise RegisterNotCovered
    if order.finding is Finding.OUTSIDE_COVERAGE and covered:
        raise RegisterCovered


def searched(
    order: commands.AnswerAuthenticity, asked: AuthenticityRequest, sitting: Sitting
) -> list[Register]:
    """The register that was searched, first the one of the paper's issuer where it is theirs now.

    A body that succeeded the issuer may have captured the same register as its own.
    """
    unit, series, day = order.unit, order.series, asked.asked.date
    if unit is None or series is None or day is None or asked.issuer is None:
        return []
    owners = [order.agency]
    if responsible(asked.issuer, unit, series, sitting.agency) == order.agency:
        owners.insert(0, asked.issuer)
    return [Register(owner, unit, series, day.year) for owner in dict.fromkeys(owners)]


def all_held(
    registers: list[Register], asked: AuthenticityRequest, sitting: Sitting
) -> set[tuple[Finding, str]]:
    """What these registers hold under the number, each once."""
    looked = (_held(register, asked, sitting) for register in dict.fromkeys(registers))
    return {one for one in looked if one is not None}


def certificate_of(code: str, sitting: Sitting) -> Certificate | None:
    """The certificate that a public code names, or None."""
    stream = sitting.find("code", code)
    record = sitting.load(stream) if stream else None
    return record if isinstance(record, Certificate) else None


def _check_room(registers: list[Register], asked: AuthenticityRequest, sitting: Sitting) -> None:
    """What was searched does not hold the paper in the ledger: so in a book not captured whole.

    A register that the ledger does not know yet is one, unless all that it knows of the issuer and
    year is captured, or holds the paper: then the named one has to become known first.

    Raises:
        FindingMismatch: another register holds that paper.
        RegisterCovered: it could stand in none.
    """
    known = [one for one in registers if sitting.find(KNOWN_SPACE, one.key) is not None]
    for register in set(registers) - set(known):
        sitting.absent(KNOWN_SPACE, register.key)
    shelf = shelf_of(registers[0], sitting) if not known else []
    if all_held(shelf, asked, sitting):
        raise FindingMismatch
    if _all_covered(known or shelf or registers, sitting):
        raise RegisterCovered


def _all_covered(registers: Iterable[Register], sitting: Sitting) -> bool:
    """Whether each of these registers is declared to be captured whole; binding at every index.

    One that is not is enough, and whatever is declared of the others meanwhile changes nothing.
    """
    for register in sorted(registers):
        book = book_of(register, sitting)
        if book is None:
            sitting.absent(REGISTER_SPACE, register.key)
        if book is None or book.coverage is None:
            return False
    return True


def _held(
    register: Register, asked: AuthenticityRequest, sitting: Sitting
) -> tuple[Finding, str] | None:
    """What a register holds under the number, of that type and date: finding and grade.

    Where it holds nothing, or another document, nobody may enter one before the answer is recorded.
    """
    number = register.number_key(asked.asked.number or "")
    stream = sitting.find(NUMBER_SPACE, number)
    if stream is None:
        sitting.absent(NUMBER_SPACE, number)
        return None
    entry = sitting.load(stream)
    about = (asked.asked.type, asked.asked.date)
    if isinstance(entry, Entry) and (entry.type, entry.date) == about:
        return _OF_ENTRY[entry.state], entry.grade
    if isinstance(entry, Certificate) and (entry.type, entry.date) == about:
        return finding_of(next(reversed(entry.originals)), sitting), "born_digital"
    return None
