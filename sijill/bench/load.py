"""The load generator: a process of its own that sends prepared requests and times their answers.

It shares the machine with what it measures, so it is lean: bare sockets, bytes that were made
before, no event loop, the standard library alone. What it costs is part of its answer.

A closed loop sends the next request of a connection when the last one was answered: it finds the
rate at which the service is full. An open loop has requests due on a schedule, whether or not the
service keeps up, and counts each latency from the moment that its request was due, sent or not;
so a pause of the service is felt by all who came during it (coordinated omission is avoided).

    python -m sijill.bench.load SPECIFICATION.json   then a line on standard input starts it
"""

import json
import os
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sijill.bench.latencies import figures, percentile

LENGTH_BYTES = 4
RECEIVE_BYTES = 1 << 18
SILENCE_SECONDS = 60.0
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length: "
_LAST_CHUNK = b"0\r\n\r\n"


def write_requests(path: Path, requests: list[bytes]) -> None:
    """Keep requests where a generator reads them: each behind its length."""
    with path.open("wb") as file:
        for request in requests:
            file.write(len(request).to_bytes(LENGTH_BYTES, "big"))
            file.write(request)


def read_requests(path: Path) -> list[bytes]:
    """What `write_requests` kept."""
    data = path.read_bytes()
    found = []
    at = 0
    while at < len(data):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        found.append(data[start:at])
    return found


@dataclass(slots=True)
class Connection:
    """One connection: what of its request is not sent yet, and what of the answer has come."""

    link: socket.socket
    due: float = 0.0
    unsent: memoryview | None = None
    received: bytearray = field(default_factory=bytearray)


class Failed(Exception):
    """An answer was not the one that is measured, or there was none."""


