"""What a QR code, a trust list and a status list say together: the facts of an offline verdict.

It gathers and does not decide: :mod:`verdict` does. No clock, no network, no database; so the same
bytes at the same moment always give the same answer, here and in a browser.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from infrastructure.proofs import qr, verdict
from infrastructure.proofs.credential import LEDGER_BYTES, Credential, Signed
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.trust import Trusted, TrustedKey, TrustList
from infrastructure.proofs.verdict import (
    OUTCOME_OF,
    CredentialFacts,
    Knowledge,
    ListedState,
    Outcome,
    Reason,
    Signer,
    Verdict,
    judge_credential,
    unreadable_credential,
)

LISTED: Final = {
    0: ListedState.VALID,
    1: ListedState.INVALID,
    2: ListedState.SUSPENDED,
    3: ListedState.SUPERSEDED,
}
_FOREIGN = frozenset({"qr_foreign", "credential_foreign"})
_IDLE = frozenset({Outcome.NOT_VALID, Outcome.UNREADABLE})
# Besides: what makes it idle to ask how the record stands.
_UNSURE = frozenset(
    {
        Reason.LEDGER_FOREIGN,
        Reason.ISSUER_NOT_KNOWN_YET,
        Reason.TRUST_LIST_OLD,
    }
)


@dataclass(frozen=True, slots=True)
class Listed:
    """What a status list, whose signature was verified, says of the credential's place.

    `issued` is when it was signed (seconds UTC), `size` the log size that it is of.
    """

    value: int
    issued: int
    size: int


def read(text: str) -> qr.Reading | Verdict:
    """What a QR text holds, or the verdict that it cannot be read."""
    try:
        return qr.parse_text(text)
    except ProofError as error:
        return unreadable_credential(foreign=error.code in _FOREIGN)


def agree(
    texts: Iterable[str], attached: Iterable[bytes], *, whole: bool = True, all_files: bool = True
) -> bool:
    """Whether the credentials that a file brings along are those that its QR codes hold.

    Papers are made so, byte for byte. Where they differ, the picture or the attachment was changed.
    Of several papers in one file, the credential that is judged, which is the first, must be among
    those attached, where `all_files` were looked at, and each attached one must stand on a page,
    where the `whole` file was read. A file that shows no code of a ledger says nothing either way.
    """
    held, shown = set(attached), [text for text in texts if _leads_here(text)]
    if not held or not shown:
        return True
    readings = [one.data for one in map(read, shown) if isinstance(one, qr.Reading)]
    surplus = whole and not held <= set(readings)
    return bool(readings) and (readings[0] in held or not all_files) and not surplus


def _leads_here(text: str) -> bool:
    """Whether a text is a code, or the address of one, whatever else is in it."""
    return qr.place_in(text) is not None or isinstance(read(text), qr.Reading)


class Worse(NamedTuple):
    """What a credential takes from the register's verdict on its code."""

    reason: Reason
    unchanged: str
    issuer: str | None = None
    """Where the credential's signer decides."""


def beside(
    local: Verdict,
    said: Credential,
    *,
    valid: bool,
    record: tuple[str, str, int] | None,
    compared: bool = False,
) -> Worse | None:
    """Whether a credential, judged by `local`, stands against what the register says of its code.

    The register decides on force; `valid` is whether it says so, `record` the agency, type and
    index that it has under the code. A paper that names another record than it leads to is forged.
    A key that was stolen later does not matter where every value is `compared` with the record.
    """
    compromised = local.reason is Reason.ISSUER_KEY_COMPROMISED
    if compromised and valid:
        # Affirmed again, but by whom this paper was signed, only the log can prove.
        return Worse(Reason.LOG_PROOF_NEEDED, local.unchanged, local.issuer)
    doubt = _doubt(local, compared=compared) if not compromised else None
    if doubt is not None:
        return Worse(doubt, local.unchanged, local.issuer)
    other = record is not None and record != (said.agency, said.type, said.index)
    return Worse(Reason.CREDENTIAL_FORGED, "differs") if other else None


