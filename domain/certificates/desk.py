"""The rules of acts about certificates.

Authority has been judged before a rule here runs: the agency may act, its keys may sign.
"""

from datetime import date
from typing import Final
from uuid import UUID

from domain.acts import Scope
from domain.agencies import responsible
from domain.authority import live_key
from domain.catalogue import certificate_type, check_claims, check_credential
from domain.certificates import commands, events
from domain.certificates.record import (
    NOTHING_IS_WASHED_SINCE,
    Certificate,
    Original,
    OriginalStatus,
    Status,
    found,
)
from domain.certificates.standing import (
    ALIVE,
    IN_FORCE,
    check_named,
    check_no_court,
    check_status,
)
from domain.errors import (
    CertificateAlreadySuspended,
    CertificateErased,
    CertificateNotRevoked,
    CertificateNotSuspended,
    CertificateUnknown,
    CourtSuspensionStands,
    ExpiryBeforeEffect,
    KeyForeign,
    LegalHoldStands,
    OriginalAlreadyRevoked,
    OriginalNotRevoked,
    ReaffirmationNotNeeded,
    RecordMoved,
    RetentionNotExpired,
    ScopeMissing,
    SuccessorNotInForce,
    SuccessorUnknown,
    SupersededByItself,
    YearMismatch,
)
from domain.ledger import Sitting, desk
from domain.registers import CLOSED_SPACE, NUMBER_SPACE, Register, make_known
from domain.values import years_after

EVERY_EDITION_IS_RETAINED_SINCE: Final = date(2026, 11, 29)
"""Until then values were kept for as long after the last edition's expiry, however long those
before it were to hold; a log may hold such erasures, and its check lets them pass (decision 37)."""
LIST_SPAN = 2**19
"""A new status list is begun every so many events ..."""
LIST_SIZE = 2**20
"""... and holds twice as many places, so that a free one is soon drawn and tells nothing."""


@desk(commands.IssueCertificate)
def issue(order: commands.IssueCertificate, sitting: Sitting) -> None:
    """Issue a certificate into an open register, under a number that is free."""
    kind = certificate_type(order.type)
    kind.check_claims(order.claims)
    issued = date.fromisoformat(order.date)
    if issued.year != order.year:
        raise YearMismatch(year=order.year)
    sitting.check_not_future(order.date)
    _check_validity(order.effective_date or order.date, order.expiry_date)
    stream = sitting.new_stream()
    register = Register(order.agency, order.unit, order.series, order.year)
    holder = responsible(order.agency, order.unit, order.series, sitting.agency)
    if holder != order.agency:
        raise RecordMoved(successor=holder)
    sitting.record(events.Issued, on=stream, chosen=_draw_status(stream, sitting))
    sitting.claim("code", order.code, stream)
    sitting.claim(NUMBER_SPACE, register.number_key(order.number), stream)
    make_known(register, stream, sitting)
    sitting.absent(CLOSED_SPACE, register.key)
    sitting.look_up_by(kind.lookups(order.claims))


@desk(commands.SuspendCertificate)
def suspend(order: commands.SuspendCertificate, sitting: Sitting) -> None:
    """Suspend a certificate in force."""
    certificate, original = found(order.code, order.agency, sitting)
    check_named(original)
    if certificate.status is Status.SUSPENDED:
        raise CertificateAlreadySuspended(code=order.code)
    check_status(certificate, order.code, IN_FORCE)
    sitting.check_not_future(order.effective_date)
    sitting.record(events.Suspended, on=certificate)


@desk(commands.ReinstateCertificate)
def reinstate(order: commands.ReinstateCertificate, sitting: Sitting) -> None:
    """Reinstate a suspended certificate."""
    certificate, original = found(order.code, order.agency, sitting)
    check_named(original)
    if certificate.status is Status.IN_FORCE:
        raise CertificateNotSuspended(code=order.code)
    check_status(certificate, order.code, ALIVE)
    check_no_court(certificate, order.code)
    sitting.check_not_future(order.effective_date)
    sitting.record(events.Reinstated, on=certificate)


