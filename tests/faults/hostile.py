"""Callers who mean no good, by the thousand, and honest ones among them.

A siege is held until every attacker has been sent away or has given up; meanwhile honest clients
ask, each time over a new connection, and agencies issue. `python -m tests.faults.hostile` holds
sieges for as long as it is told, and says what they cost.
"""

import argparse
import json
import resource
import selectors
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.check import check
from tests.faults.load import Load
from tests.faults.service import Service
from tests.processes import children
from tests.serving import Agency, Served

CROWD = 10_000
# For the test's own files and the honest clients.
OTHER_FILES = 512
PATIENCE_SECONDS = 120.0
SEED = 20_261_127
HEAD = b"POST /v1/verify HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/json\r\n"
BODY = HEAD + b"Content-Length: 60000\r\n\r\n"
LARGE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: ledger\r\n\r\n" * 8
KEPT = b"GET /livez HTTP/1.1\r\nHost: ledger\r\n\r\n"


@dataclass(slots=True)
class Figures:
    """What a siege cost: seconds that honest clients waited before and during it, and memory.

    `growth_mb` is by how much the largest worker grew at its highest moment.
    """

    crowd: int
    dribbling: int
    calm: list[float] = field(default_factory=list)
    besieged: list[float] = field(default_factory=list)
    growth_mb: float = 0.0
    cut: int = 0

    def summary(self) -> dict[str, float]:
        """The figures, latencies in milliseconds."""
        told: dict[str, float] = {
            "crowd": self.crowd,
            "dribbling": self.dribbling,
            "cut": self.cut,
            "growth_mb": round(self.growth_mb, 1),
        }
        for name, taken in (("calm", self.calm), ("besieged", self.besieged)):
            ranks = statistics.quantiles(taken, n=100)
            told[f"{name}_p50_ms"] = round(ranks[49] * 1000, 1)
            told[f"{name}_p99_ms"] = round(ranks[98] * 1000, 1)
        return told


class Honest:
    """Two callers who ask in turn for as long as the block lasts: one verifies, one issues.

    Whoever verifies comes over a new connection each time, as the public does.
    """

    def __init__(self, served: Served, agency: Agency) -> None:
        self._address = urlsplit(served.url)
        self._agency = agency
        self._code = str(agency.issue()["code"])
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self.taken: list[float] = []
        self.wrong: list[BaseException] = []

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask until the block ends.

        Raises:
            AssertionError: somebody was answered wrongly, or not at all.
        """
        works = (self._verify, self._issue)
        threads = [threading.Thread(target=self._repeat, args=(one,)) for one in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()
        assert not self.wrong, self.wrong[:3]

    def progress(self, answers: int) -> None:
        """Return when so many more have been answered."""
        goal = len(self.taken) + answers
        with self._changed:
            came = self._changed.wait_for(
                lambda: len(self.taken) >= goal or bool(self.wrong), PATIENCE_SECONDS
            )
        assert came, f"{goal - len(self.taken)} answers did not come"

    def _repeat(self, work: Callable[[], None]) -> None:
        try:
            while not self._stopping.is_set():
                started = time.perf_counter()
                work()
                with self._changed:
                    self.taken.append(time.perf_counter() - started)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - told where the block ends
            self.wrong.append(error)

    def _verify(self) -> None:
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=60)
        try:
            connection.request("GET", f"/v1/verify/{self._code}")
            answer = connection.getresponse()
            told = answer.read()
            assert answer.status == 200, told
        finally:
            connection.close()

    def _issue(self) -> None:
        self._agency.issue()


def siege(
    served: Served,
    agency: Agency,
    *,
    crowd: int = CROWD,
    dribbling: int = 600,
    unread: int = 60,
    calm: int = 200,
) -> Figures:
    """Hold one siege and return what it cost.

    `crowd` connections say nothing (every second one after a first question); `dribbling` send a
    byte a second of a head or of a body; `unread` ask for more than they will ever read. Before it
    begins, `calm` answers are awaited, to compare with.

    Raises:
        AssertionError: an honest caller was not served, or an attacker was never sent away.
    """
    figures = Figures(crowd, dribbling)
    honest = Honest(served, agency)
    with honest.asking(), grown(served) as growth, ExitStack() as opened:
        honest.progress(calm)
        figures.calm = list(honest.taken)
        address = (urlsplit(served.url).hostname or "", urlsplit(served.url).port or 0)

        def connect(said: bytes = b"") -> socket.socket:
            connection = opened.enter_context(socket.create_connection(address, timeout=60))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with suppress(ConnectionError):
                connection.sendall(said)
            return connection

        for number in range(crowd):
            connect(KEPT if number % 2 else b"")
        for _ in range(unread):
            connect(LARGE)
        slow = [connect(BODY if number % 2 else HEAD) for number in range(dribbling)]
        honest.progress(50)
        figures.cut = _dribble(slow)
        honest.progress(50)
        figures.besieged = honest.taken[len(figures.calm) :]
        figures.growth_mb = growth()
    return figures


def _dribble(connections: list[socket.socket]) -> int:
    """Send a byte a second over each until none is open any more; how many were told why."""
    told = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    with selectors.DefaultSelector() as open_ones:
        for connection in connections:
            connection.setblocking(False)  # noqa: FBT003 - the socket module takes it by position
            open_ones.register(connection, selectors.EVENT_READ)
        while open_ones.get_map():
            assert time.monotonic() < deadline, f"{len(open_ones.get_map())} were never sent away"
            for key, _ in open_ones.select(1.0):
                with suppress(ConnectionError):
                    told += key.fileobj.recv(4096).startswith(b"HTTP/1.1 408 ")  # type: ignore[union-attr]  # only sockets are registered
                open_ones.unregister(key.fileobj)
            for key in list(open_ones.get_map().values()):
                with suppress(OSError):
                    key.fileobj.send(b"x")  # type: ignore[union-attr]  # as above
    return told


@contextmanager
def grown(served: Served) -> Iterator[Callable[[], float]]:
    """By how many MiB a worker has grown at its highest since the block began; of the largest."""
    workers = [pid for pid, role in children(served.process.pid).items() if role == "worker"]
    before = {pid: _memory(pid, "VmRSS") for pid in workers}
    for pid in workers:
        # From here on the highest is counted anew.
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    yield lambda: max(_memory(pid, "VmHWM") - before[pid] for pid in workers)


def _memory(pid: int, name: str) -> float:
    """A figure of a process's memory, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


@contextmanager
def many_files(wanted: int = CROWD) -> Iterator[int]:
    """Let this process open as many files as it may; for how many connections that is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + 2 * OTHER_FILES
    files = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, soft), hard))
    try:
        yield min(wanted, max(files, soft) - 2 * OTHER_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def main() -> None:
    """Hold sieges for some minutes, a line of JSON for each, and check the record at the end."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    with (
        tempfile.TemporaryDirectory(prefix="siege-") as place,
        many_files() as crowd,
        Service.founded(Path(place)) as service,
    ):
        load = Load(service, Path(place) / "clients", seed=SEED)
        agency = service.served.agency()
        deadline = time.monotonic() + minutes * 60
        while time.monotonic() < deadline:
            with load.running():
                figures = siege(service.served, agency, crowd=crowd)
            print(json.dumps(figures.summary()), flush=True)  # noqa: T201 - its result
        check(service, load)
        load.close()


if __name__ == "__main__":
    main()
