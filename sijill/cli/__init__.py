"""The command line: one module per noun, registered on the one application here.

A noun's module is imported when one of its verbs is called, and a verb imports what it needs when
it runs: whoever only asks for help does not wait for a database driver.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError

from sijill.cli import codes

app = App(
    name="sijill",
    help="A national data-center ledger: issue, withdraw, verify and prove documents.",
    version=version("sijill"),
)

_NOUNS = {
    "certificate": "Issue, withdraw and find certificates; needs an agency's key.",
    "transfer": "Letters between agencies: dispatch, register, refer, close; needs a key.",
    "authenticity": "Was it issued so? Requests, answers, holders' own questions.",
    "register": "Registers: capture, cover, reserve and void numbers, close; needs a key.",
    "attachment": "Files that belong to records: upload, list, download.",
    "verify": "Ask whether a document is genuine and in force.",
    "forgery": "Papers that look forged: report one, read what was reported.",
    "trust": "Lists for verifying with no network: fetch them, walk on from them.",
    "agency": "The agencies of the ledger: add, link, rename, close, look up.",
    "key": "Keys: make, enrol, rotate, retire, recover, declare compromised.",
    "order": "Orders that wait for further signatures: list, show, approve, refuse.",
    "outbox": "Orders that wait here for a ledger: list, send, drop.",
    "report": "Figures pinned to an index, and the ones that were published.",
    "log": "The log itself: its newest checkpoint, and the check of all of it.",
    "bundle": "The evidence for one record as a file: fetch it, verify it with no network.",
    "mirror": "Follow a log, verify it, and serve the copy on.",
    "witness": "Cosign the checkpoints of logs that only grow, as C2SP tlog-witness.",
    "init": "Found a new ledger.",
    "serve": "Serve a ledger until told to stop.",
    "demo": "Play a whole ledger's life with made-up certificates.",
    "db": "The database's schema.",
    "drill": "Attack a throw-away ledger in every way, and see who finds it.",
    "doctor": "What is wrong with a ledger, and the command that mends it.",
    "bench": "How fast this machine records, beside the stock recorder.",
}
_MODULES = {
    "verify": "verify:verify",
    "init": "service:init",
    "serve": "service:serve",
    "demo": "service:demo",
    "db": "service:db",
    "doctor": "doctor:doctor",
    "mirror": "exporting:mirror",
}

for _noun, _help in _NOUNS.items():
    app.command(f"sijill.cli.{_MODULES.get(_noun, _noun + ':app')}", name=_noun, help=_help)


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; a usage error is 2."""
    # As for the service's own settings: a variable that is empty counts as not set.
    for name, value in list(os.environ.items()):
        if name.startswith("SIJILL_") and not value:
            del os.environ[name]
    try:
        result = app(arguments, result_action="return_value", exit_on_error=False)
    except CycloptsError:
        return codes.USAGE
    except KeyboardInterrupt:
        return codes.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough. Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return codes.FAILED
    return result if isinstance(result, int) else codes.DONE
