"""`sijill bench replay`: chain and tree of a whole log, computed again from the database."""

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, LiteralString

from infrastructure import postgres
from infrastructure.log import replaying
from infrastructure.postgres import Role
from sijill import audit
from sijill.bench.figures import Aim, Case, OnSample, OnStep, Sample, interleaved, ratio
from sijill.bench.growing import EVENT_BYTES, grow, thin
from sijill.bench.machine import describe
from sijill.bench.rows import Rows, open_log
from sijill.bench.sealing import seal
from sijill.bench.servers import ledger_database, require_room, scratch, scratch_server, wal_room
from sijill.bench.stock import Stock, stock

RATE = 400_000.0
STOCK_EVENTS = 100_000
STOCK_PAGE = 1_000
"""The library reads its log in pages: of how many events it says nothing, this is a usual one."""

_COPY_OUT: Final[LiteralString] = """
COPY (
    SELECT index, time, leaf_hash, header_digest, body_digest FROM ledger.events
    WHERE index < %s ORDER BY index
) TO STDOUT (FORMAT BINARY)
"""


def run(
    *, rounds: int, events: int, on_sample: OnSample, on_step: OnStep, folder: Path | None = None
) -> dict[str, Any]:
    """Measure; beside it the library's own way to read a log, and COPY of the columns needed.

    Every leaf is put together and hashed again, every link compared, and the root with the one
    that the real sealer has published. COPY only hands the bytes out.

    Raises:
        DiskTooSmall: so many events would not fit.
    """
    both = sorted({1, os.cpu_count() or 1})
    with ExitStack() as stack:
        place = stack.enter_context(scratch(folder))
        require_room(place, events * EVENT_BYTES + wal_room(place))
        server = stack.enter_context(scratch_server(place))
        ours = ledger_database(server, "bench_sijill")
        open_log(ours)
        curve = grow(ours.service, events, on_step)
        sealed = seal(ours.keeper, place / "tiles", events, on_step)
        state = Rows().singles(1)[0].events[0].body
        library = stack.enter_context(stock(server.create_database("bench_stock").admin, state))
        read = min(events, STOCK_EVENTS)
        library.fill(read)
        machine = describe(place, ours.admin)
        replays = Replays(ours.service)
        cases: dict[str, Case] = {
            "stock": partial(_read_stock, library, read),
            "copy": partial(replays.copy, events),
            **{f"sijill_{processes}": partial(replays.replay, processes) for processes in both},
        }
        taken = interleaved(rounds, cases, on_sample)
    best = f"sijill_{both[-1]}"
    return {
        "benchmark": "replay",
        "machine": machine,
        "rounds": rounds,
        "events": events,
        "sealed": sealed.told,
        "curve": thin(curve),
        "cases": taken,
        "ratio_to_stock": ratio(taken, best, "stock"),
        "ratio_to_copy": ratio(taken, best, "copy"),
        "aims": [Aim("rate", RATE, taken[best]["rate"]).told],
    }


@dataclass(frozen=True, slots=True)
class Replays:
    """Readings of one sealed log."""

    url: str

    def replay(self, processes: int) -> Sample:
        """Chain and tree, compared with the newest checkpoint; processes are there before it."""
        checkpoint = audit.newest_checkpoint(self.url)
        if checkpoint is None:
            raise RuntimeError("the log was not sealed")
        with replaying.workers(self.url, processes) as work:
            started = time.monotonic()
            found = audit.replay(work, checkpoint)
            return Sample(found.size, time.monotonic() - started)

    def copy(self, events: int) -> Sample:
        """The bytes alone."""
        with (
            postgres.connect(
                self.url, Role.SERVICE, autocommit=True, limits=postgres.PATIENT
            ) as connection,
            connection.cursor() as cursor,
        ):
            started = time.monotonic()
            with cursor.copy(_COPY_OUT, (events,)) as copy:
                for _ in copy:
                    pass
            return Sample(events, time.monotonic() - started)


def _read_stock(library: Stock, events: int) -> Sample:
    """The library's notification log, page by page; nothing is checked, for nothing is chained."""
    started = time.monotonic()
    after = 0
    read = 0
    while read < events:
        page = library.recorder.select_notifications(after, STOCK_PAGE, inclusive_of_start=False)
        if not page:
            break
        after = page[-1].id
        read += len(page)
    return Sample(read, time.monotonic() - started)
