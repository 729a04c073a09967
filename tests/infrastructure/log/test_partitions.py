import asyncio
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from infrastructure import postgres
from infrastructure.log.batch import Appended
from infrastructure.log.committer import Committer, append
from infrastructure.log.reader import load_events
from infrastructure.postgres import Role, Urls, connect
from tests.infrastructure.log.conftest import WIDTH
from tests.infrastructure.log.making import a_request


def partitions(conn: Connection[Any], parent: str = "ledger.events") -> int:
    cursor = conn.execute("SELECT FROM pg_inherits WHERE inhparent = %s::regclass", (parent,))
    return cursor.rowcount


def test_a_batch_crosses_the_boundary(narrow: Urls) -> None:
    with connect(narrow.service, Role.SERVICE, autocommit=True) as conn:
        assert partitions(conn) == 2
        answers = append(conn, [a_request() for _ in range(WIDTH + 4)])
        assert [getattr(answer, "index", None) for answer in answers] == list(range(WIDTH + 4))
        assert [event.index for event in load_events(conn, 0, 100)] == list(range(WIDTH + 4))
        rows = conn.execute(
            "SELECT tableoid::regclass::text, count(*) FROM ledger.events GROUP BY 1"
        )
        assert dict(rows.fetchall()) == {"ledger.events_0": 8, "ledger.events_1": 4}


def test_a_row_without_a_place_changes_nothing(narrow: Urls) -> None:
    requests = [a_request() for _ in range(2 * WIDTH + 1)]
    with connect(narrow.service, Role.SERVICE, autocommit=True) as conn:
        with pytest.raises(psycopg.errors.CheckViolation):
            append(conn, requests)
        append(conn, requests[:WIDTH])
        assert conn.execute("SELECT ledger.prepare_partitions()").fetchone() == (3 * WIDTH,)
        answers = append(conn, requests)
        assert [getattr(answer, "index", None) for answer in answers] == list(range(2 * WIDTH + 1))


def test_making_partitions_and_appending_do_not_wait_for_each_other(narrow: Urls) -> None:
    options = "-c lock_timeout=2000"
    url = make_conninfo(narrow.service, options=options)
    with connect(url, Role.SERVICE) as appender, connect(url, Role.SERVICE) as maker:
        append(appender, [a_request() for _ in range(WIDTH)])
        maker.execute("SELECT ledger.prepare_partitions(3)")  # while the append is not committed
        appender.commit()
        (answer,) = append(appender, [a_request()])  # while the partitions are not committed
        assert isinstance(answer, Appended)
        maker.commit()
    with connect(narrow.service, Role.SERVICE) as conn:
        for parent in ("ledger.events", "ledger.orders", "ledger.order_lines", "vault.sealed"):
            assert partitions(conn, parent) == 4


def test_a_new_partition_is_as_final_as_the_first(narrow: Urls) -> None:
    with connect(narrow.service, Role.SERVICE, autocommit=True) as conn:
        conn.execute("SELECT ledger.prepare_partitions(3)")
    for statement in (
        "UPDATE ledger.events_3 SET body = ''",
        "DELETE FROM ledger.orders_3",
        "TRUNCATE vault.sealed_3",
    ):
        with connect(narrow.admin, None) as admin, pytest.raises(psycopg.Error) as caught:
            admin.execute(statement)
        assert caught.value.sqlstate == "SJ002"


def test_nobody_orders_partitions_without_end(narrow: Urls) -> None:
    with connect(narrow.service, Role.SERVICE) as conn:
        assert conn.execute("SELECT ledger.prepare_partitions(1000000)").fetchone() == (17 * WIDTH,)


def test_two_makers_make_them_once(narrow: Urls) -> None:
    async def make() -> None:
        conn = await postgres.connect_async(narrow.service, Role.SERVICE, autocommit=True)
        async with conn:
            await conn.execute("SELECT ledger.prepare_partitions(5)")

    async def race() -> None:
        await asyncio.gather(*(make() for _ in range(4)))

    asyncio.run(race())
    with connect(narrow.service, Role.SERVICE) as conn:
        assert partitions(conn) == 6


def test_the_committer_keeps_an_empty_partition_ahead(narrow: Urls) -> None:
    async def run() -> None:
        async with Committer(narrow.service) as committer:
            for _ in range(5):
                await asyncio.gather(*(committer.submit(a_request()) for _ in range(WIDTH)))

    asyncio.run(run())
    with connect(narrow.service, Role.SERVICE) as conn:
        assert [event.index for event in load_events(conn, 0, 100)] == list(range(5 * WIDTH))
        # The last partition that is written to is the fifth; its successor stands ready.
        assert partitions(conn) >= 6
