"""What the figures were taken on: without it they say nothing."""

import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from psycopg import Connection

from infrastructure import postgres

SETTINGS = (
    "server_version",
    "shared_buffers",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_compression",
    "min_wal_size",
    "max_wal_size",
    "checkpoint_timeout",
    "data_checksums",
    "max_connections",
    "autovacuum",
    "jit",
)
SYNCS = 30
BLOCK = bytes(8_192)


def describe(folder: Path, url: str) -> dict[str, Any]:
    """The host, the disk under `folder`, and the server behind `url`."""
    return {
        **host(),
        "filesystem": filesystem(folder),
        "sync_of_8_kib_ms": sync_ms(folder),
        "postgresql": settings(url),
    }


def host() -> dict[str, Any]:
    """Processors, memory, kernel, Python, and the load."""
    return {
        "load_before": [round(one, 2) for one in os.getloadavg()],
        "processors": os.cpu_count(),
        "processor": _after("/proc/cpuinfo", "model name"),
        "memory_bytes": memory_bytes(),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": sys.version.split()[0],
    }


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def filesystem(folder: Path) -> str:
    """The type of the file system that holds a folder; empty where the system does not say."""
    place = folder.resolve()
    found = (0, "")
    mounts = Path("/proc/self/mounts")
    for line in mounts.read_text().splitlines() if mounts.exists() else []:
        _, mounted, kind, *_ = line.split()
        if place.is_relative_to(mounted):
            found = max(found, (len(mounted), kind))
    return found[1]


def sync_ms(folder: Path) -> float:
    """How long the disk takes to make eight KiB durable: the median of some."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            file.write(BLOCK)
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    return round(1_000 * statistics.median(taken), 3)


def settings(url: str) -> dict[str, str]:
    """The server's settings that matter here, as it tells them."""
    with postgres.connect(url, None, autocommit=True) as connection:
        return _settings(connection)


def _settings(connection: Connection[Any]) -> dict[str, str]:
    rows = connection.execute(
        "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY (%s)",
        (list(SETTINGS),),
    )
    known = dict(rows.fetchall())
    return {name: known[name] for name in SETTINGS if name in known}


def _after(file: str, name: str) -> str:
    """The first value of a name in a file of `name: value` lines."""
    path = Path(file)
    for line in path.read_text().splitlines() if path.exists() else []:
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
