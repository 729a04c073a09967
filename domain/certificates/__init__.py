"""Certificates: documents that an agency issues, corrects and withdraws.

    in force ⇄ suspended        one or the other ──▶ revoked ──annulled──▶ where it stood
        │                                        ──▶ superseded by another certificate
        │                                        ──▶ voided (its number is free again)
        ├─ corrected: the next edition, a new code, the same number and date
        └─ further originals, a lost one replaced, one revoked alone

Its issuing agency alone acts on a certificate, or the body that answers for that one now; to
anybody else it does not exist. A court may suspend any certificate and lay a hold on it: it is out
of force until that court says otherwise, whatever its agency orders.
"""

from domain.certificates.commands import (
    AddOriginal,
    AnnulmentReason,
    AnnulRevocation,
    CorrectCertificate,
    CorrectionReason,
    CredentialCertificate,
    EraseCertificate,
    IssueCertificate,
    ReaffirmCertificate,
    ReinstateCertificate,
    ReinstatementReason,
    ReplacementReason,
    ReplaceOriginal,
    RevocationReason,
    RevokeCertificate,
    SupersedeCertificate,
    SupersessionReason,
    SuspendCertificate,
    SuspensionReason,
    VoidCertificate,
    VoidingReason,
)
from domain.certificates.court import (
    CourtSuspensionLifted,
    HoldLaid,
    HoldReleased,
    LayHold,
    LiftCourtSuspension,
    ReleaseHold,
    SuspendByCourt,
    SuspendedByCourt,
)
from domain.certificates.court_desk import lay_hold, lift, release_hold
from domain.certificates.court_desk import suspend as suspend_by_court
from domain.certificates.desk import LIST_SIZE, LIST_SPAN
from domain.certificates.events import (
    Corrected,
    Credentialed,
    Erased,
    Issued,
    OriginalAdded,
    OriginalReplaced,
    Reaffirmed,
    Reinstated,
    RevocationAnnulled,
    Revoked,
    Superseded,
    Suspended,
    Voided,
)
from domain.certificates.record import (
    NOTHING_IS_WASHED_SINCE,
    Certificate,
    CourtOrder,
    Edition,
    Grant,
    Original,
    OriginalStatus,
    Status,
)

__all__ = [
    "LIST_SIZE",
    "LIST_SPAN",
    "NOTHING_IS_WASHED_SINCE",
    "AddOriginal",
    "AnnulRevocation",
    "AnnulmentReason",
    "Certificate",
    "CorrectCertificate",
    "Corrected",
    "CorrectionReason",
    "CourtOrder",
    "CourtSuspensionLifted",
    "CredentialCertificate",
    "Credentialed",
    "Edition",
    "EraseCertificate",
    "Erased",
    "Grant",
    "HoldLaid",
    "HoldReleased",
    "IssueCertificate",
    "Issued",
    "LayHold",
    "LiftCourtSuspension",
    "Original",
    "OriginalAdded",
    "OriginalReplaced",
    "OriginalStatus",
    "ReaffirmCertificate",
    "Reaffirmed",
    "ReinstateCertificate",
    "Reinstated",
    "ReinstatementReason",
    "ReleaseHold",
    "ReplaceOriginal",
    "ReplacementReason",
    "RevocationAnnulled",
    "RevocationReason",
    "RevokeCertificate",
    "Revoked",
    "Status",
    "SupersedeCertificate",
    "Superseded",
    "SupersessionReason",
    "SuspendByCourt",
    "SuspendCertificate",
    "Suspended",
    "SuspendedByCourt",
    "SuspensionReason",
    "VoidCertificate",
    "Voided",
    "VoidingReason",
    "lay_hold",
    "lift",
    "release_hold",
    "suspend_by_court",
]
