"""One event as an evidence bundle carries it, and its one spelling."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from infrastructure.proofs import base64text, merkle
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.ordering import OrderMaterial

_MAX_PATH: Final = 63
_PARTS: Final = {
    frozenset({"header", "header_salt"}),
    frozenset({"body", "body_salt"}),
    frozenset({"evidence", "path", "statement"}),
}
_EVENT: Final = frozenset({"index", "leaf", "proof"})


@dataclass(frozen=True, slots=True)
class Proven:
    """One event: its leaf's bytes, the leaf's path in the tree, and what is open of it."""

    index: int
    leaf: bytes
    proof: tuple[bytes, ...]
    opening: Opening


def encode_event(event: Proven) -> dict[str, Any]:
    """The event as JSON."""
    opening = event.opening
    said: dict[str, Any] = {
        "index": event.index,
        "leaf": event.leaf.decode("ascii"),
        "proof": [one.hex() for one in event.proof],
    }
    for name, data, salt in (
        ("header", opening.header, opening.header_salt),
        ("body", opening.body, opening.body_salt),
    ):
        if data is not None:
            said |= {name: base64text.encode(data), f"{name}_salt": salt.hex()}
    if opening.order is not None and opening.order.path is not None:
        said["evidence"] = base64text.encode(opening.order.evidence)
        said["path"] = [one.hex() for one in opening.order.path]
        said["statement"] = (opening.order.statement or b"").hex()
    return said


def parse_event(said: object) -> Proven:
    """Read an event.

    Raises:
        ProofError: ``bundle_malformed``.
    """
    if not isinstance(said, dict) or not said.keys() >= _EVENT:
        raise malformed("an event has an index, a leaf and a proof")
    rest = said.keys() - _EVENT
    parts = [part for part in _PARTS if part <= rest]
    if rest != frozenset().union(*parts):
        raise malformed("a header or body comes with its salt, evidence with its path")
    index, leaf = said["index"], said["leaf"]
    if type(index) is not int or type(leaf) is not str or not leaf.isascii():
        raise malformed("an index and a leaf")
    order = None
    if "evidence" in said:
        order = OrderMaterial(
            _base64(said["evidence"]),
            path=_hashes(said["path"]),
            statement=hash_of(said["statement"]),
        )
    opening = Opening(
        index,
        _base64(said["header"]) if "header" in said else None,
        _hex(said.get("header_salt", "")),
        _base64(said["body"]) if "body" in said else None,
        _hex(said.get("body_salt", "")),
        order,
    )
    return Proven(index, leaf.encode(), _hashes(said["proof"]), opening)


def _hashes(said: object) -> tuple[bytes, ...]:
    if not isinstance(said, list) or len(said) > _MAX_PATH:
        raise malformed(f"a path is a list of at most {_MAX_PATH} hashes")
    return tuple(map(hash_of, said))


def hash_of(said: object) -> bytes:
    """The 32 bytes in a text of 64 hex digits, or ``bundle_malformed``."""
    data = _hex(said)
    if len(data) != merkle.HASH_BYTES:
        raise malformed("a hash is 64 hex digits")
    return data


def _hex(said: object) -> bytes:
    try:
        data = bytes.fromhex(said) if isinstance(said, str) else b""
    except ValueError:
        data = b""
    if data.hex() != said:
        raise malformed("lower-case hex")
    return data


def _base64(said: object) -> bytes:
    return base64text.decode(said if isinstance(said, str) else "*", code="bundle_malformed")


def uuid_of(said: str) -> UUID:
    """The UUID in its one spelling, or ``bundle_malformed``."""
    try:
        found = UUID(said)
    except ValueError:
        raise malformed("a record is named by a UUID") from None
    if str(found) != said:
        raise malformed("a UUID in its one spelling")
    return found


def malformed(detail: str) -> ProofError:
    """What a bundle is refused with."""
    return ProofError("bundle_malformed", detail)
