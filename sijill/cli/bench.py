"""`sijill bench`: how fast this machine records, beside the library's own recorder."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number

from sijill.cli.faults import verb
from sijill.cli.options import Talk
from sijill.cli.output import Output

if TYPE_CHECKING:
    from sijill.bench import Sample

app = App(name="bench", help="How fast this machine records, beside the stock recorder.")

QUIET = Talk()
ROUNDS = 3
Rounds = Annotated[
    int,
    Parameter(validator=Number(gte=1), help="How often each case is run; medians are told."),
]
_COLUMNS = {
    "case": "cli.column.case",
    "rate": "cli.column.rate",
    "p50_ms": "cli.column.p50",
    "p99_ms": "cli.column.p99",
}


@app.command
@verb
def append(*, rounds: Rounds = ROUNDS, talk: Talk = QUIET) -> int:
    """Measure durable single events: the store's committer and the stock recorder, by turns.

    Both run on a PostgreSQL of the benchmark's own, which is gone afterwards.
    """
    from sijill.bench.append import run

    output = Output(talk)
    return _tell(run(rounds=rounds, on_sample=_taken(output)), output)


@app.command
@verb
def issue(*, rounds: Rounds = ROUNDS, talk: Talk = QUIET) -> int:
    """Measure signed issuances over HTTP, beside bare appends of the stock recorder.

    A ledger of the benchmark's own is founded, served and removed.
    """
    from sijill.bench.issue import run

    output = Output(talk)
    return _tell(run(rounds=rounds, on_sample=_taken(output)), output)


def _taken(output: Output) -> Callable[[str, "Sample"], None]:
    def on_sample(case: str, sample: "Sample") -> None:
        output.say(output.words("cli.bench.sample", case=case, rate=round(sample.rate)))

    return on_sample


def _tell(found: dict[str, Any], output: Output) -> int:
    rows = [{"case": case, **taken} for case, taken in found["cases"].items()]
    ratio = output.words("cli.bench.ratio", ratio=str(found["ratio_to_stock"]))
    output.result(found, *output.table(rows, _COLUMNS), "", ratio)
    return 0
