"""Refusals about certificates and the registers that number them."""

from domain.errors.base import Forbidden, Malformed, Refusal, Unknown


class CertificateUnknown(Unknown, code="certificate_unknown"):
    """No certificate of this agency has that code: another agency's and none look the same."""


class TypeUnknown(Malformed, code="type_unknown"):
    """The catalogue has no certificate type of this id."""


class ClaimUnknown(Malformed, code="claim_unknown"):
    """The certificate's type has no field of this name."""


class ClaimMissing(Malformed, code="claim_missing"):
    """A field that the certificate's type requires is not committed to."""


class ClaimBlank(Malformed, code="claim_blank"):
    """The value that is committed to is empty, or only what nobody sees."""


class DateInFuture(Malformed, code="date_in_future"):
    """The date lies later than tomorrow in Baghdad."""


class YearMismatch(Malformed, code="year_mismatch"):
    """A number belongs to the register of the year of its date."""


class ExpiryBeforeEffect(Malformed, code="expiry_before_effect"):
    """The certificate would expire before it takes effect."""


class NumberTaken(Refusal, code="number_taken"):
    """The agency used this number in this unit, series and year, in whatever digits."""


class CodeTaken(Refusal, code="code_taken"):
    """Another certificate has this public code; draw another."""


class RegisterClosed(Refusal, code="register_closed"):
    """The register of that unit, series and year is closed."""


class CodeSuperseded(Refusal, code="code_superseded"):
    """A correction took this code's place; `by` is the code that did."""


class CodeReplaced(Refusal, code="code_replaced"):
    """This original was replaced; `by` is the code that took its place."""


class OriginalAlreadyRevoked(Refusal, code="original_already_revoked"):
    """This original was revoked alone."""


class OriginalNotRevoked(Refusal, code="original_not_revoked"):
    """This original was not revoked alone."""


class CertificateSuspended(Refusal, code="certificate_suspended"):
    """The certificate is suspended, and this act needs one in force."""


class CertificateAlreadySuspended(Refusal, code="certificate_already_suspended"):
    """The certificate is suspended already."""


class CertificateNotSuspended(Refusal, code="certificate_not_suspended"):
    """Only a suspended certificate is reinstated."""


class CertificateAlreadyRevoked(Refusal, code="certificate_already_revoked"):
    """The certificate is revoked."""


class CertificateNotRevoked(Refusal, code="certificate_not_revoked"):
    """There is no revocation to annul."""


class CertificateVoided(Refusal, code="certificate_voided"):
    """The entry was voided; its number may belong to another certificate by now."""


class CertificateSuperseded(Refusal, code="certificate_superseded"):
    """Another certificate superseded this one; `by` is its code."""


class SuccessorUnknown(Unknown, code="successor_unknown"):
    """No certificate of this agency has the successor's code."""


class SuccessorNotInForce(Refusal, code="successor_not_in_force"):
    """Only a certificate in force supersedes another."""


class SupersededByItself(Refusal, code="superseded_by_itself"):
    """A certificate cannot supersede itself; a correction makes a new edition."""


class ReaffirmationNotNeeded(Refusal, code="reaffirmation_not_needed"):
    """No key that issued this certificate is known to have been compromised at the time."""


class CertificateErased(Refusal, code="certificate_erased"):
    """The certificate's values were erased; nothing new can be issued from it."""


class RetentionNotExpired(Refusal, code="retention_not_expired"):
    """The values must be kept: the type's retention has not run out, or is for ever."""


class LegalHoldStands(Refusal, code="legal_hold_stands"):
    """A legal hold forbids the erasure."""


class RecordMoved(Forbidden, code="record_moved"):
    """Another body answers for this series now: the agency was merged or split."""


class CourtSuspensionStands(Refusal, code="court_suspension_stands"):
    """A court has suspended the certificate; only a court ends that."""


class CourtOrderRepeated(Refusal, code="court_order_repeated"):
    """This order of the court stands against the certificate already."""


class CourtOrderUnknown(Unknown, code="court_order_unknown"):
    """No such order of this court stands against the certificate."""
