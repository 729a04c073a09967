"""Latencies as figures: percentiles of every one of them, and a histogram that can be kept.

The load generator imports this, so it knows nothing but the standard library.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

PERCENTILES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99}
WIDTH = 1.05
"""Each bucket of a histogram ends 5 % above the one before it, from one microsecond on."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the ascending, not empty values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def figures(seconds: Sequence[float]) -> dict[str, Any]:
    """Percentiles in milliseconds, and how many latencies lie below each bucket's end (µs)."""
    ordered = sorted(seconds)
    found: dict[str, Any] = {
        name: round(1_000 * percentile(ordered, share), 3) for name, share in PERCENTILES.items()
    }
    found["max_ms"] = round(1_000 * ordered[-1], 3)
    found["histogram"] = histogram(ordered)
    return found


def histogram(seconds: Sequence[float]) -> list[tuple[int, int]]:
    """(end of the bucket in µs, how many latencies fell into it), empty buckets left out."""
    step = math.log(WIDTH)
    counted = Counter(
        max(0, math.ceil(math.log(max(one, 1e-6) * 1_000_000) / step)) for one in seconds
    )
    return [(math.ceil(WIDTH**bucket), counted[bucket]) for bucket in sorted(counted)]
