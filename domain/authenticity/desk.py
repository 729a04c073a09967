"""The rules of requests for authenticity: who asks, who answers, and what an answer rests on."""

from datetime import date, timedelta
from uuid import UUID

from domain.agencies import responsible
from domain.authenticity import commands, record
from domain.authenticity.commands import POSITIVE, Finding, ReferralReason
from domain.authenticity.record import (
    PROOF_SPACE,
    REQUEST_SPACE,
    WAITING,
    AuthenticityRequest,
    RequestState,
    found,
)
from domain.catalogue import certificate_type
from domain.certificates import Certificate, OriginalStatus, Status
from domain.errors import (
    AddresseeUnfit,
    AuthenticityCertificateUnfit,
    CertificateInDoubt,
    DocumentUnnamed,
    DueDateUnfit,
    FindingMismatch,
    RegisterCovered,
    RegisterNotCovered,
    RequestNotWaiting,
    RequestUnknown,
)
from domain.ledger import Sitting, desk
from domain.registers import NUMBER_SPACE, REGISTER_SPACE, Entry, EntryState, Register, book_of
from domain.values import Standing

PROOF_TYPE = "authenticity"
LONGEST_DUE_DAYS = 366
_OF_ENTRY = {
    EntryState.STANDS: Finding.GENUINE,
    EntryState.CHANGED: Finding.CHANGED,
    EntryState.REVOKED: Finding.REVOKED,
}
_OF_LEDGER = frozenset({Finding.SUSPENDED, Finding.VOIDED})
_GRADED = frozenset({Finding.GENUINE, Finding.CHANGED, Finding.REVOKED})


@desk(commands.RequestAuthenticity)
def request(order: commands.RequestAuthenticity, sitting: Sitting) -> None:
    """Ask an agency that there is, or the ledger, about a document that is named."""
    _ask(order, sitting, record.Requested)


@desk(commands.ReceiveRequest)
def receive(order: commands.ReceiveRequest, sitting: Sitting) -> None:
    """Record a holder's question about a document of this ledger."""
    if order.code is None:
        raise DocumentUnnamed
    _ask(order, sitting, record.Received)


def _ask(
    order: commands.Ask, sitting: Sitting, event: type[record.Requested | record.Received]
) -> None:
    named = (order.issuer, order.type, order.number, order.date)
    if order.code is None and None in named:
        raise DocumentUnnamed
    if order.type is not None:
        certificate_type(order.type)
    if order.issuer is not None:
        sitting.agency(order.issuer)
    _check_due(order.due_date, sitting)
    stream = sitting.new_stream()
    sitting.record(event, on=stream)
    sitting.claim(REQUEST_SPACE, order.request, stream)


@desk(commands.AttestAuthenticity)
def attest(order: commands.AttestAuthenticity, sitting: Sitting) -> None:
    """Say what the ledger says of a document that it saw issued, and nothing else."""
    asked = found(order.request, sitting)
    _check_waits(asked)
    if asked.asked.code is None or order.finding is not finding_of(asked.asked.code, sitting):
        raise FindingMismatch
    _check_proof(order.certificate, order.finding, order.agency, asked, sitting)
    sitting.record(record.Attested, on=asked)


@desk(commands.AnswerAuthenticity)
def answer(order: commands.AnswerAuthenticity, sitting: Sitting) -> None:
    """Answer as the agency that is asked; the finding must be what its registers say."""
    asked = _addressed(order, sitting, order.unit, order.series)
    if asked.asked.code is not None:
        if order.finding is not finding_of(asked.asked.code, sitting):
            raise FindingMismatch
    else:
        _check_finding(order, asked, sitting)
    _check_proof(order.certificate, order.finding, order.agency, asked, sitting)
    sitting.record(record.Answered, on=asked)


@desk(commands.RefuseAuthenticity)
def refuse(order: commands.RefuseAuthenticity, sitting: Sitting) -> None:
    """Refuse as the agency that is asked."""
    sitting.record(record.Refused, on=_addressed(order, sitting))


@desk(commands.ReferAuthenticity)
def refer(order: commands.ReferAuthenticity, sitting: Sitting) -> None:
    """Refer to another agency that is linked; for a closed one a founder does."""
    asked = found(order.request, sitting)
    if asked.addressee is None:
        raise RequestUnknown(request=order.request)
    if responsible(asked.addressee, None, None, sitting.agency) != order.agency:
        closed = sitting.agency(asked.addressee).standing is Standing.CLOSED
        if not (closed and sitting.agency(order.agency).founder):
            raise RequestUnknown(request=order.request)
    _check_waits(asked)
    lawful = {one.successor for one in sitting.agency(asked.addressee).successions}
    if order.reason is ReferralReason.SUCCESSOR and order.to not in lawful:
        raise AddresseeUnfit(agency=order.to)
    if order.to == asked.addressee or sitting.agency(order.to).standing is not Standing.LINKED:
        raise AddresseeUnfit(agency=order.to)
    _check_due(order.due_date, sitting)
    sitting.record(record.Referred, on=asked)


