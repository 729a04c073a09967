"""Questions after codes share statements, and nothing else: neither fate nor anybody's answer."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import psycopg
import pytest

from infrastructure.postgres import Role, async_pool
from projections.certificates import Gathering, asking
from projections.certificates.gathering import CODES_TOGETHER, READERS
from tests.given_when_then import code, given, issue, linked
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gathering(reading: Reading) -> AsyncIterator[Gathering]:
    pool = async_pool(reading.urls.service, Role.SERVICE, size=READERS, autocommit=True)
    async with pool:
        yield Gathering(asking(pool, wait_seconds=5))


async def test_each_question_of_many_has_its_own_answer(
    reading: Reading, gathering: Gathering
) -> None:
    await reading.follow(given(linked("moj"), issue("a"), issue("b")))
    names = ["a", "nobody", "b", "a"] * CODES_TOGETHER

    found = await asyncio.gather(*(gathering.by_code(code(name)) for name in names))

    for name, one in zip(names, found, strict=True):
        assert (one.code.code if one.code else None) == (None if name == "nobody" else code(name))


async def test_an_answer_is_of_a_moment_after_its_question(
    reading: Reading, gathering: Gathering
) -> None:
    scenario = given(linked("moj"), issue("a"))
    before = await reading.follow(scenario)
    assert (await gathering.by_code(code("a"))).basis.index == before

    after = await reading.follow(given(linked("moj"), issue("a"), issue("b")))

    assert (await gathering.by_code(code("b"))).basis.index == after


async def test_who_goes_away_takes_nobody_along(reading: Reading, gathering: Gathering) -> None:
    await reading.follow(given(linked("moj"), issue("a")))
    gone = asyncio.create_task(gathering.by_code(code("a")))
    stays = asyncio.create_task(gathering.by_code(code("a")))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await stays).code is not None
    assert gone.cancelled()


async def test_who_asks_in_the_turn_in_which_the_last_reader_ends_is_answered() -> None:
    asked: asyncio.Queue[Collection[str]] = asyncio.Queue()
    found: Any = object()
    let_go = asyncio.Event()

    async def ask(codes: Collection[str]) -> Mapping[str, Any]:
        asked.put_nowait(codes)
        await let_go.wait()
        return dict.fromkeys(codes, found)

    gathering = Gathering(ask)
    waiting = []
    for reader in range(READERS):
        waiting.append(asyncio.create_task(gathering.by_code(f"{reader}")))
        await asked.get()

    # The readers go on in the next turn, in which this one comes behind them.
    let_go.set()
    waiting.append(asyncio.create_task(gathering.by_code("last")))

    async with asyncio.timeout(30):
        assert await asyncio.gather(*waiting) == [found] * 3


async def test_everybody_is_told_that_the_database_cannot_be_asked(reading: Reading) -> None:
    pool = async_pool(reading.urls.service, Role.SERVICE, size=1, autocommit=True)
    async with pool:
        gathering = Gathering(asking(pool, wait_seconds=0.05))
        async with pool.connection():
            told = await asyncio.gather(
                *(gathering.by_code(code("a")) for _ in range(3)), return_exceptions=True
            )
        assert [isinstance(one, psycopg.OperationalError) for one in told] == [True] * 3

        # Nothing of it stays behind.
        assert (await gathering.by_code(code("a"))).code is None


async def test_without_a_read_model_there_is_no_answer(reading: Reading) -> None:
    await reading.keeper.execute("DROP SCHEMA read CASCADE")
    async with async_pool(reading.urls.service, Role.SERVICE, size=1, autocommit=True) as pool:
        with pytest.raises(LookupError):
            await Gathering(asking(pool, wait_seconds=5)).by_code(code("a"))
