"""What was read from the log is answered with only where the log that records has it too."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from infrastructure.log.batch import Appended
from infrastructure.log.committer import Committer
from infrastructure.log.ending import Place
from infrastructure.log.refusals import LogBehind, StoreUnavailable
from infrastructure.postgres import Urls
from tests.infrastructure.log.cutting import cuttable
from tests.infrastructure.log.making import a_request, done

pytestmark = pytest.mark.anyio


@pytest.fixture
def places(service: Connection[Any]) -> list[Place]:
    """Three events that another process has recorded."""
    return [place(answer) for answer in done(service, *(a_request() for _ in range(3)))]


def place(answer: Appended) -> Place:
    return answer.index, answer.leaf_hashes[0]


async def test_an_event_that_the_primary_has_is_confirmed(
    database: Urls, places: list[Place]
) -> None:
    async with Committer(database.service) as committer:
        await committer.confirm(places)
        await committer.confirm(places[1:2])


async def test_an_event_that_only_the_old_primary_had_is_not_confirmed(
    database: Urls, places: list[Place]
) -> None:
    """A standby was promoted that lacks it, or that has recorded something else since."""
    (last, leaf_hash), other = places[-1], bytes(32)
    async with Committer(database.service) as committer:
        for lost in ((last + 1, leaf_hash), (last, other), (0, leaf_hash)):
            with pytest.raises(StoreUnavailable) as refused:
                await committer.confirm([*places, lost])
            # Nobody was told of it, so nothing of what the log promised is missing.
            assert not isinstance(refused.value, LogBehind)


async def test_whoever_asks_at_the_same_time_is_answered_for_itself(
    database: Urls, places: list[Place]
) -> None:
    async with Committer(database.service) as committer:
        answers = await asyncio.gather(
            committer.confirm(places[:1]),
            committer.confirm([(7, bytes(32))]),
            committer.confirm(places),
            return_exceptions=True,
        )
    assert [type(answer) for answer in answers] == [type(None), StoreUnavailable, type(None)]


@pytest.mark.parametrize("first", ["an append", "a confirmation"])
async def test_who_waits_beside_one_that_is_given_up_is_given_up_with_it(
    database: Urls, tmp_path: Path, first: str
) -> None:
    """A time of its own for each would keep whoever came second for two of them."""
    async with (
        cuttable(database.service, tmp_path) as (url, wire),
        Committer(url, give_up_seconds=1) as committer,
    ):
        wire.refusing = True
        wire.cut()
        works = [committer.submit(a_request()), committer.confirm([])]
        if first == "a confirmation":
            works.reverse()
        tasks: list[asyncio.Task[Any]] = []
        for work in works:
            tasks.append(asyncio.ensure_future(work))
            await turns()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await turns()
        assert [task.done() for task in tasks] == [True, True]
        assert [type(task.exception()) for task in tasks] == [StoreUnavailable] * 2


async def turns() -> None:
    """Lets whoever can go on go on, without any time passing."""
    for _ in range(5):
        await asyncio.sleep(0)
