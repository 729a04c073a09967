"""The migration road: the schema moves on while an older release serves, and nobody notices."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from infrastructure import migrations
from infrastructure.postgres import connect
from sijill.founding import found
from sijill.settings import Settings
from tests.serving import ORIGIN, Agency, Served, serving

OLD = "0001"
OLD_RELEASE = f"from infrastructure import migrations; migrations.head = lambda: {OLD!r}"
AFTERWARDS = 5
UPGRADE_SECONDS = 120


@pytest.fixture
def old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger as the first release founded it."""
    upgrade = migrations.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "upgrade", lambda url: upgrade(url, OLD))
        found(tmp_path / "ledger", ORIGIN)
    return tmp_path / "ledger"


@dataclass
class Load:
    """Issues one certificate after the other; `indexes` are those that were acknowledged."""

    agency: Agency
    indexes: list[int] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    _grown: threading.Condition = field(default_factory=threading.Condition)
    _over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._over.is_set():
            try:
                index = self.agency.issue()["index"]
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                self.failures.append(error)
                self._over.set()
            else:
                self.indexes.append(index)
            with self._grown:
                self._grown.notify_all()

    def goes_on(self) -> None:
        """Return when some more were acknowledged than had been before."""
        wanted = len(self.indexes) + AFTERWARDS
        with self._grown:
            enough = self._grown.wait_for(
                lambda: len(self.indexes) >= wanted or self._over.is_set(), UPGRADE_SECONDS
            )
        assert enough
        assert self.failures == []

    def end(self) -> None:
        self._over.set()


@contextmanager
def under_load(served: Served) -> Iterator[Load]:
    load = Load(served.agency())
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        load.goes_on()
        yield load
    finally:
        load.end()
        thread.join()
    assert load.failures == []


def upgrade(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sijill", "db", "upgrade", "--data", str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=UPGRADE_SECONDS)
    return process.returncode, said


def waits_for_lock(admin: Connection[Any], statement: str) -> bool:
    """Whether a session waits for a lock with such a statement."""
    found = admin.execute(
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s AND wait_event_type = 'Lock'",
        (statement,),
    )
    return found.fetchone() is not None


def test_the_schema_moves_on_while_the_old_release_records(old_folder: Path) -> None:
    settings = Settings(data=old_folder)
    with serving(old_folder, first=OLD_RELEASE) as served:
        urls = settings.embedded().urls()
        with (
            under_load(served) as load,
            connect(urls.admin, None, autocommit=True) as admin,
            connect(urls.admin, None) as reader,
            connect(urls.admin, None) as backup,
        ):
            # Two that take their time stand in the way: one of the lock that a constraint needs for
            # a moment, one of the snapshots that an index has to see the end of.
            reader.execute("SELECT FROM ledger.pending")
            backup.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            backup.execute("SELECT FROM ledger.lease")
            process = upgrade(old_folder)
            for statement, session in (
                ("%closed_holds_nothing%", reader),
                ("CREATE INDEX CONCURRENTLY%", backup),
            ):
                while not waits_for_lock(admin, statement):
                    assert process.poll() is None, ended(process)
                load.goes_on()
                session.rollback()
            assert ended(process) == (0, "")
            load.goes_on()
            assert load.agency.officer().get("/v1/orders")["items"]
        assert migrations.current(urls.service) == migrations.head() != OLD
        size = served.settle()
    assert len(set(load.indexes)) == len(load.indexes)

    with serving(old_folder) as served:
        agency = Agency(served, load.agency.name, load.agency.key)
        kept = agency.client.get("/v1/certificates", agency=agency.name, limit=200)["items"]
        assert {one["issue_index"] for one in kept} >= set(load.indexes[:200])
        assert agency.issue()["index"] >= size
