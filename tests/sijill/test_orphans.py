"""Objects that nothing names: they go, and nothing else does, whatever happens meanwhile."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from infrastructure.attachments import sealing
from infrastructure.attachments.owner import NAME, Owner, StoreForeign
from infrastructure.attachments.stores import FolderStore
from infrastructure.postgres import Role, connect
from sijill import cli, orphans
from sijill.bootstrap import connection_strings
from sijill.client.attachments import PATH, Attachments
from tests.api.test_attachments import announced, complete, issue_with, made, stored
from tests.serving import Agency, Served

OCTETS = "application/octet-stream"
AGES_AGO = time.time() - 30 * 86_400


@pytest.fixture(scope="module")
def agency(served: Served) -> Agency:
    return served.agency()


@pytest.fixture
def objects(served: Served) -> FolderStore:
    return FolderStore(served.folder / "attachments")


@pytest.fixture
def conn(served: Served) -> Iterator[Connection[Any]]:
    url = connection_strings(served.folder).service
    with connect(url, Role.SERVICE, autocommit=True) as connection:
        yield connection


def aged(paths: set[Path]) -> None:
    """As if nobody had written them for long."""
    for path in paths:
        os.utime(path, (AGES_AGO, AGES_AGO))


def left_behind(objects: FolderStore, data: bytes) -> Path:
    """An object whose writer was killed before the database knew of it."""
    name = sealing.name_of(data).hex()
    objects.put(name, data)
    path = objects.folder / name[:2] / name
    aged({path})
    return path


def test_what_nothing_names_goes_and_the_rest_stays(
    served: Served, agency: Agency, objects: FolderStore, conn: Connection[Any], tmp_path: Path
) -> None:
    files, before = Attachments(agency.client), stored(served)
    path, digest = made(tmp_path, 20)
    bound = files.upload(path)["attachment"]
    issue_with(agency, digest)
    waiting = files.upload(made(tmp_path, 30, "other")[0])["attachment"]
    open_, data = announced(files, b"abc")
    files._send("PUT", f"{PATH}/{open_}/chunks/0", OCTETS, data)
    known = stored(served) - before
    aged(known)
    gone = left_behind(objects, b"nobody's")
    half = gone.parent / f".{gone.name}.x1"
    half.write_bytes(b"cut off")
    aged({half})
    young = objects.folder / "ab" / ("ab" * 32)
    objects.put(young.name, b"of a moment ago")

    counted = orphans.sweep(conn, objects, since=time.time() - 86_400, delete=False)
    assert counted.looked_at > counted.unnamed >= 1
    assert gone.exists()
    swept = orphans.sweep(conn, objects, since=time.time() - 86_400)

    assert swept.unnamed == counted.unnamed
    assert not gone.exists()
    assert not half.exists()
    assert known <= stored(served)
    assert young.exists()
    young.unlink()
    assert files.download(bound, tmp_path / "copy")["sha256"] == digest
    assert complete(files, open_)["state"] == "complete"
    assert agency.client.get(f"{PATH}/{waiting}")["state"] == "complete"


def test_an_operator_counts_them_first(
    served: Served, objects: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    path = left_behind(objects, b"forgotten")
    sweep = ["attachment", "sweep", "--data", str(served.folder), "--output", "json"]

    assert cli.run([*sweep, "--dry-run"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert path.exists()
    assert cli.run([*sweep, "--older-than-days", "60"]) == 0
    assert path.exists()
    capsys.readouterr()
    assert cli.run(sweep) == 0

    assert json.loads(capsys.readouterr().out) == counted
    assert counted["unnamed"] >= 1
    assert not path.exists()


def test_another_ledger_and_an_older_copy_take_nothing_away(
    served: Served, objects: FolderStore, capsys: pytest.CaptureFixture[str]
) -> None:
    path = left_behind(objects, b"not this one's to judge")
    sweep = ["attachment", "sweep", "--data", str(served.folder), "--output", "json"]

    def refused() -> str:
        assert cli.run(sweep) != 0
        assert path.exists()
        return str(json.loads(capsys.readouterr().out.splitlines()[-1])["problem"]["code"])

    assert cli.run([*sweep, "--dry-run"]) == 0
    capsys.readouterr()
    own = Owner.parse(objects.get(NAME) or b"")
    try:
        objects.put(NAME, Owner(own.ledger, own.size + 1_000_000).encode())
        assert refused() == "rolled_back"
        objects.put(NAME, Owner(bytes(32), 1).encode())
        assert refused() == "attachment_store_foreign"
    finally:
        objects.put(NAME, own.encode())
    mark = served.folder / "high-water"
    before = mark.read_text()
    origin, _, rest = before.split("\n", 2)
    try:
        mark.write_text(f"{origin}\n1000000000\n{rest}")
        assert refused() == "rolled_back"
    finally:
        mark.write_text(before)
    assert cli.run(sweep) == 0
    assert not path.exists()


@pytest.mark.parametrize("data", [b"", b"ab 1", b"zz 1\n", b"ab one\n", b"ab 1\n\n", b"\xff 1\n"])
def test_what_does_not_say_whose_a_store_is_is_nobodys(data: bytes) -> None:
    with pytest.raises(StoreForeign):
        Owner.parse(data)
