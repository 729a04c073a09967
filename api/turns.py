"""Turns: which lines of a bulk may be judged at the same time.

A line about a record that a line before it changes would be judged on what was before that
change. And of two lines under one number the first has it, however often either is tried again.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.acts import Command
from domain.authenticity import AnswerAuthenticity
from domain.certificates import IssueCertificate
from domain.ledger import SHELVED, Directory
from domain.registers import Register
from domain.registers.commands import OnNumber, OnRegister
from domain.transfers import (
    DispatchLetter,
    ReceiveOnPaper,
    RegisterIncoming,
    RegisterOutgoing,
    SendOnPaper,
)


def in_turns(commands: Mapping[int, Command], chunk: Sequence[int]) -> list[list[int]]:
    """The lines of a chunk by turns; one that names what a line before it changes comes later.

    What a line only looks at (a circular's letter, at each of its dispatches) keeps others that
    look at it from nothing.
    """
    turns: list[list[int]] = []
    named: dict[str, int] = {}
    changed: dict[str, int] = {}
    for number in chunk:
        command = commands.get(number)
        changes, looks = _names_of(command), _looked_at(command)
        turn = max(
            max((named[name] + 1 for name in changes if name in named), default=0),
            max((changed[name] + 1 for name in looks if name in changed), default=0),
        )
        changed |= dict.fromkeys(changes, turn)
        for name in changes | looks:
            named[name] = max(turn, named.get(name, 0))
        if turn == len(turns):
            turns.append([])
        turns[turn].append(number)
    return turns


class SharedLook:
    """A directory in which the lines of a turn see the shelves as the first of them saw them.

    Each line in a new register looks for a free place, a dozen questions to the database. Nothing
    that the turn itself appends changes the answers before it is over; what others put on a shelf
    meanwhile is met when the line is appended, and its next try looks again.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._seen: dict[tuple[str, str], UUID | None] = {}

    def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds the claim, or None."""
        if space not in SHELVED:
            return self._directory.find(space, key)
        if (space, key) not in self._seen:
            self._seen[space, key] = self._directory.find(space, key)
        return self._seen[space, key]


def codes_of(command: Command | None) -> set[str]:
    """The certificates that a line names."""
    said = vars(command) if command is not None else {}
    return {code for name in ("code", "new_code", "by", "request") if (code := said.get(name))}


def _names_of(command: Command | None) -> set[str]:
    """What a line changes, or takes."""
    names = codes_of(command) | _letters_of(command)
    if isinstance(command, IssueCertificate | RegisterOutgoing):
        register = Register(command.agency, command.unit, command.series, command.year)
        names.add(register.number_key(command.number))
    elif isinstance(command, RegisterIncoming | ReceiveOnPaper):
        register = Register(command.agency, command.unit, command.series, command.year)
        names.add(f"incoming|{register.number_key(command.number)}")
    elif isinstance(command, OnNumber):
        names.add(command.number_key)
    elif isinstance(command, OnRegister):
        names.add(command.register.key)
    return names


def _letters_of(command: Command | None) -> set[str]:
    """The letters and consignments that a line begins or changes, by sender and id."""
    said = vars(command) if command is not None else {}
    drawn = {f"{said['agency']}|{said[name]}" for name in _BEGUN if name in said}
    changed = {f"{said['sender']}|{said[name]}" for name in _CHANGED if name in said}
    return drawn | (changed if not isinstance(command, DispatchLetter | SendOnPaper) else set())


def _looked_at(command: Command | None) -> set[str]:
    """The letter that a line sends, the consignment that it answers, an answer's certificate."""
    said = vars(command) if command is not None else {}
    looked = set()
    if isinstance(command, DispatchLetter | SendOnPaper):
        looked.add(f"{command.sender}|{command.letter}")
    if isinstance(command, AnswerAuthenticity) and command.certificate is not None:
        looked.add(command.certificate)
    if (answered := said.get("answers")) is not None:
        looked.add(f"{answered.sender}|{answered.consignment}")
    return looked


_BEGUN = ("new_letter", "new_consignment")
_CHANGED = ("letter", "consignment")
