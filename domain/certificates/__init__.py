"""Certificates: documents that an agency issues, corrects and withdraws.

    in force ⇄ suspended        one or the other ──▶ revoked ──annulled──▶ where it stood
        │                                        ──▶ superseded by another certificate
        │                                        ──▶ voided (its number is free again)
        ├─ corrected: the next edition, a new code, the same number and date
        └─ further originals, a lost one replaced, one revoked alone

Its issuing agency alone acts on a certificate. To anybody else it does not exist.
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
    Certificate,
    Edition,
    Grant,
    Original,
    OriginalStatus,
    Status,
)

__all__ = [
    "LIST_SIZE",
    "LIST_SPAN",
    "AddOriginal",
    "AnnulRevocation",
    "AnnulmentReason",
    "Certificate",
    "CorrectCertificate",
    "Corrected",
    "CorrectionReason",
    "CredentialCertificate",
    "Credentialed",
    "Edition",
    "EraseCertificate",
    "Erased",
    "Grant",
    "IssueCertificate",
    "Issued",
    "Original",
    "OriginalAdded",
    "OriginalReplaced",
    "OriginalStatus",
    "ReaffirmCertificate",
    "Reaffirmed",
    "ReinstateCertificate",
    "Reinstated",
    "ReinstatementReason",
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
    "SuspendCertificate",
    "Suspended",
    "SuspensionReason",
    "VoidCertificate",
    "Voided",
    "VoidingReason",
]
