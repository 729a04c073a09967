"""How a signal ends the demonstration, whatever it meets on the way."""

from types import FrameType
from typing import NoReturn

from sijill.cli.output import Output, Progress


class Stopped(KeyboardInterrupt):
    """A signal asked for the end.

    A class of its own, because some of what a plain interrupt passes through makes Python 3.11 end
    itself by SIGINT at its exit, although it was handled long before.
    """


class Ending:
    """Ends the demonstration at a signal, at once or, where that was swallowed, at the next step.

    An exception that a signal raises inside a finaliser is printed and forgotten.
    """

    asked = False

    def ask(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        """A signal's handler."""
        self.asked = True
        raise Stopped

    def check(self) -> None:
        """Return unless the end was asked for."""
        if self.asked:
            raise Stopped


class Steps(Progress):
    """Progress that notices the end."""

    def __init__(self, output: Output, ending: Ending) -> None:
        super().__init__(output)
        self._ending = ending

    def step(self, count: int = 1) -> None:
        """As progress does, unless the end was asked for."""
        self._ending.check()
        super().step(count)
