"""The words of verdicts: six outcomes, and the fixed reason codes that say which and why."""

from enum import StrEnum


class Outcome(StrEnum):
    """The six outcomes; colour on a page and exit code of the command line follow from them."""

    VALID = "valid"
    NOT_VALID = "not_valid"
    WITHDRAWN = "withdrawn"
    NOT_IN_ITS_TIME = "not_in_its_time"
    UNREADABLE = "unreadable"
    COULD_NOT_CHECK = "could_not_check"


EXIT_CODES: dict[Outcome, int] = {
    Outcome.VALID: 0,
    Outcome.NOT_VALID: 10,
    Outcome.WITHDRAWN: 11,
    Outcome.NOT_IN_ITS_TIME: 12,
    Outcome.UNREADABLE: 13,
    Outcome.COULD_NOT_CHECK: 14,
}


class Reason(StrEnum):
    """The fixed reason codes. Codes are never renamed; programs and translations rest on them."""

    IN_FORCE_PAPER_NOT_COMPARED = "in_force_paper_not_compared"
    IN_FORCE_FIELDS_MATCH = "in_force_fields_match"
    IN_FORCE_DOCUMENT_MATCHES = "in_force_document_matches"
    CODE_UNKNOWN = "code_unknown"
    CONTENT_MISMATCH = "content_mismatch"
    VOIDED = "voided"
    ISSUER_KEY_COMPROMISED = "issuer_key_compromised"
    REVOKED = "revoked"
    ORIGINAL_REVOKED = "original_revoked"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"
    REPLACED = "replaced"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    CODE_MALFORMED = "code_malformed"
    STATUS_STALE = "status_stale"
    STORE_UNAVAILABLE = "store_unavailable"
    VALUES_NOT_COMPARABLE = "values_not_comparable"
    IN_FORCE_CREDENTIAL_GENUINE = "in_force_credential_genuine"
    CREDENTIAL_FORGED = "credential_forged"
    ISSUER_NOT_ENTITLED = "issuer_not_entitled"
    ISSUER_UNKNOWN = "issuer_unknown"
    CREDENTIAL_UNREADABLE = "credential_unreadable"
    CREDENTIAL_FOREIGN = "credential_foreign"
    LEDGER_FOREIGN = "ledger_foreign"
    ISSUER_NOT_KNOWN_YET = "issuer_not_known_yet"
    TRUST_LIST_OLD = "trust_list_old"
    LOG_PROOF_NEEDED = "log_proof_needed"
    GENUINE_FORCE_NOT_CHECKED = "genuine_force_not_checked"
    FILE_CONTRADICTORY = "file_contradictory"
    ANSWER_MISSING = "answer_missing"


OUTCOME_OF: dict[Reason, Outcome] = {
    Reason.IN_FORCE_PAPER_NOT_COMPARED: Outcome.VALID,
    Reason.IN_FORCE_FIELDS_MATCH: Outcome.VALID,
    Reason.IN_FORCE_DOCUMENT_MATCHES: Outcome.VALID,
    Reason.CODE_UNKNOWN: Outcome.NOT_VALID,
    Reason.CONTENT_MISMATCH: Outcome.NOT_VALID,
    Reason.VOIDED: Outcome.NOT_VALID,
    Reason.ISSUER_KEY_COMPROMISED: Outcome.NOT_VALID,
    Reason.REVOKED: Outcome.WITHDRAWN,
    Reason.ORIGINAL_REVOKED: Outcome.WITHDRAWN,
    Reason.SUSPENDED: Outcome.WITHDRAWN,
    Reason.SUPERSEDED: Outcome.WITHDRAWN,
    Reason.REPLACED: Outcome.WITHDRAWN,
    Reason.NOT_YET_VALID: Outcome.NOT_IN_ITS_TIME,
    Reason.EXPIRED: Outcome.NOT_IN_ITS_TIME,
    Reason.CODE_MALFORMED: Outcome.UNREADABLE,
    Reason.STATUS_STALE: Outcome.COULD_NOT_CHECK,
    Reason.STORE_UNAVAILABLE: Outcome.COULD_NOT_CHECK,
    Reason.VALUES_NOT_COMPARABLE: Outcome.COULD_NOT_CHECK,
    Reason.IN_FORCE_CREDENTIAL_GENUINE: Outcome.VALID,
    Reason.CREDENTIAL_FORGED: Outcome.NOT_VALID,
    Reason.ISSUER_NOT_ENTITLED: Outcome.NOT_VALID,
    Reason.ISSUER_UNKNOWN: Outcome.NOT_VALID,
    Reason.CREDENTIAL_UNREADABLE: Outcome.UNREADABLE,
    Reason.CREDENTIAL_FOREIGN: Outcome.UNREADABLE,
    Reason.LEDGER_FOREIGN: Outcome.COULD_NOT_CHECK,
    Reason.ISSUER_NOT_KNOWN_YET: Outcome.COULD_NOT_CHECK,
    Reason.TRUST_LIST_OLD: Outcome.COULD_NOT_CHECK,
    Reason.LOG_PROOF_NEEDED: Outcome.COULD_NOT_CHECK,
    Reason.GENUINE_FORCE_NOT_CHECKED: Outcome.COULD_NOT_CHECK,
    Reason.FILE_CONTRADICTORY: Outcome.NOT_VALID,
    Reason.ANSWER_MISSING: Outcome.COULD_NOT_CHECK,
}
