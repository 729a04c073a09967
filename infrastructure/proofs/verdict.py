"""The verdict: one function that turns facts about a record into one honest answer.

It must not know where the facts come from (a read model, an evidence bundle, a status list): every
surface asks this module, so that no two surfaces can disagree. It decides three questions (is the
document unchanged, was the issuer allowed, is it in force) and lets the worst answer win.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
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
}


class CodeState(StrEnum):
    """What the log last said of one public code."""

    IN_FORCE = "in_force"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    ORIGINAL_REVOKED = "original_revoked"
    SUPERSEDED = "superseded"
    VOIDED = "voided"
    REPLACED = "replaced"


_WITHDRAWN: dict[CodeState, Reason] = {
    CodeState.REVOKED: Reason.REVOKED,
    CodeState.ORIGINAL_REVOKED: Reason.ORIGINAL_REVOKED,
    CodeState.SUPERSEDED: Reason.SUPERSEDED,
    CodeState.REPLACED: Reason.REPLACED,
    CodeState.SUSPENDED: Reason.SUSPENDED,
}


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What the log knows of one code. Dates are ISO `YYYY-MM-DD` of Asia/Baghdad; times are µs UTC.

    `issuer_sound` is False while a key that signed the issuance is compromised at or before the
    issuance's index (or fell with the key that enrolled it) and nobody has re-affirmed it since.
    """

    code: str
    agency: str
    type: str
    state: CodeState
    issue_index: int
    issue_time: int
    issuer_sound: bool
    custodial: bool
    effective_date: str
    expiry_date: str | None = None
    successor: str | None = None
    withdrawal_reason: str | None = None
    withdrawn_index: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the caller presented beside the code, and how it compared. Names only, never values."""

    matched: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()
    not_comparable: tuple[str, ...] = ()

    @property
    def presented(self) -> bool:
        """True when the caller gave anything to compare."""
        return bool(self.matched or self.mismatched or self.not_comparable)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a verdict rests on: the last log index applied, and how old that knowledge is (seconds).

    `stale` is True when something recorded long enough ago may not be reflected yet.
    """

    index: int
    age_seconds: int
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer. The three questions have their own words; `outcome` and `reason` sum them up."""

    outcome: Outcome
    reason: Reason
    unchanged: str
    issuer: str
    in_force: str
    basis: Basis | None
    facts: RecordFacts | None = None
    comparison: Comparison = field(default_factory=Comparison)

    @property
    def exit_code(self) -> int:
        """Exit code of `sijill verify` for this verdict."""
        return EXIT_CODES[self.outcome]


def unreadable() -> Verdict:
    """The answer for text that is not a public code at all."""
    return _without_record(Reason.CODE_MALFORMED, None)


def could_not_check(reason: Reason = Reason.STORE_UNAVAILABLE) -> Verdict:
    """The answer when the ledger cannot be asked; it never looks like *valid*."""
    return _without_record(reason, None)


def judge(
    facts: RecordFacts | None, *, basis: Basis, today: str, comparison: Comparison | None = None
) -> Verdict:
    """Decide about one code.

    `facts` is None for a code that the ledger has never recorded. `today` is the Asia/Baghdad day
    (ISO) to judge by. Nothing here reads a clock, so the same facts always give the same verdict.
    """
    comparison = comparison or Comparison()
    if basis.stale:
        return _without_record(Reason.STATUS_STALE, basis)
    if facts is None:
        return _without_record(Reason.CODE_UNKNOWN, basis)
    reason = _reason(facts, comparison, today)
    return Verdict(
        outcome=OUTCOME_OF[reason],
        reason=reason,
        unchanged=_unchanged(comparison),
        issuer="authorised" if facts.issuer_sound else "key_compromised",
        in_force=_in_force(facts, today),
        basis=basis,
        facts=facts,
        comparison=comparison,
    )


def _reason(facts: RecordFacts, comparison: Comparison, today: str) -> Reason:
    """The worst of the three answers: the first of these, in this order, that is the case."""
    return next(reason for is_so, reason in _answers(facts, comparison, today) if is_so)


def _answers(
    facts: RecordFacts, comparison: Comparison, today: str
) -> Iterator[tuple[bool, Reason]]:
    """All that can be said of a record, worst first. A forged paper outranks a withdrawn record."""
    yield bool(comparison.mismatched), Reason.CONTENT_MISMATCH
    yield facts.state is CodeState.VOIDED, Reason.VOIDED
    yield not facts.issuer_sound, Reason.ISSUER_KEY_COMPROMISED
    yield facts.state in _WITHDRAWN, _WITHDRAWN.get(facts.state, Reason.REVOKED)
    yield today < facts.effective_date, Reason.NOT_YET_VALID
    yield facts.expiry_date is not None and today > facts.expiry_date, Reason.EXPIRED
    # Somebody asked for a comparison that could not be made: silence would look like a match.
    yield bool(comparison.not_comparable), Reason.VALUES_NOT_COMPARABLE
    yield "document" in comparison.matched, Reason.IN_FORCE_DOCUMENT_MATCHES
    yield bool(comparison.matched), Reason.IN_FORCE_FIELDS_MATCH
    yield True, Reason.IN_FORCE_PAPER_NOT_COMPARED


def _unchanged(comparison: Comparison) -> str:
    if comparison.mismatched:
        return "differs"
    if comparison.not_comparable:
        return "could_not_compare"
    return "matches" if comparison.matched else "not_compared"


def _in_force(facts: RecordFacts, today: str) -> str:
    if facts.state is not CodeState.IN_FORCE:
        return facts.state.value
    if today < facts.effective_date:
        return "not_yet"
    if facts.expiry_date is not None and today > facts.expiry_date:
        return "expired"
    return "in_force"


def _without_record(reason: Reason, basis: Basis | None) -> Verdict:
    return Verdict(
        outcome=OUTCOME_OF[reason],
        reason=reason,
        unchanged="not_compared",
        issuer="unknown",
        in_force="unknown",
        basis=basis,
    )
