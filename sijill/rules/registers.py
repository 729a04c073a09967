"""How refusals about registers are told, and what a closed one held."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain.acts import Command
from domain.ledger import Decision
from domain.registers import (
    CLOSED_SPACE,
    INCOMING_CLOSED_SPACE,
    INCOMING_SPACE,
    NUMBER_SPACE,
    CountRegister,
    Register,
)
from sijill.rules.nouns import NounRules, Objection
from sijill.rules.past import Past

_VOIDED: Final = "sijill.register.number_voided.v1"
# By the space that numbers, or a closing, are claimed in: whether they are of incoming letters.
_NUMBERS: Final = {NUMBER_SPACE: False, INCOMING_SPACE: True}
_CLOSINGS: Final = {CLOSED_SPACE: False, INCOMING_CLOSED_SPACE: True}


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
            past.require_all(INCOMING_SPACE if command.incoming else NUMBER_SPACE)
            key = command.register.book_key(incoming=command.incoming)
            held = self._given.get(key, 0), self._voided.get(key, 0)
            if held != (command.given, command.voided):
                yield "register_count_wrong", f"{held[0]}, {held[1]}"

    def learn(self, topic: str, decision: Decision) -> None:
        """Take in what was decided; whatever happens after a closing is not counted any more."""
        for space, key in decision.releases:
            if space in _NUMBERS:
                self._add(self._given, key, -1, incoming=_NUMBERS[space])
        for claim in decision.claims:
            if claim.space in _NUMBERS:
                counts = self._voided if topic == _VOIDED else self._given
                self._add(counts, claim.key, 1, incoming=_NUMBERS[claim.space])
            elif claim.space in _CLOSINGS:
                self._closed.add(_book(claim.key, incoming=_CLOSINGS[claim.space]))

    def state(self) -> dict[str, Any]:
        """What was counted, as JSON can hold it."""
        return {"given": self._given, "voided": self._voided, "closed": sorted(self._closed)}

    def resume(self, said: Mapping[str, Any]) -> None:
        """Go on counting from such a state."""
        self._given, self._voided = dict(said["given"]), dict(said["voided"])
        self._closed = set(said["closed"])

    def _add(self, counts: dict[str, int], number: str, change: int, *, incoming: bool) -> None:
        register = _book(number.rpartition("|")[0], incoming=incoming)
        if register not in self._closed:
            counts[register] = counts.get(register, 0) + change


def _book(key: str, *, incoming: bool) -> str:
    """The key of a register's book, by the register's own."""
    agency, unit, series, year = key.split("|")
    return Register(agency, unit, series, int(year)).book_key(incoming=incoming)


RULES: Final = NounRules(
    refused={
        "entry_unknown": "stream_mismatch",
        "register_closed": "register_closed",
        "register_not_closed": "register_open",
        "record_moved": "record_foreign",
    },
    taken={
        "number": "number_repeated",
        "incoming-number": "number_repeated",
        "incoming-closed": "register_closed",
        "number-reserved": "number_repeated",
        "register": "stream_mismatch",
        "register-closed": "register_closed",
    },
    figures=Counts,
)
