import pytest

from sijill.bench.figures import Aim, Sample, interleaved, median
from sijill.bench.latencies import figures, histogram, percentile


def test_a_percentile_is_a_value_that_was_measured() -> None:
    hundred = [float(value) for value in range(1, 101)]

    assert [percentile(hundred, share) for share in (0.5, 0.9, 0.99, 1.0)] == [50, 90, 99, 100]
    assert percentile([7.0], 0.99) == 7.0


def test_figures_are_of_every_latency_in_whatever_order_they_came() -> None:
    found = figures([0.004, 0.001, 0.003, 0.002])

    assert (found["p50_ms"], found["p99_ms"], found["max_ms"]) == (2.0, 4.0, 4.0)
    assert sum(count for _, count in found["histogram"]) == 4


@pytest.mark.parametrize("micros", [0, 1, 2, 999, 12_345, 3_600_000_000])
def test_a_bucket_ends_at_most_a_twentieth_above_what_it_holds(micros: int) -> None:
    [(end, count)] = histogram([micros / 1e6])

    assert count == 1
    assert micros <= end <= micros * 1.05 + 2


def test_a_histogram_stays_small_whatever_was_measured() -> None:
    assert len(histogram([1.0001**step / 1e6 for step in range(150_000)])) < 400


def test_medians_are_over_the_rounds_and_the_longest_latency_is_of_all() -> None:
    rounds = [Sample.of([wait], 1.0, events=events) for wait, events in ((1, 10), (9, 30), (3, 20))]

    found = median(rounds)

    assert (found["rate"], found["p50_ms"], found["max_ms"]) == (20.0, 3_000, 9_000)
    assert [one["events"] for one in found["samples"]] == [10, 30, 20]


def test_cases_take_turns() -> None:
    turns: list[str] = []

    def case(name: str) -> Sample:
        turns.append(name)
        return Sample(1, 1.0)

    interleaved(2, {"a": lambda: case("a"), "b": lambda: case("b")}, lambda *_: None)

    assert turns == ["a", "b", "a", "b"]


def test_an_aim_says_whether_it_is_met() -> None:
    assert Aim("rate", 10, 9.5).told["met"] is False
    assert Aim("p99_ms", 10, 9.5, most=True).told == {
        "aim": "p99_ms",
        "at_most": 10,
        "measured": 9.5,
        "met": True,
    }
