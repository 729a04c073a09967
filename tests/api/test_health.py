"""What an operator's machines are told while events are recorded and nothing is sealed."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api import health
from infrastructure import telemetry
from infrastructure.log.checkpoints import LATE_SECONDS
from infrastructure.postgres import Role, Urls, async_pool, connect, connect_async
from projections import model
from tests.appending import append_events
from tests.infrastructure.log.sealing import SealedLog

pytestmark = pytest.mark.anyio
WATCH: Any = SimpleNamespace(position=0)
AGO_US = (LATE_SECONDS + 20) * 1_000_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def services(database: Urls) -> AsyncIterator[Any]:
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as keeper:
        assert await model.ensure(keeper)
    async with async_pool(database.service, Role.SERVICE, size=2, autocommit=True) as pool:
        yield SimpleNamespace(pool=pool, missing=0, size=0, sealed=WATCH, applied=WATCH)


def aged(urls: Urls, index: int) -> None:
    """An event is waiting for people now, by the database's clock."""
    with connect(urls.admin, None, autocommit=True) as admin:
        for table in ("ledger.events", "ledger.events_0"):
            admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        admin.execute("UPDATE ledger.events SET time = time - %s WHERE index = %s", (AGO_US, index))


async def line(services: Any, check: str) -> str:
    body = bytes((await health.readyz(services)).body).decode()
    [found] = [one for one in body.splitlines() if one[3:].startswith(check)]
    return found


async def age(services: Any) -> float:
    await health.metrics(services)
    [metric] = telemetry.CHECKPOINT_AGE.collect()
    [sample] = metric.samples
    return sample.value


async def test_what_nobody_seals_is_late_though_events_go_on_being_recorded(
    database: Urls, services: Any
) -> None:
    append_events(database, 1)
    aged(database, 0)
    append_events(database, 1)

    assert await line(services, "checkpoint") == "[-]checkpoint 2 events without a checkpoint"
    assert await age(services) >= AGO_US // 1_000_000


async def test_what_was_sealed_long_ago_makes_nothing_late(
    database: Urls, services: Any, tmp_path: Path
) -> None:
    append_events(database, 1)
    await SealedLog(database, tmp_path).create().seal()
    aged(database, 0)
    assert await age(services) == 0
    append_events(database, 1)

    assert await line(services, "checkpoint") == "[+]checkpoint ok"
    aged(database, 1)
    assert await line(services, "checkpoint") == "[-]checkpoint 1 events without a checkpoint"


async def test_a_read_model_of_another_release_is_none_and_hides_nothing_else(
    database: Urls, services: Any
) -> None:
    append_events(database, 1)
    assert await line(services, "projection") == "[+]projection ok"
    with connect(database.keeper, Role.KEEPER, autocommit=True) as keeper:
        keeper.execute("UPDATE read.model SET fingerprint = 'other'")

    said = "[-]projection the read model was made by the rules of another release"
    assert await line(services, "projection") == said
    assert await line(services, "checkpoint") == "[+]checkpoint ok"
