"""`sijill bench nation`: a whole nation's certificates, from their orders to their proofs.

Certificates come by the real bulk road: orders signed by an agency's key, sent over HTTP to a
served ledger, judged by the domain, sealed, and appended by the committer into the real tables.
So that each step has a rate of its own, sealer and follower are kept waiting while certificates
are issued; then the same sealer and the same follower do their work, each on its own processor.
"""

import os
import time
from contextlib import ExitStack
from typing import Any

from sijill.bench.figures import Aim, OnSample, OnStep, interleaved, ratio
from sijill.bench.growing import thin
from sijill.bench.issue import Wish, beside
from sijill.bench.machine import describe
from sijill.bench.servers import founded, require_room, scratch, wal_room
from sijill.bench.sizes import folder_bytes, tables, wal_bytes
from sijill.bench.stages import Stages

CERTIFICATES = 17_000_000
CERTIFICATE_BYTES = 4_200
"""What one certificate takes with log, vault, read models and tiles, rounded up; measured."""

HOUR_SECONDS = 3_600.0


def run(wish: Wish, certificates: int, on_sample: OnSample, on_step: OnStep) -> dict[str, Any]:
    """Issue, seal, build the read models, replay, prove; ratios are of the issuing.

    Raises:
        DiskTooSmall: so many certificates would not fit.
    """
    with ExitStack() as stack:
        place = stack.enter_context(scratch(wish.folder))
        free = require_room(place, certificates * CERTIFICATE_BYTES + wal_room(place))
        with ExitStack() as short:
            theirs = beside(short, place, wish, on_sample)
            cases = theirs.bulk_cases(wish)
            taken = interleaved(wish.rounds, cases, on_sample)
        ledger = stack.enter_context(founded(place))
        workers = wish.workers or os.cpu_count() or 1
        stages = Stages(ledger, workers, on_step)
        started = time.monotonic()
        stages.issue(certificates)
        with stages.database() as urls:
            stages.seal_and_follow()
            stages.replay()
            machine = describe(place, urls.admin)
            sizes, wal = tables(urls.admin, stages.events), wal_bytes(urls.admin)
        stages.prove()
        seconds = time.monotonic() - started
        tiles = folder_bytes(ledger.folder / "log")
    taken["sijill_bulk"] = {"rate": stages.steps[0]["rate"], "samples": stages.steps[:1]}
    stored = sum(one["heap_bytes"] + one["index_bytes"] for one in sizes)
    return {
        "benchmark": "nation",
        "machine": machine,
        "free_bytes_before": free,
        "rounds": wish.rounds,
        "certificates": certificates,
        "events": stages.events,
        "workers": workers,
        "cases": taken,
        "steps": stages.steps,
        "total_seconds": round(seconds, 1),
        "total_rate": round(certificates / seconds, 1),
        "tables": sizes,
        "bytes_each": round(stored / stages.events, 1),
        "tile_bytes_each": round(tiles / stages.events, 1),
        "wal_bytes": wal,
        "curve": thin(stages.curve),
        "ratio_to_stock": ratio(taken, "sijill_bulk", "stock_bulk"),
        "ratio_to_copy": ratio(taken, "sijill_bulk", "copy_bulk"),
        "aims": [Aim("total_seconds", HOUR_SECONDS, seconds, most=True).told],
    }
