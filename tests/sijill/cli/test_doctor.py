"""`sijill doctor` as an operator reads it, and as a script does."""

from pathlib import Path

import pytest

from sijill.folder import Folder
from tests.serving import Served
from tests.sijill.cli.conftest import Shell

COLUMNS = 80


def test_a_script_learns_each_line_and_the_end(shell: Shell, served: Served) -> None:
    ran = shell("doctor", "--data", served.folder, "--output", "json")

    assert ran.code == 0, ran.out
    assert set(ran.json) == {"lines", "ok", "warn", "fail"}
    assert ran.json["fail"] == 0
    assert [one["state"] for one in ran.json["lines"]].count("ok") == ran.json["ok"]
    for one in ran.json["lines"]:
        assert set(one) == {"state", "code", "params", "text", "mend"}
        assert (one["mend"] is None) == (one["state"] == "ok")
    # The founders of this ledger have not taken their keys away.
    warned = [one["code"] for one in ran.json["lines"] if one["state"] == "warn"]
    assert "founder_key_here" in warned


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
def test_a_person_reads_it_in_80_columns(shell: Shell, served: Served, language: str) -> None:
    ran = shell("doctor", "--data", served.folder, "--language", language)

    commands = [line for line in ran.out.splitlines() if line.startswith("      mv ")]
    assert len(commands) == 1
    folder = str(served.folder)
    for line in ran.out.splitlines():
        assert len(line) <= COLUMNS or line in commands or folder in line


def test_what_fails_is_told_with_its_command_and_exit_6(shell: Shell, ledger_folder: Path) -> None:
    Folder(ledger_folder).key("log").chmod(0o644)

    ran = shell("doctor", "--data", ledger_folder)

    assert ran.code == 6
    lines = ran.out.splitlines()
    [at] = [n for n, line in enumerate(lines) if line.startswith("fail  key_file_readable")]
    assert f"      chmod 600 {Folder(ledger_folder).key('log')}" in lines[at:]
    assert any(line.startswith("fail  database_unreachable: ") for line in lines)
    assert "to mend: 2" in ran.err


def test_a_folder_without_a_ledger_is_not_ready(shell: Shell) -> None:
    ran = shell("doctor", "--data", shell.folder / "nothing", "--output", "json")

    assert ran.code == 3
    assert ran.json["problem"]["code"] == "no_ledger_in_folder"
