"""What the events of a certificate say of one of its codes, as far as they are open to the reader.

Where a body is closed that may be about another original, it is read in favour of the code.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from infrastructure.proofs.authorship import ALWAYS_OPEN
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.leaf import Header, Leaf, split_body

CERTIFICATE: Final = "sijill.certificate."
_SEEN: Final = (*ALWAYS_OPEN, CERTIFICATE, "sijill.register.", "sijill.report.")
"""Topics whose headers are for everybody."""
NAMING: Final = frozenset({"issued", "corrected", "original_added", "original_replaced"})
"""What makes an original, and names its code."""
NOTHING_IS_WASHED_SINCE_US: Final = 1_795_899_600_000_000
"""29 November 2026 in Baghdad: until then a correction and a re-affirmation stood for all that was
granted before, and no court took back what had been lifted."""


class Act(NamedTuple):
    """One event of the record; ``said`` is its statement, None where it is not open.

    ``agency`` ordered it, ``time`` (µs) is its leaf's.
    """

    at: int
    type: str
    said: Mapping[str, Any] | None
    agency: str
    time: int

    @classmethod
    def of(cls, leaf: Leaf, header: Header, body: bytes | None) -> "Act":
        """The event of a leaf, its body's bytes read if they can be."""
        try:
            said = None if body is None else split_body(body).parsed
        except ProofError:
            # The judge has told.
            said = None
        return cls(leaf.index, header.type, said, header.agency, leaf.time)

    @property
    def what(self) -> str:
        """The third word of its type, where it is a certificate's; otherwise nothing."""
        return what(self.type)

    @property
    def washes(self) -> bool:
        """Whether it is of the days on which nothing of before outlived it."""
        return self.time < NOTHING_IS_WASHED_SINCE_US


def what(topic: str) -> str:
    """The third word of an event's type, where it is a certificate's; otherwise nothing."""
    return topic.split(".")[2] if topic.startswith(CERTIFICATE) else ""


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
    """The events that a code rests on: while a key of one is void, it is not valid.

    Whether a court may lay anew what another one lifted is the check's, not this reader's: who
    succeeded whom need not be at hand.
    """
    grants: list[Act] = []
    superseded = False
    for act in acts:
        match act.what:
            case "superseded":
                superseded = True
            case "corrected":
                grants = [*([] if act.washes else _liftings(grants)), act]
            case "reaffirmed":
                grants = [*_outliving(grants, act, code, superseded=superseded), act]
            case "suspended_by_court" if not act.washes:
                gone = _laid_anew(_liftings(grants), act)
                grants = [one for one in grants if one not in gone]
            case _:
                grants += [act] if _grants(act, code) else []
    return grants


def _grants(act: Act, code: str | None) -> bool:
    """Whether it puts the code in force (again), whatever was granted before."""
    whole = act.what in {"issued", "reinstated", "court_suspension_lifted"}
    annulled = act.what == "revocation_annulled" and _only_one(act, 1) in {None, code}
    return whole or annulled or _of_one(act, code)


def _of_one(act: Act, code: str | None) -> bool:
    """Whether it is a grant of this original alone."""
    if act.what == "revocation_annulled":
        return code is not None and _only_one(act, 1) == code
    return act.what in {"original_added", "original_replaced"} and _begins(act, code)


def _liftings(grants: Sequence[Act]) -> list[Act]:
    return [one for one in grants if one.what == "court_suspension_lifted"]


def _outliving(grants: Sequence[Act], act: Act, code: str | None, *, superseded: bool) -> list[Act]:
    """What a re-affirmation leaves: a court's liftings while one can act, others' own grants."""
    if act.washes:
        return []
    other = act.said is not None and act.said.get("code") != code
    own = [one for one in grants if other and _of_one(one, code)]
    return own if superseded else [*_liftings(grants), *own]


def _laid_anew(liftings: Sequence[Act], act: Act) -> list[Act]:
    """The liftings of the order that a suspension cites: its own court's, else all of them."""
    cited = None if act.said is None else act.said.get("legal_basis")
    named = [
        one
        for one in liftings
        if one.said is None or cited is None or one.said.get("ends") == cited
    ]
    own = [one for one in named if one.agency == act.agency]
    sure = cited is not None and any(one.said is not None for one in own)
    return own if sure else named


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
