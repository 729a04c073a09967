"""What `sijill serve` looks at, and says, before it answers anybody."""

import json
from pathlib import Path

import pytest

from infrastructure.postgres import Urls
from sijill import folder, serving
from sijill.folder import Folder
from sijill.founding import found_on
from tests.serving import ORIGIN
from tests.serving import serving as served_from

WARNING = "login may rewrite the log"


def warnings(talk: list[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in talk if WARNING in line]


def test_a_login_that_both_installs_and_serves_is_warned_of(
    empty_database: Urls, tmp_path: Path
) -> None:
    outside = {"SIJILL_DATABASE_URL": empty_database.admin}
    found_on(empty_database, tmp_path / "ledger", ORIGIN)

    with served_from(tmp_path / "ledger", environment=outside) as served:
        [said] = warnings(served.talk)

    assert said["level"] == "warning"
    assert (said["login"], said["may_become"]) == ("postgres", "sijill_owner")


def test_a_login_that_only_serves_is_not(ledger_folder: Path) -> None:
    with served_from(ledger_folder) as served:
        assert warnings(served.talk) == []


def test_metrics_meet_in_memory_where_a_full_disk_kills_nobody(tmp_path: Path) -> None:
    """A mapped page for which the disk has no room is a bus error, not an exception."""
    chosen, spare = Folder(tmp_path).multiprocess

    environment = serving._environment(Folder(tmp_path))

    assert environment["PROMETHEUS_MULTIPROC_DIR"] == str(chosen)
    (chosen / "of an earlier run").touch()
    assert serving._environment(Folder(tmp_path))["PROMETHEUS_MULTIPROC_DIR"] == str(chosen)
    assert list(chosen.iterdir()) == []
    serving._forget_metrics(Folder(tmp_path))
    assert not chosen.exists()
    assert not spare.exists()


def test_metrics_meet_in_the_folder_where_memory_has_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MEMORY", tmp_path / "absent")

    environment = serving._environment(Folder(tmp_path))

    assert environment["PROMETHEUS_MULTIPROC_DIR"] == str(tmp_path / "metrics")
    assert (tmp_path / "metrics").stat().st_mode & 0o777 == 0o700
