"""What many ask for at one moment is done once; and they share how it ends, whatever it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from api import status_lists
from api.flights import Flight
from api.problems import Problem
from api.shelves import Shelf, Shelves
from projections import freshness, status
from projections.freshness import STALE_MICROSECONDS, Status
from tests.clock import now_seconds

pytestmark = pytest.mark.anyio
MANY = 1_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Work:
    """Work that ends when the test says so, and how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.end = asyncio.Event()
        self.refusal: Problem | None = None

    async def __call__(self) -> int:
        self.begun += 1
        await self.end.wait()
        if self.refusal is not None:
            raise self.refusal
        return self.begun


async def crowd(flight: Flight[int], work: Work) -> list[Any]:
    """What each of many is told who ask before the work ends."""
    asking = [asyncio.create_task(flight.share(work)) for _ in range(MANY)]
    await asyncio.sleep(0)
    work.end.set()
    return await asyncio.gather(*asking, return_exceptions=True)


async def test_one_result_is_for_all_and_the_next_one_is_made_anew() -> None:
    flight, work = Flight[int](), Work()

    assert await crowd(flight, work) == [1] * MANY
    assert await flight.share(work) == 2


async def test_one_refusal_is_for_all_and_is_not_kept() -> None:
    flight, work = Flight[int](), Work()
    work.refusal = Problem("status_stale")

    told = await crowd(flight, work)

    assert {type(one) for one in told} == {Problem}
    assert work.begun == 1
    work.refusal = None
    assert await flight.share(work) == 2


async def test_who_leaves_takes_it_from_nobody() -> None:
    flight, work = Flight[int](), Work()
    first = asyncio.create_task(flight.share(work))
    second = asyncio.create_task(flight.share(work))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.end.set()

    assert await second == 1


async def test_a_status_list_is_made_once_for_all_who_ask_meanwhile() -> None:
    shelves, end, made = Shelves(), asyncio.Event(), []

    async def make(known: Shelf | None) -> Shelf:
        made.append(known)
        await end.wait()
        raise Problem("status_stale")

    asking = [asyncio.create_task(shelves.find(0, make)) for _ in range(MANY)]
    await asyncio.sleep(0)
    end.set()
    told = await asyncio.gather(*asking, return_exceptions=True)

    assert made == [None]
    assert {one.code for one in told if isinstance(one, Problem)} == {"status_stale"}


async def test_a_status_list_waits_for_no_read_model(monkeypatch: pytest.MonkeyPatch) -> None:
    now = now_seconds() * 1_000_000
    since = now - STALE_MICROSECONDS - 1

    async def behind(_: Any) -> Status:
        return Status(1, "", 3, since, 5, now, since, now)

    async def nothing(*_: Any, **__: Any) -> list[Any]:
        return []

    @asynccontextmanager
    async def connection(**_: Any) -> AsyncIterator[None]:
        yield None

    monkeypatch.setattr(freshness, "status", behind)
    monkeypatch.setattr(status, "listed", nothing)
    # It has nothing to wait on: whoever asks it for the read model's watch fails otherwise.
    services: Any = SimpleNamespace(pool=SimpleNamespace(connection=connection), missing=0)
    signer: Any = None

    with pytest.raises(Problem) as told:
        await Shelves().find(0, partial(status_lists._make, services, signer, 0))

    assert told.value.code == "status_stale"
