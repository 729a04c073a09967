"""`sijill bench`: how fast this machine records and answers, beside the library and beside COPY."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from sijill.cli.faults import verb
from sijill.cli.figures import tell, tell_flat
from sijill.cli.options import Talk
from sijill.cli.output import Output

if TYPE_CHECKING:
    from sijill.bench.figures import OnSample, OnStep
    from sijill.bench.issue import Wish

app = App(name="bench", help="How fast this machine records and answers, beside two yardsticks.")

STEP_SECONDS = 2.0
_MEASURE = Group("Measuring", sort_key=70)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Measure(Talk):
    """How a benchmark measures."""

    rounds: Annotated[
        int,
        Parameter(
            group=_MEASURE,
            validator=Number(gte=1),
            help="How often each case is run; medians are told.",
        ),
    ] = 3
    seconds: Annotated[
        float,
        Parameter(group=_MEASURE, validator=Number(gt=0), help="How long each case runs."),
    ] = 3.0
    folder: Annotated[
        Path | None,
        Parameter(
            group=_MEASURE,
            help="Where to work; by default where temporary files lie. Nothing is left there.",
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Serve(Measure):
    """How a served ledger is measured."""

    workers: Annotated[
        int | None,
        Parameter(group=_MEASURE, validator=Number(gte=1), help="How many HTTP processes."),
    ] = None
    connections: Annotated[
        int, Parameter(group=_MEASURE, validator=Number(gte=1), help="How many ask at a time.")
    ] = 64
    rate: Annotated[
        float | None,
        Parameter(
            group=_MEASURE,
            validator=Number(gt=0),
            help="Requests a second that are due in the open loop; by default 70 % of the rate "
            "that the closed loop has just reached.",
        ),
    ] = None

    @property
    def wish(self) -> "Wish":
        """The same in the benchmark's own terms."""
        from sijill.bench.issue import Wish

        return Wish(
            rounds=self.rounds,
            seconds=self.seconds,
            connections=self.connections,
            workers=self.workers,
            rate=self.rate,
            folder=self.folder,
        )


Events = Annotated[
    int,
    Parameter(
        group=_MEASURE, validator=Number(gte=1), help="To how many the log is grown beforehand."
    ),
]
MEASURE = Measure()
TALK = Talk()
SERVE = Serve()


@app.command
@verb
def append(*, measure: Measure = MEASURE) -> int:
    """Measure durable single events through the store's committer, 1, 16 and 128 waiting.

    Beside it, by turns on the same PostgreSQL: the library's own recorder at its best number of
    threads, and COPY of the same rows into all the same tables. All of it is gone afterwards.
    """
    from sijill.bench.append import run

    output = Output(measure)
    found = run(
        rounds=measure.rounds,
        seconds=measure.seconds,
        on_sample=_taken(output),
        folder=measure.folder,
    )
    return tell(found, output)


@app.command
@verb
def issue(
    *,
    lines: Annotated[
        int,
        Parameter(
            group=_MEASURE, validator=Number(gte=1, lte=10_000), help="Lines of a bulk order."
        ),
    ] = 2_000,
    serve: Serve = SERVE,
) -> int:
    """Measure signed issuances over HTTP, one by one and in bulk, on a ledger really served.

    The number of workers that serves best is found out first. Beside it, by turns: bare appends of
    the library's own recorder, and COPY of the same rows. All of it is gone afterwards.
    """
    from sijill.bench.issue import run

    output = Output(serve)
    return tell(run(serve.wish, lines, _taken(output)), output)


@app.command
@verb
def verify(
    *,
    certificates: Annotated[
        int,
        Parameter(group=_MEASURE, validator=Number(gte=4), help="How many are stored."),
    ] = 100_000,
    serve: Serve = SERVE,
) -> int:
    """Measure verdicts on random codes, and how soon a revocation shows in every process.

    Beside it, by turns: the library's own recorder reading one aggregate of as many. All of it is
    gone afterwards.
    """
    from sijill.bench.verify import run

    output = Output(serve)
    return tell(run(serve.wish, certificates, _taken(output), _stepped(output)), output)


@app.command
@verb
def bulk(*, measure: Measure = MEASURE) -> int:
    """Measure appends through the procedure in batches of 1,000, claims and vault rows included.

    Beside it, by turns on the same PostgreSQL: COPY of the same rows into all the same tables, one
    transaction a batch, and the library's own recorder. All of it is gone afterwards.
    """
    from sijill.bench.bulk import run

    output = Output(measure)
    found = run(
        rounds=measure.rounds,
        seconds=measure.seconds,
        on_sample=_taken(output),
        folder=measure.folder,
    )
    return tell(found, output)


@app.command
@verb
def replay(*, events: Events = 1_000_000, measure: Measure = MEASURE) -> int:
    """Measure how fast chain and tree of a whole log are computed again from the database.

    The log is grown through the procedure and sealed first. Beside it, by turns: the library's own
    way to read its log, and COPY of the columns that are needed. All of it is gone afterwards.
    """
    from sijill.bench.replay import run

    output = Output(measure)
    found = run(
        rounds=measure.rounds,
        events=events,
        on_sample=_taken(output),
        on_step=_stepped(output),
        folder=measure.folder,
    )
    return tell(found, output)


