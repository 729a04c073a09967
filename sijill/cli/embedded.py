"""Evidence that a PDF brings along: verified with no network, it tells how the record stood.

It must not know where the file came from. What it says of force is the ledger's signed word for one
size of the log, and is as old as that word, or as the last time that the witnesses' quorum signed.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from domain.values import MICROSECONDS
from infrastructure.proofs import bundle
from infrastructure.proofs.bundle import Told
from infrastructure.proofs.credential import LEDGER_BYTES, Credential
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.offline import Listed
from infrastructure.proofs.standing import NAMING, what
from infrastructure.proofs.statuslist import Status
from infrastructure.proofs.trust import Root
from infrastructure.proofs.verdict import Reason
from sijill.cli.bundle import trust_in

_IN_FORCE: Final = frozenset(
    {Reason.IN_FORCE_PAPER_NOT_COMPARED, Reason.EXPIRED, Reason.NOT_YET_VALID}
)
_WITHDRAWN: Final = {
    Reason.REVOKED: Status.INVALID,
    Reason.ORIGINAL_REVOKED: Status.INVALID,
    Reason.VOIDED: Status.INVALID,
    Reason.SUSPENDED: Status.SUSPENDED,
    Reason.SUPERSEDED: Status.SUPERSEDED,
    Reason.REPLACED: Status.SUPERSEDED,
}

# That too few witnesses have seen a checkpoint yet does not make it a forger's.
_UNSEEN: Final = frozenset({"witnesses_too_few"})


class Contradictory(Exception):
    """The evidence does not verify, or is about something else than the credential."""


class Proven(NamedTuple):
    """How a record stood at a size of the log, as a status list would tell it.

    `doubted` where its issuance counted for nothing then, which no status list can tell.
    """

    size: int
    listed: Listed | None
    doubted: bool = False


def proven(data: bytes, said: Credential, root: Root) -> Proven | None:
    """How the record stood; None where the evidence does not say.

    Raises:
        Contradictory: nothing that a paper made by anybody honest would hold.
    """
    if said.ledger != root.ledger[:LEDGER_BYTES].hex():
        # Of another ledger, as the verdict tells: nobody here can judge its evidence.
        return None
    policy = None if root.policy is None else root.policy.encode()
    try:
        trust = trust_in(root.ledger, policy)
        parsed = bundle.parse(data)
        report = bundle.verify(parsed, trust)
    except ProofError as error:
        raise Contradictory(error.code) from None
    found = {one.code for one in report.findings}
    if found - _UNSEEN or parsed.code != said.code or not _issued(said, report.told):
        raise Contradictory
    if found:
        return None
    size = report.checkpoint.size
    if report.reason == Reason.ISSUER_KEY_COMPROMISED:
        return Proven(size, None, doubted=True)
    value = _status(report.reason)
    if value is None:
        return None
    seen = None if trust.policy is None else trust.policy.satisfied_since(report.cosigned)
    return Proven(size, Listed(value, max(report.time // MICROSECONDS, seen or 0), size))


def _issued(said: Credential, told: Sequence[Told]) -> bool:
    """Whether its agency began the record, and an original was made at its index.

    That one is the agency's, or was made by whoever answers for the record since.
    """
    begun = any(one.header.version == 1 and one.header.agency == said.agency for one in told)
    return begun and any(one.index == said.index and _makes(one) for one in told)


def _makes(one: Told) -> bool:
    return what(one.header.type) in NAMING


def newer(one: Listed | None, other: Listed | None) -> Listed | None:
    """Of two words about the same record, the one of the longer log."""
    return max(filter(None, (one, other)), key=lambda word: word.size, default=None)


def _status(reason: str | None) -> int | None:
    if reason in _IN_FORCE:
        return Status.VALID
    return _WITHDRAWN.get(Reason(reason)) if reason in set(Reason) else None
