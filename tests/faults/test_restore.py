"""An old backup is put in place of the database: refused, until what is missing is found again.

Where it is lost for good a successor is founded, whose name is the last checkpoint of the log that
is over. The steps are those of docs/how-to/run-in-production.md.
"""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs.checkpoint import open_checkpoint
from sijill.founding import found
from tests.faults.check import check
from tests.faults.load import Load
from tests.faults.service import Service, serve_is_refused
from tests.serving import ORIGIN, serving

VERB_SECONDS = 120
NEXT_ORIGIN = "sijill.test/next"


def run(*words: str | Path) -> tuple[int, list[dict[str, Any]]]:
    """A verb of the command line: its exit code and the objects that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "sijill", *map(str, words), "--output", "json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=VERB_SECONDS,
    )
    try:
        return done.returncode, [json.loads(done.stdout)]
    except ValueError:
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def backups(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Where physical backups of an earlier and of the last hour are put."""
    folder = tmp_path_factory.mktemp("backups")
    yield {name: folder / name for name in ("old", "new")}
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def service(
    backups: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A ledger that was backed up before it was first served."""
    folder = tmp_path_factory.mktemp("restored") / "ledger"
    found(folder, ORIGIN)
    shutil.copytree(database_of(folder), backups["old"])
    service = Service(folder)
    yield service
    service.close()


@pytest.fixture(scope="module")
def kept(service: Service, load: Load, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of somebody outside, who kept the newest checkpoint."""
    folder = tmp_path_factory.mktemp("kept") / "state"
    with load.running():
        load.progress(30)
    service.served.settle()
    assert run("log", "head", "--url", service.url, "--state", folder)[0] == 0
    return folder


def database_of(folder: Path) -> Path:
    return folder / "postgresql" / "data"


def put_in_place(service: Service, backup: Path) -> None:
    """What restoring a physical backup comes to; nobody serves."""
    data = database_of(service.folder)
    shutil.rmtree(data)
    shutil.copytree(backup, data)


def test_an_old_backup_is_refused_until_the_newest_is_found(
    service: Service, load: Load, backups: dict[str, Path], kept: Path
) -> None:
    service.close()
    shutil.copytree(database_of(service.folder), backups["new"])

    put_in_place(service, backups["old"])
    assert serve_is_refused(service.folder) == (1, "rolled_back")
    # Asking again changes nothing, and neither does founding it anew.
    assert serve_is_refused(service.folder) == (1, "rolled_back")
    code, [said] = run("init", "--data", service.folder, "--origin", "sijill.test/again")
    assert (code, said["problem"]["code"]) == (5, "ledger_already_open")
    # The checker says what is missing.
    code, findings = run("log", "fsck", "--data", service.folder, "--state", kept)
    assert code == 6
    assert "entry_missing" in {finding.get("code") for finding in findings}

    put_in_place(service, backups["new"])
    assert run("log", "fsck", "--data", service.folder, "--state", kept)[0] == 0
    service.serve()
    with load.running():
        load.progress(20)
    check(service, load)


def test_a_successor_is_named_after_the_last_checkpoint(kept: Path, tmp_path: Path) -> None:
    data = tmp_path / "next"
    init = ("init", "--data", data, "--origin", NEXT_ORIGIN, "--successor-of")
    code, [refused] = run(*init, tmp_path)
    assert (code, refused["problem"]["code"]) == (2, "input_unusable")

    code, [said] = run(*init, kept)
    assert code == 0
    with serving(data) as served:
        identity = served.anybody().identity
        assert identity.origin == said["origin"]
        note = served.anybody().text("/log/checkpoint?covers=0")
        named = open_checkpoint(note, origin=identity.origin, verifiers=[identity.log]).origin
        assert served.agency().issue()["index"] > 0
    assert run("log", "fsck", "--data", data)[0] == 0

    # Whoever kept the old log's checkpoint finds it in the new log's every one.
    _, size, root, *_ = (kept / "checkpoint").read_text().splitlines()
    spelt = base64.b32encode(base64.b64decode(root)).decode().rstrip("=").lower()
    assert named == f"{NEXT_ORIGIN}/after-{size}/{spelt}"
