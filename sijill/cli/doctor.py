"""`sijill doctor`: what is wrong with a ledger, and the command that mends it."""

import sys
from typing import TYPE_CHECKING, Any

from sijill.cli import codes
from sijill.cli.faults import verb
from sijill.cli.options import Talk
from sijill.cli.output import Output, fold, paint
from sijill.cli.service import DATA, QUIET, Data

if TYPE_CHECKING:
    from sijill.doctor import Line

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_INDENT = 6


@verb
def doctor(*, data: Data = DATA, talk: Talk = QUIET) -> int:
    """Look at versions, rights, clocks, keys, checkpoints, read models, standbys and disks.

    Each line is ok, warn or fail, with its code, and under it the command that mends it. Nothing is
    changed or started; without the database the rest is looked at. Exits with 6 when one fails.
    """
    from sijill.doctor import examine

    output = Output(talk)
    told: list[dict[str, Any]] = []
    for line in examine(data):
        text = output.words(f"doctor.{line.code}", **line.params)
        told.append(
            {
                "state": str(line.state),
                "code": line.code,
                "params": line.params,
                "text": text,
                "mend": line.mend or None,
            }
        )
        if not output.json:
            output.item(None, *_lines(line, text))
    counts = {state: sum(one["state"] == state for one in told) for state in _COLOURS}
    if output.json:
        output.result({"lines": told, **counts})
    output.say(output.words("cli.doctor_end", **counts))
    return codes.FINDINGS if counts["fail"] else codes.DONE


def _lines(line: "Line", text: str) -> list[str]:
    """A finding in 80 columns; its command on a line of its own, whole, to be copied."""
    state = str(line.state)
    first, *more = fold(f"{line.code}: {text}", indent=_INDENT)
    gap = " " * (_INDENT - len(state))
    lines = [f"{paint(state, _COLOURS[state], sys.stdout)}{gap}{first.lstrip()}", *more]
    return [*lines, f"{' ' * _INDENT}{line.mend}"] if line.mend else lines