@desk(commands.WithdrawRequest)
def withdraw(order: commands.WithdrawRequest, sitting: Sitting) -> None:
    """Withdraw one's own question."""
    asked = found(order.request, sitting)
    if asked.requester != order.agency:
        raise RequestUnknown(request=order.request)
    _check_waits(asked)
    sitting.record(record.Withdrawn, on=asked)


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
    if certificate.in_doubt(sitting):
        raise CertificateInDoubt(code=code)
    if certificate.status is Status.SUSPENDED:
        return Finding.SUSPENDED
    standing = certificate.status is Status.IN_FORCE and original.status is OriginalStatus.CURRENT
    return Finding.GENUINE if standing else Finding.CHANGED


def _check_finding(
    order: commands.AnswerAuthenticity, asked: AuthenticityRequest, sitting: Sitting
) -> None:
    """A finding about paper: what a register holds binds it, and so does what is declared of it."""
    if order.finding in _OF_LEDGER or (order.grade is None and order.finding in _GRADED):
        raise FindingMismatch
    if order.finding is Finding.ORIGINAL_NEEDED:
        return
    registers = _registers(order, asked, sitting)
    if not registers:
        raise FindingMismatch
    held = {one for register in registers if (one := _held(register, asked, sitting))}
    if order.finding in _GRADED:
        if held and (order.finding, order.grade) not in held:
            raise FindingMismatch
        return
    if held:
        raise FindingMismatch
    _check_coverage(order.finding, registers, sitting)


def _check_coverage(finding: Finding, registers: list[Register], sitting: Sitting) -> None:
    """*Not found* and *outside coverage* exclude one another, at every index."""
    covered = False
    for register in registers:
        book = book_of(register, sitting)
        covered = covered or (book is not None and book.coverage is not None)
        if book is None:
            sitting.absent(REGISTER_SPACE, register.key)
    if finding is Finding.NOT_FOUND and not covered:
        raise RegisterNotCovered
    if finding is Finding.OUTSIDE_COVERAGE and covered:
        raise RegisterCovered


def _registers(
    order: commands.AnswerAuthenticity, asked: AuthenticityRequest, sitting: Sitting
) -> list[Register]:
    """The register that was searched: the agency's own, and the one that it has succeeded to."""
    unit, series, day = order.unit, order.series, asked.asked.date
    if unit is None or series is None or day is None or asked.issuer is None:
        return []
    owners = {order.agency}
    if responsible(asked.issuer, unit, series, sitting.agency) == order.agency:
        owners.add(asked.issuer)
    return [Register(owner, unit, series, day.year) for owner in sorted(owners)]


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


def _check_proof(
    code: str | None,
    finding: Finding,
    agency: str,
    asked: AuthenticityRequest,
    sitting: Sitting,
) -> None:
    """A positive finding, and no other, has an authenticity certificate of its own."""
    if (code is not None) != (finding in POSITIVE):
        raise AuthenticityCertificateUnfit
    if code is None:
        return
    stream: UUID | None = sitting.find("code", code)
    proof = sitting.load(stream) if stream else None
    fits = isinstance(proof, Certificate) and (proof.agency, proof.type, proof.status) == (
        agency,
        PROOF_TYPE,
        Status.IN_FORCE,
    )
    if not fits:
        raise AuthenticityCertificateUnfit
    sitting.claim(PROOF_SPACE, code, asked.id)


def _check_waits(asked: AuthenticityRequest) -> None:
    """Asked of a party only: to others the request does not exist, waiting or not."""
    if asked.state not in WAITING:
        raise RequestNotWaiting(state=asked.state.value)


def _addressed(
    order: commands.OnRequest,
    sitting: Sitting,
    unit: str | None = None,
    series: str | None = None,
) -> AuthenticityRequest:
    """A request that waits and that this agency answers for; another's does not exist."""
    asked = found(order.request, sitting)
    addressee = asked.addressee
    if addressee is None or responsible(addressee, unit, series, sitting.agency) != order.agency:
        raise RequestUnknown(request=order.request)
    _check_waits(asked)
    return asked


def _check_due(day: str, sitting: Sitting) -> None:
    due = date.fromisoformat(day)
    if not sitting.today <= due <= sitting.today + timedelta(days=LONGEST_DUE_DAYS):
        raise DueDateUnfit(days=LONGEST_DUE_DAYS)


__all__ = ["PROOF_TYPE", "RequestState", "finding_of"]
