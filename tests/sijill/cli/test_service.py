"""The operator's verbs: found, serve, upgrade; as processes where they are processes."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from infrastructure import migrations, postgres
from infrastructure.postgres import Urls
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.merkle import EMPTY_ROOT
from sijill.cli.databases import running_database
from sijill.folder import Folder
from sijill.founding import _make_keys, found
from sijill.settings import Settings
from tests.serving import ORIGIN, READY, START_SECONDS, STOP_SECONDS, Served
from tests.sijill.cli.conftest import Ran, Shell

ENDED_AT_ITS_START = """import os, pathlib, signal, sys
from sijill import serving
def ended(*_):
    print("the server runs", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
serving._check = ended
serving.serve(pathlib.Path(sys.argv[1]), port=0, workers=1)"""
KEYS = {
    *("ndc.pem", "ndc-recovery.pem", "comsec.pem", "comsec-recovery.pem"),
    *("log.pem", "receipts.pem", "vault.key"),
}


@dataclass
class Process:
    """`sijill serve` as an operator starts it."""

    process: subprocess.Popen[str]
    talk: list[str] = field(default_factory=list)
    url: str = ""

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def serve(folder: Path, *arguments: str) -> Iterator[Process]:
    """Serve until the block ends; gives way when it is ready or has ended."""
    command = [sys.executable, "-m", "sijill", "serve", "--data", str(folder), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    serving = Process(process)
    told = threading.Event()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            serving.talk.append(line.rstrip())
            if line.startswith(READY):
                serving.url = line.removeprefix(READY).strip()
                told.set()
        told.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert told.wait(START_SECONDS)
        yield serving
    finally:
        if process.poll() is None:
            serving.stop()
        listener.join()
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()


@contextmanager
def at_revision(folder: Path, revision: str) -> Iterator[None]:
    """The database as another release would have left it; nobody serves it."""
    with running_database(folder) as urls, postgres.connect(urls.admin, None) as connection:
        change = "UPDATE migrations.alembic_version SET version_num = %s"
        connection.execute(change, (revision,))
    try:
        yield
    finally:
        with running_database(folder) as urls, postgres.connect(urls.admin, None) as connection:
            connection.execute(change, (migrations.head(),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A founded ledger of this module's own, served now and then."""
    path = tmp_path_factory.mktemp("service") / "ledger"
    found(path, ORIGIN)
    return path


def refused(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.json["problem"]["code"]


def test_init_founds_a_ledger_and_names_its_keys(shell: Shell) -> None:
    data = shell.folder / "new"

    ran = shell("init", "--data", data, "--origin", "sijill.test/new", "--output", "json")

    assert ran.code == 0, ran.err
    assert {Path(one).name for one in ran.json["keys"]} == KEYS
    assert {stat.S_IMODE(Path(one).stat().st_mode) for one in ran.json["keys"]} == {0o600}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert len(bytes.fromhex(ran.json["ledger"])) == 32
    assert ran.json["origin"] == "sijill.test/new"
    assert f"sijill serve --data {data}" in " ".join(ran.err.split())
    assert Settings(data=data).embedded().pid() is None
    checked = shell("log", "fsck", "--data", data, "--output", "json")
    assert (checked.code, checked.json["summary"]["leaves"]) == (0, 1)


def test_init_refuses_a_folder_that_holds_a_ledger(shell: Shell, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in (folder / "keys").iterdir()}

    ran = shell("init", "--data", folder, "--origin", "sijill.test/other", "--output", "json")

    assert refused(ran) == (5, "ledger_already_open")
    assert {path.name: path.read_bytes() for path in (folder / "keys").iterdir()} == before


@pytest.mark.parametrize("origin", ["", "has blanks", "x" * 300, "https://sijill.test/x"])
def test_init_refuses_a_name_that_no_log_can_have(shell: Shell, origin: str) -> None:
    data = shell.folder / "new"

    ran = shell("init", "--data", data, "--origin", origin, "--output", "json")

    assert ran.code == 2
    assert "sijill.example/log" in ran.err
    assert not data.exists()


def test_a_founding_that_was_cut_off_is_begun_again_under_another_name(shell: Shell) -> None:
    """Keys and mark of the first are there; what matters is the name in event 0."""
    data = shell.folder / "new"
    data.mkdir(mode=0o700)
    _make_keys(Folder(data), "sijill.test/first")

    ran = shell("init", "--data", data, "--origin", "sijill.test/second", "--output", "json")

    assert ran.code == 0, ran.err
    assert Folder(data).mark.read().origin == "sijill.test/second"


def test_keys_that_have_signed_found_no_second_ledger(shell: Shell) -> None:
    """The database was lost: under the same keys another history must not begin."""
    data = shell.folder / "lost"
    (data / "keys").mkdir(parents=True, mode=0o700)
    Folder(data).mark.create(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    Folder(data).mark.raise_to(Checkpoint(ORIGIN, 7, bytes(32)))

    ran = shell("init", "--data", data, "--origin", ORIGIN, "--output", "json")

    assert refused(ran) == (5, "ledger_already_open")


def test_init_in_a_folder_that_nobody_can_make_is_told_so(shell: Shell) -> None:
    file = shell.file("occupied", "a file, not a folder")

    ran = shell("init", "--data", file / "ledger", "--origin", ORIGIN, "--output", "json")

    assert refused(ran) == (2, "input_unusable")


@pytest.mark.parametrize(
    "verb", [["serve", "--port", "0"], ["db", "upgrade"], ["log", "fsck"]], ids=lambda one: one[0]
)
def test_what_was_not_founded_is_not_ready(shell: Shell, verb: list[str]) -> None:
    ran = shell(*verb, "--data", shell.folder / "nothing", "--output", "json")

    assert refused(ran) == (3, "no_ledger_in_folder")
    assert str(shell.folder / "nothing") in ran.json["problem"]["detail"]
    assert not (shell.folder / "nothing").exists()


@pytest.mark.parametrize("workers", ["0", "-3"])
def test_a_service_without_workers_is_a_usage_error(
    shell: Shell, folder: Path, workers: str
) -> None:
    """It would say that it is ready, and answer nobody."""
    ran = shell("serve", "--data", folder, "--port", "0", f"--workers={workers}")

    assert ran.code == 2
    assert "ready" not in ran.err


def test_serve_says_ready_and_stops_cleanly(folder: Path) -> None:
    with serve(folder, "--port", "0", "--workers", "1") as serving:
        assert [line for line in serving.talk if line.startswith(READY)] == [
            f"sijill ready {serving.url}"
        ]
        assert httpx2.get(f"{serving.url}/readyz").status_code == 200

        assert serving.stop() == 0

        assert serving.process.stdout is not None
        assert serving.process.stdout.read() == ""
    assert Settings(data=folder).embedded().pid() is None
    assert "Traceback" not in "\n".join(serving.talk)


def test_init_beside_a_service_leaves_its_database_alone(shell: Shell, served: Served) -> None:
    server = Settings(data=served.folder).embedded()
    before = server.pid()

    ran = shell("init", "--data", served.folder, "--origin", ORIGIN, "--output", "json")

    assert refused(ran) == (5, "ledger_already_open")
    assert server.pid() == before is not None


def test_a_service_that_is_ended_while_it_starts_leaves_no_server(shell: Shell) -> None:
    data = shell.folder / "early"
    assert shell("init", "--data", data, "--origin", ORIGIN).code == 0
    words = [sys.executable, "-c", ENDED_AT_ITS_START, str(data)]

    ended = subprocess.run(words, check=False, capture_output=True, text=True)

    assert ended.stdout == "the server runs\n", ended.stderr
    assert Settings(data=data).embedded().pid() is None


def test_a_database_that_holds_a_ledger_is_not_upgraded_by_a_founding(
    shell: Shell, empty_database: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its schema is another release's; somebody founds the next ledger with the old variables."""
    migrations.upgrade(empty_database.admin, "0002")
    with postgres.connect(empty_database.admin, None, autocommit=True) as admin:
        admin.execute("ALTER TABLE ledger.head DISABLE TRIGGER ALL")
        admin.execute("UPDATE ledger.head SET size = 7")
    monkeypatch.setenv("SIJILL_DATABASE_URL", empty_database.service)
    monkeypatch.setenv("SIJILL_DATABASE_ADMIN_URL", empty_database.admin)

    data = shell.folder / "next"
    ran = shell("init", "--data", data, "--origin", ORIGIN, "--output", "json")

    assert refused(ran) == (5, "ledger_already_open")
    assert migrations.current(empty_database.admin) == "0002"


def test_a_second_serve_on_the_same_folder_is_refused(shell: Shell, served: Served) -> None:
    ran = shell("serve", "--data", served.folder, "--port", "0", "--output", "json")

    assert refused(ran) == (3, "already_serving")
    assert served.anybody().get("/v1/ledger")


def test_a_port_that_is_taken_is_told_with_its_number(shell: Shell, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = shell("serve", "--data", folder, "--port", str(port), "--output", "json")

    assert refused(ran) == (3, "address_taken")
    assert str(port) in ran.err
    assert Settings(data=folder).embedded().pid() is None


@pytest.mark.parametrize("host,port", [("192.0.2.1", "0"), ("127.0.0.1", "70000")])
def test_an_address_that_cannot_be_is_a_usage_error(
    shell: Shell, folder: Path, host: str, port: str
) -> None:
    ran = shell(
        *("serve", "--data", str(folder), "--host", host, "--port", port),
        *("--output", "json"),
    )

    assert refused(ran) == (2, "input_address_unusable")


def test_upgrade_leaves_a_database_that_is_up_to_date_as_it_is(shell: Shell, folder: Path) -> None:
    ran = shell("db", "upgrade", "--data", folder, "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json == {"from": migrations.head(), "to": migrations.head()}
    assert Settings(data=folder).embedded().pid() is None


def test_upgrade_works_beside_a_service(shell: Shell, served: Served) -> None:
    ran = shell("db", "upgrade", "--data", served.folder, "--output", "json")

    assert ran.code == 0, ran.err
    assert served.agency().issue()["index"]


def test_read_models_are_prepared_beside_a_service(shell: Shell, served: Served) -> None:
    last = served.settle() - 1

    ran = shell("db", "prepare", "--data", served.folder, "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json == {"index": last}
    assert served.agency().issue()["index"] > last


def test_a_database_of_another_release_is_not_served(shell: Shell, folder: Path) -> None:
    with at_revision(folder, "0000"):
        ran = shell("serve", "--data", folder, "--port", "0", "--output", "json")

    assert refused(ran) == (3, "schema_outdated")
    assert "sijill db upgrade" in ran.err