@desk(commands.RevokeCertificate)
def revoke(order: commands.RevokeCertificate, sitting: Sitting) -> None:
    """Revoke a certificate, suspended or not, or one original that is not revoked yet."""
    certificate, original = found(order.code, order.agency, sitting)
    check_named(original)
    check_status(certificate, order.code, ALIVE)
    if order.original_only and original.status is OriginalStatus.REVOKED:
        raise OriginalAlreadyRevoked(code=order.code)
    sitting.check_not_future(order.effective_date)
    sitting.record(events.Revoked, on=certificate)


@desk(commands.AnnulRevocation)
def annul_revocation(order: commands.AnnulRevocation, sitting: Sitting) -> None:
    """Undo the revocation of a certificate or of one original."""
    certificate, original = found(order.code, order.agency, sitting)
    check_named(original)
    if order.original_only:
        check_status(certificate, order.code, ALIVE)
        if original.status is not OriginalStatus.REVOKED:
            raise OriginalNotRevoked(code=order.code)
    else:
        if certificate.status in ALIVE:
            raise CertificateNotRevoked(code=order.code)
        check_status(certificate, order.code, frozenset({Status.REVOKED}))
    sitting.check_not_future(order.effective_date)
    sitting.record(events.RevocationAnnulled, on=certificate)


@desk(commands.CorrectCertificate)
def correct(order: commands.CorrectCertificate, sitting: Sitting) -> None:
    """Make the next edition of a certificate in force."""
    certificate, original = found(order.code, order.agency, sitting)
    _check_can_issue(certificate, original)
    kind = certificate_type(certificate.type)
    kind.check_claims(order.claims)
    _check_validity(order.effective_date or certificate.date.isoformat(), order.expiry_date)
    chosen = _draw_status(certificate, sitting)
    sitting.record(events.Corrected, on=certificate, chosen=chosen)
    sitting.claim("code", order.new_code, certificate.id)
    sitting.look_up_by(kind.lookups(order.claims))


@desk(commands.VoidCertificate)
def void(order: commands.VoidCertificate, sitting: Sitting) -> None:
    """Strike an entry, and give its number free."""
    certificate, original = found(order.code, order.agency, sitting)
    check_named(original)
    check_status(certificate, order.code, ALIVE)
    check_no_court(certificate, order.code)
    sitting.record(events.Voided, on=certificate)
    sitting.release(NUMBER_SPACE, certificate.register.number_key(certificate.number))


@desk(commands.SupersedeCertificate)
def supersede(order: commands.SupersedeCertificate, sitting: Sitting) -> None:
    """Let another certificate in force take this one's place."""
    certificate, original = found(order.code, order.agency, sitting)
    check_named(original)
    check_status(certificate, order.code, ALIVE)
    check_no_court(certificate, order.code)
    try:
        successor, successor_original = found(order.by, order.agency, sitting)
    except CertificateUnknown:
        raise SuccessorUnknown(by=order.by) from None
    if successor.id == certificate.id:
        raise SupersededByItself(code=order.code)
    current = successor_original.status is OriginalStatus.CURRENT
    if not current or successor.status is not Status.IN_FORCE:
        raise SuccessorNotInForce(by=order.by)
    sitting.check_not_future(order.effective_date)
    sitting.record(events.Superseded, on=certificate)


@desk(commands.AddOriginal)
def add_original(order: commands.AddOriginal, sitting: Sitting) -> None:
    """Make a further original of the edition in force."""
    certificate, original = found(order.code, order.agency, sitting)
    _check_can_issue(certificate, original)
    check_claims(set(order.claims))
    chosen = _draw_status(certificate, sitting)
    sitting.record(events.OriginalAdded, on=certificate, chosen=chosen)
    sitting.claim("code", order.new_code, certificate.id)


