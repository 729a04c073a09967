import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.conninfo import make_conninfo

from infrastructure import migrations, postgres
from infrastructure.migrations import DowngradeRefusedError
from infrastructure.postgres import Role, Urls
from tests.processes import until

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


def test_a_table_that_somebody_holds_is_told_and_nothing_was_done(empty_database: Urls) -> None:
    migrations.upgrade(empty_database.admin, "0001")
    with postgres.connect(empty_database.admin, None) as holder:
        holder.execute("SELECT FROM ledger.pending")
        with pytest.raises(postgres.DatabaseUnusableError, match=r"lock timeout") as caught:
            migrations.upgrade(empty_database.admin, tries=1)

    assert caught.value.code == "database_busy"
    assert migrations.current(empty_database.admin) == "0001"


def test_an_upgrade_that_was_cut_off_inside_an_index_makes_it_anew(empty_database: Urls) -> None:
    migrations.upgrade(empty_database.admin, "0002")
    with postgres.connect(empty_database.admin, None) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT FROM ledger.pending")
        cut_off_inside(empty_database.admin)
    with postgres.connect(empty_database.admin, None, autocommit=True) as admin:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass"
        name = ("ledger.pending_open_by_agency",)
        assert admin.execute(valid, name).fetchone() == (False,)

        migrations.upgrade(empty_database.admin)

        assert admin.execute(valid, name).fetchone() == (True,)
    assert migrations.current(empty_database.admin) == migrations.head()


def cut_off_inside(admin: str) -> None:
    """Begin that index and end its making once it is entered, not valid yet, and waits."""
    entered = "SELECT to_regclass('ledger.pending_open_by_agency') IS NOT NULL"
    with (
        psycopg.connect(admin, autocommit=True) as builder,
        psycopg.connect(admin, autocommit=True) as watcher,
        ThreadPoolExecutor(1) as pool,
    ):
        building = pool.submit(
            builder.execute,
            "CREATE INDEX CONCURRENTLY pending_open_by_agency ON ledger.pending (agency)",
        )
        until(lambda: watcher.execute(entered).fetchone() == (True,), "the index to be entered")
        builder.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            building.result()


def upgrading(admin: psycopg.Connection[Any]) -> list[str]:
    """What each upgrading session of this database said last, "Lock: " before it if it waits."""
    rows = admin.execute(
        "SELECT CASE wait_event_type WHEN 'Lock' THEN 'Lock: ' ELSE '' END || query"
        " FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'sijill_admin'"
    )
    return [said for (said,) in rows]


def test_who_waits_for_an_upgrade_is_not_waited_for_by_its_indexes(empty_database: Urls) -> None:
    """An index made concurrently waits for every snapshot, also for that of a second upgrade."""
    migrations.upgrade(empty_database.admin, "0002")
    watcher = make_conninfo(empty_database.admin, application_name="watcher")
    with (
        psycopg.connect(watcher) as reader,
        psycopg.connect(watcher, autocommit=True) as admin,
    ):
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT FROM ledger.lease")
        first = subprocess.Popen([sys.executable, "-c", UPGRADE], env=environment(empty_database))
        while not any("Lock: CREATE INDEX" in said for said in upgrading(admin)):
            assert first.poll() is None
        second = subprocess.Popen([sys.executable, "-c", UPGRADE], env=environment(empty_database))
        while not any("advisory_lock" in said or said == "ROLLBACK" for said in upgrading(admin)):
            assert second.poll() is None
        reader.rollback()

        assert [first.wait(), second.wait()] == [0, 0]


def test_a_closed_order_holds_no_values(database: Urls) -> None:
    with (
        postgres.connect(database.service, Role.SERVICE) as conn,
        pytest.raises(psycopg.errors.CheckViolation, match="closed_holds_nothing"),
    ):
        conn.execute(
            "INSERT INTO ledger.pending (id, agency, asked, idempotency_key, request_digest, act,"
            " method, path, codes, root, lines, atomic, content_type, sealed_body, created,"
            " not_after, state) VALUES (gen_random_uuid(), 'moj', '{}', 'key', %(digest)s, 'act',"
            " 'POST', '/', '{}', %(digest)s, 1, true, 'text', 'sealed', 0, 0, 'expired')",
            {"digest": bytes(32)},
        )


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
