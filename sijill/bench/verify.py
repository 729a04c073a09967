"""`sijill bench verify`: verdicts on random codes, and how soon a revocation shows everywhere."""

import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from sijill.bench.figures import Aim, OnSample, OnStep, Sample, best, interleaved, ratio
from sijill.bench.issue import Wish
from sijill.bench.machine import describe
from sijill.bench.rows import Rows
from sijill.bench.servers import founded, scratch, scratch_server
from sijill.bench.stock import SCOUT_SHARE, THREADS, Stock, stock
from sijill.bench.threads import run_threads
from sijill.bench.verdicts import Verdicts, issue_many

CERTIFICATES = 100_000
READ_MOST = 30_000
"""How many reads are drawn for each second."""

WORKERS = 2
RATE = 5_000.0
P99_MS = 15.0
SHOWN_MEDIAN_MS = 100.0
SHOWN_MAX_MS = 2_000.0


def run(wish: Wish, certificates: int, on_sample: OnSample, on_step: OnStep) -> dict[str, Any]:
    """Measure; the library reads one aggregate where a verdict reads a record, its issuer and key.

    There is no COPY that answers a question, so `ratio_to_copy` is null.
    """
    with ExitStack() as stack:
        place = stack.enter_context(scratch(wish.folder))
        server = stack.enter_context(scratch_server(place))
        state = Rows().singles(1)[0].events[0].body
        library = stack.enter_context(stock(server.create_database("bench_stock").admin, state))
        reads = StockReads(library, wish.seconds)
        threads, scouted = reads.scout(certificates, on_sample)
        ledger = stack.enter_context(founded(place))
        served = stack.enter_context(ledger.serving(wish.workers or WORKERS))
        codes = issue_many(served, place, certificates, on_step)
        verdicts = Verdicts(served, place, wish, codes)
        machine = describe(place, served.urls.admin)
        theirs = {f"stock_{threads}": partial(reads.read, threads, wish.seconds)}
        cases = interleaved(wish.rounds, theirs | verdicts.cases(), on_sample)
    ours = f"sijill_{wish.connections}"
    shown = cases["revocation"]
    return {
        "benchmark": "verify",
        "machine": machine,
        "rounds": wish.rounds,
        "certificates": len(codes),
        "workers": served.workers,
        "stock_threads": scouted,
        "cases": cases,
        "ratio_to_stock": ratio(cases, ours, f"stock_{threads}"),
        "ratio_to_copy": None,
        "aims": [
            Aim("rate", RATE, cases[ours]["rate"]).told,
            Aim("p99_ms", P99_MS, cases["sijill_open"]["p99_ms"], most=True).told,
            Aim("shown_ms", SHOWN_MEDIAN_MS, shown["p50_ms"], most=True).told,
            Aim("shown_max_ms", SHOWN_MAX_MS, shown["max_ms"], most=True).told,
        ],
    }


@dataclass(slots=True)
class StockReads:
    """The library reading one of as many aggregates, chosen at random."""

    library: Stock
    seconds: float
    _ids: list[UUID] = field(default_factory=list)

    def scout(self, aggregates: int, on_sample: OnSample) -> tuple[int, dict[str, float]]:
        """Fill the store, and find the best thread count."""
        self._ids = self.library.fill(aggregates)
        short = SCOUT_SHARE * self.seconds
        return best({one: partial(self.read, one, short) for one in THREADS}, on_sample, "stock")

    def read(self, threads: int, seconds: float) -> Sample:
        """Read for so long."""
        count = max(1, int(READ_MOST * seconds))
        chosen = random.choices(self._ids, k=count)  # noqa: S311 - which one is read guards nothing
        return run_threads(threads, seconds, chosen, self.library.recorder.select_events, events=1)
