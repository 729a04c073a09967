"""Limits per process: how often one code may be compared, how much work may be in flight.

Comparing presented values against a record is a way to guess them. A token bucket per code bounds the
guesses; it lives in memory, so N workers allow N times the rate, which the documentation states.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field

COMPARISONS_BURST = 10
COMPARISONS_PER_SECOND = 10 / 60
BUCKETS_MAXIMUM = 50_000


@dataclass(slots=True)
class Limits:
    """Token buckets, oldest forgotten first when there are too many."""

    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def allow_comparison(self, code: str, now: float | None = None) -> bool:
        """Take one token for this code; False when it has none left. `now` is monotonic seconds."""
        now = time.monotonic() if now is None else now
        tokens, since = self._buckets.pop(code, (float(COMPARISONS_BURST), now))
        tokens = min(float(COMPARISONS_BURST), tokens + (now - since) * COMPARISONS_PER_SECOND)
        allowed = tokens >= 1
        self._buckets[code] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > BUCKETS_MAXIMUM:
            self._buckets.popitem(last=False)
        return allowed
