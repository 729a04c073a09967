"""The benchmarks' own road: figures of a few moments, which say nothing about any machine."""

import pytest

from sijill.bench import append, issue
from tests.sijill.cli.conftest import Shell


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "SECONDS", 0.2)
    monkeypatch.setattr(issue, "ORDERS", 20)


def test_append_answers_with_every_case_and_the_ratio(shell: Shell) -> None:
    ran = shell("bench", "append", "--rounds", "1", "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["benchmark"] == "append"
    assert set(ran.json["cases"]) >= {"stock_1", "stock_8", "sijill_1", "sijill_128"}
    assert all(case["rate"] > 0 for case in ran.json["cases"].values())
    assert ran.json["ratio_to_stock"] > 0
    assert "stock_8: " in ran.err


def test_issue_measures_a_ledger_of_its_own(shell: Shell) -> None:
    """A database that the environment names is somebody's: nothing is founded or measured there."""
    shell.set(SIJILL_DATABASE_URL="postgresql://nobody@127.0.0.1:1/theirs")

    ran = shell("bench", "issue", "--rounds", "1")

    assert ran.code == 0, ran.err
    head, *rows = ran.out.splitlines()
    assert head.split()[:2] == ["case", "events/s"]
    assert [row.split()[0] for row in rows[:2]] == ["stock_8", "sijill_64"]
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_no_round_is_a_usage_error(shell: Shell) -> None:
    assert shell("bench", "append", "--rounds", "0").code == 2
