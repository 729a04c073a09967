"""Whatever dies under the supervisor comes back, and nothing outlives it.

Processes are killed with SIGKILL; PostgreSQL's own death is among the promises' tests.
"""

import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from sijill import supervisor
from sijill.founding import found
from sijill.supervisor import NotReady, Supervisor, listen
from tests.processes import children, lives, until
from tests.serving import ORIGIN, STOP_SECONDS, Agency, Served, serving

ROLES = ["keeper", "worker", "worker"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("supervised") / "ledger"
    found(path, ORIGIN)
    return path


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Iterator[Served]:
    with serving(folder, workers=2) as served:
        yield served


@pytest.fixture(scope="module")
def agency(ledger: Served) -> Agency:
    return ledger.agency()


def one(ledger: Served, role: str) -> int:
    return next(pid for pid, name in children(ledger.process.pid).items() if name == role)


def test_each_role_is_a_process_of_its_own(ledger: Served) -> None:
    assert sorted(children(ledger.process.pid).values()) == ROLES


def test_nobody_is_refused_while_all_workers_are_dead(ledger: Served, agency: Agency) -> None:
    """The supervisor keeps the listening socket: who calls meanwhile waits and is answered."""
    before = agency.issue()
    workers = [pid for pid, role in children(ledger.process.pid).items() if role == "worker"]
    for pid in workers:
        os.kill(pid, signal.SIGKILL)

    answer = httpx2.get(f"{ledger.url}/v1/verify/{before['code']}", timeout=60)

    assert answer.json()["outcome"] == "valid"
    until(
        lambda: sorted(children(ledger.process.pid).values()) == ROLES,
        "the workers are not restarted",
    )
    assert not set(workers) & set(children(ledger.process.pid))
    assert agency.issue()["index"] > before["index"]


def test_sealing_and_following_go_on_when_the_keeper_was_killed(
    ledger: Served, agency: Agency
) -> None:
    keeper = one(ledger, "keeper")
    os.kill(keeper, signal.SIGKILL)

    issued = agency.issue()

    # Both wait for the new keeper to have done its work.
    client = ledger.anybody()
    client.text(f"/log/checkpoint?covers={issued['index']}")
    ledger.settle()
    assert client.get(f"/v1/verify/{issued['code']}")["outcome"] == "valid"
    assert one(ledger, "keeper") != keeper


def test_a_death_is_told_with_its_role(ledger: Served) -> None:
    """An operator who reads the log finds what died, of what, and when it comes back."""

    def told() -> list[str]:
        return [line for line in ledger.talk if "child died" in line and '"worker-' in line]

    before = len(told())
    os.kill(one(ledger, "worker"), signal.SIGKILL)

    until(lambda: len(told()) > before, "nobody is told")
    assert json.loads(told()[-1])["exit"] == -signal.SIGKILL
    assert json.loads(told()[-1])["restart_in_seconds"] > 0


def test_roles_that_never_get_ready_end_the_service_with_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder every child dies at once, and again when it is started again."""
    monkeypatch.setattr(supervisor, "READY_SECONDS", 2.0)
    listener = listen("127.0.0.1", 0)
    address = listener.getsockname()
    serves = Supervisor(tmp_path, listener, 1, dict(os.environ))

    with pytest.raises(NotReady, match="keeper, worker-0"):
        serves.run(lambda: pytest.fail("nothing is ready"))

    assert children(os.getpid()) == {}
    with pytest.raises(ConnectionRefusedError), socket.socket() as caller:
        caller.connect(address)


def test_a_machine_that_starts_no_process_for_a_moment_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children die at once, and the kernel refuses each first try to start one again."""
    monkeypatch.setattr(supervisor, "READY_SECONDS", 10.0)
    launch, refused, started = subprocess.Popen, [], []

    def popen(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
        role = words[3]
        if role in started and role not in refused:
            refused.append(role)
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        started.append(role)
        return launch(["false"], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    serves = Supervisor(tmp_path, listen("127.0.0.1", 0), 1, dict(os.environ))

    with pytest.raises(NotReady, match="keeper, worker-0"):
        serves.run(lambda: pytest.fail("nothing is ready"))

    assert sorted(refused) == ["keeper", "worker"]
    assert all(started.count(role) > 1 for role in refused)


def test_a_keeper_that_has_stopped_beating_is_killed_and_one_that_never_beat_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "READY_SECONDS", 5.0)
    monkeypatch.setattr(supervisor, "HANG_SECONDS", 0.2)
    launch, started = subprocess.Popen, []

    def popen(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
        role, pipe = words[3], int(words[words.index("--ready") + 1])
        if role == "keeper":
            os.write(pipe, supervisor.READY + supervisor.BEAT)
        started.append(role)
        return launch(["sleep", "600"], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    serves = Supervisor(tmp_path, listen("127.0.0.1", 0), 1, dict(os.environ))

    with pytest.raises(NotReady, match="worker-0"):
        serves.run(lambda: pytest.fail("the worker is not ready"))

    assert started.count("keeper") > 1
    assert started.count("worker") == 1


SOON_HUNG = "import sijill.supervisor as its; its.HANG_SECONDS = 5.0"


def test_a_keeper_that_hangs_is_relieved(tmp_path: Path) -> None:
    """Its process lives and so do its sessions: nobody else could take its leases."""
    found(tmp_path / "ledger", ORIGIN)
    with serving(tmp_path / "ledger", first=SOON_HUNG) as served:
        agency = served.agency()
        hung = one(served, "keeper")
        os.kill(hung, signal.SIGSTOP)

        issued = agency.issue()

        until(lambda: not lives(hung), "the keeper that hangs is not ended")
        assert any("child hangs" in line for line in served.talk)
        served.anybody().text(f"/log/checkpoint?covers={issued['index']}")
        served.settle()


STOPPED_AT_ITS_START = """import os, signal, sijill.supervisor as its
its.KEEPER_SECONDS = 0.5
start = its.Supervisor._start
def stopped(self, child):
    start(self, child)
    if child.role == "keeper":
        os.kill(child.process.pid, signal.SIGSTOP)
its.Supervisor._start = stopped
pass"""


def test_a_keeper_with_much_to_do_keeps_no_order_waiting(tmp_path: Path) -> None:
    """A whole log to read after a restore, or no room for a tile."""
    found(tmp_path / "ledger", ORIGIN)
    with serving(tmp_path / "ledger") as before:
        known = before.agency()

    with serving(tmp_path / "ledger", first=STOPPED_AT_ITS_START) as served:
        issued = Agency(served, known.name, known.key).issue()
        assert issued["receipt"]
        assert any("keeper not ready" in line for line in served.talk)

        os.kill(one(served, "keeper"), signal.SIGCONT)
        served.anybody().text(f"/log/checkpoint?covers={issued['index']}")


def test_no_child_outlives_its_supervisor_and_the_folder_is_free(
    folder: Path, ledger: Served, agency: Agency
) -> None:
    """Last, because it ends this module's service."""
    issued = agency.issue()
    left = children(ledger.process.pid)
    assert sorted(left.values()) == ROLES
    ledger.process.kill()
    ledger.process.wait()

    until(lambda: not any(map(lives, left)), "children outlive their supervisor")
    with serving(folder) as again:
        assert again.anybody().get(f"/v1/verify/{issued['code']}")["outcome"] == "valid"
        # Ctrl-C is as good as SIGTERM.
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(STOP_SECONDS) == 0
