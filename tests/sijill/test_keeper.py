"""The keeper goes on, whatever ends its work."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from infrastructure import migrations, postgres
from infrastructure.keyfiles import create_private_key
from infrastructure.log.lease import Lease
from infrastructure.log.leaves import BrokenChain
from infrastructure.postgres import Role, Urls
from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.tiles import Tile
from sijill import keeper
from sijill.folder import Folder
from sijill.keeper import Keeper
from tests.appending import append_events
from tests.infrastructure.log.sealing import ORIGIN, SealedLog

pytestmark = pytest.mark.anyio
ONE_EVENT = "-c sijill.partition_size=1"


async def test_partitions_that_have_closed_are_handed_to_autovacuum(
    empty_database: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.upgrade(make_conninfo(empty_database.admin, options=ONE_EVENT))
    postgres.prepare(empty_database)
    append_events(empty_database, 1)
    monkeypatch.setattr(keeper, "connection_strings", lambda _: empty_database)
    kept = Keeper(tmp_path)
    running = asyncio.create_task(kept.run(lambda: None))
    async with (
        asyncio.timeout(20),
        await postgres.connect_async(
            empty_database.service, Role.SERVICE, autocommit=True
        ) as service,
    ):
        found: list[tuple[str]] = []
        while ("ledger.events_0",) not in found:
            rows = await service.execute(
                "SELECT part::text FROM ledger.closed_partitions() WHERE urged"
            )
            found = await rows.fetchall()
        kept.stop()
        await running


@pytest.mark.parametrize("error", [BrokenChain(0), LookupError("two rows to end, one ended")])
async def test_work_that_fails_in_an_unforeseen_way_is_tried_again(
    database: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(keeper, "connection_strings", lambda _: database)
    monkeypatch.setattr(keeper, "PAUSES_SECONDS", (0.01,))
    begun = {"sealer": 0, "follower": 0}
    again = asyncio.Event()

    def work(role: str) -> Any:
        async def fails(_self: Keeper, _lease: Lease, _conn: Any) -> None:
            begun[role] += 1
            if min(begun.values()) > 1:
                again.set()
            raise error

        return fails

    monkeypatch.setattr(Keeper, "_seal", work("sealer"))
    monkeypatch.setattr(Keeper, "_follow", work("follower"))
    kept = Keeper(tmp_path)
    running = asyncio.create_task(kept.run(lambda: None))
    async with asyncio.timeout(20):
        await again.wait()
        kept.stop()
        await running


async def test_the_keeper_that_stands_by_has_the_tiles_before_it_seals(
    database: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "connection_strings", lambda _: database)
    host = Folder(tmp_path / "standing-by")
    host.keys.mkdir(parents=True)
    create_private_key(host.key("log"))
    host.mark.create(Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT))
    (tmp_path / "sealing").mkdir()
    other = SealedLog(database, tmp_path / "sealing").create()
    append_events(database, 300)
    async with other.sealer(*host.log_keys(ORIGIN)) as sealer:
        await sealer.seal_once()
        kept = Keeper(host.path)
        running = asyncio.create_task(kept.run(lambda: None))
        async with asyncio.timeout(20):
            while not host.tiles.has(Tile(0, 0)):
                await asyncio.wait([running], timeout=0.05)
            kept.stop()
            await running
    assert host.tiles.read(Tile(0, 0)) == other.store.read(Tile(0, 0))
