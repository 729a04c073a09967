"""Sweeping uploads: what is over goes, unless this database may lack what would name it."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from psycopg_pool import AsyncConnectionPool

from api import sweeping
from api.services import Services
from infrastructure import postgres
from infrastructure.attachments import records, sealing
from infrastructure.attachments.owner import NAME, Owner
from infrastructure.attachments.records import Attachment
from infrastructure.attachments.stores import FolderStore, ObjectStoreUnavailable, Storage
from infrastructure.log.clocks import SureTime
from infrastructure.log.committer import now_us
from infrastructure.log.refusals import LogBehind
from infrastructure.postgres import Role, Urls
from tests.appending import append_events

pytestmark = pytest.mark.anyio
LEDGER = bytes(32)
SIZE = 3
FAR_AWAY_US = 1 << 60
YEAR_US = 365 * 86_400_000_000


@dataclass
class Lacking:
    """What sweeping asks of a process: `missing` events that were seen or signed are not there."""

    pool: AsyncConnectionPool[Any]
    storage: Storage
    size: int = SIZE
    missing: int = 0
    ledger_id: bytes = LEDGER
    sure: SureTime = field(default_factory=SureTime)


@pytest.fixture
def objects(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
async def process(database: Urls, objects: FolderStore) -> AsyncIterator[Lacking]:
    append_events(database, SIZE)
    pool = postgres.async_pool(database.service, Role.SERVICE, size=1, autocommit=True)
    await pool.open(wait=True)
    async with pool:
        yield Lacking(pool, Storage(objects, 1 << 20, 1 << 30))


async def forgotten(process: Lacking) -> str:
    """An upload whose time is over; the name of its only object."""
    return (await uploaded(process))[1]


async def uploaded(process: Lacking, data: bytes = b"sealed", expires: int = 1) -> tuple[UUID, str]:
    """An upload, over unless told otherwise: its id, and the name of its only object."""
    upload = Attachment(
        id=uuid.uuid4(), agency="moh", size=3, digest=bytes(32), created=0, expires=expires
    )
    name = sealing.name_of(data)
    process.storage.objects.put(name.hex(), data)
    async with process.pool.connection() as connection:
        assert await records.begin(connection, upload, b"wrapped", 1 << 30)
        await records.put_chunk(connection, upload.id, 0, name)
    return upload.id, name.hex()


async def swept(process: Lacking) -> int:
    return len(await sweeping.sweep(cast("Services", process)))


async def test_what_is_over_goes_and_the_store_is_told_how_long_the_log_is(
    process: Lacking, objects: FolderStore
) -> None:
    name = await forgotten(process)

    assert await swept(process) == 1

    assert objects.get(name) is None
    assert objects.get(NAME) == Owner(LEDGER, SIZE).encode()


async def test_a_database_that_lost_its_end_takes_nothing_away(
    process: Lacking, objects: FolderStore
) -> None:
    name = await forgotten(process)
    # The watch has noticed, or another server answers and it has not.
    for size, missing in ((SIZE, 1), (SIZE + 1, 0)):
        process.size, process.missing = size, missing
        with pytest.raises(LogBehind):
            await swept(process)
    assert objects.get(name) is not None

    # It is found and restored: the upload was not given up meanwhile.
    process.size, process.missing = SIZE, 0
    assert await swept(process) == 1


@pytest.mark.parametrize(
    "owner,error",
    [(Owner(LEDGER, SIZE + 1), LogBehind), (Owner(bytes([1]) * 32, 1), ObjectStoreUnavailable)],
)
async def test_a_store_that_served_more_or_another_ledger_keeps_all(
    process: Lacking, objects: FolderStore, owner: Owner, error: type[Exception]
) -> None:
    name = await forgotten(process)
    objects.put(NAME, owner.encode())

    with pytest.raises(error):
        await swept(process)

    assert objects.get(name) is not None
    assert objects.get(NAME) == owner.encode()


async def test_nobody_waits_for_a_connection_while_the_store_is_waited_for(
    process: Lacking, objects: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forgotten(process)
    free: list[int] = []

    def slow(_name: str) -> None:
        free.append(process.pool.get_stats()["pool_available"])

    monkeypatch.setattr(objects, "delete", slow)

    assert await swept(process) == 1
    assert free == [1]


async def test_an_agency_that_drops_its_upload_does_not_wait_for_what_others_left(
    process: Lacking, objects: FolderStore
) -> None:
    over = await forgotten(process)
    mine, name = await uploaded(process, b"mine", expires=FAR_AWAY_US)

    await sweeping.drop(cast("Services", process), mine)

    assert objects.get(name) is None
    assert objects.get(over) is not None
    assert await swept(process) == 1
    assert objects.get(over) is None


async def test_a_clock_that_stepped_ahead_ends_no_upload_but_the_one_that_is_dropped(
    process: Lacking, objects: FolderStore
) -> None:
    held, name = await uploaded(process, expires=now_us() + YEAR_US // 2)
    process.sure = SureTime(lambda: now_us() + YEAR_US)

    assert await swept(process) == 0
    assert objects.get(name) is not None

    await sweeping.drop(cast("Services", process), held)
    assert objects.get(name) is None
