"""What is measured, and where: databases of the benchmark's own, and a ledger really served.

Nothing is founded or measured on a server that the environment names: that one is somebody's.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg

from infrastructure import migrations, postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.postgres import Urls
from sijill.bench.machine import memory_bytes
from sijill.demo import served
from sijill.demo.cast import Cast, enrol_officers, founders, register
from sijill.founding import found
from sijill.settings import EXTERNAL, Settings

ORIGIN = "bench.sijill.example/ledger"
AGENCY = "health"
LARGEST_BUFFERS_MB = 8_192
SMALLEST_BUFFERS_MB = 128
SMALLEST_WAL_GB = 4
LARGEST_WAL_GB = 16
SEGMENTS = 64
"""As many segments of the write-ahead log as `min_wal_size` keeps for use again."""


class DiskTooSmall(Exception):
    """What is asked for would not fit on the disk; `params` has the numbers."""

    code = "bench_disk_too_small"

    def __init__(self, *, folder: Path, needed: int, free: int) -> None:
        super().__init__()
        self.params = {
            "path": str(folder),
            "needed": f"{needed / 1e9:.1f}",
            "free": f"{free / 1e9:.1f}",
        }


def buffers() -> str:
    """PostgreSQL's own cache: a quarter of the memory, as its documentation advises, bounded."""
    quarter = memory_bytes() // 4 // 2**20
    return f"{max(SMALLEST_BUFFERS_MB, min(quarter, LARGEST_BUFFERS_MB))}MB"


def wal_gigabytes(folder: Path) -> int:
    """How much write-ahead log comes between checkpoints: a quarter of the free disk, bounded.

    Indexes by random keys touch nearly every page between two checkpoints, and the first touch of
    each takes the whole page along; so the fewer checkpoints, the less there is to write.
    """
    quarter = shutil.disk_usage(folder).free // 4 // 10**9
    return max(SMALLEST_WAL_GB, min(quarter, LARGEST_WAL_GB))


def wal_room(folder: Path) -> int:
    """What the write-ahead log may take beside a database, with what is on its way, in bytes."""
    return (wal_gigabytes(folder) * 9 // 8 + 1) * 10**9


def require_room(folder: Path, needed: int) -> int:
    """Return how many bytes are free under `folder`.

    Raises:
        DiskTooSmall: fewer than are needed.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskTooSmall(folder=folder, needed=needed, free=free)
    return free


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """A folder that is gone afterwards, also where the benchmark is asked to stop by a signal."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="sijill-bench-", dir=parent) as folder:
            yield Path(folder)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def scratch_server(folder: Path) -> Iterator[EmbeddedServer]:
    """A PostgreSQL of the benchmark's own, with the settings that a served ledger has."""
    own = {"shared_buffers": buffers(), "max_wal_size": f"{wal_gigabytes(folder)}GB"}
    server = EmbeddedServer(folder / "pg", settings=own)
    server.start()
    try:
        go_round(server.create_database("bench_segments").admin)
        yield server
    finally:
        server.stop()


def go_round(url: str) -> None:
    """Let the write-ahead log come back to its first segments, as it has on a server of some age.

    A young one makes each segment anew, 16 MB of zeroes made durable while everybody waits.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(SEGMENTS):
            # A segment that nothing was written into is not left.
            connection.execute("SELECT pg_logical_emit_message(false, 'sijill', '')")
            connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")


def ledger_database(server: EmbeddedServer, name: str, *, template: str = "template0") -> Urls:
    """A database with the log's and the vault's tables, empty unless made from another one."""
    urls = server.create_database(name, template=template)
    if template == "template0":
        migrations.upgrade(urls.admin)
    # What a database grants to roles is not copied from its template.
    postgres.prepare(urls)
    return urls


@dataclass(frozen=True, slots=True)
class Office:
    """An agency that may issue on a served ledger, and all that a process needs to sign for it."""

    agency: str
    ledger: bytes
    key: Path


@dataclass(frozen=True, slots=True)
class Served:
    """A ledger that is served: its address, its folder, its supervisor's process, its office."""

    url: str
    folder: Path
    pid: int
    workers: int
    office: Office

    @property
    def urls(self) -> Urls:
        """The connection strings of its database."""
        return Settings(data=self.folder).embedded().urls()

    def enrol(self, *agencies: str) -> list[Office]:
        """More offices, of bodies that the catalogue knows."""
        return [_enrol(self.url, self.folder, agency) for agency in agencies]


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set variables for children, and forget the server that the environment names."""
    before = dict(os.environ)
    for name in EXTERNAL:
        os.environ.pop(name, None)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(slots=True)
class Ledger:
    """A ledger of the benchmark's own, served as often as is asked for."""

    folder: Path
    _office: Office | None = None

    @contextmanager
    def serving(self, workers: int) -> Iterator[Served]:
        """Serve it as an operator would; its office is enrolled the first time."""
        with served(self.folder, 0, workers=workers) as (url, process):
            if self._office is None:
                go_round(Settings(data=self.folder).embedded().urls().admin)
                self._office = _enrol(url, self.folder, AGENCY)
            yield Served(url, self.folder, process.pid, workers, self._office)


@contextmanager
def founded(parent: Path) -> Iterator[Ledger]:
    """Found a ledger, with PostgreSQL's cache and its log as large as the machine bears."""
    own = {
        "SIJILL_PG_SHARED_BUFFERS": buffers(),
        "SIJILL_PG_MAX_WAL_SIZE": f"{wal_gigabytes(parent)}GB",
    }
    with environment(**own):
        found(parent / "ledger", ORIGIN)
        yield Ledger(parent / "ledger")


def _enrol(url: str, data: Path, agency: str) -> Office:
    """Register and link an agency, and enrol its first key, by the real ceremonies."""
    operator, authority = founders(url, data)
    cast = Cast(operator, authority, {})
    register(operator, agency)
    [officer] = enrol_officers(cast, url, data, agency, 1)
    office = Office(agency, officer.identity.ledger, data / "clients" / f"{agency}-officer-1.pem")
    cast.close()
    officer.close()
    return office
