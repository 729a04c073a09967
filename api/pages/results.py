"""A verdict as a page shows it: how it looks follows from what it says, here and nowhere else.

The scripts of the page draw verdicts by the same rules; a test holds both against each other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.pages.drawing import named
from api.verify import STATED, Answer
from domain.catalogue import DOCUMENT, HOLDER_SECRET, certificate_type
from infrastructure.proofs.verdict import Outcome, Reason

_LOOKS: Final[Mapping[Outcome, str]] = {
    Outcome.VALID: "good",
    Outcome.NOT_VALID: "bad",
    Outcome.WITHDRAWN: "bad",
    Outcome.NOT_IN_ITS_TIME: "late",
    Outcome.UNREADABLE: "unsure",
    Outcome.COULD_NOT_CHECK: "unsure",
}
_YES: Final = frozenset({"matches", "signed", "authorised", "in_force"})
_OPEN: Final = frozenset({"not_compared", "could_not_compare", "unknown"})
QUESTIONS: Final = ("unchanged", "issuer", "in_force")
# What nearly every paper shows, and what people look at first.
_FIRST: Final = ("holder_name", *STATED)


def look(outcome: Outcome, reason: Reason) -> str:
    """`good`, `record`, `late`, `bad` or `unsure`: colour and sign. Only `good` is green.

    A record in force says nothing of the paper in hand, so it does not look like a document that
    is in force; what is genuine but out of its time looks like neither.
    """
    if reason is Reason.IN_FORCE_PAPER_NOT_COMPARED:
        return "record"
    return _LOOKS[outcome]


def answered(word: str) -> str:
    """`yes`, `no` or `open`, of a question's word."""
    return "yes" if word in _YES else "open" if word in _OPEN else "no"


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a visitor may compare: what she typed, and how it compared."""

    name: str
    label: str
    value: str
    compared: str | None

    @property
    def first(self) -> bool:
        """Whether it is shown without being asked for, or because something was typed."""
        return self.name in _FIRST or bool(self.value)


def fields(answer: Answer, language: str, presented: Mapping[str, str]) -> list[Field]:
    """The fields of a record's type that can be compared by typing, the usual ones first."""
    found = answer.found
    if found is None or found.code is None or found.certificate is None:
        return []
    labels = {
        use.id: named(language, use.names.model_dump())
        for use in certificate_type(found.certificate.type).fields
    }
    typed = [name for name in labels if name in found.code.claims]
    order = sorted([*typed, *STATED], key=lambda name: _place(name, typed))
    compared = _compared(answer)
    return [
        Field(name, labels.get(name, ""), presented.get(name, ""), compared.get(name))
        for name in order
        if name not in (HOLDER_SECRET, DOCUMENT)
    ]


def _place(name: str, typed: list[str]) -> int:
    return _FIRST.index(name) - len(_FIRST) if name in _FIRST else typed.index(name)


def _compared(answer: Answer) -> dict[str, str]:
    comparison = answer.verdict.comparison
    return {
        name: kind
        for kind in ("matched", "mismatched", "not_comparable")
        for name in getattr(comparison, kind)
    }


def compared(answer: Answer, shown: list[Field]) -> Iterator[tuple[str, str, str]]:
    """(label or the empty string, name, how it compared) of everything that was presented."""
    labels = {one.name: one.label for one in shown}
    for name, kind in _compared(answer).items():
        yield labels.get(name, ""), name, kind


def record_of(told: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    """What the register says to anybody, in the reader's language."""
    record = told["record"]
    if record is None:
        return None
    return {
        **record,
        "issuer": named(language, record["agency_names"]),
        "kind": named(language, record["type_names"]),
    }
