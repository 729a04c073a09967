"""`sijill bench issue`: signed issuances over HTTP, one by one and in bulk, on a served ledger."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from sijill.bench import preparing
from sijill.bench.append import OPEN_SHARE, STOCK_MOST, frozen
from sijill.bench.copying import Copied
from sijill.bench.figures import Aim, Case, OnSample, Sample, best, interleaved, ratio
from sijill.bench.loading import OK, Fire, fire_all
from sijill.bench.machine import describe
from sijill.bench.rows import Rows, open_log
from sijill.bench.servers import (
    Ledger,
    Served,
    founded,
    ledger_database,
    scratch,
    scratch_server,
)
from sijill.bench.stock import Stock, stock

CONNECTIONS = 64
MOST = 6_000
COPY_MOST = 45_000
"""How many requests are prepared for each second."""

WARMING = 4
BULK_CONNECTIONS = 4
BULK_LINES = 2_000
BULK_MOST = 24_000
STOCK_BULK_MOST = 60_000
BATCH = 1_000

RATE = 3_000.0
P99_MS = 50.0
BULK_RATE = 15_000.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is measured: rounds of so many seconds; sizes that are None are found out.

    `rate` is what the open loop asks for; None takes a share of what the closed loop reached.
    """

    rounds: int
    seconds: float
    connections: int = CONNECTIONS
    workers: int | None = None
    rate: float | None = None
    folder: Path | None = None


def run(wish: Wish, lines: int, on_sample: OnSample) -> dict[str, Any]:
    """Measure; ratios are of single issuances, COPY with as many rows as there are connections."""
    with ExitStack() as stack:
        place = stack.enter_context(scratch(wish.folder))
        theirs = beside(stack, place, wish, on_sample)
        ledger = stack.enter_context(founded(place))
        workers, scouted = choose_workers(ledger, place, wish, on_sample)
        with ledger.serving(workers) as served:
            issues = Issues(served, place, wish, lines)
            issues.warm()
            machine = describe(place, served.urls.admin)
            cases = interleaved(wish.rounds, theirs.cases(wish) | issues.cases(), on_sample)
    single, bulk = f"sijill_{wish.connections}", "sijill_bulk"
    return {
        "benchmark": "issue",
        "machine": machine,
        "rounds": wish.rounds,
        "workers": workers,
        "workers_tried": scouted,
        "stock_threads": theirs.scouted,
        "bulk": {"connections": BULK_CONNECTIONS, "lines_each": lines},
        "cases": cases,
        "ratio_to_stock": ratio(cases, single, f"stock_{theirs.threads}"),
        "ratio_to_copy": ratio(cases, single, f"copy_{wish.connections}"),
        "bulk_ratio_to_stock": ratio(cases, bulk, "stock_bulk"),
        "bulk_ratio_to_copy": ratio(cases, bulk, "copy_bulk"),
        "aims": [
            Aim("rate", RATE, cases[single]["rate"]).told,
            Aim("p99_ms", P99_MS, cases["sijill_open"]["p99_ms"], most=True).told,
            Aim("bulk_rate", BULK_RATE, cases[bulk]["rate"]).told,
        ],
    }