def _doubt(local: Verdict, *, compared: bool) -> Reason | None:
    """What is open about the signature, however the record stands.

    By the facts: a paper's own end, or its place in a status list, may be its signer's invention,
    and outranks in `local` what is to be doubted of the signer.
    """
    facts, knowledge = local.credential, local.knowledge
    if local.outcome in _IDLE or local.reason in _UNSURE or facts is None or knowledge is None:
        return local.reason
    if knowledge.trust_old:
        return Reason.TRUST_LIST_OLD
    return Reason.LOG_PROOF_NEEDED if facts.void_from is not None and not compared else None


def combined(local: Verdict, told: Verdict, said: Credential) -> Verdict:
    """The register's verdict on a code, for a paper that brought this credential along."""
    facts = told.facts
    record = None if facts is None else (facts.agency, facts.type, facts.issue_index)
    worse = beside(local, said, valid=told.outcome is Outcome.VALID, record=record)
    if worse is not None:
        return replace(
            told,
            outcome=OUTCOME_OF[worse.reason],
            reason=worse.reason,
            unchanged=worse.unchanged,
            issuer=worse.issuer or told.issuer,
        )
    if told.comparison.mismatched:
        return told
    if told.reason is Reason.IN_FORCE_PAPER_NOT_COMPARED:
        told = replace(told, reason=Reason.IN_FORCE_CREDENTIAL_GENUINE)
    return replace(told, unchanged=local.unchanged)


def assess(
    signed: Signed,
    trusted: Trusted,
    listed: Listed | None,
    *,
    now: int,
    today: str,
    max_status_age_seconds: int,
    doubted: bool = False,
) -> Verdict:
    """The verdict about a credential at a moment (seconds UTC) of a Baghdad day (ISO).

    A status list from the future is none: some clock is wrong. `doubted` where the ledger signed,
    of a longer log than the trust list's, that the issuance counts for nothing.
    """
    if listed is not None and listed.issued > now + verdict.SKEW_SECONDS:
        listed = None
    knowledge = Knowledge(
        trust_size=trusted.list.size,
        trust_age_seconds=trusted.age_seconds(now),
        trust_old=trusted.old(now),
        listed=None if listed is None else LISTED.get(listed.value),
        status_size=None if listed is None else listed.size,
        status_age_seconds=None if listed is None else max(now - listed.issued, 0),
    )
    facts = gather(signed, trusted.list)
    if doubted and facts.void_from is None:
        facts = replace(facts, void_from=facts.index)
    return judge_credential(
        facts, knowledge, today=today, max_status_age_seconds=max_status_age_seconds
    )


def gather(signed: Signed, trusted: TrustList) -> CredentialFacts:
    """What the trust list says of a credential and of whoever signed it."""
    said = signed.credential
    own = said.ledger == trusted.ledger[:LEDGER_BYTES].hex()
    signer, key = _signer(signed, trusted) if own else (Signer.UNKNOWN, None)
    return CredentialFacts(
        code=said.code,
        agency=said.agency,
        type=said.type,
        index=said.index,
        effective_date=said.counts_from,
        expiry_date=said.expiry_date,
        own_ledger=own,
        signer=signer,
        custodial=key is not None and key.custodial,
        void_from=None if key is None else key.void_from,
    )


def _signer(signed: Signed, trusted: TrustList) -> tuple[Signer, TrustedKey | None]:
    said = signed.credential
    fitting = trusted.keys_named(said.agency, signed.key_id)
    if not fitting:
        return Signer.UNKNOWN, None
    try:
        public = signed.verify([one.public for one in fitting])
    except ProofError:
        return Signer.FORGED, None
    key = next(one for one in fitting if one.public == public)
    entitled = trusted.entitled(key, said.agency, said.index, said.issued_at)
    return Signer.ENTITLED if entitled else Signer.NOT_ENTITLED, key
