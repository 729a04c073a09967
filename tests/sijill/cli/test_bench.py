"""The benchmarks' own road: figures of a few moments, which say nothing about any machine."""

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.cells import cell_len

from api.i18n import translate
from sijill.bench import servers, stock
from sijill.bench.figures import Aim
from sijill.cli.figures import tell
from sijill.cli.options import Talk
from sijill.cli.output import Output
from tests.sijill.cli.conftest import Ran, Shell

SHORT = ("--rounds", "1", "--seconds", "0.05")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "THREADS", (1, 2))
    monkeypatch.setattr(servers, "SEGMENTS", 1)


def figures(ran: Ran, name: str, *cases: str) -> dict[str, Any]:
    """What was answered, once it is seen to have what every benchmark promises."""
    assert ran.code == 0, ran.err
    found: dict[str, Any] = ran.json
    assert found["benchmark"] == name
    assert set(found["cases"]) >= set(cases)
    for case in found["cases"].values():
        assert case["rate"] > 0
        if "p50_ms" in case:
            assert 0 < case["p50_ms"] <= case["p90_ms"] <= case["p99_ms"] <= case["max_ms"]
            assert all(sum(n for _, n in one["histogram"]) > 0 for one in case["samples"])
    assert {"processor", "kernel", "memory_bytes", "filesystem", "load_before"} <= set(
        found["machine"]
    )
    assert found["machine"]["postgresql"]["fsync"] == "on"
    assert all(aim["measured"] > 0 for aim in found["aims"])
    assert set(found) > {"ratio_to_stock", "ratio_to_copy"}
    return found


def test_append_measures_the_three_by_turns(shell: Shell) -> None:
    ran = shell("bench", "append", *SHORT, "--output", "json")

    found = figures(ran, "append", "copy_128", "sijill_1", "sijill_16", "sijill_128", "sijill_open")
    assert set(found["stock_threads"]) == {"1", "2"}
    assert found["ratio_to_stock"] > 0
    assert found["ratio_to_copy"] > 0
    assert found["cases"]["sijill_open"]["samples"][0]["asked_rate"] > 0
    assert "copy_128: " in ran.err


def test_bulk_measures_batches(shell: Shell) -> None:
    ran = shell("bench", "bulk", *SHORT, "--output", "json")

    found = figures(ran, "bulk", "copy_1", "copy_2", "sijill_1", "sijill_2")
    assert found["batch"] == 1_000
    assert found["stock_batch"] < 1_000
    assert all(case["samples"][0]["events"] % found["stock_batch"] == 0 for case in stocks(found))


def test_replay_leads_to_the_root_that_was_sealed(shell: Shell) -> None:
    ran = shell("bench", "replay", *SHORT, "--events", "1200", "--output", "json")

    found = figures(ran, "replay", "stock", "copy", "sijill_1")
    # The two that every issuance is judged on stand before.
    assert found["sealed"]["events"] == 1_202
    assert found["cases"]["sijill_1"]["samples"][0]["events"] == 1_202
    assert found["curve"][-1]["events"] == 1_200
    assert "grow: 1200 of 1200" in ran.err


def test_growth_appends_to_a_young_and_to_a_grown_log(shell: Shell) -> None:
    ran = shell("bench", "growth", *SHORT, "--events", "12000", "--output", "json")

    found = figures(ran, "growth", "young", "grown", "copy_128")
    assert (found["young_events"], found["events"]) == (10_000, 12_000)
    assert found["curve"][-1]["events"] == 2_000
    assert found["grown_to_young"] > 0


@pytest.mark.parametrize("bench", ["replay", "growth"])
def test_what_the_disk_would_not_hold_is_refused_with_the_numbers(
    shell: Shell, bench: str, tmp_path: Path
) -> None:
    ran = shell(
        *("bench", bench, *SHORT, "--events", "1000000000000", "--folder", tmp_path),
        *("--output", "json"),
    )

    assert ran.code == 1
    assert ran.json["problem"]["code"] == "bench_disk_too_small"
    # The rows, and a write-ahead log as large as the free disk bears.
    needed = re.search(r"about 33000(\d\d)\.0 GB", ran.json["problem"]["detail"])
    assert needed is not None
    assert 5 <= int(needed[1]) <= 19
    assert list(tmp_path.iterdir()) == []


def stocks(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [case for name, case in found["cases"].items() if name.startswith("stock")]


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
def test_people_read_a_table_and_the_aims_in_eighty_columns(
    language: Literal["ar", "ckb", "en"], capsys: pytest.CaptureFixture[str]
) -> None:
    case = {"rate": 123456.7, "p50_ms": 1234.567, "p90_ms": 1234.567, "p99_ms": 12345.678}
    found = {
        "cases": {"sijill_open": {**case, "max_ms": 12345.678}, "replay": {"rate": 1.0}},
        "ratio_to_stock": 0.123,
        "ratio_to_copy": None,
        "aims": [Aim("ratio_to_stock", 20, 12.3456789).told, Aim("p99_ms", 1, 1, most=True).told],
    }

    assert tell(found, Output(Talk(language=language))) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["sijill_open", "replay"]
    assert all(cell_len(line) <= 80 for line in lines)
    assert translate(language, "cli.bench.missed") in lines[-2]
    assert translate(language, "cli.bench.met") in lines[-1]


def test_no_round_is_a_usage_error(shell: Shell) -> None:
    assert shell("bench", "append", "--rounds", "0").code == 2


def test_status_lists_of_a_small_nation(shell: Shell) -> None:
    ran = shell("bench", "status", "--certificates", "600000", "--revoked", "1", "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["lists"] == 2
    assert 5_000 < ran.json["bytes"] < ran.json["jwt_bytes"] < 30_000
    assert ran.json["uncompressed_bytes"] == 2 * 2**18
    assert "draft-ietf-oauth-status-list-21" in ran.out


def test_papers_are_set_and_counted(shell: Shell) -> None:
    ran = shell("bench", "render", "--papers", "2", "--workers", "1", "--output", "json")

    assert ran.code == 0, ran.err
    assert (ran.json["papers"], ran.json["processes"]) == (2, 1)
    assert ran.json["rate"] > 0
    assert ran.json["bytes_each"] > 10_000
