"""Which connection to a replica is believed: by what it holds, not by what it says of itself.

The primary stands in for its own replica here, and another database for one that is not its own;
`tests/api/test_replica.py` has a real standby.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from infrastructure import migrations, postgres
from infrastructure.log.reader import CHANNEL
from infrastructure.log.watch import Watch
from infrastructure.postgres import Role, Urls, connect_async
from projections import model, replica
from projections.replica import END, Replica, ReplicaSilent
from tests.appending import append_events
from tests.given_when_then import code, given, issue, linked
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio
NEVER = 3600.0


@asynccontextmanager
async def beside(
    primary: Urls, url: str, *, recent_seconds: float = 60, poll_seconds: float = 0.1
) -> AsyncIterator[tuple[Replica, Watch]]:
    log = Watch(primary.service, CHANNEL, END, role=Role.SERVICE, poll_seconds=poll_seconds)
    async with log:
        found = Replica(url, log, recent_seconds=recent_seconds)
        await found.open()
        try:
            yield found, log
        finally:
            await found.close()


def migrated(urls: Urls) -> None:
    migrations.upgrade(urls.admin)
    postgres.prepare(urls)


async def lent(found: Replica) -> int | None:
    """How many events the connection holds that is lent, None if none is."""
    try:
        async with found.lend() as one:
            return one.events
    except ReplicaSilent:
        return None


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question is asked; a loaded machine may take its time to connect."""
    monkeypatch.setattr(replica, "REST_SECONDS", 0.0)
    monkeypatch.setattr(replica, "WAIT_SECONDS", 30.0)


async def test_what_holds_the_end_of_the_log_is_lent(reading: Reading) -> None:
    size = append_events(reading.urls, 3, topic="sijill.ledger.clock_accepted.v1")
    await reading.keeper.execute("UPDATE read.model SET index = %s", (size - 1,))
    async with (
        beside(reading.urls, reading.urls.service) as (found, _),
        found.lend() as one,
    ):
        assert one.events == size
        assert 0 <= one.age_seconds < 60


async def test_an_answer_says_how_old_its_knowledge_may_be(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reading.follow(given(linked("moj"), issue("a")))
    async with beside(reading.urls, reading.urls.service) as (found, log):
        told = await found.codes.by_code(code("a"))
        assert told.facts is not None
        assert not told.basis.stale
        # It was last seen to keep up ten seconds ago, and knows nothing of that.
        looks = [replace(look, time=look.time - 10) for look in log.looks(60)]
        monkeypatch.setattr(log, "looks", lambda _: looks)
        assert 10 <= (await found.codes.by_code(code("a"))).basis.age_seconds < 60


async def test_an_answer_that_took_too_long_is_none(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reading.follow(given(linked("moj"), issue("a")))
    async with beside(reading.urls, reading.urls.service, recent_seconds=30) as (found, log):
        looks = [replace(look, time=look.time - 40) for look in log.looks(60)]
        monkeypatch.setattr(log, "looks", lambda _: looks)
        with pytest.raises(ReplicaSilent):
            await found.codes.by_code(code("a"))


async def test_what_has_not_applied_the_end_is_not(reading: Reading) -> None:
    append_events(reading.urls, 1)
    async with beside(reading.urls, reading.urls.service) as (found, _):
        assert await lent(found) is None


async def test_an_earlier_end_is_good_enough_while_it_is_recent(reading: Reading) -> None:
    first = append_events(reading.urls, 1)
    await reading.keeper.execute("UPDATE read.model SET index = %s", (first - 1,))
    async with beside(reading.urls, reading.urls.service) as (found, log):
        assert await lent(found) == first
        async with found.lend() as before:
            moment = before.moment
        append_events(reading.urls, 1)
        while len(log.looks(60)) < 2:
            await log.reach(first + 2, 0.05)
        async with found.lend() as one:
            assert one.events == first
            # It is not said to be as young as the second look.
            assert moment <= one.moment < log.looks(60)[-1].time


async def test_the_same_size_with_another_history_is_not_believed(
    reading: Reading, empty_database: Urls
) -> None:
    migrated(empty_database)
    for urls in (reading.urls, empty_database):
        append_events(urls, 2)
    async with await connect_async(empty_database.keeper, Role.KEEPER, autocommit=True) as keeper:
        assert await model.ensure(keeper)
        await keeper.execute("UPDATE read.model SET index = 1")
    async with beside(reading.urls, empty_database.service) as (found, _):
        assert await lent(found) is None


async def test_whoever_has_lost_sight_of_the_primary_believes_nobody(reading: Reading) -> None:
    size = append_events(reading.urls, 1)
    await reading.keeper.execute("UPDATE read.model SET index = %s", (size - 1,))
    async with beside(
        reading.urls, reading.urls.service, recent_seconds=0.3, poll_seconds=NEVER
    ) as (found, log):
        while log.looks(0.3):
            await log.reach(size + 1, 0.05)
        assert await lent(found) is None


async def test_a_server_with_another_clock_is_not_believed(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = append_events(reading.urls, 1)
    await reading.keeper.execute("UPDATE read.model SET index = %s", (size - 1,))
    async with beside(reading.urls, reading.urls.service) as (found, _):
        assert await lent(found) == size
        now = time.time_ns()
        monkeypatch.setattr("projections.replica.time.time_ns", lambda: now + 90 * 10**9)
        assert await lent(found) is None


async def test_a_replica_that_is_down_costs_no_more_than_a_moment(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "WAIT_SECONDS", 0.05)
    append_events(reading.urls, 1)
    async with beside(reading.urls, "postgresql://nobody@127.0.0.1:1/none") as (found, _):
        assert await lent(found) is None


async def test_a_replica_without_a_read_model_is_passed_over(
    reading: Reading, empty_database: Urls
) -> None:
    migrated(empty_database)
    append_events(reading.urls, 1)
    async with beside(reading.urls, empty_database.service) as (found, _):
        assert await lent(found) is None
