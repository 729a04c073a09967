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
from domain.ledger import Record, Sitting
from domain.registers import (
    KNOWN_SPACE,
    NUMBER_SPACE,
    REGISTER_SPACE,
    Entry,
    EntryState,
    NumberNote,
    Register,
    book_of,
    shelf_of,
)

_OF_ENTRY = {
    EntryState.STANDS: Finding.GENUINE,
    EntryState.CHANGED: Finding.CHANGED,
    EntryState.REVOKED: Finding.REVOKED,
}
_GRADED = frozenset({Finding.GENUINE, Finding.CHANGED, Finding.REVOKED})
REGISTERS_BIND_SINCE: Final = date(2026, 11, 29)
"""Until then a referral freed an answer from the issuer's registers, a number that stood for
something else was room for a paper, and the last original of a certificate spoke for all; a log may
hold such answers, and its check lets them pass (decision 37)."""
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
    if order.finding is Finding.SUSPENDED or (order.grade is None and order.finding in _GRADED):
        raise FindingMismatch
    if order.finding is Finding.ORIGINAL_NEEDED:
        return
    registers = searched(order, asked, sitting)
    if not registers:
        raise FindingMismatch
    if order.finding in _GRADED:
        _check_graded(order, registers, asked, sitting)
    else:
        _check_nowhere(order.finding, registers, asked, sitting)


def _check_graded(
    order: commands.AnswerAuthenticity,
    registers: list[Register],
    asked: AuthenticityRequest,
    sitting: Sitting,
) -> None:
    """What is found is what the register holds; where it holds nothing there has to be room."""
    held = all_held(registers, asked, sitting)
    if held and (order.finding, order.grade) not in held:
        raise FindingMismatch
    if sitting.today >= REGISTERS_BIND_SINCE:
        _check_issuers(order.finding, registers, asked, sitting)
    if not held:
        _check_room(registers, asked, sitting)


def _check_issuers(
    finding: Finding, registers: list[Register], asked: AuthenticityRequest, sitting: Sitting
) -> None:
    """Whoever answers, by a referral too, says nothing against the registers of the issuer.

    Raises:
        FindingMismatch: they hold that paper as something else, or elsewhere; or the number that is
            named stands for something else.
        RegisterCovered: the paper could stand in none of them.
    """
    if all_held((one for one in registers if one.agency == asked.issuer), asked, sitting):
        return
    shelf = shelf_of(_issuers(registers[0], asked), sitting)
    theirs = {said for said, _ in all_held(shelf, asked, sitting)}
    held = all_held(registers, asked, sitting)
    if theirs and (not held or finding not in theirs):
        raise FindingMismatch
    if held:
        return
    if any(_claimant(register, asked, sitting) is not None for register in registers):
        raise FindingMismatch
    if shelf and _all_covered(shelf, sitting):
        raise RegisterCovered


def _check_nowhere(
    finding: Finding, registers: list[Register], asked: AuthenticityRequest, sitting: Sitting
) -> None:
    """A finding that no register holds the paper: of a void number, else by what is covered."""
    could_stand = shelf_of(registers[0], sitting)
    issuers = _issuers(registers[0], asked)
    if issuers != registers[0] and sitting.today >= REGISTERS_BIND_SINCE:
        # One that is not on its shelf is covered by nobody.
        could_stand += shelf_of(issuers, sitting) or [issuers]
    if all_held([*registers, *could_stand], asked, sitting):
        raise FindingMismatch
    if finding is Finding.VOIDED:
        if not _is_voided(registers, asked, sitting):
            raise FindingMismatch
        return
    # A request tells neither the unit nor the series of a paper's number: it is nowhere only where
    # every register of the issuer and year is covered that it could stand in.
    covered = _all_covered({registers[0], *could_stand}, sitting)
    if finding is Finding.NOT_FOUND and not covered:
        raise RegisterNotCovered
    if finding is Finding.OUTSIDE_COVERAGE and covered:
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
    registers: Iterable[Register], asked: AuthenticityRequest, sitting: Sitting
) -> set[tuple[Finding, str]]:
    """What these registers hold under the number, each once."""
    looked = (_held(register, asked, sitting) for register in dict.fromkeys(registers))
    return {one for held in looked for one in held}


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


def _issuers(register: Register, asked: AuthenticityRequest) -> Register:
    """The register of this name that is the issuer's, whoever answers now."""
    return register._replace(agency=asked.issuer or register.agency)


def _claimant(register: Register, asked: AuthenticityRequest, sitting: Sitting) -> Record | None:
    """What stands under the number in a register, be it that paper or not.

    Where nothing does, nobody may enter anything before the answer is recorded.
    """
    number = register.number_key(asked.asked.number or "")
    stream = sitting.find(NUMBER_SPACE, number)
    if stream is None:
        sitting.absent(NUMBER_SPACE, number)
        return None
    return sitting.load(stream)


def _is_void(register: Register, asked: AuthenticityRequest, sitting: Sitting) -> bool:
    note = _claimant(register, asked, sitting)
    return isinstance(note, NumberNote) and note.voided


def _is_voided(registers: list[Register], asked: AuthenticityRequest, sitting: Sitting) -> bool:
    """Whether the number that is named was voided where the paper could have stood.

    In a register of the answering agency's own the issuer's paper could only where one of those of
    the issuer's that are known is not captured whole.
    """
    if sitting.today < REGISTERS_BIND_SINCE:
        return _is_void(registers[0], asked, sitting)
    issuers = _issuers(registers[0], asked)
    if _is_void(issuers, asked, sitting):
        return True
    shelf = shelf_of(issuers, sitting)
    room = not shelf or not _all_covered(shelf, sitting)
    return room and registers[0] != issuers and _is_void(registers[0], asked, sitting)


def _held(
    register: Register, asked: AuthenticityRequest, sitting: Sitting
) -> set[tuple[Finding, str]]:
    """What a register holds under the number, of that type and date: findings and grade."""
    entry = _claimant(register, asked, sitting)
    about = (asked.asked.type, asked.asked.date)
    if isinstance(entry, Entry) and (entry.type, entry.date) == about:
        return {(_OF_ENTRY[entry.state], entry.grade)}
    if isinstance(entry, Certificate) and (entry.type, entry.date) == about:
        return {(one, "born_digital") for one in _findings_of(entry, sitting)}
    return set()


def _findings_of(certificate: Certificate, sitting: Sitting) -> set[Finding]:
    """What the ledger says of the originals of a certificate: a request by number names none.

    It is revoked where nothing of its present edition stands.

    Raises:
        CertificateInDoubt: of what stands, nothing is beyond doubt.
    """
    originals = certificate.originals.values()
    if sitting.today < REGISTERS_BIND_SINCE:
        return {finding_of(next(reversed(certificate.originals)), sitting)}
    last = [one for one in originals if one.edition == certificate.edition.number]
    standing = [one for one in last if one.status is OriginalStatus.CURRENT]
    if not standing:
        return {Finding.REVOKED}
    found: set[Finding] = set()
    doubt: CertificateInDoubt | None = None
    for original in originals:
        try:
            found.add(finding_of(original.code, sitting))
        except CertificateInDoubt as refusal:
            doubt = refusal
    if doubt is not None and Finding.GENUINE not in found:
        raise doubt
    return found - {Finding.REVOKED} or found
