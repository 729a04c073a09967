"""The whole examination, of a ledger that is served and of one whose database is down."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infrastructure import keyfiles
from infrastructure.embedded.binaries import find_binaries
from infrastructure.log.queries import load
from infrastructure.postgres import Urls, connect
from sijill.bootstrap import connection_strings
from sijill.client.attachments import Attachments
from sijill.doctor import Line, State, attachments, examine
from sijill.folder import FOUNDERS, Folder
from sijill.founding import found
from sijill.identity import NoLedger
from sijill.settings import Settings
from tests.api.test_attachments import made
from tests.serving import ORIGIN, Served, serving

HOST = ["versions", "key_files", "high_water", "holidays"]
DATABASE = [
    *("database", "schema", "rights", "durability", "clock", "ledger_keys"),
    *("checkpoint", "projection", "freezing"),
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger with a certificate and a file, served; its founders' keys are elsewhere."""
    folder = tmp_path_factory.mktemp("doctor") / "ledger"
    found(folder, ORIGIN)
    days = [f"{datetime.now(tz=UTC).year + more}-12-29" for more in (0, 1)]
    (folder / "holidays.json").write_text(json.dumps({"announced": days}))
    with serving(folder) as served:
        agency = served.agency()
        agency.issue()
        Attachments(agency.client).upload(made(folder.parent, 10)[0])
        served.settle()
        leave(folder)
        yield served


def leave(folder: Path) -> None:
    """The founders take their keys."""
    for founder in FOUNDERS:
        for kind in ("", "-recovery"):
            Folder(folder).key(f"{founder}{kind}").unlink()


def faults(folder: Path) -> list[Line]:
    return [line for line in examine(folder) if line.state is not State.OK]


def run(command: str) -> None:
    """Run a command as an operator would, with PostgreSQL's programs at hand."""
    path = f"{find_binaries()}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["/bin/sh", "-c", command], check=True, env={**os.environ, "PATH": path})


def test_a_ledger_in_good_order(ledger: Served) -> None:
    lines = list(examine(ledger.folder))

    assert [line.code for line in lines if line.code != "disk"] == [*HOST, *DATABASE]
    assert {line.state for line in lines} == {State.OK}
    assert not any(line.mend for line in lines)


@pytest.mark.parametrize("name", ["log.pem", "receipts.pem", "vault.key"])
def test_a_key_of_another_ledger_is_told(ledger: Served, name: str) -> None:
    path = Folder(ledger.folder).keys / name
    own = path.read_bytes()
    path.unlink()
    if name == "vault.key":
        keyfiles.create_secret(path)
    else:
        keyfiles.create_private_key(path)
    try:
        [line] = faults(ledger.folder)
    finally:
        path.write_bytes(own)

    assert (line.state, line.code) == (State.FAIL, f"{path.stem}_key_foreign")
    assert faults(ledger.folder) == []


def test_the_printed_command_mends_the_database(ledger: Served) -> None:
    urls = Settings(data=ledger.folder).embedded().urls()
    with connect(urls.admin, None, autocommit=True) as admin:
        admin.execute("GRANT INSERT ON ledger.events TO sijill_service")
        admin.execute("ALTER TABLE ledger.head DISABLE TRIGGER refuse_change")

    lines = faults(ledger.folder)

    assert {line.code for line in lines} == {"right_too_many", "trigger_missing"}
    for line in lines:
        run(line.mend)
    assert faults(ledger.folder) == []


