"""The command line: one module per noun, registered on the one application here."""

from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App

app = App(name="sijill", help="A national data-center ledger.", version=version("sijill"))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; a usage error is 2."""
    result = app(arguments, result_action="return_value")
    return result if isinstance(result, int) else 0
