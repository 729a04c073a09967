"""How soon an acknowledged revocation shows in every process that answers."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from infrastructure.keyfiles import load_private_key
from sijill.bench import preparing
from sijill.bench.figures import Sample
from sijill.bench.load import RECEIVE_BYTES, complete
from sijill.bench.loading import CREATED, LoadFailed
from sijill.bench.processes import answering, workers
from sijill.bench.servers import Served

SHOWN = b'"outcome":"withdrawn"'
PAUSE_SECONDS = 0.001
GIVE_UP_SECONDS = 30.0
TRIES_EACH = 200


@dataclass(slots=True)
class Eyes:
    """A connection to each worker, and one that revokes."""

    address: tuple[str, int]
    revoker: socket.socket
    workers: dict[int, socket.socket] = field(default_factory=dict)

    def watch(self, code: str, request: bytes) -> tuple[float, float]:
        """Revoke, then ask every worker until it shows; when the first and the last did (seconds).

        Raises:
            LoadFailed: the revocation was refused, or a worker never shows it.
        """
        answer = ask(self.revoker, request)
        acknowledged = time.perf_counter()
        if not answer.startswith(CREATED.encode()):
            raise LoadFailed(repr(answer[:500]))
        question = preparing.question(code)
        waiting, shown = list(self.workers.values()), []
        while waiting:
            for eye in list(waiting):
                if SHOWN in ask(eye, question):
                    shown.append(time.perf_counter() - acknowledged)
                    waiting.remove(eye)
            if waiting and time.perf_counter() - acknowledged > GIVE_UP_SECONDS:
                raise LoadFailed(f"not shown for {GIVE_UP_SECONDS} seconds")
            if waiting:
                time.sleep(PAUSE_SECONDS)
        return shown[0], shown[-1]


@contextmanager
def eyes(served: Served) -> Iterator[Eyes]:
    """Connections until every worker has one; the kernel chooses who gets which."""
    parts = urlsplit(served.url)
    address = (str(parts.hostname), int(parts.port or 0))
    wanted = workers(served.pid)
    opened = [_connect(address)]
    found = Eyes(address, opened[0])
    try:
        for _ in range(TRIES_EACH * len(wanted)):
            if len(found.workers) == len(wanted):
                break
            opened.append(link := _connect(address))
            # Whoever has answered has accepted.
            ask(link, preparing.question("0"))
            pid = answering(wanted, address[1], link.getsockname()[1])
            if pid is not None:
                found.workers.setdefault(pid, link)
        else:
            raise LoadFailed("some worker takes no connection")
        yield found
    finally:
        for link in opened:
            link.close()


def revoke(served: Served, codes: Sequence[str]) -> Sample:
    """Revoke each; the latencies say when the last worker showed it."""
    key = load_private_key(served.office.key)
    requests = [preparing.revocation(served.office, key, code) for code in codes]
    first, last = [], []
    with eyes(served) as watching:
        started = time.monotonic()
        for code, request in zip(codes, requests, strict=True):
            shown = watching.watch(code, request)
            first.append(shown[0])
            last.append(shown[1])
        seconds = time.monotonic() - started
    sample = Sample.of(last, seconds)
    first.sort()
    more = {
        "workers": len(watching.workers),
        "first_median_ms": round(1e3 * first[len(first) // 2], 3),
    }
    return Sample(sample.events, seconds, sample.latency, more)


def ask(link: socket.socket, request: bytes) -> bytes:
    """Send a request and read its whole answer.

    Raises:
        LoadFailed: the connection was closed.
    """
    link.sendall(request)
    data = bytearray()
    while not complete(data):
        piece = link.recv(RECEIVE_BYTES)
        if not piece:
            raise LoadFailed("the connection was closed")
        data += piece
    return bytes(data)


def _connect(address: tuple[str, int]) -> socket.socket:
    link = socket.create_connection(address, timeout=GIVE_UP_SECONDS)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link
