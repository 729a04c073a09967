"""The verdict: one function that turns facts about a record into one honest answer.

It must not know where the facts come from (a read model, an evidence bundle, a status list): every
surface asks this module, so that no two surfaces can disagree. It decides three questions (is the
document unchanged, was the issuer allowed, is it in force) and lets the worst answer win.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from infrastructure.proofs.outcomes import EXIT_CODES, OUTCOME_OF, Outcome, Reason

__all__ = [
    "EXIT_CODES",
    "OUTCOME_OF",
    "Basis",
    "CodeState",
    "Comparison",
    "CredentialFacts",
    "Knowledge",
    "ListedState",
    "Outcome",
    "Reason",
    "RecordFacts",
    "Signer",
    "Verdict",
    "contradictory",
    "could_not_check",
    "judge",
    "judge_credential",
    "unreadable",
    "unreadable_credential",
]


SKEW_SECONDS = 300
"""How far the clocks of those who sign and those who read may be apart."""


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
    `answered` is False for an authenticity certificate that no answer to a request names.
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
    answered: bool = True


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


class Signer(StrEnum):
    """What a trust list says of whoever signed a credential."""

    ENTITLED = "entitled"
    NOT_ENTITLED = "not_entitled"
    UNKNOWN = "unknown"
    FORGED = "forged"


class ListedState(StrEnum):
    """What a status list says of one place; which of several withdrawals it was is not in it."""

    VALID = "valid"
    INVALID = "invalid"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """What a credential and a trust list say together.

    `index` is where the credential says it was issued: its signer can have written anything there.
    `void_from` is the index from which on the signing key counts for nothing, if there is one.
    """

    code: str
    agency: str
    type: str
    index: int
    effective_date: str
    expiry_date: str | None
    own_ledger: bool
    signer: Signer
    custodial: bool = False
    void_from: int | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What an offline verdict rests on: lists, the log size each is of, and their ages in seconds.

    `trust_old` says that the trust list is past its end. Without a status list, or with one that
    cannot be believed, `listed` is None.
    """

    trust_size: int
    trust_age_seconds: int
    trust_old: bool = False
    listed: ListedState | None = None
    status_size: int | None = None
    status_age_seconds: int | None = None


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
    credential: CredentialFacts | None = None
    knowledge: Knowledge | None = None

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


def unreadable_credential(*, foreign: bool) -> Verdict:
    """The answer for a QR code that is damaged, or that another system made."""
    foreign_or_not = Reason.CREDENTIAL_FOREIGN if foreign else Reason.CREDENTIAL_UNREADABLE
    return _without_record(foreign_or_not, None)


def contradictory() -> Verdict:
    """The answer for a file whose QR code and embedded credential are not the same."""
    return replace(_without_record(Reason.FILE_CONTRADICTORY, None), unchanged="differs")


def judge_credential(
    facts: CredentialFacts, knowledge: Knowledge, *, today: str, max_status_age_seconds: int
) -> Verdict:
    """Decide about a credential with no network, by lists that were fetched before.

    `max_status_age_seconds` is the type's: 0 where its force is never to be told from a list.
    Nothing here is *valid* without a trust list and a status list that are both young enough, nor
    by a key that was ever compromised: such a key can have signed any index and any day.
    """
    answers = _offline_answers(facts, knowledge, today, max_status_age_seconds)
    reason = next(reason for is_so, reason in answers if is_so)
    return Verdict(
        outcome=OUTCOME_OF[reason],
        reason=reason,
        unchanged=_UNCHANGED_OF[facts.signer] if facts.own_ledger else "not_compared",
        issuer=_issuer(facts),
        in_force=_force(reason),
        basis=None,
        credential=facts,
        knowledge=knowledge,
    )


def _offline_answers(
    facts: CredentialFacts, knowledge: Knowledge, today: str, max_status_age_seconds: int
) -> Iterator[tuple[bool, Reason]]:
    """All that can be said of a credential, worst first, behind what makes all of it idle."""
    unknown, listed = facts.signer is Signer.UNKNOWN, knowledge.listed
    yield not facts.own_ledger, Reason.LEDGER_FOREIGN
    yield facts.signer is Signer.FORGED, Reason.CREDENTIAL_FORGED
    # A list can know no key that was enrolled after it.
    yield unknown and facts.index >= knowledge.trust_size, Reason.ISSUER_NOT_KNOWN_YET
    yield unknown and knowledge.trust_old, Reason.TRUST_LIST_OLD
    yield unknown, Reason.ISSUER_UNKNOWN
    yield facts.signer is Signer.NOT_ENTITLED, Reason.ISSUER_NOT_ENTITLED
    void = facts.void_from
    yield void is not None and void <= facts.index, Reason.ISSUER_KEY_COMPROMISED
    # However old the list: what was withdrawn hardly ever comes back.
    withdrawn = None if listed is None else _LISTED.get(listed)
    yield withdrawn is not None, withdrawn or Reason.REVOKED
    yield today < facts.effective_date, Reason.NOT_YET_VALID
    yield facts.expiry_date is not None and today > facts.expiry_date, Reason.EXPIRED
    yield knowledge.trust_old, Reason.TRUST_LIST_OLD
    yield void is not None, Reason.LOG_PROOF_NEEDED
    age, size = knowledge.status_age_seconds, knowledge.status_size
    young = age is not None and age <= max_status_age_seconds and max_status_age_seconds > 0
    # Nor does a list say anything of what was issued after it.
    covered = size is not None and facts.index < size
    in_force = listed is ListedState.VALID and young and covered
    yield not in_force, Reason.GENUINE_FORCE_NOT_CHECKED
    yield True, Reason.IN_FORCE_CREDENTIAL_GENUINE


_LISTED: dict[ListedState, Reason] = {
    ListedState.INVALID: Reason.REVOKED,
    ListedState.SUSPENDED: Reason.SUSPENDED,
    ListedState.SUPERSEDED: Reason.SUPERSEDED,
}
_UNCHANGED_OF: dict[Signer, str] = {
    Signer.ENTITLED: "signed",
    Signer.NOT_ENTITLED: "signed",
    Signer.UNKNOWN: "not_compared",
    Signer.FORGED: "differs",
}
_FORCE_OF: dict[Reason, str] = {
    Reason.REVOKED: "revoked",
    Reason.SUSPENDED: "suspended",
    Reason.SUPERSEDED: "superseded",
    Reason.NOT_YET_VALID: "not_yet",
    Reason.EXPIRED: "expired",
    Reason.IN_FORCE_CREDENTIAL_GENUINE: "in_force",
}


def _issuer(facts: CredentialFacts) -> str:
    if facts.signer is not Signer.ENTITLED or not facts.own_ledger:
        return "not_entitled" if facts.signer is Signer.NOT_ENTITLED else "unknown"
    return "authorised" if facts.void_from is None else "key_compromised"


def _force(reason: Reason) -> str:
    return _FORCE_OF.get(reason, "unknown")


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
    # What it says was found nobody has held against a register: that is done where it is answered.
    yield not facts.answered, Reason.ANSWER_MISSING
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