@desk(commands.ReplaceOriginal)
def replace(order: commands.ReplaceOriginal, sitting: Sitting) -> None:
    """Replace an original that nobody revoked."""
    certificate, original = found(order.code, order.agency, sitting)
    _check_can_issue(certificate, original)
    if original.status is OriginalStatus.REVOKED:
        raise OriginalAlreadyRevoked(code=order.code)
    check_claims(set(order.claims))
    chosen = _draw_status(certificate, sitting)
    sitting.record(events.OriginalReplaced, on=certificate, chosen=chosen)
    sitting.claim("code", order.new_code, certificate.id)


@desk(commands.CredentialCertificate)
def credential(order: commands.CredentialCertificate, sitting: Sitting) -> None:
    """Record the credential of an original in force, signed by a live key of its agency."""
    certificate, original = found(order.code, order.agency, sitting)
    _check_can_issue(certificate, original)
    if original.status is OriginalStatus.REVOKED:
        raise OriginalAlreadyRevoked(code=order.code)
    check_credential(order.claims)
    signer = live_key(order.key, sitting)
    if signer.agency != order.agency:
        raise KeyForeign(key=order.key, agency=order.agency)
    if Scope.ISSUE not in signer.scopes:
        raise ScopeMissing(scope=Scope.ISSUE.value, key=order.key)
    sitting.record(events.Credentialed, on=certificate)


@desk(commands.ReaffirmCertificate)
def reaffirm(order: commands.ReaffirmCertificate, sitting: Sitting) -> None:
    """Stand by a certificate that is in doubt, and by the original that is named.

    One that another has replaced is attested as changed, so it may be stood by, too; there by what
    a court lifted as well, since no court suspends it any more.
    """
    certificate, original = found(order.code, order.agency, sitting)
    check_named(original)
    check_status(certificate, order.code, ALIVE | {Status.SUPERSEDED})
    strict = sitting.today >= NOTHING_IS_WASHED_SINCE
    if not certificate.in_doubt(sitting, order.code if strict else None):
        raise ReaffirmationNotNeeded(code=order.code)
    courts = strict and certificate.status is not Status.SUPERSEDED
    if courts and not certificate.in_doubt(sitting, order.code, agencys=True):
        raise CourtSuspensionStands(code=order.code)
    sitting.record(events.Reaffirmed, on=certificate)


@desk(commands.EraseCertificate)
def erase(order: commands.EraseCertificate, sitting: Sitting) -> None:
    """Destroy the values of a certificate whose retention is over and that no hold protects."""
    certificate, _ = found(order.code, order.agency, sitting)
    if certificate.erased_at is not None:
        raise CertificateErased(code=order.code)
    if certificate.holds:
        raise LegalHoldStands(code=order.code)
    years = certificate_type(certificate.type).retention_years
    editions = certificate.editions
    if sitting.today < EVERY_EDITION_IS_RETAINED_SINCE:
        editions = editions[-1:]
    begins = max(certificate.date, *(one.expiry or certificate.date for one in editions))
    if years is None or years_after(begins, years) > sitting.today:
        raise RetentionNotExpired(code=order.code)
    sitting.record(events.Erased, on=certificate)
    sitting.erase(certificate.id)


def _check_can_issue(certificate: Certificate, original: Original) -> None:
    """Something new is made only of a certificate in force whose values are still there."""
    check_named(original)
    check_status(certificate, original.code, IN_FORCE)
    if certificate.erased_at is not None:
        raise CertificateErased(code=original.code)


def _check_validity(effective: str, expiry: str | None) -> None:
    if expiry is not None and expiry < effective:
        raise ExpiryBeforeEffect(effective=effective, expiry=expiry)


def _draw_status(holder: Certificate | UUID, sitting: Sitting) -> dict[str, dict[str, int]]:
    """Draw a random place in the current status list and claim it; a taken one is drawn again."""
    number = sitting.signed.ledger_size // LIST_SPAN
    place = {"index": sitting.drawn("status", LIST_SIZE, f"{number}:{{}}"), "list": number}
    stream = holder if isinstance(holder, UUID) else holder.id
    sitting.claim("status", f"{place['list']}:{place['index']}", stream)
    return {"status": place}
