"""`sijill bench growth`: whether appends slow down as the log grows."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from infrastructure import postgres
from infrastructure.log import batch
from infrastructure.log.committer import now_us
from infrastructure.postgres import Role, Urls
from sijill.bench.append import STOCK_MOST, WAITERS, Appends
from sijill.bench.bulk import BATCH, require_all
from sijill.bench.copying import Copied
from sijill.bench.figures import Aim, Case, OnSample, OnStep, Sample, interleaved, ratio
from sijill.bench.growing import EVENT_BYTES, grow, thin
from sijill.bench.machine import describe
from sijill.bench.rows import Rows, open_log
from sijill.bench.servers import ledger_database, require_room, scratch, scratch_server, wal_room
from sijill.bench.stock import stock

TEMPLATE = "bench_young"
YOUNG = 10_000
SHARE = 0.8


def run(
    *,
    rounds: int,
    seconds: float,
    events: int,
    on_sample: OnSample,
    on_step: OnStep,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Measure single appends on a log of 10,000 events and on one of `events`, by turns.

    Raises:
        DiskTooSmall: so many events would not fit.
    """
    young_size = min(YOUNG, events)
    last = WAITERS[-1]
    with ExitStack() as stack:
        place = stack.enter_context(scratch(folder))
        require_room(place, events * EVENT_BYTES + wal_room(place))
        server = stack.enter_context(scratch_server(place))
        rows = Rows()
        young = ledger_database(server, TEMPLATE)
        open_log(young)
        _append(young.service, rows, young_size)
        # All made before anything grows: PostgreSQL makes a checkpoint for each database, and what
        # is appended right after a checkpoint takes whole pages along.
        copies = [
            ledger_database(server, f"bench_young_{number}", template=TEMPLATE)
            for number in range(rounds)
        ]
        old = ledger_database(server, "bench_old", template=TEMPLATE)
        theirs = ledger_database(server, "bench_copy", template=TEMPLATE)
        beside = server.create_database("bench_stock").admin
        curve = grow(old.service, events - young_size, on_step)
        state = rows.singles(1)[0].events[0].body
        library = stack.enter_context(stock(beside, state))
        threads, scouted = library.scout(seconds, on_sample, most=STOCK_MOST)
        appends = Appends(old, Copied(theirs), library, rows, threads, seconds)
        machine = describe(place, old.admin)
        cases: dict[str, Case] = {
            f"stock_{threads}": partial(library.append, threads, seconds, most=STOCK_MOST),
            f"copy_{last}": partial(appends.copy, last),
            "young": partial(_young, iter(copies), appends),
            "grown": partial(appends.closed, last),
        }
        taken = interleaved(rounds, cases, on_sample)
    share = ratio(taken, "grown", "young")
    return {
        "benchmark": "growth",
        "machine": machine,
        "rounds": rounds,
        "young_events": young_size,
        "events": events,
        "stock_threads": scouted,
        "curve": thin(curve),
        "cases": taken,
        "grown_to_young": share,
        "ratio_to_stock": ratio(taken, "grown", f"stock_{threads}"),
        "ratio_to_copy": ratio(taken, "grown", f"copy_{last}"),
        "aims": [Aim("grown_to_young", SHARE, share).told],
    }


def _young(copies: Iterator[Urls], appends: Appends) -> Sample:
    """As `Appends.closed`, each time on another copy: it would grow up itself otherwise."""
    return replace(appends, ours=next(copies)).closed(WAITERS[-1])


def _append(url: str, rows: Rows, events: int) -> None:
    with postgres.connect(url, Role.SERVICE, autocommit=True) as connection:
        while events > 0:
            size = min(BATCH, events)
            require_all(batch.append(connection, rows.bulk(size), now_us()))
            events -= size
