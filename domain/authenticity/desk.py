"""The rules of requests for authenticity: who asks, who answers, and what an answer rests on."""

from datetime import date, timedelta
from typing import Final

from domain.agencies import responsible
from domain.authenticity import commands, record
from domain.authenticity.commands import POSITIVE, Finding, ReferralReason
from domain.authenticity.finding import (
    all_held,
    certificate_of,
    check_finding,
    finding_of,
    searched,
)
from domain.authenticity.record import (
    PROOF_SPACE,
    REQUEST_SPACE,
    WAITING,
    AuthenticityRequest,
    RequestState,
    found,
)
from domain.catalogue import certificate_type, check_asked
from domain.certificates import OriginalStatus, Status
from domain.errors import (
    AddresseeUnfit,
    AuthenticityCertificateUnfit,
    DocumentUnnamed,
    DueDateUnfit,
    FindingMismatch,
    RecordMoved,
    RequestNotWaiting,
    RequestUnknown,
)
from domain.ledger import Sitting, desk
from domain.values import Standing

PROOF_TYPE = "authenticity"
LONGEST_DUE_DAYS = 366
REFERRAL_DAYS: Final = 7
"""So much later than the first due day a referral may set another: the usual three working days,
with a weekend and holidays between them. No rule rests on the calendar itself (decision 27)."""
REFERRALS_END_SINCE: Final = date(2026, 11, 29)
"""Until then a request could be referred to and fro, each time due later; a log may hold such
referrals, and its check lets them pass (decision 37)."""
CLAIMS_ARE_FIELDS_SINCE: Final = date(2026, 11, 29)
"""Until then the claims of a request could have any name, and a code go with any issuer; a log may
hold such requests, and its check lets them pass (decision 37)."""
SUCCESSORS_REFER_SINCE: Final = date(2026, 11, 29)
"""Until then a founder could refer what was asked of a merged body, past its successor; a log may
hold such referrals, and its check lets them pass (decision 37)."""


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
    if sitting.today >= CLAIMS_ARE_FIELDS_SINCE:
        check_asked(order.claims or {}, order.type if order.code is None else None)
        _check_issuer(order, sitting)
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
    asked = _asked_of(order, sitting)
    if asked.asked.code is not None:
        if order.finding is not finding_of(asked.asked.code, sitting):
            raise FindingMismatch
    else:
        check_finding(order, asked, sitting)
    _check_proof(order.certificate, order.finding, order.agency, asked, sitting)
    sitting.record(record.Answered, on=asked)


@desk(commands.RefuseAuthenticity)
def refuse(order: commands.RefuseAuthenticity, sitting: Sitting) -> None:
    """Refuse as the agency that is asked."""
    asked = found(order.request, sitting)
    if asked.addressee is None or order.agency != _answers_for(asked.addressee, sitting):
        raise RequestUnknown(request=order.request)
    _check_waits(asked)
    sitting.record(record.Refused, on=asked)


@desk(commands.ReferAuthenticity)
def refer(order: commands.ReferAuthenticity, sitting: Sitting) -> None:
    """Refer to another agency that is linked; a founder does for a closed one without successor."""
    asked = found(order.request, sitting)
    if asked.addressee is None:
        raise RequestUnknown(request=order.request)
    if _answers_for(asked.addressee, sitting) != order.agency and not (
        _nobodys(asked.addressee, sitting) and sitting.agency(order.agency).founder
    ):
        raise RequestUnknown(request=order.request)
    _check_waits(asked)
    lawful = {one.successor for one in sitting.agency(asked.addressee).successions}
    if order.reason is ReferralReason.SUCCESSOR and order.to not in lawful:
        raise AddresseeUnfit(agency=order.to)
    if order.to == asked.addressee or sitting.agency(order.to).standing is not Standing.LINKED:
        raise AddresseeUnfit(agency=order.to)
    _check_due(order.due_date, sitting)
    if sitting.today >= REFERRALS_END_SINCE:
        _check_goes_on(order, asked, sitting)
    sitting.record(record.Referred, on=asked)


@desk(commands.WithdrawRequest)
def withdraw(order: commands.WithdrawRequest, sitting: Sitting) -> None:
    """Withdraw one's own question, or one of a body that this one has succeeded."""
    asked = found(order.request, sitting)
    if order.agency != _answers_for(asked.requester, sitting):
        raise RequestUnknown(request=order.request)
    _check_waits(asked)
    sitting.record(record.Withdrawn, on=asked)


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
    proof = certificate_of(code, sitting)
    if proof is None or (proof.agency, proof.type, proof.status) != (
        agency,
        PROOF_TYPE,
        Status.IN_FORCE,
    ):
        raise AuthenticityCertificateUnfit
    if sitting.part(proof, proof.originals, code).status is not OriginalStatus.CURRENT:
        raise AuthenticityCertificateUnfit
    sitting.claim(PROOF_SPACE, code, asked.id)