def test_attachments_that_another_host_keeps_are_told(
    ledger: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a database of one's own two hosts may serve, and a folder is one host's."""
    urls = Settings(data=ledger.folder).embedded().urls()
    monkeypatch.setenv("SIJILL_DATABASE_URL", urls.service)
    kept = ledger.folder / "attachments"

    def looked() -> list[Line]:
        return [line for line in examine(ledger.folder) if line.code.startswith("attachment")]

    assert [(line.state, line.code) for line in looked()] == [(State.OK, "attachments")]
    elsewhere = kept.rename(tmp_path / "elsewhere")
    try:
        [line] = looked()
        # Where a store has a name, all hosts have the same.
        monkeypatch.setenv("SIJILL_ATTACHMENTS_URL", "s3://attachments/ledger")
        assert looked() == []
    finally:
        shutil.rmtree(kept, ignore_errors=True)
        elsewhere.rename(kept)

    assert (line.state, line.code) == (State.WARN, "attachments_elsewhere")
    assert line.params == {"objects": 1, "missing": 1, "folder": str(kept)}
    assert line.mend.startswith("export SIJILL_ATTACHMENTS_URL=")


def test_without_its_database_the_rest_is_looked_at(ledger_folder: Path) -> None:
    leave(ledger_folder)
    Folder(ledger_folder).key("receipts").chmod(0o640)

    lines = list(examine(ledger_folder))

    assert [line.code for line in lines if line.state is State.FAIL] == [
        "key_file_readable_by_others",
        "database_unreachable",
    ]
    assert lines[-1].code == "disk"
    assert Settings(data=ledger_folder).embedded().pid() is None


def test_a_server_of_somebody_elses_that_does_not_answer_is_told(
    ledger_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIJILL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    [line] = [line for line in examine(ledger_folder) if line.state is State.FAIL]

    assert line.code == "database_unreachable"
    assert line.mend == 'psql "$SIJILL_DATABASE_URL" -c "SELECT 1"'


def test_a_database_without_a_ledger_is_told_by_its_schema(
    ledger_folder: Path, empty_database: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIJILL_DATABASE_URL", empty_database.service)

    lines = list(examine(ledger_folder))

    fails = [line.code for line in lines if line.state is State.FAIL]
    assert fails[0] == "schema_older"
    assert "database_unreachable" not in fails
    told = [line.params["subject"] for line in lines if line.code == "not_looked_at"]
    assert told == ["clock", "ledger_keys", "checkpoint"]
    assert lines[-1].code == "disk"


def test_a_key_that_cannot_be_used_keeps_nothing_else_from_being_looked_at(
    ledger: Served,
) -> None:
    path = Folder(ledger.folder).vault_key
    path.chmod(0o644)
    try:
        lines = faults(ledger.folder)
    finally:
        path.chmod(0o600)

    assert [line.code for line in lines] == ["key_file_readable_by_others", "not_looked_at"]
    assert lines[1].params["subject"] == "ledger_keys"


def test_a_folder_without_a_ledger_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoLedger):
        list(examine(tmp_path))


def test_the_attachments_looked_at_are_few_however_many_there_are(ledger: Served) -> None:
    """A sort of millions of rows would be the longest part of the whole examination."""
    fill = (
        "INSERT INTO vault.attachments (id, agency, size, digest, created, expires)"
        " SELECT gen_random_uuid(), 'x', 1, sha256('x'), n, 0 FROM generate_series(1, 20000) n"
    )
    with connect(connection_strings(ledger.folder).admin, None) as admin:
        admin.execute(fill)
        admin.execute(
            "INSERT INTO vault.attachment_chunks"
            " SELECT id, 0, sha256(id::text::bytea) FROM vault.attachments WHERE agency = 'x'"
        )
        admin.execute("ANALYZE vault.attachments, vault.attachment_chunks")
        query = load("sijill.doctor", "doctor.sql")["newest_objects"]
        asked = {"limit": attachments.SAMPLE, "pages": attachments.PAGES}
        [[plan]] = admin.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", asked).fetchall()
        newest = {bytes(row[0]) for row in admin.execute(query, asked)}
        last = {
            bytes(row[0])
            for row in admin.execute(
                "SELECT c.name FROM vault.attachments a"
                " JOIN vault.attachment_chunks c ON c.attachment = a.id"
                " WHERE agency = 'x' AND created > 20000 - %s",
                (attachments.SAMPLE,),
            )
        }
        admin.rollback()

    assert newest == last
    said = json.dumps(plan)
    assert "Tid Range Scan" in said
    assert "Seq Scan" not in said
