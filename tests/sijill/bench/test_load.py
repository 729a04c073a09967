"""The load generator against a server that is told how to behave."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sijill.bench.load import Failed, Generator, complete, read_requests, write_requests
from sijill.bench.loading import OK, Fire, LoadFailed, fire_all

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
PAUSE_SECONDS = 0.3
REQUEST = b"GET / HTTP/1.1\r\n\r\n"


class Server:
    """Answers each request with the next of some answers, or the last one; pauses once."""

    def __init__(self, answers: list[bytes], pause_at: int | None = None) -> None:
        self.received: list[bytes] = []
        self._answers = answers
        self._pause_at = pause_at
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(link,)))
            self._threads[-1].start()

    def _serve(self, link: socket.socket) -> None:
        data = b""
        # Who has seen a wrong answer goes away without a word.
        with link, suppress(ConnectionError):
            while piece := link.recv(1 << 20):
                data += piece
                while (end := data.find(b"\r\n\r\n")) >= 0:
                    answer = self._answer(data[: end + 4])
                    data = data[end + 4 :]
                    if not answer:
                        return
                    link.sendall(answer)

    def _answer(self, request: bytes) -> bytes:
        # One at a time: while the server pauses, it pauses for everybody.
        with self._lock:
            if len(self.received) == self._pause_at:
                time.sleep(PAUSE_SECONDS)
            answer = self._answers[min(len(self.received), len(self._answers) - 1)]
            self.received.append(request)
            return answer

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()


@contextmanager
def server(*answers: bytes, pause_at: int | None = None) -> Iterator[Server]:
    found = Server(list(answers), pause_at)
    try:
        yield found
    finally:
        found.close()


def generator(at: Server, count: int, **changes: object) -> Generator:
    wanted: dict[str, Any] = {
        "address": at.address,
        "requests": [REQUEST] * count,
        "connections": 2,
        "expect": b"HTTP/1.1 200 ",
        **changes,
    }
    made = Generator(**wanted)
    made.connect()
    return made


def test_a_closed_loop_sends_every_request_once() -> None:
    with server(ANSWER) as at:
        told = generator(at, 25).run()

    assert (told["events"], len(at.received)) == (25, 25)
    assert told["load"]["processor_us_each"] > 0


@pytest.mark.parametrize("rate", [None, 100.0])
def test_a_time_that_is_over_before_it_begins_still_measures(rate: float | None) -> None:
    """A machine may be held up for longer than the shortest of times."""
    with server(ANSWER) as at:
        told = generator(at, 9, rate=rate, seconds=1e-9).run()

    assert 1 <= told["events"] <= 2
    assert told["latency"]["p50_ms"] > 0


def test_who_is_due_during_a_pause_has_waited_for_it() -> None:
    """A closed loop meets a pause with as many requests as it has connections, and no more."""
    with server(ANSWER, pause_at=20) as at:
        opened = generator(at, 100, rate=200.0)
        told = opened.run()
    with server(ANSWER, pause_at=20) as at:
        closed = generator(at, 100)
        closed.run()

    late = [one for one in opened.latencies if one > PAUSE_SECONDS / 4]
    assert len(late) >= 40
    assert told["asked_rate"] == 200
    assert max(closed.latencies) >= PAUSE_SECONDS
    assert 4 * sum(one >= PAUSE_SECONDS for one in closed.latencies) < len(late)


def test_an_open_loop_ends_with_its_time_and_goes_round_if_it_may() -> None:
    with server(ANSWER) as at:
        told = generator(at, 3, rate=100.0, seconds=0.2, cycle=True).run()

    assert told["events"] == 20


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ANSWER.replace(b"200 OK", b"503 Busy"), id="another status"),
        pytest.param(ANSWER.replace(b"ok", b"no"), id="not what it must hold"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok bad", id="what it must not"),
        pytest.param(b"", id="none"),
    ],
)
def test_another_answer_than_the_one_that_is_measured_ends_it(answer: bytes) -> None:
    with server(ANSWER, answer) as at, pytest.raises(Failed):
        generator(at, 10, connections=1, holds=b"ok", lacks=b"ba").run()


def test_an_answer_is_whole_when_its_head_says_so() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"

    assert complete(ANSWER)
    assert complete(chunked)
    assert [complete(ANSWER[:size]) for size in (10, 20, len(ANSWER) - 1)] == [False] * 3
    assert not complete(chunked[:-5])


def test_a_request_larger_than_the_socket_takes_arrives_whole() -> None:
    large = b"GET /" + b"x" * 5_000_000 + b" HTTP/1.1\r\n\r\n"
    with server(ANSWER) as at:
        told = generator(at, 0, requests=[large, large, large]).run()

    assert told["events"] == 3
    assert at.received == [large] * 3


def test_in_a_process_of_its_own_it_tells_the_same(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    write_requests(path, [REQUEST] * 12)
    with server(ANSWER) as at:
        url = f"http://127.0.0.1:{at.address[1]}"
        sample = fire_all(Fire(url, path, 3, expect=OK, holds="ok"))
        with pytest.raises(LoadFailed, match="200 OK"):
            fire_all(Fire(url, path, 3, expect=OK, holds="something else"))

    assert read_requests(path) == [REQUEST] * 12
    assert sample.events == 12
    assert sample.latency["max_ms"] > 0
