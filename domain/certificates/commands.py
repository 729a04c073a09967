"""What may be ordered about certificates."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.acts import WITHDRAWING, Act, Command, Cosigning, Scope
from domain.catalogue import TYPES, certificate_type
from domain.certificates.record import found
from domain.ledger import Sitting
from domain.values import (
    Claims,
    Day,
    LanguageField,
    LegalBasis,
    Number,
    PublicCode,
    Series,
    Thumbprint,
    TypeId,
    Unit,
    Year,
    optional,
)


class SuspensionReason(StrEnum):
    """Why a certificate is out of force for now."""

    UNDER_REVIEW = "under_review"
    FORGERY_SUSPECTED = "forgery_suspected"
    DATA_DISPUTED = "data_disputed"
    HOLDER_REQUEST = "holder_request"


class ReinstatementReason(StrEnum):
    """Why a suspension ends."""

    REVIEW_PASSED = "review_passed"
    SUSPENDED_IN_ERROR = "suspended_in_error"
    HOLDER_REQUEST = "holder_request"


class RevocationReason(StrEnum):
    """Why a certificate, or one original, is withdrawn."""

    OBTAINED_BY_FRAUD = "obtained_by_fraud"
    BASIS_FORGED = "basis_forged"
    RIGHT_WITHDRAWN = "right_withdrawn"
    DATA_CHANGED = "data_changed"
    HOLDER_DECEASED = "holder_deceased"
    HOLDER_REQUEST = "holder_request"
    ISSUED_IN_ERROR = "issued_in_error"
    DECISION = "decision"


class AnnulmentReason(StrEnum):
    """Why a revocation never should have been."""

    REVOKED_IN_ERROR = "revoked_in_error"
    APPEAL_GRANTED = "appeal_granted"


class CorrectionReason(StrEnum):
    """Why a new edition is made under the same number and date."""

    CLERICAL_ERROR = "clerical_error"
    DATA_CHANGED = "data_changed"
    TRANSLATION = "translation"


class VoidingReason(StrEnum):
    """Why the entry as such was a mistake."""

    ENTERED_IN_ERROR = "entered_in_error"
    DUPLICATE_ENTRY = "duplicate_entry"
    TEST_ENTRY = "test_entry"


class SupersessionReason(StrEnum):
    """Why another certificate takes this one's place."""

    RENEWED = "renewed"
    REISSUED = "reissued"
    MERGED = "merged"


class ReplacementReason(StrEnum):
    """What became of the original."""

    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"


_BASIS = "The law, decision or order that the act rests on."
_EFFECTIVE = "The day that the act counts from; when it was recorded is another matter."
_CREDENTIAL = "Exactly `credential`: the COSE_Sign1 in base64url."
_MORE_CLAIMS = "The new original's `holder_secret`, and its `document` if there is one."
NewCode = Annotated[PublicCode, Field(description="The new public code, drawn by the client.")]


class IssueCertificate(Command):
    """Issue a certificate: its edition 1, original 1.

    The number is unique in the register of the agency's unit, series and year, whatever its digits.
    The claims are commitments to the fields of the type, to `holder_secret`, and to `document`
    where the document itself shall be comparable.
    """

    ACT = Act(
        name="certificate.issue",
        event="sijill.certificate.issued.v1",
        path="/v1/certificates",
        scope=Scope.ISSUE,
        cosigning=Cosigning.BY_TYPE,
        bulk=True,
    )

    act: Literal["certificate.issue"]
    type: TypeId
    code: NewCode
    unit: Unit
    series: Series
    year: Year
    number: Number
    date: Day
    language: LanguageField
    claims: Claims
    effective_date: Day | None = optional("The first day of its validity; default its date.")
    expiry_date: Day | None = optional("The last day of its validity; without it there is none.")

    @property
    def signed_alone(self) -> bool:
        """Whether the type asks for one officer; a type that there is not asks for nobody."""
        kind = TYPES.get(self.type)
        return kind is not None and kind.officers == 1

    def officers(self, sitting: Sitting) -> int:
        """As many as the type asks for."""
        del sitting
        return certificate_type(self.type).officers


class OnCertificate(Command):
    """An act on a certificate of one's own agency, named by one of its codes."""

    code: PublicCode
    legal_basis: LegalBasis | None = optional(_BASIS)

    def officers(self, sitting: Sitting) -> int:
        """As many as the certificate's type asks for, where the act goes by type."""
        if self.ACT.cosigning is not Cosigning.BY_TYPE:
            return super().officers(sitting)
        certificate, _ = found(self.code, self.agency, sitting)
        return certificate_type(certificate.type).officers


class OnStatus(OnCertificate):
    """An act that changes whether a certificate is in force."""

    effective_date: Day | None = optional(_EFFECTIVE)


