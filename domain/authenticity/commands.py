"""What may be ordered about requests for authenticity of issuance."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.acts import WITHDRAWING, Act, Command, Scope
from domain.registers.commands import GradeField
from domain.values import (
    AgencyId,
    Claims,
    Day,
    LegalBasis,
    Number,
    PublicCode,
    Series,
    TypeId,
    Unit,
    optional,
)


class Channel(StrEnum):
    """For whom an agency asks: for itself, or for a holder who came to its counter."""

    AGENCY = "agency"
    COUNTER = "counter"


class Finding(StrEnum):
    """What was found. Only the last leaves the request open."""

    GENUINE = "genuine"
    CHANGED = "changed"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    VOIDED = "voided"
    NOT_FOUND = "not_found"
    OUTSIDE_COVERAGE = "outside_coverage"
    ORIGINAL_NEEDED = "original_needed"


class RefusalReason(StrEnum):
    """Why a request is not answered."""

    DOCUMENT_UNCLEAR = "document_unclear"
    NOT_OUR_DOCUMENT = "not_our_document"
    ELECTRONIC_FORM_REFUSED = "electronic_form_refused"
    FEE_UNPAID = "fee_unpaid"
    FORBIDDEN_BY_LAW = "forbidden_by_law"


class ReferralReason(StrEnum):
    """Why another agency is to answer."""

    SUCCESSOR = "successor"
    REGISTER_MOVED = "register_moved"
    ISSUED_ELSEWHERE = "issued_elsewhere"


class WithdrawalReason(StrEnum):
    """Why the question is not asked any more."""

    NOT_NEEDED = "not_needed"
    ASKED_IN_ERROR = "asked_in_error"


POSITIVE = frozenset({Finding.GENUINE, Finding.CHANGED})
"""Findings that an authenticity certificate is issued for."""

RequestCode = Annotated[
    PublicCode, Field(description="The request's own code, drawn by the client like a public code.")
]
CertificateCode = PublicCode | None
_PROOF = "The authenticity certificate that was issued for a positive finding."
_DUE = "The day by which it is to be answered, in Baghdad; three working days are usual."
_CLAIMS = (
    "Commitments: fields of its type that the paper states (with a code, of any type), `document` "
    "for a scan, and `holder_secret` where the holder is to fetch the answer."
)
_ROOM = "/v1/authenticity-requests/{request}"


class Ask(Command):
    """Ask whether a document was issued as it stands, by its code or by issuer and number."""

    request: RequestCode
    due_date: Annotated[Day, Field(description=_DUE)]
    code: PublicCode | None = optional("The document's public code, where it has one.")
    issuer: AgencyId | None = optional("Who issued it, nobody else; required without a code.")
    type: TypeId | None = optional("What kind of document it is; required without a code.")
    number: Number | None = optional("Its number; required without a code.")
    date: Day | None = optional("Its date; required without a code.")
    claims: Claims | None = optional(_CLAIMS)


class RequestAuthenticity(Ask):
    """Ask whether a document was issued as it stands: for the agency itself, or for its holder.

    By its code, or for paper older than the ledger by issuer, type, number and date.
    """

    ACT = Act(
        name="authenticity.request",
        event="sijill.authenticity.requested.v1",
        path="/v1/authenticity-requests",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["authenticity.request"]
    channel: Annotated[
        Channel,
        Field(strict=False, description="For the agency itself, or for a holder at its counter."),
    ] = Channel.AGENCY


class ReceiveRequest(Ask):
    """Record what a holder asked online, by the code and the secret that were given at issuance.

    The operator records it, with a key that attests: it is shown as attested.
    """

    ACT = Act(
        name="authenticity.receive",
        event="sijill.authenticity.received.v1",
        path="/v1/authenticity-requests/received",
        scope=Scope.ATTEST,
        founders_only=True,
    )

    act: Literal["authenticity.receive"]


class OnRequest(Command):
    """An act on a request, named by its code."""

    request: RequestCode


class AttestAuthenticity(OnRequest):
    """Answer about a document that this ledger saw issued, from the ledger itself.

    The operator attests; it is not the issuing agency's word, and is never shown as such.
    """

    ACT = Act(
        name="authenticity.attest",
        event="sijill.authenticity.attested.v1",
        path=f"{_ROOM}/attestation",
        scope=Scope.ATTEST,
        founders_only=True,
    )

    act: Literal["authenticity.attest"]
    finding: Annotated[Finding, Field(strict=False, description="What the ledger says of it.")]
    certificate: PublicCode | None = optional(_PROOF)


class AnswerAuthenticity(OnRequest):
    """Answer for the agency that issued the document, or whose registers it is in.

    A finding about paper names the register by `unit` and `series`. *Not found* needs every known
    register of the issuer's in that year to be declared covered, whatever its unit and series, and
    after a referral the answering agency's too; else it is *outside coverage*. *Genuine*, *changed*
    and *revoked* are what the register holds; in one that is declared covered nothing else is
    found, nor under a number that something else has. *Voided* is what a void number was. `grade`
    is how good the evidence is.
    """

    ACT = Act(
        name="authenticity.answer",
        event="sijill.authenticity.answered.v1",
        path=f"{_ROOM}/answer",
        scope=Scope.REGISTER,
        bulk=True,
    )

    act: Literal["authenticity.answer"]
    finding: Annotated[Finding, Field(strict=False, description="What was found.")]
    grade: GradeField | None = optional("The grade of evidence that the finding rests on.")
    unit: Unit | None = optional("The register that was searched: its unit.")
    series: Series | None = optional("The register that was searched: its series.")
    certificate: PublicCode | None = optional(_PROOF)


class RefuseAuthenticity(OnRequest):
    """Refuse to answer, with a reason that is counted."""

    ACT = Act(
        name="authenticity.refuse",
        event="sijill.authenticity.refused.v1",
        path=f"{_ROOM}/refusal",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["authenticity.refuse"]
    reason: Annotated[RefusalReason, Field(strict=False, description="Why.")]
    legal_basis: LegalBasis | None = optional("The law, decision or order that the act rests on.")


class ReferAuthenticity(OnRequest):
    """Refer a request to the agency that has the register now, and that was not asked before.

    Whoever is asked refers it; for an agency that is closed a founder does. It is due a week after
    the first due day at the latest; what is late by more than that, on the day of the referral.
    """

    ACT = Act(
        name="authenticity.refer",
        event="sijill.authenticity.referred.v1",
        path=f"{_ROOM}/referral",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["authenticity.refer"]
    to: Annotated[AgencyId, Field(description="Who is to answer.")]
    due_date: Annotated[Day, Field(description=_DUE)]
    reason: Annotated[ReferralReason, Field(strict=False, description="Why.")]


class WithdrawRequest(OnRequest):
    """Withdraw a question that was not answered yet."""

    ACT = Act(
        name="authenticity.withdraw",
        event="sijill.authenticity.withdrawn.v1",
        path=f"{_ROOM}/withdrawal",
        scope=Scope.REGISTER,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["authenticity.withdraw"]
    reason: Annotated[WithdrawalReason, Field(strict=False, description="Why.")]
