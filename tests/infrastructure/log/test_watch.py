import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from infrastructure.log.committer import append
from infrastructure.log.watch import Watch
from infrastructure.postgres import Urls
from tests.infrastructure.log.making import a_request

pytestmark = pytest.mark.anyio

SIZE = "SELECT size FROM ledger.head"
NEVER = 3600.0


async def test_a_notification_wakes_without_a_poll(
    database: Urls, service: Connection[Any]
) -> None:
    async with Watch(database.service, "sijill_log", SIZE, poll_seconds=NEVER) as watch:
        for size in (1, 2, 3):
            waiting = asyncio.create_task(watch.reach(size, 30))
            await asyncio.to_thread(append, service, [a_request()])
            assert await waiting
            assert watch.position == size


async def test_what_grew_before_the_watch_began_is_known(
    database: Urls, service: Connection[Any]
) -> None:
    append(service, [a_request()])
    async with Watch(database.service, "sijill_log", SIZE, poll_seconds=NEVER) as watch:
        assert watch.position == 1
        assert await watch.reach(1, 0)


async def test_a_notification_alone_proves_nothing(
    database: Urls, service: Connection[Any]
) -> None:
    async with Watch(database.service, "sijill_log", SIZE, poll_seconds=NEVER) as watch:
        service.execute("SELECT pg_notify('sijill_log', '1000')")
        assert not await watch.reach(1, 0.1)
        assert watch.position == 0


async def test_a_lost_notification_costs_a_poll(database: Urls, service: Connection[Any]) -> None:
    async with Watch(database.service, "silent", SIZE, poll_seconds=0.05) as watch:
        waiting = asyncio.create_task(watch.reach(1, 30))
        await asyncio.to_thread(append, service, [a_request()])
        assert await waiting


async def test_a_lost_connection_is_replaced(
    database: Urls, service: Connection[Any], admin: Connection[Any]
) -> None:
    async with Watch(database.service, "sijill_log", SIZE, poll_seconds=NEVER) as watch:
        waiting = asyncio.create_task(watch.reach(1, 30))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            (service.info.backend_pid,),
        )
        await asyncio.to_thread(append, service, [a_request()])
        assert await waiting


async def test_after_a_fail_over_the_number_is_what_the_server_has_now(
    database: Urls, admin: Connection[Any]
) -> None:
    """A number that cannot fall would tell whoever waits for the next event at once, for ever."""
    admin.execute("CREATE TABLE log (size bigint); INSERT INTO log VALUES (9)")
    query = "SELECT size FROM log, pg_notify('looked', '')"

    def looked() -> None:
        assert list(admin.notifies(timeout=30, stop_after=1))

    async with Watch(database.admin, "sijill_log", query, poll_seconds=NEVER) as watch:
        assert watch.position == 9
        admin.execute("LISTEN looked; UPDATE log SET size = 5")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await asyncio.to_thread(looked)
        # It looks once more only when it has seen what it found the first time.
        admin.execute("NOTIFY sijill_log")
        await asyncio.to_thread(looked)
        assert (watch.position, watch.lost, watch.falls) == (5, 4, 1)
        waiting = asyncio.create_task(watch.reach(6, 30))
        admin.execute("UPDATE log SET size = 6; NOTIFY sijill_log")
        assert await waiting
        assert (watch.position, watch.lost, watch.falls) == (6, 3, 1)


async def test_who_made_it_grow_need_not_wait_for_the_notice(database: Urls) -> None:
    async with Watch(database.service, "silent", SIZE, poll_seconds=NEVER) as watch:
        waiting = asyncio.create_task(watch.reach(3, 30))
        await asyncio.sleep(0)
        watch.heard(3)
        assert await waiting
        watch.heard(2)
        assert watch.position == 3


async def test_closing_tells_everybody_who_waits(database: Urls) -> None:
    async with Watch(database.service, "sijill_log", SIZE) as watch:
        waiting = [asyncio.create_task(watch.reach(size, 30)) for size in (1, 2)]
        left = asyncio.create_task(watch.reach(1, 30))
        await asyncio.sleep(0)
        left.cancel()
    assert await asyncio.gather(*waiting) == [False, False]
    assert not await watch.reach(1, 30)


async def test_a_query_that_does_not_work_is_said_at_once(database: Urls) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with Watch(database.service, "sijill_log", "SELECT size FROM nothing"):
            pass


async def test_what_was_read_is_kept_for_a_while_with_its_mark(
    database: Urls, service: Connection[Any]
) -> None:
    end = "SELECT size, leaf_hash FROM ledger.head"
    append(service, [a_request()])
    async with Watch(database.service, "sijill_log", end, poll_seconds=0.1) as watch:
        [first] = watch.looks(60)
        assert first.position == 1
        append(service, [a_request()])
        while len(watch.looks(60)) < 2:
            await watch.reach(3, 0.05)
        [before, after] = watch.looks(60)
        assert (before.position, before.mark) == (1, first.mark)
        row = service.execute(end).fetchone()
        assert (after.position, after.mark) == row
        assert first.time <= before.time < after.time
        # What is only heard was not read.
        watch.heard(7)
        assert watch.looks(60)[-1].position == 2
        assert watch.looks(0) == []
