"""What every verb says of itself, and what none may ask for on a command line."""

from collections import Counter
from importlib.metadata import version

import pytest
from rich.cells import cell_len

from tests.made_pages import arguments, options, verbs
from tests.sijill.cli.conftest import Shell

VERBS = dict(verbs())
# The system shows every process's arguments to everybody on the machine.
SECRETS = ("secret", "password", "passphrase", "pin", "token", "seed")


@pytest.mark.parametrize("words", VERBS)
def test_help_fits_a_terminal(shell: Shell, words: str) -> None:
    ran = shell(*words.split(), "--help")

    assert ran.code == 0
    assert ran.out.startswith(f"Usage: sijill {words}")
    assert [line for line in ran.out.splitlines() if cell_len(line) > 80] == []


@pytest.mark.parametrize("words", VERBS)
def test_no_option_stands_for_two_things(words: str) -> None:
    names = Counter(name for one in arguments(VERBS[words]) for name in one.names)

    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("words", VERBS)
def test_no_secret_is_an_argument(words: str) -> None:
    named = options(VERBS[words])

    # `--mapping` is no PIN.
    assert [name for name in named - {"--mapping"} if any(one in name for one in SECRETS)] == []


def test_the_nouns_of_the_contract_are_there(shell: Shell) -> None:
    nouns = ["agency", "bench", "certificate", "db", "key", "log", "order"]
    ran = shell("--help")

    assert ran.code == 0
    for word in [*nouns, "init", "serve", "demo", "verify"]:
        assert f"│ {word} " in ran.out


def test_the_version_is_the_releases(shell: Shell) -> None:
    assert shell("--version").out.strip() == version("sijill")


@pytest.mark.parametrize(
    "line", ["nonsense", "key nonsense", "verify", "serve --port x", "demo --speed 9"]
)
def test_a_usage_error_is_told_on_standard_error(shell: Shell, line: str) -> None:
    ran = shell(*line.split())

    assert ran.code == 2
    assert ran.out == ""
    assert ran.err
