"""A log grown through the append procedure, by as many processes as there are processors."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from psycopg import Connection

from infrastructure import postgres
from infrastructure.log import batch
from infrastructure.log.committer import now_us
from infrastructure.postgres import Role
from sijill.bench.bulk import BATCH, require_all
from sijill.bench.figures import OnStep
from sijill.bench.rows import Rows

BATCHES_AT_ONCE = 10
EVENT_BYTES = 3_300
"""What one issuance takes with all its rows and indexes, rounded up; measured."""


@dataclass(slots=True)
class _Grower:
    connection: Connection[Any]
    rows: Rows


_own: list[_Grower] = []
"""What a process of the pool works with; it ends with the process."""


def grow(url: str, events: int, on_step: OnStep) -> list[dict[str, float]]:
    """Append so many events in orders of a batch each; how many there were after how many seconds.

    The processes make their rows while another one's are being appended.
    """
    whole, rest = divmod(events, BATCH)
    sizes = [BATCH] * whole + ([rest] if rest else [])
    pieces = [sizes[at : at + BATCHES_AT_ONCE] for at in range(0, len(sizes), BATCHES_AT_ONCE)]
    curve: list[dict[str, float]] = []
    done = 0
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=_open, initargs=(url,)
    ) as pool:
        started = time.monotonic()
        for count in pool.map(_grow, pieces):
            done += count
            seconds = time.monotonic() - started
            curve.append({"events": done, "seconds": round(seconds, 3)})
            on_step("grow", done, events, done / seconds)
    return curve


def thin(curve: Sequence[dict[str, float]], points: int = 200) -> list[dict[str, float]]:
    """A curve of a bounded number of points, its last one among them, with the rate of each span.

    Each point says how many events there were after so many seconds, and how many a second came
    since the point before.
    """
    step = max(1, -(-len(curve) // points))
    chosen = [*curve[step - 1 :: step]]
    if curve and chosen[-1] != curve[-1]:
        chosen.append(curve[-1])
    found = []
    before = {"events": 0.0, "seconds": 0.0}
    for point in chosen:
        span = max(point["seconds"] - before["seconds"], 1e-6)
        found.append({**point, "rate": round((point["events"] - before["events"]) / span, 1)})
        before = point
    return found


def _open(url: str) -> None:
    connection = postgres.connect(url, Role.SERVICE, autocommit=True, limits=postgres.PATIENT)
    _own.append(_Grower(connection, Rows()))


def _grow(sizes: list[int]) -> int:
    own = _own[0]
    for size in sizes:
        require_all(batch.append(own.connection, own.rows.bulk(size), now_us()))
    return sum(sizes)
