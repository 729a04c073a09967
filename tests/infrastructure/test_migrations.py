import os
import subprocess
import sys
import zipfile
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from infrastructure import migrations, postgres
from infrastructure.migrations import DowngradeRefusedError
from infrastructure.postgres import Urls

ROOT = Path(__file__).parents[2]
UPGRADE = """
import os
from infrastructure import migrations
print(migrations.__file__)
migrations.upgrade(os.environ["SIJILL_DATABASE_ADMIN_URL"])
"""


def environment(database: Urls, **more: str) -> dict[str, str]:
    # Strings with passwords travel in the environment, never in the list of processes.
    return {**os.environ, "SIJILL_DATABASE_ADMIN_URL": database.admin, **more}


def test_an_upgrade_reaches_the_newest_revision_and_may_be_repeated(empty_database: Urls) -> None:
    assert migrations.current(empty_database.admin) is None

    migrations.upgrade(empty_database.admin)
    migrations.upgrade(empty_database.admin)

    assert migrations.current(empty_database.admin) == migrations.head() is not None


def test_who_serves_sees_the_revision_without_rights_to_change_it(database: Urls) -> None:
    assert migrations.current(database.service) == migrations.head()


def test_two_upgrades_at_once_are_one_upgrade(empty_database: Urls) -> None:
    # Alembic keeps its context in globals: at once means in two processes.
    installers = [
        subprocess.Popen([sys.executable, "-c", UPGRADE], env=environment(empty_database))
        for _ in range(2)
    ]

    assert [installer.wait() for installer in installers] == [0, 0]
    assert migrations.current(empty_database.admin) == migrations.head()


def test_everything_that_the_migrations_made_belongs_to_the_owner(database: Urls) -> None:
    with postgres.connect(database.admin, None) as admin:
        foreign = admin.execute(
            """
            SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON relnamespace = n.oid
            WHERE nspname IN ('migrations', 'ledger', 'vault', 'vault_keys')
              AND pg_get_userbyid(relowner) <> 'sijill_owner'
            UNION ALL
            SELECT nspname, proname FROM pg_proc JOIN pg_namespace n ON pronamespace = n.oid
            WHERE nspname IN ('migrations', 'ledger', 'vault', 'vault_keys')
              AND pg_get_userbyid(proowner) <> 'sijill_owner'
            """
        ).fetchall()
        made = admin.execute("SELECT to_regclass('migrations.alembic_version')").fetchone()

    assert foreign == []
    assert made != (None,)


def test_a_downgrade_is_refused_with_a_sentence(database: Urls) -> None:
    config = Config(ROOT / "alembic.ini")
    config.attributes["admin_url"] = database.admin

    with pytest.raises(DowngradeRefusedError, match="restore a backup instead"):
        command.downgrade(config, "base")

    assert migrations.current(database.admin) == migrations.head()


def test_a_revision_that_fails_leaves_nothing_behind(
    empty_database: Urls, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for source in migrations.REVISIONS.glob("*.sql"):
        (tmp_path / source.name).write_text(source.read_text() + "\nSELECT 1/0;")
    monkeypatch.setattr(migrations, "REVISIONS", tmp_path)

    with pytest.raises(psycopg.errors.DivisionByZero):
        migrations.upgrade(empty_database.admin)

    assert migrations.current(empty_database.admin) is None


def test_an_installed_wheel_upgrades_without_a_checkout(
    empty_database: Urls, wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", UPGRADE],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(empty_database, PYTHONPATH=str(tmp_path)),
    )

    assert done.stdout.startswith(str(tmp_path))
    assert migrations.current(empty_database.admin) == migrations.head()
