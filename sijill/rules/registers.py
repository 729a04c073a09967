"""How refusals about registers are told, and what a closed one held."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain.acts import Command
from domain.ledger import Decision
from domain.registers import CLOSED_SPACE, NUMBER_SPACE, CountRegister
from sijill.rules.nouns import NounRules, Objection
from sijill.rules.past import Past

_VOIDED: Final = "sijill.register.number_voided.v1"
# Letters take numbers too, and are not what a count is of.
_COUNTED: Final = frozenset({"certificate", "register"})


class Counts:
    """What stands in each register that is open, and what stood in those that are closed."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}
        self._voided: dict[str, int] = {}
        self._closed: set[str] = set()

    def check(self, command: Command, past: Past) -> Iterator[Objection]:
        """Whether a signed count is what was counted.

        Raises:
            PastUnknown: what stands in registers was not open.
        """
        if isinstance(command, CountRegister):
            past.require_all(NUMBER_SPACE)
            key = command.register.key
            held = self._given.get(key, 0), self._voided.get(key, 0)
            if held != (command.given, command.voided):
                yield "register_count_wrong", f"{held[0]}, {held[1]}"

    def learn(self, topic: str, decision: Decision) -> None:
        """Take in what was decided; whatever happens after a closing is not counted any more."""
        documents = topic.split(".")[1] in _COUNTED
        for space, key in decision.releases:
            if space == NUMBER_SPACE and documents:
                self._add(self._given, key, -1)
        for claim in decision.claims:
            if claim.space == NUMBER_SPACE and documents:
                self._add(self._voided if topic == _VOIDED else self._given, claim.key, 1)
            elif claim.space == CLOSED_SPACE:
                self._closed.add(claim.key)

    def state(self) -> dict[str, Any]:
        """What was counted, as JSON can hold it."""
        return {"given": self._given, "voided": self._voided, "closed": sorted(self._closed)}

    def resume(self, said: Mapping[str, Any]) -> None:
        """Go on counting from such a state."""
        self._given, self._voided = dict(said["given"]), dict(said["voided"])
        self._closed = set(said["closed"])

    def _add(self, counts: dict[str, int], number: str, change: int) -> None:
        register = number.rpartition("|")[0]
        if register not in self._closed:
            counts[register] = counts.get(register, 0) + change


RULES: Final = NounRules(
    refused={
        "entry_unknown": "stream_mismatch",
        "register_closed": "register_closed",
        "register_not_closed": "register_open",
        "record_moved": "record_foreign",
    },
    taken={
        "number": "number_repeated",
        "number-reserved": "number_repeated",
        "register": "stream_mismatch",
        "register-closed": "register_closed",
    },
    figures=Counts,
)
