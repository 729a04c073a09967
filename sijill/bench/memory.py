"""`sijill bench memory`: what the processes of a served ledger hold, under a mixed load."""

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sijill.bench import preparing
from sijill.bench.figures import Aim, OnSample, Sample, median
from sijill.bench.issue import BULK_LINES, Issues, Wish
from sijill.bench.loading import fire_all
from sijill.bench.machine import describe
from sijill.bench.processes import children, resident_bytes
from sijill.bench.servers import founded, scratch
from sijill.bench.verdicts import asking, settle

WORKERS = 2
WARMING_SHARE = 12
"""Before an hour is watched, five minutes are not."""
SAMPLED_SECONDS = 0.5
QUARTERS = 4
LIMIT_MB = 300.0
FLAT = 1.1
"""The last quarter's mean beside the first one's: what still counts as flat."""

QUESTIONS = 5_000
MB = 1_000_000


@dataclass(slots=True)
class Watched:
    """What the processes held at each moment: bytes by process id, and what each process is."""

    roles: dict[int, str]
    samples: list[tuple[float, dict[int, int]]] = field(default_factory=list)

    def told(self) -> list[dict[str, Any]]:
        """Each process: the means of its first and last quarter, and its maximum, in MB."""
        found = []
        for pid, role in self.roles.items():
            held = [sample[pid] / MB for _, sample in self.samples]
            quarter = max(1, len(held) // QUARTERS)
            found.append(
                {
                    "process": role,
                    "first_quarter_mb": round(statistics.fmean(held[:quarter]), 1),
                    "last_quarter_mb": round(statistics.fmean(held[-quarter:]), 1),
                    "max_mb": round(max(held), 1),
                }
            )
        return found


def run(wish: Wish, minutes: float, on_sample: OnSample) -> dict[str, Any]:
    """Load the ledger by turns (issue, bulk, verify, nothing) and watch its processes.

    There is nothing to compare with, so both ratios are null.
    """
    with ExitStack() as stack:
        place = stack.enter_context(scratch(wish.folder))
        ledger = stack.enter_context(founded(place))
        served = stack.enter_context(ledger.serving(wish.workers or WORKERS))
        issues = Issues(served, place, wish, BULK_LINES)
        machine = describe(place, served.urls.admin)
        # What a process keeps for good it takes with its first work, and the kernel may hand all
        # of the first connections to one of them.
        _by_turns(issues, minutes / WARMING_SHARE, on_sample)
        with watching(served.pid) as watched:
            cases = _by_turns(issues, minutes, on_sample)
    processes = watched.told()
    growth = max(one["last_quarter_mb"] / one["first_quarter_mb"] for one in processes)
    return {
        "benchmark": "memory",
        "machine": machine,
        "minutes": minutes,
        "workers": served.workers,
        "cases": cases,
        "processes": processes,
        "samples": _thin(watched),
        "ratio_to_stock": None,
        "ratio_to_copy": None,
        "aims": [
            Aim("max_mb", LIMIT_MB, max(one["max_mb"] for one in processes), most=True).told,
            Aim("last_to_first_quarter", FLAT, growth, most=True).told,
        ],
    }


def _by_turns(issues: Issues, minutes: float, on_sample: OnSample) -> dict[str, dict[str, Any]]:
    """Until the time is up, and each at least once; between them requests are being prepared."""
    until = time.monotonic() + 60 * minutes
    taken: dict[str, list[Sample]] = {}
    questions = issues.place / "questions"

    def take(name: str, case: Callable[[], Sample]) -> None:
        sample = case()
        taken.setdefault(name, []).append(sample)
        on_sample(name, sample)

    while not taken or time.monotonic() < until:
        take("issue", issues.closed)
        take("bulk", issues.bulk)
        settle(issues.served.urls)
        preparing.questions(questions, random.choices(issues.codes, k=QUESTIONS))  # noqa: S311 - which record is asked for guards nothing
        take("verify", lambda: fire_all(asking(issues.served, questions, issues.wish)))
        time.sleep(issues.wish.seconds)
    return {name: median(samples) for name, samples in taken.items()}


@contextmanager
def watching(supervisor: int) -> Iterator[Watched]:
    """Look at the supervised processes twice a second until the block ends, and once more."""
    roles = _named(children(supervisor))
    watched = Watched(roles)
    stop = threading.Event()
    started = time.monotonic()

    def look() -> None:
        held = {pid: resident_bytes(pid) for pid in roles}
        watched.samples.append((time.monotonic() - started, held))

    def watch() -> None:
        look()
        while not stop.wait(SAMPLED_SECONDS):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield watched
    finally:
        stop.set()
        thread.join()
        look()


def _named(roles: dict[int, str]) -> dict[int, str]:
    """Workers get numbers, for people."""
    named = {}
    for number, (pid, role) in enumerate(roles.items()):
        named[pid] = role if role == "keeper" else f"{role}-{number}"
    return named


def _thin(watched: Watched, points: int = 500) -> list[dict[str, Any]]:
    step = max(1, -(-len(watched.samples) // points))
    return [
        {
            "seconds": round(at, 1),
            **{role: round(held[pid] / MB, 1) for pid, role in watched.roles.items()},
        }
        for at, held in watched.samples[::step]
    ]