class SuspendCertificate(OnStatus):
    """Put a certificate out of force until it is reinstated."""

    ACT = Act(
        name="certificate.suspend",
        event="sijill.certificate.suspended.v1",
        path="/v1/certificates/{code}/suspension",
        scope=Scope.REVOKE,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["certificate.suspend"]
    reason: Annotated[SuspensionReason, Field(strict=False, description="Why.")]


class ReinstateCertificate(OnStatus):
    """End a suspension."""

    ACT = Act(
        name="certificate.reinstate",
        event="sijill.certificate.reinstated.v1",
        path="/v1/certificates/{code}/reinstatement",
        scope=Scope.REVOKE,
        bulk=True,
    )

    act: Literal["certificate.reinstate"]
    reason: Annotated[ReinstatementReason, Field(strict=False, description="Why.")]


class RevokeCertificate(OnStatus):
    """Withdraw a certificate with all its originals, or one original alone."""

    ACT = Act(
        name="certificate.revoke",
        event="sijill.certificate.revoked.v1",
        path="/v1/certificates/{code}/revocation",
        scope=Scope.REVOKE,
        bulk=True,
        standings=WITHDRAWING,
    )

    act: Literal["certificate.revoke"]
    reason: Annotated[RevocationReason, Field(strict=False, description="Why.")]
    original_only: Annotated[bool, Field(description="Only the original that `code` names.")] = (
        False
    )


class AnnulRevocation(OnStatus):
    """Undo a revocation. The certificate returns to where it stood; two officers sign."""

    ACT = Act(
        name="certificate.annul_revocation",
        event="sijill.certificate.revocation_annulled.v1",
        path="/v1/certificates/{code}/revocation/annulment",
        scope=Scope.REVOKE,
        cosigning=Cosigning.OFFICERS,
        bulk=True,
    )

    act: Literal["certificate.annul_revocation"]
    reason: Annotated[AnnulmentReason, Field(strict=False, description="Why.")]
    original_only: Annotated[bool, Field(description="The revocation of that original.")] = False


class CorrectCertificate(OnCertificate):
    """Make the next edition under the same number and date, with a new code.

    The codes of the edition before answer that this one superseded them. The claims are complete:
    nothing is taken over from the edition before.
    """

    ACT = Act(
        name="certificate.correct",
        event="sijill.certificate.corrected.v1",
        path="/v1/certificates/{code}/correction",
        scope=Scope.ISSUE,
        cosigning=Cosigning.BY_TYPE,
        bulk=True,
    )

    act: Literal["certificate.correct"]
    reason: Annotated[CorrectionReason, Field(strict=False, description="Why.")]
    new_code: NewCode
    language: LanguageField
    claims: Claims
    effective_date: Day | None = optional("The first day of its validity; default its date.")
    expiry_date: Day | None = optional("The last day of its validity; without it there is none.")


class VoidCertificate(OnCertificate):
    """Strike an entry that was a mistake. Its number is free again; its code is not."""

    ACT = Act(
        name="certificate.void",
        event="sijill.certificate.voided.v1",
        path="/v1/certificates/{code}/voiding",
        scope=Scope.REVOKE,
        bulk=True,
    )

    act: Literal["certificate.void"]
    reason: Annotated[VoidingReason, Field(strict=False, description="Why.")]


class SupersedeCertificate(OnStatus):
    """Say that another certificate of the agency has taken this one's place."""

    ACT = Act(
        name="certificate.supersede",
        event="sijill.certificate.superseded.v1",
        path="/v1/certificates/{code}/supersession",
        scope=Scope.REVOKE,
        bulk=True,
    )

    act: Literal["certificate.supersede"]
    by: Annotated[PublicCode, Field(description="A code of the certificate that takes its place.")]
    reason: Annotated[SupersessionReason, Field(strict=False, description="Why.")]


class AddOriginal(OnCertificate):
    """Make a further original of the edition in force, with a code and a secret of its own."""

    ACT = Act(
        name="certificate.original",
        event="sijill.certificate.original_added.v1",
        path="/v1/certificates/{code}/originals",
        scope=Scope.ISSUE,
        cosigning=Cosigning.BY_TYPE,
        bulk=True,
    )

    act: Literal["certificate.original"]
    new_code: NewCode
    claims: Annotated[Claims, Field(description=_MORE_CLAIMS)]


class ReplaceOriginal(OnCertificate):
    """Replace one original that was lost, stolen or damaged; the others stay as they are."""

    ACT = Act(
        name="certificate.replace",
        event="sijill.certificate.original_replaced.v1",
        path="/v1/certificates/{code}/replacement",
        scope=Scope.ISSUE,
        cosigning=Cosigning.BY_TYPE,
        bulk=True,
    )

    act: Literal["certificate.replace"]
    reason: Annotated[ReplacementReason, Field(strict=False, description="What became of it.")]
    new_code: NewCode
    claims: Annotated[Claims, Field(description=_MORE_CLAIMS)]


class CredentialCertificate(OnCertificate):
    """Record the credential of an original: what its QR code says, signed by a key of the agency.

    The agency signs the credential itself, or a key does that the data center holds for it; `key`
    says which. The log holds a commitment to the bytes alone, because they show personal values. A
    later credential of the same original takes the place of an earlier one.
    """

    ACT = Act(
        name="certificate.credential",
        event="sijill.certificate.credentialed.v1",
        # Evidence is public: a path that named the code would make every code public.
        path="/v1/certificates/credentials",
        scope=Scope.ISSUE,
        bulk=True,
    )

    act: Literal["certificate.credential"]
    key: Thumbprint
    claims: Annotated[Claims, Field(description=_CREDENTIAL)]


class ReaffirmCertificate(OnCertificate):
    """Stand by a certificate that a compromised key issued: it was right all the same.

    It stands for the record and for the original that is named, not for others that the key made;
    nor does it end what a court's order is about.
    """

    ACT = Act(
        name="certificate.reaffirm",
        event="sijill.certificate.reaffirmed.v1",
        path="/v1/certificates/{code}/reaffirmation",
        scope=Scope.ISSUE,
        cosigning=Cosigning.BY_TYPE,
        bulk=True,
    )

    act: Literal["certificate.reaffirm"]


class EraseCertificate(OnCertificate):
    """Destroy a certificate's values once their retention is over; two officers sign.

    The commitments stay, and so does every proof; nobody can read the values any more.
    """

    ACT = Act(
        name="certificate.erase",
        event="sijill.certificate.erased.v1",
        path="/v1/certificates/{code}/erasure",
        scope=Scope.REGISTER,
        cosigning=Cosigning.OFFICERS,
        bulk=True,
    )

    act: Literal["certificate.erase"]
