"""What the events of a certificate say of one of its codes, as far as they are open to the reader.

Whether a body is what its leaf commits to is the judge's business.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import Header, split_body

CERTIFICATE: Final = "sijill.certificate."
# What a verdict may not call valid, by the last event of these that the record has.
_WITHDRAWING: Final = frozenset({"suspended", "revoked", "voided", "superseded"})
_RESTORING: Final = frozenset({"reinstated", "revocation_annulled"})
_NAMING: Final = frozenset({"issued", "corrected", "original_added", "original_replaced"})


class Act(NamedTuple):
    """One event of the record; ``said`` is its statement, None where it is not open."""

    at: int
    type: str
    said: Mapping[str, Any] | None

    @classmethod
    def of(cls, at: int, header: Header, body: bytes | None) -> "Act":
        """The event at an index, its body's bytes read if they can be."""
        try:
            said = None if body is None else split_body(body).parsed
        except ProofError:
            # The judge has told.
            said = None
        return cls(at, header.type, said)

    @property
    def what(self) -> str:
        """The third word of its type, where it is a certificate's; otherwise nothing."""
        return self.type.split(".")[2] if self.type.startswith(CERTIFICATE) else ""


def named(acts: Sequence[Act]) -> set[str] | None:
    """Every code of the record; None where an event that names one is not open."""
    found = set()
    for act in acts:
        if act.what in _NAMING:
            if act.said is None:
                return None
            found.add(str(act.said.get("code" if act.what == "issued" else "new_code")))
    return found or None


def against(acts: Sequence[Act]) -> Act | None:
    """The event that keeps the record from being valid, if there is one."""
    last = None
    for act in acts:
        if act.what in _WITHDRAWING:
            last = act
        elif act.what in _RESTORING:
            last = None
    return last