@dataclass(slots=True)
class Beside:
    """The library and COPY, in a server of their own beside the ledger's."""

    library: Stock
    copied: Copied
    rows: Rows
    threads: int
    scouted: dict[str, float]

    def cases(self, wish: Wish) -> dict[str, Case]:
        """One by one and in bulk."""
        return self.single_cases(wish) | self.bulk_cases(wish)

    def single_cases(self, wish: Wish) -> dict[str, Case]:
        """Events one by one, and as many rows a transaction as there are connections."""
        return {
            f"stock_{self.threads}": partial(
                self.library.append, self.threads, wish.seconds, most=STOCK_MOST
            ),
            f"copy_{wish.connections}": partial(self._copy, wish.connections, wish.seconds),
        }

    def bulk_cases(self, wish: Wish) -> dict[str, Case]:
        """Batches."""
        return {
            "stock_bulk": partial(
                self.library.append,
                self.threads,
                wish.seconds,
                batch=self.library.batch,
                most=STOCK_BULK_MOST,
            ),
            "copy_bulk": partial(self._copy, BATCH, wish.seconds),
        }

    def _copy(self, each: int, seconds: float) -> Sample:
        batches = max(1, int(COPY_MOST * seconds) // each)
        make = self.rows.singles if each < BATCH else self.rows.bulk
        made = self.copied.batches(make(each) for _ in range(batches))
        with frozen():
            return self.copied.copy(made, events=each, seconds=seconds)


def beside(stack: ExitStack, place: Path, wish: Wish, on_sample: OnSample) -> Beside:
    """Both yardsticks in a server of their own, which goes with the stack."""
    server = stack.enter_context(scratch_server(place))
    theirs = ledger_database(server, "bench_copy")
    open_log(theirs)
    rows = Rows()
    state = rows.singles(1)[0].events[0].body
    library = stack.enter_context(stock(server.create_database("bench_stock").admin, state))
    threads, scouted = library.scout(wish.seconds, on_sample, most=STOCK_MOST)
    return Beside(library, Copied(theirs), rows, threads, scouted)


def choose_workers(
    ledger: Ledger, place: Path, wish: Wish, on_sample: OnSample
) -> tuple[int, dict[str, float]]:
    """How many workers serve best here: one, two, or one a processor; each is tried."""
    if wish.workers is not None:
        return wish.workers, {}

    def tried(workers: int) -> Sample:
        with ledger.serving(workers) as served:
            issues = Issues(served, place, wish, BULK_LINES)
            issues.warm()
            return issues.closed()

    sizes = sorted({1, 2, os.cpu_count() or 1})
    return best({size: partial(tried, size) for size in sizes}, on_sample, "workers")


@dataclass(slots=True)
class Issues:
    """Issuances sent to a served ledger; each is prepared before its clock starts.

    `codes` are those of the certificates that the last bulk has issued.
    """

    served: Served
    place: Path
    wish: Wish
    lines: int
    reached: float = field(default=0.0)
    codes: list[str] = field(default_factory=list)
    _names: Iterator[int] = field(default_factory=count)

    def cases(self) -> dict[str, Case]:
        """One by one as fast as it goes, on a schedule, and in bulk."""
        return {
            f"sijill_{self.wish.connections}": self.closed,
            "sijill_open": self.open,
            "sijill_bulk": self.bulk,
        }

    def warm(self) -> None:
        """Let every worker meet its first requests, which find nothing remembered."""
        self._send(WARMING * self.wish.connections, None)

    def closed(self) -> Sample:
        """As many at a time as there are connections."""
        sample = self._send(int(MOST * self.wish.seconds), None)
        self.reached = sample.rate
        return sample

    def open(self) -> Sample:
        """Due on a schedule."""
        rate = self.wish.rate or OPEN_SHARE * self.reached
        return self._send(int(rate * self.wish.seconds), rate)

    def bulk(self) -> Sample:
        """Orders of many lines, a few at a time."""
        lines = self.lines
        orders = max(BULK_CONNECTIONS, int(BULK_MOST * self.wish.seconds) // lines)
        path = self._file()
        codes = preparing.bulks(self.served.office, path, orders, lines)
        sent = fire_all(
            Fire(
                self.served.url,
                path,
                BULK_CONNECTIONS,
                expect=OK,
                lacks='"problem"',
                seconds=self.wish.seconds,
            )
        )
        path.unlink()
        self.codes = codes[: sent.events * lines]
        return Sample(sent.events * lines, sent.seconds, sent.latency, sent.more)

    def _send(self, count: int, rate: float | None) -> Sample:
        path = self._file()
        preparing.singles(self.served.office, path, max(self.wish.connections, count))
        fire = Fire(
            self.served.url, path, self.wish.connections, rate=rate, seconds=self.wish.seconds
        )
        sample = fire_all(fire)
        path.unlink()
        return sample

    def _file(self) -> Path:
        return self.place / f"requests-{next(self._names)}"
