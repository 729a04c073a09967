"""What the check of the rules asks of a noun: by which names its desk's refusals are findings.

A noun that says nothing is judged all the same. Its refusals are then `not_permitted`, with the
refusal's own code as what was found, and what it claims twice is `claim_repeated`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from domain.acts import Command
from domain.errors import Refusal
from domain.ledger import Decision, Record, Sitting
from sijill.rules.past import Past

NOT_PERMITTED = "not_permitted"
CLAIM_REPEATED = "claim_repeated"

Objection = tuple[str, str]
"""A finding's code, and what was found."""

Explain = Callable[[Refusal, Command, Sitting], str | None]
"""A finding's code for a refusal, where that depends on what the sitting can see; else None."""


class Figures(Protocol):
    """What a noun counts over the whole log, because statements of it say how many there are."""

    def check(self, command: Command, past: Past) -> Iterable[Objection]:
        """What stands against the figures in a statement."""

    def learn(self, topic: str, decision: Decision) -> None:
        """Take in what was decided, whatever its noun."""

    def state(self) -> dict[str, Any]:
        """What was counted, as JSON can hold it."""

    def resume(self, said: Mapping[str, Any]) -> None:
        """Go on counting from such a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NounRules:
    """How a noun's refusals are told.

    Attributes:
        refused: finding's code by the code of a refusal.
        taken: finding's code by the space of a claim that an event takes a second time.
        explain: asked before `refused`.
        figures: makes what counts for it.
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    taken: Mapping[str, str] = field(default_factory=dict)
    explain: Explain | None = None
    figures: type[Figures] | None = None

    def code_of(self, refusal: Refusal, command: Command, sitting: Sitting) -> str:
        """The finding that a refusal of the noun's desk amounts to."""
        told = self.explain(refusal, command, sitting) if self.explain else None
        return told or self.refused.get(refusal.code, NOT_PERMITTED)

    def code_of_claim(self, space: str) -> str:
        """The finding that a claim amounts to which another record holds."""
        return self.taken.get(space, CLAIM_REPEATED)


def record_of(sitting: Sitting, space: str, key: str) -> Record | None:
    """The record that holds a claim, or None: for a noun that tells *foreign* from *unknown*."""
    stream = sitting.find(space, key)
    return None if stream is None else sitting.load(stream)
