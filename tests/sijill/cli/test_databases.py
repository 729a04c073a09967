"""PostgreSQL in a data folder, while several use it."""

from contextlib import ExitStack
from pathlib import Path

from infrastructure import postgres
from infrastructure.postgres import Role
from sijill.cli.databases import running_database
from sijill.settings import Settings
from tests.serving import serving

GOES_ON = "postgresql goes on"


def runs(folder: Path) -> bool:
    return Settings(data=folder).embedded().pid() is not None


def test_a_verb_that_has_done_leaves_the_database_to_one_that_found_it(
    ledger_folder: Path,
) -> None:
    with ExitStack() as found:
        with running_database(ledger_folder) as started:
            assert found.enter_context(running_database(ledger_folder)) == started
        with postgres.connect(started.service, Role.SERVICE) as connection:
            row = connection.execute("SELECT size FROM ledger.head").fetchone()
        assert row == (1,)
    assert not runs(ledger_folder)


def test_a_service_that_ends_says_that_a_verb_still_uses_the_database(
    ledger_folder: Path,
) -> None:
    with ExitStack() as verb:
        with serving(ledger_folder) as served:
            verb.enter_context(running_database(ledger_folder))
        assert [line for line in served.talk if GOES_ON in line]
        assert runs(ledger_folder)
    assert not runs(ledger_folder)


def test_a_service_that_stops_its_database_says_nothing_of_it(ledger_folder: Path) -> None:
    with serving(ledger_folder) as served:
        pass

    assert not [line for line in served.talk if GOES_ON in line]
    assert not runs(ledger_folder)
