"""Threads that take pieces of work, each timed; for clients that wait while a server works."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from psycopg import Connection

from infrastructure import postgres
from infrastructure.postgres import Role
from sijill.bench.figures import Sample

_Piece = TypeVar("_Piece")


def run_threads(
    threads: int,
    seconds: float,
    work: Iterable[_Piece],
    act: Callable[[_Piece], object],
    *,
    events: int,
) -> Sample:
    """Let threads take pieces of work until the time is up or none is left.

    A piece counts as `events`; latencies are those of the pieces. An exception of any thread is
    raised again.
    """
    left = iter(work)
    lock = threading.Lock()
    until = time.monotonic() + seconds

    def take(_: int) -> list[float]:
        own: list[float] = []
        while True:
            with lock:
                piece = next(left, None)
            if piece is None:
                return own
            began = time.monotonic()
            act(piece)
            own.append((now := time.monotonic()) - began)
            if now > until:
                return own

    with ThreadPoolExecutor(threads) as pool:
        started = time.monotonic()
        latencies = [one for own in pool.map(take, range(threads)) for one in own]
        taken = time.monotonic() - started
    return Sample.of(latencies, taken, events=events * len(latencies))


@contextmanager
def each_its_own(
    url: str, role: Role | None, count: int
) -> Iterator[Callable[[], Connection[Any]]]:
    """Connections for so many threads, open before any of them asks for its own."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(
                postgres.connect(url, role, autocommit=True, limits=postgres.PATIENT)
            )
            for _ in range(count)
        ]
        mine = threading.local()

        def connection() -> Connection[Any]:
            if not hasattr(mine, "connection"):
                mine.connection = opened.pop()
            found: Connection[Any] = mine.connection
            return found

        yield connection
