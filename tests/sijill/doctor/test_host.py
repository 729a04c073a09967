"""What stands on the machine: packages, key files, the mark, room on disks; really broken."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from infrastructure import keyfiles
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.merkle import EMPTY_ROOT
from sijill.doctor import host
from sijill.doctor.host import Growth
from sijill.doctor.lines import Line, State
from sijill.folder import Folder
from sijill.settings import Settings
from tests.faults.disks import on_small_disks, require_small_disks

ORIGIN = "sijill.test/doctor"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with the keys of a host, as they are once the founders have taken theirs."""
    made = Folder(tmp_path)
    for name in ("log", "receipts"):
        keyfiles.create_private_key(made.key(name))
    keyfiles.create_secret(made.vault_key)
    made.mark.create(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    return made


def told(lines: Iterator[Line]) -> list[tuple[State, str]]:
    return [(line.state, line.code) for line in lines]


def test_the_packages_of_this_installation_fit() -> None:
    [line] = host.versions()

    assert (line.state, line.code) == (State.OK, "versions")
    assert int(line.params["packages"]) > 10


def test_a_package_that_does_not_fit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "ledger_probe-1.0.dist-info"
    info.mkdir()
    asked = ["psycopg[pool]>=3.0,<4", "psycopg-pool>=99", "absent-one>=1", "dev-only; extra=='dev'"]
    requires = "".join(f"Requires-Dist: {one}\n" for one in asked)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ledger-probe\n{requires}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(host, "DISTRIBUTION", "ledger-probe")

    lines = list(host.versions())

    assert {(line.state, line.code, line.params["package"]) for line in lines} == {
        (State.FAIL, "package_unfit", "psycopg-pool"),
        (State.FAIL, "package_unfit", "absent-one"),
    }
    assert {line.mend for line in lines} >= {"python -m pip install 'psycopg-pool>=99'"}


def test_keys_that_are_as_they_should_be(folder: Folder) -> None:
    assert told(host.key_files(folder)) == [(State.OK, "key_files")]
    assert told(host.high_water(folder)) == [(State.OK, "high_water")]


def test_a_key_that_others_may_read_is_closed_by_the_command(folder: Folder) -> None:
    folder.key("receipts").chmod(0o644)

    [line] = host.key_files(folder)

    assert (line.state, line.code) == (State.FAIL, "key_file_readable_by_others")
    subprocess.run(["/bin/sh", "-c", line.mend], check=True)
    assert told(host.key_files(folder)) == [(State.OK, "key_files")]


@pytest.mark.parametrize("name", ["log.pem", "receipts.pem", "vault.key"])
def test_a_key_that_is_gone_or_no_key_is_told(folder: Folder, name: str) -> None:
    path = folder.keys / name
    path.write_text("no key")
    assert told(host.key_files(folder)) == [(State.FAIL, "key_file_malformed")]
    path.unlink()
    assert told(host.key_files(folder)) == [(State.FAIL, "key_file_missing")]


def test_after_a_rotation_the_newer_key_alone_is_enough(folder: Folder) -> None:
    keyfiles.create_private_key(folder.next_log_key())
    folder.key("log").unlink()

    assert told(host.key_files(folder)) == [(State.OK, "key_files")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to somebody else")
def test_a_key_of_another_user_is_told_and_brought_back(folder: Folder) -> None:
    os.chown(folder.key("log"), 65_534, 65_534)

    [line] = host.key_files(folder)

    assert (line.state, line.code) == (State.FAIL, "key_file_owner")
    subprocess.run(["/bin/sh", "-c", line.mend], check=True)
    assert told(host.key_files(folder)) == [(State.OK, "key_files")]


def test_the_founders_keys_do_not_stay(folder: Folder) -> None:
    keyfiles.create_private_key(folder.key("comsec"))
    keyfiles.create_private_key(folder.key("ndc-recovery"))

    [_, line] = host.key_files(folder)

    assert (line.state, line.code) == (State.WARN, "founder_key_here")
    assert line.params["paths"] == "ndc-recovery.pem, comsec.pem"


def test_a_mark_that_is_gone_or_damaged_is_told(folder: Folder) -> None:
    folder.mark.path.write_text("no mark")
    assert told(host.high_water(folder)) == [(State.FAIL, "mark_malformed")]
    folder.mark.path.unlink()
    assert told(host.high_water(folder)) == [(State.FAIL, "mark_missing")]


def test_room_is_told_in_events_and_what_is_spared_does_not_count(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free

    def looked(bytes_per_event: int, spared: int = 0) -> Line:
        [line] = host.disks(Growth({tmp_path: bytes_per_event}, {tmp_path: spared}))
        return line

    assert looked(1).code == "disk"
    assert (looked(free // 500_000).state, looked(free // 500_000).code) == (State.WARN, "disk_low")
    assert (looked(free // 5_000).state, looked(free // 5_000).code) == (State.FAIL, "disk_full")
    assert looked(1, spared=2 * free).params["events"] == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB that only a process in a mount namespace of its own sees."""
    require_small_disks()
    place = tmp_path / "small"
    place.mkdir()
    words = [*on_small_disks([place], megabytes=16), "cat"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as inside:
        assert inside.stdin is not None
        assert inside.stdout is not None
        # What `cat` gives back says that the disk is there.
        inside.stdin.write(b"\n")
        inside.stdin.flush()
        assert inside.stdout.read(1) == b"\n"
        yield Path(f"/proc/{inside.pid}/root{place}")
        inside.stdin.close()


def test_a_disk_that_fills_is_told_beside_one_with_room(tmp_path: Path, small_disk: Path) -> None:
    growth = Growth({tmp_path: 1, small_disk: 20}, {})
    assert [line.code for line in host.disks(growth)] == ["disk", "disk_low"]

    (small_disk / "filler").write_bytes(bytes(15_500_000))

    [large, small] = host.disks(growth)
    assert (large.code, small.state, small.code) == ("disk", State.FAIL, "disk_full")
    assert small.params["places"] == str(small_disk)


def test_folders_of_one_disk_share_a_line(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()

    [line] = host.disks(Growth({tmp_path: 0, tmp_path / "log": 33}, {}))

    assert line.params["places"] == f"{tmp_path}, {tmp_path / 'log'}"


def test_announced_holidays_are_asked_for_in_time(folder: Folder) -> None:
    settings = Settings(data=folder.path)
    before, after = date(2026, 10, 31), date(2026, 11, 1)
    assert told(host.holidays(settings, before)) == [(State.OK, "holidays")]
    [line] = host.holidays(settings, after)
    assert (line.state, line.code, line.params["year"]) == (State.WARN, "holidays_missing", 2027)

    settings.holidays_path.write_text('{"announced": ["2027-03-09"]}')
    assert told(host.holidays(settings, after)) == [(State.OK, "holidays")]

    settings.holidays_path.write_text('{"announced": ["2027-03-09"')
    assert told(host.holidays(settings, before)) == [(State.WARN, "holidays_unusable")]
