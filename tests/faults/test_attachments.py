"""Uploads under faults: killed servers, a store that is away, a full disk; memory stays flat."""

import hashlib
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure import keyfiles
from sijill.client import Client, Patience, Unreachable
from sijill.client.attachments import PATH, Attachments, OnBytes
from sijill.founding import found
from tests.api.test_attachments import issue_with, made
from tests.faults.disks import SmallDisk, on_small_disks, require_small_disks
from tests.faults.service import Kind, Service
from tests.object_store import ObjectStoreStandIn, standing_in
from tests.processes import children, peak_kib, telling_its_peak
from tests.serving import ORIGIN, Agency, Served, serving

CHUNK = 1 << 20
LARGE = 50 * CHUNK
# Less than half of the file: whoever held it whole would be over it at once.
FLAT_KIB = 24 * 1024
LITTLE = Patience(tries=1)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service.founded(tmp_path / "killed", workers=2, synced=False) as service:
        yield service


@pytest.mark.parametrize("kind", [Kind.WORKER, Kind.SUPERVISOR])
def test_a_killed_server_loses_no_chunk_that_it_acknowledged(
    service: Service, kind: Kind, tmp_path: Path
) -> None:
    agency = service.served.agency()
    path, digest = made(tmp_path, 8 * CHUNK)
    acknowledged: list[int] = []
    reached = threading.Event()

    def count(size: int) -> None:
        acknowledged.append(size)
        if len(acknowledged) == 3:
            reached.set()
        if len(acknowledged) > 3:
            killed.wait(120)

    killed = threading.Event()
    client = Client(service.url, agency=agency.name, key=agency.key, state=tmp_path / "state")
    with client:
        sending = threading.Thread(target=lambda: _until_sent(client, path, count))
        sending.start()
        assert reached.wait(120)
        service.kill(kind, random.Random(4))
        before = len(acknowledged)
        killed.set()
        sending.join(240)
        # Sent again were at most the chunk under way, whose acknowledgement nobody read.
        assert 8 <= len(acknowledged) <= 9
        assert before >= 3
        stands = Attachments(client).upload(path)
        files = Attachments(client)
        issue_with(Agency(service.served, agency.name, agency.key), digest)
        files.download(stands["attachment"], tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def _until_sent(client: Client, path: Path, count: OnBytes) -> None:
    while True:
        try:
            Attachments(client).upload(path, count)
        except Unreachable:
            continue
        return


@pytest.fixture
def store() -> Iterator[ObjectStoreStandIn]:
    with standing_in() as store:
        yield store


def test_a_store_that_is_away_stops_uploads_and_nothing_else(
    store: ObjectStoreStandIn, tmp_path: Path
) -> None:
    found(tmp_path / "ledger", ORIGIN)
    with serving(tmp_path / "ledger", environment=store.environment) as served:
        agency = served.agency()
        path, digest = made(tmp_path, 2 * CHUNK)
        with _impatient(agency, tmp_path) as client:
            files = Attachments(client)
            store.broken = True
            assert _not_now(files, path) == "attachment_store_unavailable"
            agency.issue()

            store.broken = False
            name = files.upload(path)["attachment"]
            # One object says whose the store is.
            assert len([one for one in store.objects if not one.endswith("/ledger")]) == 2
            issue_with(agency, digest)
            store.broken = True
            with pytest.raises(Unreachable, match="attachment_store_unavailable"):
                files.download(name, tmp_path / "copy")
            store.broken = False
            files.download(name, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert not (tmp_path / "ledger" / "attachments").exists()


def test_a_full_disk_stops_uploads_until_there_is_room(tmp_path: Path) -> None:
    require_small_disks()
    folder = tmp_path / "ledger"
    found(folder, ORIGIN)
    place = folder / "attachments"
    place.mkdir()
    with serving(folder, prefix=on_small_disks([place], megabytes=16)) as served:
        agency = served.agency()
        path, _ = made(tmp_path, 4 * CHUNK)
        disk = SmallDisk(place, served.process.pid)
        with _impatient(agency, tmp_path) as client:
            files = Attachments(client)
            with disk.full():
                assert _not_now(files, path) == "storage_full"
                agency.issue()
            assert files.upload(path)["state"] == "complete"


def _impatient(agency: Agency, folder: Path) -> Client:
    return Client(
        agency.served.url,
        agency=agency.name,
        key=agency.key,
        state=folder / "state",
        patience=LITTLE,
    )


def _not_now(files: Attachments, path: Path) -> str:
    """The code of the problem that an upload meets for now."""
    with pytest.raises(Unreachable) as unreachable:
        files.upload(path)
    return str((unreachable.value.problem or {}).get("code"))


def test_fifty_megabytes_leave_the_memory_of_both_sides_flat(tmp_path: Path) -> None:
    found(tmp_path / "ledger", ORIGIN)
    with serving(tmp_path / "ledger", workers=1) as served:
        agency = served.agency()
        keyfiles.create_private_key(tmp_path / "agency.pem", agency.key)
        small = _journey(served, agency, tmp_path, "small", 1)
        large = _journey(served, agency, tmp_path, "large", LARGE)
    assert large[0] - small[0] < FLAT_KIB, "the server"
    assert large[1] - small[1] < FLAT_KIB, "the client"


def _journey(served: Served, agency: Agency, folder: Path, name: str, size: int) -> tuple[int, int]:
    """Peak memory of the worker and of the client, KiB, of a file that goes up and comes down."""
    [worker] = [pid for pid, role in children(served.process.pid).items() if role == "worker"]
    Path(f"/proc/{worker}/clear_refs").write_text("5")
    path = folder / name
    with path.open("wb") as file:
        file.write(name.encode())
        file.truncate(size + len(name))
    up = _peak_of(served, folder, "upload", str(path))
    with path.open("rb") as file:
        code = issue_with(agency, hashlib.file_digest(file, "sha256").hexdigest())
    [found] = agency.client.get(PATH, code=code)["items"]
    copy = folder / "copy"
    down = _peak_of(served, folder, "download", found["attachment"], "--into", str(copy))
    assert copy.stat().st_size == path.stat().st_size
    return peak_kib(worker), max(up, down)


def _peak_of(served: Served, folder: Path, *words: str) -> int:
    """The peak memory of one command of the client, in KiB."""
    options = ["--url", served.url, "--key", str(folder / "agency.pem"), "--output", "json"]
    done = subprocess.run(
        telling_its_peak("attachment", *words, *options),
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.splitlines()[-1])
