"""What a QR code, a trust list and a status list say together: the facts of an offline verdict.

It gathers and does not decide: :mod:`verdict` does. No clock, no network, no database; so the same
bytes at the same moment always give the same answer, here and in a browser.
"""

from dataclasses import dataclass
from typing import Final

from infrastructure.proofs import qr, verdict
from infrastructure.proofs.credential import LEDGER_BYTES, Signed
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.trust import Trusted, TrustedKey
from infrastructure.proofs.verdict import (
    CredentialFacts,
    Knowledge,
    ListedState,
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


def assess(
    signed: Signed,
    trusted: Trusted,
    listed: Listed | None,
    *,
    now: int,
    today: str,
    max_status_age_seconds: int,
) -> Verdict:
    """The verdict about a credential at a moment (seconds UTC) of a Baghdad day (ISO).

    A status list from the future is none: some clock is wrong.
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
    facts = gather(signed, trusted)
    return judge_credential(
        facts, knowledge, today=today, max_status_age_seconds=max_status_age_seconds
    )


def gather(signed: Signed, trusted: Trusted) -> CredentialFacts:
    """What the trust list says of a credential and of whoever signed it."""
    said = signed.credential
    own = said.ledger == trusted.list.ledger[:LEDGER_BYTES].hex()
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


def _signer(signed: Signed, trusted: Trusted) -> tuple[Signer, TrustedKey | None]:
    said = signed.credential
    fitting = trusted.list.keys_named(said.agency, signed.key_id)
    if not fitting:
        return Signer.UNKNOWN, None
    try:
        public = signed.verify([one.public for one in fitting])
    except ProofError:
        return Signer.FORGED, None
    key = next(one for one in fitting if one.public == public)
    agency = trusted.list.agencies.get(said.agency)
    linked = agency is not None and agency.linked_at(said.index)
    if linked and key.entitled(said.index, said.issued_at):
        return Signer.ENTITLED, key
    return Signer.NOT_ENTITLED, key
