"""A disk that is full: a clear answer, nothing lost, and it goes on when there is room.

Heap and write-ahead log lie on small disks of their own. A full heap fails a statement; a full log
takes the whole server down, and it cannot even recover until there is room.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import psycopg
import pytest

from infrastructure import postgres
from sijill.client import Client, Patience, Unreachable
from sijill.founding import found
from tests.faults.check import check
from tests.faults.disks import SmallDisk, on_small_disks, require_small_disks
from tests.faults.load import Load
from tests.faults.service import Service
from tests.processes import until
from tests.serving import ORIGIN, Agency, issuance

DISK_MEGABYTES = 160
FULL_SECONDS = 60.0


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the parts of a founded ledger lie that nobody serves yet."""
    require_small_disks()
    folder = tmp_path_factory.mktemp("disks") / "ledger"
    found(folder, ORIGIN)
    data = folder / "postgresql" / "data"
    tiles = folder / "log"
    tiles.mkdir()
    return {"ledger": folder, "heap": data / "base", "wal": data / "pg_wal", "tiles": tiles}


@pytest.fixture(scope="module")
def service(places: dict[str, Path]) -> Iterator[Service]:
    """Served with heap, write-ahead log and tiles on small disks."""
    disks = [places[name] for name in ("heap", "wal", "tiles")]
    prefix = on_small_disks(disks, megabytes=DISK_MEGABYTES)
    service = Service(places["ledger"], prefix=prefix)
    yield service
    service.close()


@pytest.fixture(scope="module")
def asker(service: Service) -> Agency:
    """An agency that is no part of the load."""
    return service.served.agency()


def answer(agency: Agency) -> str:
    """The code of the problem that a single try to issue meets; empty where it is recorded."""
    url = agency.served.url
    patience = Patience(tries=1)
    with Client(url, agency=agency.name, key=agency.key, patience=patience) as client:
        try:
            client.send(client.prepare("/v1/certificates", [issuance(agency.name)]))
        except Unreachable as unreachable:
            return str((unreachable.problem or {}).get("code", "silence"))
    return ""


def until_answered(agency: Agency, code: str) -> None:
    """Issue until this is the answer."""
    met: list[str] = []
    pause = threading.Event()
    deadline = time.monotonic() + FULL_SECONDS
    while time.monotonic() < deadline:
        met.append(answer(agency))
        if met[-1] == code:
            return
        pause.wait(0.05)
    raise AssertionError(f"{code!r} was never answered: {set(met)}")


def test_a_full_heap_refuses_orders_and_answers_questions(
    service: Service, load: Load, asker: Agency, places: dict[str, Path]
) -> None:
    disk = SmallDisk(places["heap"], service.served.process.pid)
    kept = asker.issue()
    service.served.settle()
    with load.running():
        load.progress(20)
        with disk.full():
            until_answered(asker, "storage_full")
            # Questions need no room.
            verdict = service.served.anybody().get(f"/v1/verify/{kept['code']}")
            assert verdict["outcome"] == "valid"
            told = [line for line in service.served.talk if '"code": "storage_full"' in line]
            assert told, "the log does not say why"
            assert 'code="storage_full"' in httpx2.get(f"{service.url}/metrics", timeout=60).text
        load.progress(20)
    check(service, load)


def test_a_full_write_ahead_log_stops_the_server_until_there_is_room(
    service: Service, load: Load, asker: Agency, places: dict[str, Path]
) -> None:
    disk = SmallDisk(places["wal"], service.served.process.pid)
    with load.running():
        load.progress(20)
        admin = postgres.connect(service.urls.admin, None, autocommit=True)
        with admin, disk.full():
            # What is written next goes into a segment that has no room.
            with suppress(psycopg.OperationalError):
                admin.execute("SELECT pg_switch_wal()")
            until_answered(asker, "store_unavailable")
            assert httpx2.get(f"{service.url}/readyz", timeout=60).status_code == 503
        load.progress(20)
    check(service, load)


def test_a_full_disk_for_tiles_stops_sealing_and_nothing_else(
    service: Service, load: Load, places: dict[str, Path]
) -> None:
    disk = SmallDisk(places["tiles"], service.served.process.pid)

    def stuck() -> bool:
        return any('"role": "sealer", "error": "OSError"' in line for line in service.served.talk)

    with load.running():
        with disk.full():
            until(stuck, "the sealer does not say what it lacks")
            load.progress(20)
        load.progress(20)
    check(service, load)