@dataclass(slots=True)
class Generator:
    """Sends each request once (again and again, if `cycle`) over some connections.

    `rate` requests a second are due; None is a closed loop. Answers must begin with `expect`, hold
    `holds` and not hold `lacks`. It ends after `seconds`, or with the last request.
    """

    address: tuple[str, int]
    requests: list[bytes]
    connections: int
    expect: bytes
    holds: bytes = b""
    lacks: bytes = b""
    rate: float | None = None
    seconds: float = 0.0
    cycle: bool = False
    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    _open: dict[int, Connection] = field(default_factory=dict)
    _free: deque[Connection] = field(default_factory=deque)
    _poll: select.epoll = field(default_factory=select.epoll)
    _sent: int = 0
    _started: float = 0.0

    def connect(self) -> None:
        """Open the connections."""
        for _ in range(self.connections):
            link = socket.create_connection(self.address)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.setblocking(False)  # noqa: FBT003 - the socket module takes it by position
            self._open[link.fileno()] = connection = Connection(link)
            self._poll.register(link.fileno(), select.EPOLLIN)
            self._free.append(connection)

    def run(self) -> dict[str, Any]:
        """Send, close the connections, and say how it went.

        Raises:
            Failed: an answer was another one than expected, or none came for a minute.
        """
        try:
            return self._run()
        finally:
            for connection in self._open.values():
                connection.link.close()
            self._poll.close()

    def _run(self) -> dict[str, Any]:
        processor = time.process_time()
        self._started = time.perf_counter()
        total = len(self.requests) if not self.cycle else sys.maxsize
        ends = self._started + self.seconds if self.seconds else float("inf")
        # However short the time is, and whoever held the processor since it began.
        self._send_due(self._started, total, float("inf"))
        while True:
            now = time.perf_counter()
            going_on = self._sent < total and self._next_due(now) < ends
            if going_on:
                self._send_due(now, total, ends)
            elif len(self._free) == self.connections:
                break
            self._wait(going_on=going_on)
        elapsed = time.perf_counter() - self._started
        return self._told(elapsed, time.process_time() - processor)

    def _next_due(self, now: float) -> float:
        return now if self.rate is None else self._started + self._sent / self.rate

    def _send_due(self, now: float, total: int, ends: float) -> None:
        while self._free and self._sent < total:
            due = self._next_due(now)
            if due > now or due >= ends:
                return
            connection = self._free.popleft()
            request = self.requests[self._sent % len(self.requests)]
            self._sent += 1
            connection.due = due
            if self.rate is not None:
                self.lateness.append(now - due)
            self._push(connection, memoryview(request))
            now = time.perf_counter()

    def _push(self, connection: Connection, data: memoryview) -> None:
        """Send what the socket takes; the rest waits until it takes more."""
        try:
            sent = connection.link.send(data)
        except BlockingIOError:
            sent = 0
        rest = data[sent:]
        if rest and connection.unsent is None:
            self._poll.modify(connection.link.fileno(), select.EPOLLIN | select.EPOLLOUT)
        elif not rest and connection.unsent is not None:
            self._poll.modify(connection.link.fileno(), select.EPOLLIN)
        connection.unsent = rest or None

    def _wait(self, *, going_on: bool) -> None:
        """Until something was answered, or the next request is due on a free connection."""
        if going_on and self._free:
            # The poll itself counts in milliseconds, a select over it in microseconds.
            pause = max(0.0, self._next_due(0.0) - time.perf_counter())
            select.select([self._poll], [], [], pause)
            events = self._poll.poll(0)
        else:
            events = self._poll.poll(SILENCE_SECONDS)
            if not events:
                raise Failed("no answer for a minute")
        for number, event in events:
            connection = self._open[number]
            if connection.unsent is not None and event & select.EPOLLOUT:
                self._push(connection, connection.unsent)
            if event & ~select.EPOLLOUT:
                self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        data: bytes | bytearray = connection.link.recv(RECEIVE_BYTES)
        if not data:
            raise Failed(f"the connection was closed: {bytes(connection.received[:300])!r}")
        if connection.received:
            connection.received += data
            data = connection.received
        if not complete(data):
            connection.received = bytearray(data) if isinstance(data, bytes) else data
            return
        self.latencies.append(time.perf_counter() - connection.due)
        if (
            not data.startswith(self.expect)
            or self.holds not in data
            or (self.lacks and self.lacks in data)
        ):
            raise Failed(repr(bytes(data[:1_500])))
        connection.received = bytearray()
        self._free.append(connection)

    def _told(self, elapsed: float, processor: float) -> dict[str, Any]:
        count = len(self.latencies)
        told: dict[str, Any] = {
            "events": count,
            "seconds": elapsed,
            "latency": figures(self.latencies),
            "load": {
                "processor_seconds": round(processor, 4),
                "processor_us_each": round(1e6 * processor / count, 1),
                "share_of_machine": round(processor / elapsed / (os.cpu_count() or 1), 4),
            },
        }
        if self.rate is not None:
            late = sorted(self.lateness)
            told["load"]["late_p99_ms"] = round(1_000 * percentile(late, 0.99), 3)
            told["asked_rate"] = round(self.rate, 1)
        return told


def complete(data: bytes | bytearray) -> bool:
    """Whether the bytes are a whole answer: its head, and the body that the head announces."""
    head = data.find(_END_OF_HEAD)
    if head < 0:
        return False
    at = data.find(_LENGTH, 0, head)
    if at < 0:
        return data.endswith(_LAST_CHUNK)
    at += len(_LENGTH)
    return len(data) >= head + len(_END_OF_HEAD) + int(data[at : data.index(b"\r", at)])


def main(arguments: list[str]) -> int:
    """Read the specification, connect, wait for a line, run, and print the figures as JSON."""
    specification = json.loads(Path(arguments[0]).read_text())
    requests = read_requests(Path(specification.pop("requests")))
    for name in ("expect", "holds", "lacks"):
        specification[name] = specification[name].encode()
    host, port = specification.pop("address")
    generator = Generator(address=(host, port), requests=requests, **specification)
    generator.connect()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        told = generator.run()
    except Failed as failure:
        told = {"failed": str(failure)}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
