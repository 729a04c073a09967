"""What a client believes: nothing that is not signed, and nothing that contradicts what was signed.

Every check here is pure. What does not hold is `Untrustworthy`, whatever is said beside it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from uuid import UUID

from infrastructure.proofs import canonical, checkpoint, merkle, note, receipts
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.signing import Cover
from infrastructure.proofs.statements import statement_root
from sijill.client.errors import Refused, Untrustworthy

HASH_BYTES = 32

Ask = Callable[[int, int], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Identity:
    """Which ledger this is: its id (leaf hash of index 0), origin and verifier keys.

    `log` is the present key of the log, `earlier` are those that it had before, oldest first.
    """

    ledger: bytes
    origin: str
    log: note.VerifierKey
    receipts: note.VerifierKey
    earlier: tuple[note.VerifierKey, ...] = ()

    @property
    def log_keys(self) -> tuple[note.VerifierKey, ...]:
        """Every key that may have signed a checkpoint."""
        return (*self.earlier, self.log)

    def rotated(self, key: note.VerifierKey) -> "Identity":
        """The same ledger under its next log key."""
        return replace(self, log=key, earlier=self.log_keys)

    def encode(self) -> bytes:
        """What is pinned in the state folder; `parse` reads it."""
        said = {
            "ledger": self.ledger.hex(),
            "origin": self.origin,
            "log_vkey": self.log.encode(),
            "log_vkeys": [key.encode() for key in self.log_keys],
            "receipts_vkey": self.receipts.encode(),
        }
        return json.dumps(said, indent=2).encode()

    @classmethod
    def parse(cls, data: bytes) -> "Identity":
        """Read the answer of `GET /v1/ledger`, or what was pinned of it.

        Where nothing was pinned before, the earlier keys are believed as the present one is: right
        after a rotation the newest checkpoint still bears the key before it.

        Raises:
            Untrustworthy: it is not one.
        """
        try:
            said = json.loads(data)
            *earlier, log = map(note.VerifierKey.parse, said.get("log_vkeys", [said["log_vkey"]]))
            return cls(
                _digest(said["ledger"]),
                str(said["origin"]),
                log,
                note.VerifierKey.parse(said["receipts_vkey"]),
                tuple(earlier),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Untrustworthy("this address does not say which ledger it is") from error


def open_checkpoint(data: bytes, identity: Identity) -> Checkpoint:
    """The checkpoint in a note.

    Raises:
        Untrustworthy: the ledger's log key did not sign it.
    """
    try:
        return checkpoint.open_checkpoint(data, origin=identity.origin, verifiers=identity.log_keys)
    except ProofError as error:
        raise Untrustworthy(f"checkpoint: {error}") from error


def require_consistent(one: Checkpoint, other: Checkpoint, ask: Ask) -> None:
    """Return when the smaller of two trees is the beginning of the larger one.

    `ask(old size, new size)` fetches the proof, in whichever order the two were seen.

    Raises:
        Untrustworthy: it is not, or nobody can prove it.
    """
    older, newer = sorted((one, other), key=lambda head: head.size)
    if older.size == newer.size:
        if older.root != newer.root:
            raise Untrustworthy(f"two roots for size {older.size}")
        return
    proof = _hashes(ask(older.size, newer.size))
    try:
        merkle.verify_consistency(
            old_size=older.size,
            new_size=newer.size,
            proof=proof,
            old_root=older.root,
            new_root=newer.root,
        )
    except ProofError as error:
        raise Untrustworthy(f"sizes {older.size} and {newer.size} do not fit: {error}") from error


def require_included(
    receipt: receipts.Receipt, head: Checkpoint, answer: Mapping[str, Any]
) -> None:
    """Return when the tree of `head` holds the leaf that a receipt promised; `answer` is the proof.

    Raises:
        Untrustworthy: it does not.
    """
    require_leaf(receipt.leaf_hash, receipt.index, head, answer)


def require_leaf(leaf_hash: bytes, index: int, head: Checkpoint, answer: Mapping[str, Any]) -> None:
    """Return when the tree of `head` holds this leaf at this index; `answer` is the proof.

    Raises:
        Untrustworthy: it does not.
    """
    try:
        merkle.verify_inclusion(
            leaf_hash=leaf_hash,
            index=index,
            size=head.size,
            proof=_hashes(answer),
            root=head.root,
        )
    except ProofError as error:
        raise Untrustworthy(f"index {index} is not what was promised: {error}") from error


def open_receipt(answer: Mapping[str, Any], statement: str, identity: Identity) -> receipts.Receipt:
    """The receipt in an answer about the statement with this hex digest.

    Raises:
        Untrustworthy: it is missing, not signed, or about anything else.
    """
    try:
        receipt = receipts.open_receipt(str(answer["receipt"]).encode(), [identity.receipts])
        said = (identity.ledger, answer["index"], answer["leaf_hash"], statement)
    except (KeyError, ProofError, UnicodeEncodeError) as error:
        raise Untrustworthy(f"an answer without a receipt that holds: {error}") from error
    promised = (
        receipt.ledger,
        receipt.index,
        receipt.leaf_hash.hex(),
        receipt.statement_digest.hex(),
    )
    if promised != said:
        raise Untrustworthy(f"the receipt of index {receipt.index} is about something else")
    return receipt


def require_verdict(answer: Mapping[str, Any], identity: Identity) -> None:
    """Return when the note in a verdict is the ledger's and says what the verdict says.

    Raises:
        Untrustworthy: it is not signed, or about anything else.
    """
    try:
        word = receipts.open_verdict(str(answer["receipt"]).encode(), [identity.receipts])
        said = canonical.parse(word.verdict, limit_bytes=len(word.verdict))
        noted = (word.ledger, said["outcome"], said["reason"])
    except (KeyError, ProofError, UnicodeEncodeError) as error:
        raise Untrustworthy(f"a verdict without a note that holds: {error}") from error
    if noted != (identity.ledger, answer["outcome"], answer["reason"]):
        raise Untrustworthy("the signed note says something else than the verdict")


def spelled(order: str) -> str:
    """The id of an order in the one spelling that is signed, however it was copied or typed."""
    try:
        return str(UUID(order))
    except ValueError:
        return order  # the ledger says that it is none


def read_order(shown: Mapping[str, Any], statements: Sequence[Any]) -> tuple[Cover, list[bytes]]:
    """What a countersignature of this pending order covers, and its statements' digests.

    The statements that one has read must be the ones that the root is over: else one would sign
    something that was not shown. Of an order that is closed none are shown, and none are signed.

    Raises:
        Untrustworthy: they are not. Refused: `order_closed`, as the ledger itself would say.
    """
    state = shown.get("state", "open")
    if state != "open":
        raise Refused({"code": "order_closed", "status": HTTPStatus.CONFLICT, "note": state})
    try:
        cover = Cover(_digest(shown["root"]), int(shown["lines"]), bool(shown["atomic"]))
        digests = [canonical.statement_digest(canonical.dumps(one)) for one in statements]
    except (KeyError, TypeError, ValueError) as error:
        raise Untrustworthy("the order is not shown as orders are") from error
    if len(digests) != cover.lines or statement_root(digests) != cover.root:
        raise Untrustworthy("the order is about other statements than the ones shown")
    return cover, digests


def _hashes(answer: Mapping[str, Any]) -> list[bytes]:
    try:
        return [_digest(item) for item in answer["hashes"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Untrustworthy("a proof is a list of hashes") from error


def _digest(text: str) -> bytes:
    digest = bytes.fromhex(text)
    if len(digest) != HASH_BYTES or digest.hex() != text:
        raise ValueError("64 lower-case hex digits")
    return digest
