"""Following the log's key when it changes: only if the key that is trusted says so.

The event of a rotation carries two notes over the same words, by the old key and by the new one.
Nothing else is needed: whoever trusts the old key trusts what it signed, wherever the event stands.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infrastructure.proofs import canonical, leaf, receipts
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.receipts import Rotation
from sijill.client.errors import Untrustworthy
from sijill.client.trust import Identity

Open = Callable[[int], Mapping[str, Any]]


def follow(known: Identity, told: Mapping[str, Any], opening: Open) -> Identity:
    """The known identity with the keys that came after its own, each vouched for by the one before.

    `told` is what `GET /v1/ledger` answers now; `opening(index)` fetches the opening of an event.

    Raises:
        Untrustworthy: the known key is not among those told, or a link does not hold.
    """
    try:
        keys = [str(key) for key in told["log_vkeys"]]
        indexes = [int(index) for index in told["log_key_indexes"]]
        place = keys.index(known.log.encode())
        links = list(zip(indexes, keys, strict=True))[place + 1 :]
    except (KeyError, TypeError, ValueError) as error:
        raise Untrustworthy(
            "the log's key is not the known one, nor one that follows it"
        ) from error
    followed = known
    for index, key in links:
        followed = _link(followed, key, opening(index))
    return followed


def _link(known: Identity, key: str, opening: Mapping[str, Any]) -> Identity:
    """One step, from the known key to the next."""
    try:
        new = VerifierKey.parse(key)
        body = leaf.split_body(base64.b64decode(opening["body"], validate=True))
        if body.parsed.get("log_key") != key:
            raise ProofError("rotation_mismatch", "the event brings another key")
        notes: Sequence[str] = body.chosen.get("notes", ())
        word = Rotation(known.ledger, canonical.statement_digest(body.statement))
        receipts.verify_rotation(notes, word, old_key=known.log, new_key=new)
    except (KeyError, TypeError, ValueError) as error:
        raise Untrustworthy(f"the log's key changed, and nothing proves it: {error}") from error
    return known.rotated(new)
