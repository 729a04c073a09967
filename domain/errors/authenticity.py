"""Refusals about requests for authenticity of issuance."""

from domain.errors.base import Malformed, Refusal, Unknown


class RequestUnknown(Unknown, code="request_unknown"):
    """No request of that code concerns this agency."""


class RequestTaken(Refusal, code="request_taken"):
    """Another request has this code; draw another."""


class RequestNotWaiting(Refusal, code="request_not_waiting"):
    """The request was answered, refused or withdrawn; `state` says which."""


class DocumentUnnamed(Malformed, code="document_unnamed"):
    """The document is named by its code, or by issuer, type, number and date; both must agree."""


class DueDateUnfit(Malformed, code="due_date_unfit"):
    """The due day has passed, or lies too far ahead."""


class AddresseeUnfit(Refusal, code="addressee_unfit"):
    """The agency cannot be asked: it is or was asked already, or is not linked."""


class FindingMismatch(Refusal, code="finding_mismatch"):
    """The finding is not what the ledger, or the named register, says."""


class RegisterCovered(Refusal, code="register_covered"):
    """The register is declared covered: what is not in it is *not found*."""


class AuthenticityCertificateUnfit(Refusal, code="authenticity_certificate_unfit"):
    """A positive finding, and no other, names an authenticity certificate of its own."""


class CertificateInDoubt(Refusal, code="certificate_in_doubt"):
    """A compromised key stands behind the certificate, and nobody re-affirmed it."""
