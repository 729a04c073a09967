"""Benchmarks: this store beside the stock recorder, in one run, on one machine.

Absolute figures belong to a machine; the ratio taken in one run is what travels. Every figure is
the median of several rounds, and the samples are kept in the answer.
"""

import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infrastructure.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Sample:
    """One round: events in so many seconds, and the latencies that callers saw (milliseconds)."""

    events: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @classmethod
    def of(cls, latencies: list[float], seconds: float) -> "Sample":
        """A sample from the latency (seconds) of each event."""
        ordered = sorted(latencies)
        return cls(
            events=len(ordered),
            seconds=seconds,
            p50_ms=round(1000 * ordered[len(ordered) // 2], 3),
            p99_ms=round(1000 * ordered[int(len(ordered) * 0.99)], 3),
        )


def median(samples: list[Sample]) -> dict[str, Any]:
    """The medians of some rounds, with the rounds themselves."""
    return {
        "rate": round(statistics.median(one.rate for one in samples), 1),
        "p50_ms": statistics.median(one.p50_ms for one in samples),
        "p99_ms": statistics.median(one.p99_ms for one in samples),
        "samples": [{**asdict(one), "rate": round(one.rate, 1)} for one in samples],
    }


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "processors": os.cpu_count(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": sys.version.split()[0],
        "load_before": round(os.getloadavg()[0], 2),
    }


@contextmanager
def scratch_server() -> Iterator[EmbeddedServer]:
    """A PostgreSQL of the benchmark's own, gone afterwards."""
    with TemporaryDirectory(prefix="sijill-bench-") as folder:
        server = EmbeddedServer(Path(folder), settings={"shared_buffers": "512MB"})
        server.start()
        try:
            yield server
        finally:
            server.stop()


def interleaved(
    rounds: int, cases: dict[str, Callable[[], Sample]], on_sample: Callable[[str, Sample], None]
) -> dict[str, list[Sample]]:
    """Run the cases in turn, round by round, so that a slow minute hits all of them."""
    taken: dict[str, list[Sample]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            sample = case()
            taken[name].append(sample)
            on_sample(name, sample)
    return taken
