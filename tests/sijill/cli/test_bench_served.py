"""The benchmarks that serve a ledger of their own, for a few moments."""

import pytest

from sijill.bench import filling, inbox, memory, servers, stock
from tests.sijill.cli.conftest import Shell
from tests.sijill.cli.test_bench import SHORT, figures

LOAD = {"processor_seconds", "processor_us_each", "share_of_machine"}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "THREADS", (1, 2))
    monkeypatch.setattr(servers, "SEGMENTS", 1)
    monkeypatch.setattr(memory, "BULK_LINES", 20)
    monkeypatch.setattr(filling, "LINES", 100)


def test_issue_measures_a_ledger_of_its_own(shell: Shell) -> None:
    """A database that the environment names is somebody's: nothing is founded or measured there."""
    shell.set(SIJILL_DATABASE_URL="postgresql://nobody@127.0.0.1:1/theirs")

    ran = shell(
        *("bench", "issue", *SHORT, "--workers", "1", "--connections", "4", "--lines", "20"),
        *("--output", "json"),
    )

    found = figures(ran, "issue", "sijill_4", "sijill_open", "sijill_bulk", "copy_4", "copy_bulk")
    assert (found["workers"], found["workers_tried"]) == (1, {})
    assert set(found["cases"]["sijill_open"]["samples"][0]["load"]) > LOAD
    assert found["bulk_ratio_to_copy"] > 0


def test_verify_asks_for_what_is_stored_and_sees_what_is_revoked(shell: Shell) -> None:
    ran = shell(
        *("bench", "verify", *SHORT, "--connections", "4", "--certificates", "40"),
        *("--output", "json"),
    )

    found = figures(ran, "verify", "sijill_4", "sijill_open", "revocation")
    assert found["certificates"] == 40
    assert found["ratio_to_copy"] is None
    [shown] = found["cases"]["revocation"]["samples"]
    assert shown["workers"] == found["workers"] == 2
    assert shown["events"] == 20
    assert "issue: 40 of 40" in ran.err


def test_memory_watches_every_process(shell: Shell) -> None:
    ran = shell(
        *("bench", "memory", *SHORT, "--minutes", "0", "--connections", "4", "--workers", "1"),
        *("--output", "json"),
    )

    found = figures(ran, "memory", "issue", "bulk", "verify")
    assert {one["process"] for one in found["processes"]} == {"keeper", "worker-1"}
    for one in found["processes"]:
        assert 0 < one["first_quarter_mb"] <= one["max_mb"]
        assert 0 < one["last_quarter_mb"] <= one["max_mb"]
    assert {"seconds", "keeper", "worker-1"} == set(found["samples"][0])


def test_a_small_nation_is_issued_sealed_read_replayed_and_proven(shell: Shell) -> None:
    ran = shell(
        *("bench", "nation", *SHORT, "--certificates", "270", "--workers", "1"),
        *("--output", "json"),
    )

    found = figures(ran, "nation", "stock_bulk", "copy_bulk", "sijill_bulk")
    steps = {one["step"]: one for one in found["steps"]}
    assert list(steps)[:3] == ["issue", "seal", "read_models"]
    assert (steps["issue"]["events"], steps["prove"]["events"]) == (270, 270)
    # Founding, registering, linking, and enrolling a key stand before.
    assert steps["replay_1"]["events"] == found["events"] == 274
    assert all(one["rate"] > 0 for one in found["steps"])
    sizes = {one["table"]: one for one in found["tables"]}
    assert sizes["ledger.events"]["heap_bytes_each"] > 500
    assert found["curve"][-1]["events"] == 270
    assert found["bytes_each"] > found["tile_bytes_each"] > 0


def test_an_inbox_is_filled_and_asked_in_every_way(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "QUESTIONS", 5)
    ran = shell("bench", "inbox", *SHORT, "--letters", "100", "--output", "json")

    asked = ("first_page", "page_by_place", "overdue", "number", "seldom_sender", "month")
    found = figures(ran, "inbox", *asked, "unit", "closed", "urgent")
    steps = {one["step"]: one["events"] for one in found["steps"]}
    # Half of them are registered, and two of ten closed.
    assert steps == {"letters": 200, "registered": 70}
    assert found["events"] >= 270
    assert len(found["aims"]) == len(found["cases"])
    assert found["cases"]["number"]["p90_ms"] <= found["cases"]["number"]["p95_ms"]


def test_the_whole_check_is_measured_over_single_orders_and_over_half_in_bulk(
    shell: Shell,
) -> None:
    ran = shell("bench", "audit", "--events", "150", "--output", "json")

    assert ran.code == 0, ran.err
    found = ran.json
    assert set(found["cases"]) == {"single", "half_bulk"}
    for case in found["cases"].values():
        # Founding, registering, linking, and enrolling a key stand before; the log signs as well.
        assert case["events"] >= 154
        assert 0 < case["rate"] <= min(case["walk"]["rate"], case["read_models"]["rate"])
        assert case["tree"]["rate"] > 0
        assert case["walk"]["walk_us_each"] > 0
        [[event, held]] = case["walk"]["memory_mb"]
        assert event == 1
        assert held > 10
    single, half = (found["cases"][name]["walk"]["signatures"] for name in found["cases"])
    assert single >= 150 > half >= 75
    assert [aim["aim"] for aim in found["aims"]] == ["tree", "single", "half_bulk"]
    assert found["verify_us"] > 0


def test_a_nation_that_the_disk_would_not_hold_is_refused_at_once(shell: Shell) -> None:
    ran = shell("bench", "nation", "--certificates", "1000000000000", "--output", "json")

    assert ran.code == 1
    assert ran.json["problem"]["code"] == "bench_disk_too_small"
