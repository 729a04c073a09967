"""`sijill bench bulk`: appends through the procedure in batches, claims and vault rows included."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from infrastructure.log import batch
from infrastructure.log.batch import Appended, AppendRequest
from infrastructure.log.committer import now_us
from infrastructure.postgres import Role, Urls
from sijill.bench.append import frozen
from sijill.bench.copying import Copied
from sijill.bench.figures import Aim, Case, OnSample, Sample, interleaved, ratio
from sijill.bench.machine import describe
from sijill.bench.rows import Rows, open_log
from sijill.bench.servers import ledger_database, scratch, scratch_server
from sijill.bench.stock import Stock, stock
from sijill.bench.threads import each_its_own, run_threads

BATCH = 1_000
CONNECTIONS = (1, 2)
MOST = 30_000
STOCK_MOST = 60_000
"""How many events are prepared for each second."""

SHARE_OF_COPY = 0.45


def run(
    *, rounds: int, seconds: float, on_sample: OnSample, folder: Path | None = None
) -> dict[str, Any]:
    """Measure; ratios are of one connection each."""
    with ExitStack() as stack:
        place = stack.enter_context(scratch(folder))
        server = stack.enter_context(scratch_server(place))
        ours = ledger_database(server, "bench_sijill")
        theirs = ledger_database(server, "bench_copy")
        for urls in (ours, theirs):
            open_log(urls)
        rows = Rows()
        state = rows.singles(1)[0].events[0].body
        library = stack.enter_context(stock(server.create_database("bench_stock").admin, state))
        threads, scouted = library.scout(seconds, on_sample, batch=library.batch, most=STOCK_MOST)
        bench = Bulks(ours, Copied(theirs), library, rows, threads, seconds)
        machine = describe(place, ours.admin)
        cases = interleaved(rounds, bench.cases(), on_sample)
    to_copy = ratio(cases, "sijill_1", "copy_1")
    return {
        "benchmark": "bulk",
        "machine": machine,
        "rounds": rounds,
        "batch": BATCH,
        "stock_threads": scouted,
        "stock_batch": library.batch,
        "cases": cases,
        "ratio_to_stock": ratio(cases, "sijill_1", f"stock_{threads}"),
        "ratio_to_copy": to_copy,
        "aims": [Aim("ratio_to_copy", SHARE_OF_COPY, to_copy).told],
    }


@dataclass(slots=True)
class Bulks:
    """The three that take turns; latencies are those of batches."""

    ours: Urls
    copied: Copied
    library: Stock
    rows: Rows
    threads: int
    seconds: float

    def cases(self) -> dict[str, Case]:
        """By their names; the numbers are threads or connections."""
        found: dict[str, Case] = {
            f"stock_{self.threads}": partial(
                self.library.append,
                self.threads,
                self.seconds,
                batch=self.library.batch,
                most=STOCK_MOST,
            )
        }
        for connections in CONNECTIONS:
            found[f"copy_{connections}"] = partial(self.copy, connections)
            found[f"sijill_{connections}"] = partial(self.append, connections)
        return found

    def copy(self, connections: int) -> Sample:
        """COPY of the same rows into all the same tables, one transaction a batch."""
        batches = self.copied.batches(self._pieces())
        with frozen():
            return self.copied.copy(
                batches, events=BATCH, seconds=self.seconds, connections=connections
            )

    def append(self, connections: int) -> Sample:
        """Bulk orders of a batch each through the append procedure."""
        pieces = self._pieces()
        with each_its_own(self.ours.service, Role.SERVICE, connections) as connection, frozen():
            return run_threads(
                connections,
                self.seconds,
                pieces,
                lambda piece: require_all(batch.append(connection(), piece, now_us())),
                events=BATCH,
            )

    def _pieces(self) -> list[list[AppendRequest]]:
        count = max(*CONNECTIONS, int(MOST * self.seconds) // BATCH)
        return [self.rows.bulk(BATCH) for _ in range(count)]


def require_all(results: list[batch.Result]) -> None:
    """Return when every request was recorded.

    Raises:
        AppendRefused: the first that was not.
    """
    for one in results:
        if not isinstance(one, Appended):
            raise one
