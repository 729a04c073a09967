"""Asking once more before what cannot be undone, where there is somebody to ask."""

import sys
from collections.abc import Mapping
from typing import Any

from sijill.cli.faults import Unusable
from sijill.cli.options import Talk
from sijill.cli.output import Output


def require_sure(talk: Talk, sure: bool, said: Mapping[str, Any]) -> None:  # noqa: FBT001  # a flag of the command line
    """Have a person at a terminal type what the act is about; a script has said it already.

    Raises:
        Unusable: `not_confirmed`, she typed something else.
    """
    if sure or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    output = Output(talk)
    name = next(str(value) for value in said.values())
    output.say(output.words("cli.sure", name=name), colour="yellow")
    if sys.stdin.readline().strip() != name:
        raise Unusable(code="not_confirmed")
