"""What becomes of a partition that no event comes to any more: PostgreSQL freezes it once."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from infrastructure import postgres
from infrastructure.log.partitions import freeze_closed
from infrastructure.postgres import Role, Urls, connect
from tests.infrastructure.log.conftest import WIDTH
from tests.infrastructure.log.making import a_request, an_event, done

VACUUM_SECONDS = 120
CLOSED = {
    f"{parent}_{number}"
    for parent in ("ledger.events", "ledger.orders", "vault.sealed")
    for number in (0, 1)
}


@pytest.fixture
def grown(narrow: Urls) -> Urls:
    """Two partitions have closed and a third is begun; orders of one line have no order_lines."""
    with connect(narrow.service, Role.SERVICE, autocommit=True) as conn:
        conn.execute("SELECT ledger.prepare_partitions(3)")
        done(conn, *(a_request(None, an_event(sealed=b"sealed")) for _ in range(2 * WIDTH + 1)))
    return narrow


def freeze(urls: Urls, **options: str) -> set[str]:
    async def call() -> list[str]:
        url = make_conninfo(urls.keeper, **options)
        async with await postgres.connect_async(url, Role.KEEPER, autocommit=True) as conn:
            return await freeze_closed(conn)

    return set(asyncio.run(call()))


def closed(conn: Connection[Any]) -> dict[str, tuple[bool, bool]]:
    """Whether each closed table with rows is frozen, and whether its vacuum is urged."""
    rows = conn.execute("SELECT part::text, frozen, urged FROM ledger.closed_partitions()")
    return {part: (frozen, urged) for part, frozen, urged in rows if "order_lines" not in part}


@contextmanager
def brisk_autovacuum(urls: Urls) -> Iterator[None]:
    """Autovacuum looks every second, as a server that is left alone looks every minute."""
    with connect(urls.admin, None, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            admin.execute("ALTER SYSTEM RESET autovacuum_naptime")
            admin.execute("SELECT pg_reload_conf()")


def test_what_has_closed_is_frozen_once_and_then_left_alone(grown: Urls) -> None:
    with connect(grown.service, Role.SERVICE, autocommit=True) as service:
        assert closed(service) == dict.fromkeys(CLOSED, (False, False))

        assert freeze(grown) == CLOSED
        assert closed(service) == dict.fromkeys(CLOSED, (False, True))
        assert freeze(grown) == set()

        with brisk_autovacuum(grown):
            deadline = time.monotonic() + VACUUM_SECONDS
            while closed(service) != dict.fromkeys(CLOSED, (True, True)):
                assert time.monotonic() < deadline, closed(service)
                time.sleep(0.2)  # PostgreSQL tells nobody when a vacuum is over

        assert freeze(grown) == CLOSED
        assert closed(service) == dict.fromkeys(CLOSED, (True, False))
        assert freeze(grown) == set()


def test_a_vacuum_by_hand_counts_as_well(grown: Urls) -> None:
    with connect(grown.admin, None, autocommit=True) as admin:
        admin.execute("VACUUM (FREEZE) ledger.events_0")

    assert freeze(grown) == CLOSED - {"ledger.events_0"}


def test_what_still_grows_is_not_looked_at(narrow: Urls) -> None:
    with connect(narrow.service, Role.SERVICE, autocommit=True) as conn:
        done(conn, *(a_request() for _ in range(WIDTH - 1)))
        assert closed(conn) == {}
        done(conn, a_request())
        assert set(closed(conn)) == {"ledger.events_0", "ledger.orders_0", "vault.sealed_0"}


def test_freezing_and_appending_do_not_wait_for_each_other(grown: Urls) -> None:
    url = make_conninfo(grown.service, options="-c lock_timeout=2000")
    with connect(url, Role.SERVICE) as appender, connect(grown.keeper, Role.KEEPER) as keeper:
        done(appender, a_request())
        found = keeper.execute("SELECT ledger.freeze_closed()").fetchall()  # an append is open
        assert len(found) == len(CLOSED)
        appender.commit()
        done(appender, a_request())  # and while the freezing is not committed
        appender.commit()


def test_a_table_under_a_vacuum_waits_for_the_next_time(grown: Urls) -> None:
    with connect(grown.admin, None) as vacuum:
        # The lock that a vacuum holds.
        vacuum.execute("LOCK TABLE ledger.events_0 IN SHARE UPDATE EXCLUSIVE MODE")
        assert freeze(grown) == CLOSED - {"ledger.events_0"}
    assert freeze(grown) == {"ledger.events_0"}


@pytest.mark.parametrize("name", ["freeze_closed", "closed_partitions"])
def test_each_may_be_called_by_one_role_alone(grown: Urls, name: str) -> None:
    url, role = (
        (grown.service, Role.SERVICE) if name == "freeze_closed" else (grown.keeper, Role.KEEPER)
    )
    with connect(url, role) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(f"SELECT ledger.{name}()")
