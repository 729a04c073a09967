"""What every act on a certificate asks of it: named by a code that holds, and standing so."""

from typing import Final

from domain.certificates.record import Certificate, Original, OriginalStatus, Status
from domain.errors import (
    CertificateAlreadyRevoked,
    CertificateSuperseded,
    CertificateSuspended,
    CertificateVoided,
    CodeReplaced,
    CodeSuperseded,
    CourtSuspensionStands,
)

ALIVE: Final = frozenset({Status.IN_FORCE, Status.SUSPENDED})
IN_FORCE: Final = frozenset({Status.IN_FORCE})


def check_named(original: Original) -> None:
    """An act names a certificate by a code that nothing has taken the place of."""
    if original.status is OriginalStatus.REPLACED:
        raise CodeReplaced(code=original.code, by=original.successor or "")
    if original.successor is not None:
        raise CodeSuperseded(code=original.code, by=original.successor)


def check_status(certificate: Certificate, code: str, allowed: frozenset[Status]) -> None:
    """Return when a certificate stands as one of these."""
    if certificate.status in allowed:
        return
    match certificate.status:
        case Status.SUSPENDED | Status.IN_FORCE:
            raise CertificateSuspended(code=code)
        case Status.REVOKED:
            raise CertificateAlreadyRevoked(code=code)
        case Status.SUPERSEDED:
            raise CertificateSuperseded(code=code, by=certificate.superseded_by or "")
        case Status.VOIDED:
            raise CertificateVoided(code=code)


def check_no_court(certificate: Certificate, code: str) -> None:
    """Refuse what would take a certificate out of a court's hands."""
    if certificate.court_orders:
        raise CourtSuspensionStands(code=code)
