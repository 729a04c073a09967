"""Who may read what: one policy for every endpoint, page and export.

It must not know how a caller proved who it is, nor where a record lies. Whoever calls this answers
alike for what is forbidden and for what is not there.
"""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What can be opened of an event (record format, section 2)."""

    HEADER = "header"
    BODY = "body"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the agency whose key signed the request and that key's scopes, or nobody."""

    agency: str | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RecordParties:
    """Whom a record concerns: the agency that acted, and whoever else is party to it."""

    agency: str
    others: frozenset[str] = frozenset()


ANONYMOUS = Caller()

AUDIT = "audit"
# Registers of public bodies: whoever checks a signature must be able to learn the keys.
# What an authority publishes is for everybody.
_OPEN_NOUNS = frozenset({"ledger", "agency", "key", "report"})
# Anyone may see which agency acted on which certificate and by which signature, not what it says.
_ACTED = frozenset({Part.HEADER, Part.EVIDENCE})
_OPEN_PARTS: dict[str, frozenset[Part]] = {"certificate": _ACTED, "register": _ACTED}
# What an agency declares of its registers is a promise to everybody: *not found* rests on it.
_DECLARED = frozenset(
    {
        "sijill.register.covered.v1",
        "sijill.register.uncovered.v1",
        "sijill.register.closed.v1",
        "sijill.register.counted.v1",
    }
)


def may_open(caller: Caller, noun: str, part: Part, record: RecordParties) -> bool:
    """Whether ``caller`` may see ``part`` of an event about ``noun``.

    ``noun`` is the second word of the event's type: ``certificate`` of
    ``sijill.certificate.issued.v1``. A noun that this table does not know is for its parties and
    for auditors only, so that a new kind of record starts closed.
    """
    if noun in _OPEN_NOUNS or part in _OPEN_PARTS.get(noun, frozenset()):
        return True
    if AUDIT in caller.scopes:
        return True
    return caller.agency is not None and caller.agency in {record.agency, *record.others}


def is_declared(event_type: str) -> bool:
    """Whether an event is a declaration that is published whole, whatever its noun is."""
    return event_type in _DECLARED


def noun_of(event_type: str) -> str:
    """The noun of an event type, or the empty string for a type that is not ours."""
    parts = event_type.split(".")
    return parts[1] if len(parts) == 4 and parts[0] == "sijill" else ""  # noqa: PLR2004 - see above
