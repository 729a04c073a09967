"""What the events of a certificate say of one of its codes, as far as they are open to the reader.

Where a body is closed that may be about another original, it is read in favour of the code.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from infrastructure.proofs.authorship import ALWAYS_OPEN
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.leaf import Header, split_body

CERTIFICATE: Final = "sijill.certificate."
_SEEN: Final = (*ALWAYS_OPEN, CERTIFICATE, "sijill.register.", "sijill.report.")
"""Topics whose headers are for everybody."""
NAMING: Final = frozenset({"issued", "corrected", "original_added", "original_replaced"})
"""What makes an original, and names its code."""


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


def kept_back(header: Header | None, found: Finding) -> bool:
    """Whether a gap among a record's versions may only be what others' eyes are not for.

    What stays inside one agency is not in the bundle of another. Of certificates, of registers and
    of what is published everybody sees every header: there a gap hides something.
    """
    if header is None or header.type.startswith(_SEEN) or found.code != "version_wrong":
        return False
    return int(found.found) > int(found.expected)


def named(acts: Sequence[Act]) -> set[str] | None:
    """Every code of the record; None where an event that names one is not open."""
    found = set()
    for act in acts:
        if act.what in NAMING:
            if act.said is None:
                return None
            found.add(str(act.said.get("code" if act.what == "issued" else "new_code")))
    return found or None


def against(acts: Sequence[Act], code: str | None) -> Act | None:
    """The event that keeps a code from being valid, if there is one."""
    whole: dict[str, Act] = {}
    own: Act | None = None
    courts = originals = 0
    for act in acts:
        match act.what:
            case "suspended" | "voided" | "superseded":
                whole[act.what] = act
            case "reinstated":
                whole.pop("suspended", None)
            case "suspended_by_court":
                courts += 1
                whole["court"] = act
            case "court_suspension_lifted":
                courts -= 1
                if courts <= 0:
                    whole.pop("court", None)
            case "revoked" if _only_one(act, originals) is None:
                whole["revoked"] = act
            case "revocation_annulled" if _only_one(act, 0) is None:
                whole.pop("revoked", None)
            case _:
                originals += act.what == "original_added"
                own = _own(act, code, own)
    return next(iter(whole.values()), own)


def granted(acts: Sequence[Act], code: str | None) -> list[Act]:
    """The events that a code rests on: while a key of one is void, it is not valid."""
    grants: list[Act] = []
    for act in acts:
        match act.what:
            case "corrected" | "reaffirmed":
                grants = [act]
            case "issued" | "reinstated" | "court_suspension_lifted":
                grants.append(act)
            case "revocation_annulled" if _only_one(act, 1) in {None, code}:
                grants.append(act)
            case "original_added" | "original_replaced" if _begins(act, code):
                grants.append(act)
    return grants


def _begins(act: Act, code: str | None) -> bool:
    return act.said is not None and act.said.get("new_code") == code


def _only_one(act: Act, added: int) -> str | None:
    """The one original that a revocation is about; None where it is about the whole record.

    A closed one may be about any where there are further originals.
    """
    if act.said is None:
        return "" if added else None
    return str(act.said.get("code")) if act.said.get("original_only") else None


def _own(act: Act, code: str | None, before: Act | None) -> Act | None:
    """What keeps this original from being valid after an event, whatever the record's standing."""
    if act.what in NAMING and (act.said is None or act.said.get("new_code") == code):
        # It is the code's beginning, or may be.
        return None
    if act.what == "corrected":
        return act
    if act.said is None or act.said.get("code") != code:
        return before
    match act.what:
        case "original_replaced" | "revoked":
            return act
        case "revocation_annulled":
            return None
    return before
