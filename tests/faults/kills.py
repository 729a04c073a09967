"""Standing still at a fault point, in the one process that came there first, until it is killed."""

import os
import signal
import threading
import time

import psycopg

from infrastructure import faults, postgres
from tests.faults.service import Service

REACHED_SECONDS = 90.0
POLL_SECONDS = 0.02
# Every session of the service's login, with or without work; a new one takes the setting over.
_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE usename = 'sijill_app'"
_ARM = "ALTER ROLE sijill_app SET sijill.fault = '{}=pause'"
_DISARM = "ALTER ROLE sijill_app RESET sijill.fault"


def kill_at(service: Service, point: str) -> float:
    """Let something stand still at a fault point and kill it with SIGKILL; when that was.

    At a point of the append procedure that is the PostgreSQL backend, at the others the worker or
    the keeper. There must be load, or nobody comes by.

    Raises:
        AssertionError: nobody came there in `REACHED_SECONDS`.
    """
    pid = (
        _reach_append(service, point) if point in faults.APPEND_POINTS else stand_at(service, point)
    )
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def stand_at(service: Service, point: str) -> int:
    """Let a worker or the keeper stand still at a fault point; which process it is.

    Raises:
        AssertionError: nobody came there in `REACHED_SECONDS`.
    """
    aside = service.fault_file.with_suffix(".new")
    aside.write_text(f"{point}=pause")
    aside.replace(service.fault_file)
    pause = threading.Event()
    deadline = time.monotonic() + REACHED_SECONDS
    while time.monotonic() < deadline:
        for taken in service.fault_file.parent.glob(f"{service.fault_file.name}.[0-9]*"):
            taken.unlink()
            return int(taken.suffix[1:])
        pause.wait(POLL_SECONDS)
    service.fault_file.unlink(missing_ok=True)
    raise AssertionError(f"nobody came to {point} in {REACHED_SECONDS} s")


def _reach_append(service: Service, point: str) -> int:
    """Sessions take the setting over when they begin, so those that are there are ended."""
    admin_url = service.urls.admin
    postgres.wait_until_ready(admin_url)
    with postgres.connect(admin_url, None, autocommit=True) as admin:
        # A role's setting takes no parameter; the name is one of a fixed list.
        admin.execute(_ARM.format(point).encode())
        try:
            admin.execute(_SESSIONS.replace("pid", "pg_terminate_backend(pid)", 1).encode())
            return _asleep(admin, point)
        finally:
            admin.execute(_DISARM)


def _asleep(admin: psycopg.Connection, point: str) -> int:
    pause = threading.Event()
    deadline = time.monotonic() + REACHED_SECONDS
    while time.monotonic() < deadline:
        row = admin.execute(f"{_SESSIONS} AND wait_event = 'PgSleep'").fetchone()
        if row is not None:
            return int(row[0])
        pause.wait(POLL_SECONDS)
    raise AssertionError(f"nobody came to {point} in {REACHED_SECONDS} s")
