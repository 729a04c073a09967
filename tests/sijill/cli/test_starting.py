"""What keeps `serve` and `init` from starting, as a sentence and as an exit code."""

import pytest

from sijill.cli import codes
from sijill.supervisor import FolderLock
from tests.sijill.cli.conftest import Shell


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
@pytest.mark.parametrize(
    "variable,value",
    [("SIJILL_PG_SHARED_BUFFERS", "bad"), ("SIJILL_DATABASE_URL", "host=h secret nonsense")],
)
def test_a_bad_variable_is_named(shell: Shell, variable: str, value: str, language: str) -> None:
    shell.set(**{variable: value, "SIJILL_LANGUAGE": language})

    ran = shell("init", "--data", shell.folder / "ledger", "--origin", "a.example/log")

    assert ran.code == 2
    assert variable in ran.err
    assert "(setting_unusable)" in ran.err
    assert "secret" not in ran.err


def test_serving_says_the_same(shell: Shell) -> None:
    (shell.folder / "ledger" / "keys").mkdir(parents=True)
    shell.set(SIJILL_PG_SHARED_BUFFERS="bad")

    ran = shell("serve", "--data", shell.folder / "ledger", "--output", "json")

    assert ran.code == 2
    assert ran.json["problem"]["code"] == "setting_unusable"


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
@pytest.mark.parametrize("text", ["", '{"announced": ["2027-02-31"]}'])
def test_a_file_of_holidays_that_cannot_be_used_is_named(
    shell: Shell, text: str, language: str
) -> None:
    """Nobody has set a variable: it is the file in the folder that has to be mended."""
    data = shell.folder / "ledger"
    (data / "keys").mkdir(parents=True)
    (data / "holidays.json").write_text(text)

    ran = shell("serve", "--data", data, "--language", language)

    assert ran.code == 2
    assert str(data / "holidays.json") in ran.err
    assert "(holidays_unusable: " in ran.err
    assert "SIJILL_HOLIDAYS" not in ran.err


def test_a_folder_that_another_process_serves_is_not_ready(shell: Shell) -> None:
    data = shell.folder / "ledger"
    (data / "keys").mkdir(parents=True)
    lock = FolderLock(data)

    ran = shell("serve", "--data", data, "--output", "json")
    lock.release()

    assert ran.code == 3
    assert ran.json["problem"]["code"] == "already_serving"


@pytest.mark.parametrize(
    "code,exit_code", [("paper_unusable", 5), ("trust_missing", 2), ("internal", 1)]
)
def test_a_code_ends_alike_on_this_machine_and_at_the_ledger(code: str, exit_code: int) -> None:
    assert codes.of_code(code) == exit_code
