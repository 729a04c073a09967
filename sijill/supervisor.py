"""The supervisor: one process that owns the listening socket and restarts whatever dies.

It starts the workers (HTTP) and the keeper (follower and sealer) as child processes of this same
interpreter. It must not open the ledger itself: who holds no connection cannot be hurt by a
database that is gone. Children watch a pipe that only the supervisor keeps open, so that none
of them outlives it, not even after `kill -9`. A keeper that hangs keeps its leases from every other
host's, so it has to go on telling that it does not.
"""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

LOGGER = structlog.get_logger("supervisor")
GRACE_SECONDS = 20.0
READY_SECONDS = 120.0
KEEPER_SECONDS = 20.0
"""Workers wait so long for the keeper. It may have a whole log to read, or no room for a tile: that
is told by /readyz and the doctor, and none of it may keep an order waiting."""
HANG_SECONDS = 30.0
"""A keeper that has not beaten for so long is killed: its sessions end with it, and its leases."""
BACKOFF_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
BACKLOG = 2048
READY = b"1"
BEAT = b"."


class AlreadyServing(Exception):
    """Another supervisor holds this data folder."""

    code = "already_serving"


class AddressUnusable(Exception):
    """The address cannot be listened on; `params` name it and say why."""

    def __init__(self, *, code: str, address: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.params = {"address": address, "reason": reason}


class NotReady(Exception):
    """A child did not become ready in time."""

    code = "not_ready"


@dataclass(slots=True)
class Child:
    """One supervised role; `started` counts how often it has been started.

    `beaten_at` is when it last beat, None before its first time and in a role that never does.
    """

    role: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: int = 0
    started_at: float = 0.0
    restart_at: float | None = None
    beaten_at: float | None = None
    ready: threading.Event = field(default_factory=threading.Event)


class FolderLock:
    """An advisory lock on the data folder: two supervisors on one folder would fight over tiles."""

    def __init__(self, data: Path) -> None:
        self._file = (data / "serve.lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise AlreadyServing(str(data)) from error

    def release(self) -> None:
        """Give the folder free."""
        self._file.close()


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; port 0 picks a free one.

    Raises:
        AddressUnusable: `address_taken`, `input_address_unusable`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the socket module takes it by position
    except (OSError, OverflowError) as error:
        listener.close()
        address, reason = f"{host}:{port}", getattr(error, "strerror", None) or str(error)
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise AddressUnusable(code="address_taken", address=address, reason=reason) from error
        raise AddressUnusable(
            code="input_address_unusable", address=address, reason=reason
        ) from error
    return listener


class Supervisor:
    """Runs `workers` HTTP processes and one keeper until told to stop."""

    def __init__(
        self, data: Path, listener: socket.socket, workers: int, environment: dict[str, str]
    ) -> None:
        self._data = data
        self._listener = listener
        self._environment = environment
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._alive_read, self._alive_write = os.pipe()
        self._children = [Child("keeper", ["keeper"])]
        self._children += [
            Child(f"worker-{number}", ["worker", "--listener", str(listener.fileno())])
            for number in range(workers)
        ]

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start everything, call `on_ready` once all roles are ready, then watch until `stop`.

        Raises:
            NotReady: a worker did not report within `READY_SECONDS`.
        """
        try:
            # The keeper first: workers read what it makes.
            keeper, workers = self._children[0], self._children[1:]
            self._start(keeper)
            if not self._ready([keeper], KEEPER_SECONDS):
                LOGGER.warning("keeper not ready, orders are taken", waited_seconds=KEEPER_SECONDS)
            for child in workers:
                self._start(child)
            if not self._ready(workers, READY_SECONDS):
                late = [child.role for child in self._children if not child.ready.is_set()]
                raise NotReady(", ".join(late))
            if not self._stopping.is_set():
                on_ready()
            self._watch()
        finally:
            self._stop_children()

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask for a clean stop; safe as a signal handler.

        What a signal interrupts may hold an event's lock, so another thread sets them.
        """
        threading.Thread(target=self._ask_to_stop, daemon=True).start()

    def _ask_to_stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    def _start(self, child: Child) -> None:
        child.started += 1
        child.started_at = time.monotonic()
        ready_read, ready_write = os.pipe()
        try:
            child.process = self._launched(child, ready_write)
        except OSError:
            os.close(ready_read)
            raise
        finally:
            os.close(ready_write)
        child.restart_at = None
        child.beaten_at = None
        threading.Thread(
            target=self._listen_to, args=(child, child.process, ready_read), daemon=True
        ).start()
        threading.Thread(target=self._reap, args=(child.process,), daemon=True).start()

    def _launched(self, child: Child, ready_write: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sijill.child",
                *child.arguments,
                "--data",
                str(self._data),
                "--alive",
                str(self._alive_read),
                "--ready",
                str(ready_write),
            ],
            pass_fds=(self._listener.fileno(), self._alive_read, ready_write),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            # A terminal's Ctrl-C reaches a whole group: the supervisor alone decides about it.
            start_new_session=True,
        )

    def _listen_to(self, child: Child, process: "subprocess.Popen[bytes]", ready_read: int) -> None:
        """A child writes `READY` when it serves, and a keeper `BEAT` as long as it does."""
        with os.fdopen(ready_read, "rb", buffering=0) as pipe:
            while said := pipe.read(1):
                if said == READY:
                    child.ready.set()
                    self._changed.set()
                elif child.process is process:
                    child.beaten_at = time.monotonic()

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._changed.set()

    def _ready(self, children: list[Child], seconds: float) -> bool:
        """Wait until all have reported, or for so long; whether they have, or a stop was asked."""
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set() and not all(child.ready.is_set() for child in children):
            if time.monotonic() > deadline:
                return False
            self._tend()
        return True

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._tend()

    def _tend(self) -> None:
        """Wait for a change or the next restart that is due, then restart what died."""
        due = [child.restart_at for child in self._children if child.restart_at is not None]
        timeout = max(0.0, min(due) - time.monotonic()) if due else 1.0
        self._changed.wait(timeout)
        self._changed.clear()
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._schedule(child, now)
            self._end_if_hung(child, now)
            if (
                child.restart_at is not None
                and child.restart_at <= now
                and not self._stopping.is_set()
            ):
                self._restart(child, now)

    def _end_if_hung(self, child: Child, now: float) -> None:
        """Kill a child that has stopped beating; before its first beat it holds no lease."""
        if child.process is None or child.beaten_at is None:
            return
        silent = now - child.beaten_at
        if silent > HANG_SECONDS:
            LOGGER.warning("child hangs, killed", role=child.role, silent_seconds=round(silent))
            child.process.kill()
            # A process that waits for a disk may be long in dying: it is told and tried again.
            child.beaten_at = now

    def _restart(self, child: Child, now: float) -> None:
        """Start it again; a machine without memory or processes may have some in a while."""
        try:
            self._start(child)
        except OSError as error:
            delay = self._back_off(child, now)
            LOGGER.warning(
                "child not started",
                role=child.role,
                error=error.strerror,
                restart_in_seconds=delay,
            )

    def _schedule(self, child: Child, now: float) -> None:
        assert child.process is not None  # noqa: S101 - narrows the type; the caller has looked
        code = child.process.returncode
        child.process = None
        # A role that ran for a while starts its backoff afresh.
        if now - child.started_at > 10 * BACKOFF_SECONDS[-1]:
            child.started = 1
        delay = self._back_off(child, now)
        LOGGER.warning("child died", role=child.role, exit=code, restart_in_seconds=delay)

    def _back_off(self, child: Child, now: float) -> float:
        delay = BACKOFF_SECONDS[min(child.started - 1, len(BACKOFF_SECONDS) - 1)]
        child.restart_at = now + delay
        return delay

    def _stop_children(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                LOGGER.warning("child did not stop in time", pid=process.pid)
                process.kill()
                process.wait()
        os.close(self._alive_read)
        os.close(self._alive_write)
        self._listener.close()
