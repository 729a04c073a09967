"""`sijill bench append`: durable single events through the committer, one order each."""

import asyncio
import gc
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from infrastructure.log.batch import AppendRequest
from infrastructure.log.committer import Committer
from infrastructure.postgres import Urls
from sijill.bench.copying import Batch, Copied
from sijill.bench.figures import Aim, Case, OnSample, Sample, interleaved, ratio
from sijill.bench.machine import describe
from sijill.bench.rows import Rows, open_log
from sijill.bench.servers import ledger_database, scratch, scratch_server
from sijill.bench.stock import Stock, stock

_Result = TypeVar("_Result")

WAITERS = (1, 16, 128)
MOST = {1: 5_000, 16: 25_000, 128: 45_000}
"""How many requests are prepared for each second, by the number that waits."""

BARE = f"sijill_{WAITERS[-1]}_bare"
STOCK_MOST = 6_000
OPEN_SHARE = 0.7
"""The open loop asks for this share of what the closed loop has just reached."""

TIMES_STOCK = 20.0
P99_MS = 10.0


def run(
    *, rounds: int, seconds: float, on_sample: OnSample, folder: Path | None = None
) -> dict[str, Any]:
    """Measure; ratios are of 128 waiting, COPY with as many rows in a transaction.

    `ratio_to_stock` compares like with like: events with their orders and nothing beside. A whole
    issuance, its claims, guards and vault rows included, is `ratio_to_stock_whole`.
    """
    with scratch(folder) as place, scratch_server(place) as server, ExitStack() as stack:
        ours = ledger_database(server, "bench_sijill")
        theirs = ledger_database(server, "bench_copy")
        for urls in (ours, theirs):
            open_log(urls)
        rows = Rows()
        state = rows.singles(1)[0].events[0].body
        library = stack.enter_context(stock(server.create_database("bench_stock").admin, state))
        threads, scouted = library.scout(seconds, on_sample, most=STOCK_MOST)
        bench = Appends(ours, Copied(theirs), library, rows, threads, seconds)
        machine = describe(place, ours.admin)
        cases = interleaved(rounds, bench.cases(), on_sample)
    last = WAITERS[-1]
    to_stock = ratio(cases, BARE, f"stock_{threads}")
    return {
        "benchmark": "append",
        "machine": machine,
        "rounds": rounds,
        "stock_threads": scouted,
        "cases": cases,
        "ratio_to_stock": to_stock,
        "ratio_to_stock_whole": ratio(cases, f"sijill_{last}", f"stock_{threads}"),
        "ratio_to_copy": ratio(cases, f"sijill_{last}", f"copy_{last}"),
        "aims": [
            Aim("ratio_to_stock", TIMES_STOCK, to_stock).told,
            Aim("p99_ms", P99_MS, cases[f"sijill_{last}"]["p99_ms"], most=True).told,
        ],
    }


@dataclass(slots=True)
class Appends:
    """The three that take turns, on databases of their own in one server."""

    ours: Urls
    copied: Copied
    library: Stock
    rows: Rows
    threads: int
    seconds: float
    reached: float = field(default=0.0)

    def cases(self) -> dict[str, Case]:
        """By their names: the library, COPY, and ours with so many waiting, then on a schedule."""
        last = WAITERS[-1]
        found: dict[str, Case] = {
            f"stock_{self.threads}": partial(
                self.library.append, self.threads, self.seconds, most=STOCK_MOST
            ),
            f"copy_{last}": partial(self.copy, last),
        }
        found |= {f"sijill_{waiters}": partial(self.closed, waiters) for waiters in WAITERS}
        found[BARE] = partial(self.closed, last, bare=True)
        return {**found, "sijill_open": self.open}

    def copy(self, each: int) -> Sample:
        """So many rows in a transaction, for as long as a round."""
        batches = self._batches(each)
        with frozen():
            return self.copied.copy(batches, events=each, seconds=self.seconds)

    def closed(self, waiters: int, *, bare: bool = False) -> Sample:
        """Each of so many callers waits for its answer before it comes again."""
        make = self.rows.bare if bare else self.rows.singles
        requests = make(max(waiters, int(MOST[waiters] * self.seconds)))
        with frozen():
            sample = run_async(_closed(self.ours.service, requests, waiters, self.seconds))
        if not bare:
            self.reached = sample.rate
        return sample

    def open(self) -> Sample:
        """Callers come on a schedule; latencies are counted from when each was due."""
        rate = OPEN_SHARE * self.reached
        requests = self.rows.singles(max(1, int(rate * self.seconds)))
        with frozen():
            return run_async(_open(self.ours.service, requests, rate))

    def _batches(self, each: int) -> list[Batch]:
        count = max(1, int(MOST[each] * self.seconds) // each)
        return self.copied.batches(self.rows.singles(each) for _ in range(count))


async def _closed(
    url: str, requests: Sequence[AppendRequest], waiters: int, seconds: float
) -> Sample:
    latencies: list[float] = []
    left = iter(requests)
    async with Committer(url) as committer:
        started = time.monotonic()
        until = started + seconds

        async def call() -> None:
            for request in left:
                began = time.monotonic()
                await committer.submit(request)
                latencies.append((now := time.monotonic()) - began)
                if now > until:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(waiters):
                group.create_task(call())
        return Sample.of(latencies, time.monotonic() - started)


async def _open(url: str, requests: Sequence[AppendRequest], rate: float) -> Sample:
    latencies: list[float] = []
    async with Committer(url) as committer:
        started = time.monotonic()

        async def call(request: AppendRequest, due: float) -> None:
            await committer.submit(request)
            latencies.append(time.monotonic() - due)

        async with asyncio.TaskGroup() as group:
            for number, request in enumerate(requests):
                due = started + number / rate
                if (early := due - time.monotonic()) > 0:
                    await asyncio.sleep(early)
                group.create_task(call(request, due))
        sample = Sample.of(latencies, time.monotonic() - started)
    return Sample(sample.events, sample.seconds, sample.latency, {"asked_rate": round(rate, 1)})


def run_async(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run on the loop that the service runs on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@contextmanager
def frozen() -> Iterator[None]:
    """What was prepared is no concern of the collector while the clock runs."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
