"""Rounds, medians and ratios: what every benchmark makes of its samples."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sijill.bench.latencies import PERCENTILES, figures

OnSample = Callable[[str, "Sample"], None]
"""Told of each sample as it is taken: the case's name, and the sample."""

OnStep = Callable[[str, int, int, float], None]
"""Told how far a long step is: its name, done, of how many, and how many a second."""

Case = Callable[[], "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one case: so many events in so many seconds.

    `latency` has what `latencies.figures` makes of what callers waited; empty where nobody did.
    `more` are further figures of the case, by name.
    """

    events: int
    seconds: float
    latency: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @classmethod
    def of(
        cls, latencies: Sequence[float], seconds: float, *, events: int | None = None
    ) -> "Sample":
        """A sample from latencies in seconds, one for each event unless told otherwise."""
        return cls(len(latencies) if events is None else events, seconds, figures(latencies))

    @property
    def told(self) -> dict[str, Any]:
        """The sample as it is kept."""
        return {
            "events": self.events,
            "seconds": round(self.seconds, 4),
            "rate": round(self.rate, 1),
            **self.latency,
            **self.more,
        }


@dataclass(frozen=True, slots=True)
class Aim:
    """What a figure should come to; `most` where less is better."""

    name: str
    wanted: float
    measured: float
    most: bool = False

    @property
    def told(self) -> dict[str, Any]:
        """The aim as it is answered."""
        met = self.measured <= self.wanted if self.most else self.measured >= self.wanted
        return {
            "aim": self.name,
            "at_most" if self.most else "at_least": self.wanted,
            "measured": round(self.measured, 3),
            "met": met,
        }


def interleaved(
    rounds: int, cases: Mapping[str, Case], on_sample: OnSample
) -> dict[str, dict[str, Any]]:
    """Run the cases in turn, round by round, so that a slow minute hits all; their medians."""
    taken: dict[str, list[Sample]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            sample = case()
            taken[name].append(sample)
            on_sample(name, sample)
    return {name: median(samples) for name, samples in taken.items()}


def median(samples: Sequence[Sample]) -> dict[str, Any]:
    """The medians of some rounds, the longest latency of all, and the rounds themselves."""
    found: dict[str, Any] = {"rate": round(statistics.median(one.rate for one in samples), 1)}
    timed = [one.latency for one in samples if one.latency]
    if timed:
        for name in PERCENTILES:
            found[name] = statistics.median(one[name] for one in timed)
        found["max_ms"] = max(one["max_ms"] for one in timed)
    found["samples"] = [one.told for one in samples]
    return found


def ratio(cases: Mapping[str, Mapping[str, Any]], ours: str, theirs: str) -> float:
    """How many times as many events a second the one case has."""
    return round(float(cases[ours]["rate"]) / float(cases[theirs]["rate"]), 3)


def best(
    candidates: Mapping[int, Case], on_sample: OnSample, name: str
) -> tuple[int, dict[str, float]]:
    """Which of some sizes (threads, workers) has the highest rate, and the rates of all."""
    rates: dict[int, float] = {}
    for size, case in candidates.items():
        sample = case()
        on_sample(f"{name}_{size}", sample)
        rates[size] = sample.rate
    chosen = max(rates, key=lambda size: rates[size])
    return chosen, {str(size): round(rate, 1) for size, rate in rates.items()}