def _check_issuer(order: commands.Ask, sitting: Sitting) -> None:
    """Who is asked about a document of this ledger is who issued it.

    Raises:
        DocumentUnnamed: another one did.
    """
    if order.code is None or order.issuer is None:
        return
    known = certificate_of(order.code, sitting)
    if known is None:
        sitting.absent("code", order.code)
    elif known.agency != order.issuer:
        raise DocumentUnnamed


def _check_goes_on(
    order: commands.ReferAuthenticity, asked: AuthenticityRequest, sitting: Sitting
) -> None:
    """A referral leads to somebody new, and not far past the day that was promised first.

    What is late already is due on the day of its referral at the latest.

    Raises:
        AddresseeUnfit: that body was asked before, itself or as who answers for another.
        DueDateUnfit: the day is too late.
    """
    before = {_answers_for(one, sitting) for one in asked.addressees} | {*asked.addressees}
    if order.to in before:
        raise AddresseeUnfit(agency=order.to)
    latest = max(asked.first_due + timedelta(days=REFERRAL_DAYS), sitting.today)
    if date.fromisoformat(order.due_date) > latest:
        raise DueDateUnfit(days=(latest - sitting.today).days)


def _check_waits(asked: AuthenticityRequest) -> None:
    """Asked of a party only: to others the request does not exist, waiting or not."""
    if asked.state not in WAITING:
        raise RequestNotWaiting(state=asked.state.value)


def _answers_for(agency: str, sitting: Sitting) -> str:
    """Who answers for an agency as a whole: requests are before that body."""
    return responsible(agency, None, None, sitting.agency)


def _nobodys(agency: str, sitting: Sitting) -> bool:
    """Whether whoever answers for an agency is closed, so that its requests are nobody's."""
    whole = _answers_for(agency, sitting) if sitting.today >= SUCCESSORS_REFER_SINCE else agency
    return sitting.agency(whole).standing is Standing.CLOSED


def _asked_of(order: commands.AnswerAuthenticity, sitting: Sitting) -> AuthenticityRequest:
    """A request that waits and that this agency answers; to others it does not exist.

    A body that has only a part of the addressee's registers answers what stands in that part. Of
    what does not stand there it knows nothing, unless the request is referred to it.

    Raises:
        RecordMoved: the addressee has given the named register away; whoever has it is referred to.
    """
    asked = found(order.request, sitting)
    addressee = asked.addressee
    if addressee is None:
        raise RequestUnknown(request=order.request)
    whole = _answers_for(addressee, sitting)
    unit, series = _series_of(order, asked, sitting)
    holder = responsible(addressee, unit, series, sitting.agency)
    if order.agency not in (whole, holder):
        raise RequestUnknown(request=order.request)
    if order.agency != whole and not _stands_with(order, asked, sitting):
        raise RequestUnknown(request=order.request)
    _check_waits(asked)
    if order.agency != holder:
        raise RecordMoved(successor=holder)
    return asked


def _series_of(
    order: commands.AnswerAuthenticity, asked: AuthenticityRequest, sitting: Sitting
) -> tuple[str | None, str | None]:
    """The series that the answer is about: the certificate's own, else the one that it names."""
    if asked.asked.code is None:
        return order.unit, order.series
    certificate = certificate_of(asked.asked.code, sitting)
    if certificate is None or certificate.agency != asked.addressee:
        return None, None
    return certificate.register.unit, certificate.register.series


def _stands_with(
    order: commands.AnswerAuthenticity, asked: AuthenticityRequest, sitting: Sitting
) -> bool:
    """Whether what is asked about stands in the register that this answer names."""
    if asked.asked.code is not None:
        return certificate_of(asked.asked.code, sitting) is not None
    return bool(all_held(searched(order, asked, sitting), asked, sitting))


def _check_due(day: str, sitting: Sitting) -> None:
    due = date.fromisoformat(day)
    if not sitting.today <= due <= sitting.today + timedelta(days=LONGEST_DUE_DAYS):
        raise DueDateUnfit(days=LONGEST_DUE_DAYS)


__all__ = ["PROOF_TYPE", "RequestState", "finding_of"]
