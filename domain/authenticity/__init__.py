"""Authenticity of issuance (صحة الصدور): was this document issued as it stands?

An agency asks, or a holder at its counter, or a holder online. Of a document that the ledger saw
issued the operator attests what the ledger says, at once. Of older paper the issuing agency
answers, by a day, and its registers bind it: *not found* is an answer only where a register is
declared covered. A positive answer has an authenticity certificate, issued like any other.
"""

from domain.authenticity.commands import (
    POSITIVE,
    AnswerAuthenticity,
    AttestAuthenticity,
    Channel,
    Finding,
    ReceiveRequest,
    ReferAuthenticity,
    ReferralReason,
    RefusalReason,
    RefuseAuthenticity,
    RequestAuthenticity,
    WithdrawalReason,
    WithdrawRequest,
)
from domain.authenticity.desk import PROOF_TYPE, finding_of
from domain.authenticity.record import (
    REQUEST_SPACE,
    WAITING,
    Answered,
    Attested,
    AuthenticityRequest,
    Received,
    Referred,
    Refused,
    Requested,
    RequestState,
    Withdrawn,
)

__all__ = [
    "POSITIVE",
    "PROOF_TYPE",
    "REQUEST_SPACE",
    "WAITING",
    "AnswerAuthenticity",
    "Answered",
    "AttestAuthenticity",
    "Attested",
    "AuthenticityRequest",
    "Channel",
    "Finding",
    "ReceiveRequest",
    "Received",
    "ReferAuthenticity",
    "ReferralReason",
    "Referred",
    "RefusalReason",
    "RefuseAuthenticity",
    "Refused",
    "RequestAuthenticity",
    "RequestState",
    "Requested",
    "WithdrawRequest",
    "WithdrawalReason",
    "Withdrawn",
    "finding_of",
]
