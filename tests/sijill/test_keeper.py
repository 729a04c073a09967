"""The keeper goes on, whatever ends its work."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from infrastructure.log.lease import Lease
from infrastructure.log.leaves import BrokenChain
from infrastructure.postgres import Urls
from sijill import keeper
from sijill.keeper import Keeper

pytestmark = pytest.mark.anyio


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
