"""The log's next key, with the old one's word for it."""

from infrastructure.proofs import canonical
from infrastructure.proofs.leaf import Body
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.receipts import Rotation, verify_rotation


def next_log_key(body: Body, *, ledger: bytes, old: VerifierKey) -> VerifierKey:
    """The key that a rotation puts in an old one's place, with both keys' word for it.

    Raises:
        ProofError, KeyError, TypeError: the body does not hold it.
    """
    rotation = Rotation(ledger, canonical.statement_digest(body.statement))
    new = VerifierKey.parse(body.parsed["log_key"])
    verify_rotation(body.chosen["notes"], rotation, old_key=old, new_key=new)
    return new
