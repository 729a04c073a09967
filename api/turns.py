"""Turns: which lines of a bulk may be judged at the same time.

A line about a certificate that a line before it changes would be judged on what was before that
change. And of two lines under one number the first has it, however often either is tried again.
"""

from collections.abc import Mapping, Sequence

from domain.acts import Command
from domain.certificates import IssueCertificate
from domain.registers import Register
from domain.registers.commands import OnNumber, OnRegister


def in_turns(commands: Mapping[int, Command], chunk: Sequence[int]) -> list[list[int]]:
    """The lines of a chunk by turns; one that names what a line before it names comes later."""
    turns: list[list[int]] = []
    last: dict[str, int] = {}
    for number in chunk:
        named = _names_of(commands.get(number))
        turn = max((last[name] + 1 for name in named if name in last), default=0)
        last |= dict.fromkeys(named, turn)
        if turn == len(turns):
            turns.append([])
        turns[turn].append(number)
    return turns


def codes_of(command: Command | None) -> set[str]:
    """The certificates that a line names."""
    said = vars(command) if command is not None else {}
    return {code for name in ("code", "new_code", "by", "request") if (code := said.get(name))}


def _names_of(command: Command | None) -> set[str]:
    names = codes_of(command)
    if isinstance(command, IssueCertificate):
        register = Register(command.agency, command.unit, command.series, command.year)
        names.add(register.number_key(command.number))
    elif isinstance(command, OnNumber):
        names.add(command.number_key)
    elif isinstance(command, OnRegister):
        names.add(command.register.key)
    return names