@app.command
@verb
def growth(*, events: Events = 10_000_000, measure: Measure = MEASURE) -> int:
    """Measure whether appends slow down as the log grows: at 10,000 events and at `--events`.

    Both logs are appended to by turns, beside the library's own recorder and COPY of the same rows.
    All of it is gone afterwards. Ten million events need about 40 GB.
    """
    from sijill.bench.growth import run

    output = Output(measure)
    found = run(
        rounds=measure.rounds,
        seconds=measure.seconds,
        events=events,
        on_sample=_taken(output),
        on_step=_stepped(output),
        folder=measure.folder,
    )
    return tell(found, output)


@app.command
@verb
def memory(
    *,
    minutes: Annotated[
        float,
        Parameter(group=_MEASURE, validator=Number(gte=0), help="How long the ledger is watched."),
    ] = 10.0,
    serve: Serve = SERVE,
) -> int:
    """Watch what the processes of a served ledger hold while it issues, answers and idles by turns.

    The first quarter of the time is compared with the last one. All of it is gone afterwards.
    """
    from sijill.bench.memory import run

    output = Output(serve)
    return tell(run(serve.wish, minutes, _taken(output)), output)


@app.command
@verb
def nation(
    *,
    certificates: Annotated[
        int, Parameter(group=_MEASURE, validator=Number(gte=1), help="How many are issued.")
    ] = 17_000_000,
    serve: Serve = SERVE,
) -> int:
    """Load a nation's certificates by signed bulk orders, seal, build read models, replay, prove.

    Tells the rate of each step, the bytes of each table and index for each event, and how the rate
    went on. Refused where the disk would not hold it. All of it is gone afterwards.
    """
    from sijill.bench.nation import run

    output = Output(serve)
    return tell(run(serve.wish, certificates, _taken(output), _stepped(output)), output)


@app.command
@verb
def inbox(
    *,
    letters: Annotated[
        int, Parameter(group=_MEASURE, validator=Number(gte=100), help="How many are sent.")
    ] = 1_000_000,
    measure: Measure = MEASURE,
) -> int:
    """Fill one inbox by signed bulk orders, and measure what it answers, question by question.

    Pages, searches and what is overdue, over HTTP, one signed read after the other. Refused where
    the disk would not hold the letters. All of it is gone afterwards.
    """
    from sijill.bench.inbox import run
    from sijill.bench.issue import Wish

    output = Output(measure)
    wish = Wish(rounds=measure.rounds, seconds=measure.seconds, folder=measure.folder)
    return tell(run(wish, letters, _taken(output), _stepped(output)), output)


@app.command
@verb
def audit(*, events: Events = 1_000_000, measure: Measure = MEASURE) -> int:
    """Measure the whole check of a ledger, once of single orders and once when half came in bulk.

    Every order is signed, sent over HTTP, judged and sealed first. Tells the rate of chain and tree
    alone, of everything up to the rules, of the read models, and of all of it; and what a signature
    costs here. All of it is gone afterwards.
    """
    from sijill.bench.audit import run

    output = Output(measure)
    return tell_flat(run(events, measure.folder, _stepped(output)), output)


@app.command
@verb
def status(
    *,
    certificates: Annotated[
        int, Parameter(group=_MEASURE, validator=Number(gte=1), help="How many are issued.")
    ] = 17_000_000,
    revoked: Annotated[
        float,
        Parameter(
            group=_MEASURE, validator=Number(gte=0, lte=100), help="Of each hundred, how many."
        ),
    ] = 1.0,
    talk: Talk = TALK,
) -> int:
    """Tell how many bytes the status lists of a nation's certificates take, and how long they take.

    Nothing is recorded and no server is started.
    """
    from sijill.bench.statuses import run

    output = Output(talk)
    return tell_flat(run(certificates, revoked, _stepped(output)), output)


@app.command
@verb
def render(
    *,
    papers: Annotated[
        int, Parameter(group=_MEASURE, validator=Number(gte=1), help="How many are set.")
    ] = 400,
    workers: Annotated[
        int | None,
        Parameter(group=_MEASURE, validator=Number(gte=1), help="How many processes set them."),
    ] = None,
    talk: Talk = TALK,
) -> int:
    """Set papers of certificates as PDF/A, not sealed, and tell how many a second.

    Nothing is recorded and no server is started.
    """
    from sijill.bench.rendering import run

    return tell_flat(run(papers, workers), Output(talk))


def _taken(output: Output) -> "OnSample":
    def on_sample(case: str, sample: Any) -> None:
        output.say(output.words("cli.bench.sample", case=case, rate=round(sample.rate)))

    return on_sample


def _stepped(output: Output) -> "OnStep":
    """Tell how far a long step is, with its rate and the time that is left."""
    last = 0.0

    def on_step(step: str, done: int, total: int, rate: float) -> None:
        nonlocal last
        # Long steps are told once in a while; the end of each always.
        if done < total and time.monotonic() - last < STEP_SECONDS:
            return
        last = time.monotonic()
        left = round((total - done) / rate) if rate else 0
        words = output.words(
            "cli.bench.step",
            step=step,
            done=done,
            total=total,
            rate=round(rate),
            left=f"{left // 60}:{left % 60:02}",
        )
        output.say(words)

    return on_step
