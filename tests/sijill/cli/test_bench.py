"""The benchmarks' own road: figures of a few moments, which say nothing about any machine."""

from typing import Any, Literal

import pytest
from rich.cells import cell_len

from api.i18n import translate
from sijill.bench import stock
from sijill.bench.figures import Aim
from sijill.cli.bench import tell
from sijill.cli.options import Talk
from sijill.cli.output import Output
from tests.sijill.cli.conftest import Ran, Shell

SHORT = ("--rounds", "1", "--seconds", "0.1")
LOAD = {"processor_seconds", "processor_us_each", "share_of_machine"}


@pytest.fixture(autouse=True)
def few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "THREADS", (1, 2))


def figures(ran: Ran, name: str, *cases: str) -> dict[str, Any]:
    """What was answered, once it is seen to have what every benchmark promises."""
    assert ran.code == 0, ran.err
    found: dict[str, Any] = ran.json
    assert found["benchmark"] == name
    assert set(found["cases"]) >= set(cases)
    for case in found["cases"].values():
        assert case["rate"] > 0
        assert 0 < case["p50_ms"] <= case["p90_ms"] <= case["p99_ms"] <= case["max_ms"]
        [sample] = case["samples"]
        assert sum(count for _, count in sample["histogram"]) > 0
    assert {"processor", "kernel", "memory_bytes", "filesystem", "load_before"} <= set(
        found["machine"]
    )
    assert found["machine"]["postgresql"]["fsync"] == "on"
    assert all(aim["measured"] > 0 for aim in found["aims"])
    assert set(found) > {"ratio_to_stock", "ratio_to_copy", "rounds"}
    return found


def test_append_measures_the_three_by_turns(shell: Shell) -> None:
    ran = shell("bench", "append", *SHORT, "--output", "json")

    found = figures(ran, "append", "copy_128", "sijill_1", "sijill_16", "sijill_128", "sijill_open")
    assert set(found["stock_threads"]) == {"1", "2"}
    assert found["ratio_to_stock"] > 0
    assert found["ratio_to_copy"] > 0
    assert found["cases"]["sijill_open"]["samples"][0]["asked_rate"] > 0
    assert "copy_128: " in ran.err


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
