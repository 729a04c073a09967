"""Whatever happens inside the procedure, a request is recorded whole or not at all."""

import threading
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from infrastructure.faults import APPEND_POINTS
from infrastructure.log.batch import Appended, AppendRequest
from infrastructure.log.committer import append
from infrastructure.postgres import Role, Urls, connect
from tests.infrastructure.log.making import a_request, a_stream, an_event

TABLES = (
    "ledger.events",
    "ledger.streams",
    "ledger.orders",
    "ledger.order_keys",
    "ledger.order_lines",
    "ledger.claims",
    "vault.sealed",
    "vault.lookups",
    "vault_keys.records",
)
ASLEEP = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"


def a_full_request() -> AppendRequest:
    stream = a_stream()
    return a_request(
        None,
        an_event(stream, sealed=b"sealed", lookups=[("name", bytes(32))]),
        an_event(),
        claims=[("code", "A", stream)],
        record_keys={stream: b"wrapped"},
    )


def nothing_is_recorded(conn: Connection[Any]) -> bool:
    rows = [conn.execute(f"SELECT FROM {table}").rowcount for table in TABLES]
    return rows == [0] * len(TABLES)


def test_an_error_at_any_step_leaves_nothing(service: Connection[Any]) -> None:
    request = a_full_request()
    for point in APPEND_POINTS:
        service.execute("SELECT set_config('sijill.fault', %s, false)", (f"{point}=error",))
        with pytest.raises(psycopg.Error, match=point) as caught:
            append(service, [request])
        assert caught.value.sqlstate == "SJ999"
        assert nothing_is_recorded(service), point
    service.execute("RESET sijill.fault")
    (answer,) = append(service, [request])
    assert isinstance(answer, Appended)
    assert answer.indexes == (0, 1)


def test_a_connection_lost_at_any_step_leaves_nothing_and_no_lock(
    database: Urls, service: Connection[Any], admin: Connection[Any]
) -> None:
    request = a_full_request()
    for point in APPEND_POINTS:
        with connect(database.service, Role.SERVICE, autocommit=True) as victim:
            victim.execute("SELECT set_config('sijill.fault', %s, false)", (f"{point}=pause",))
            pid = victim.info.backend_pid
            caught: list[BaseException] = []
            sender = threading.Thread(target=lose, args=(victim, request, caught))
            sender.start()
            while not admin.execute(ASLEEP, (pid,)).rowcount:
                assert sender.is_alive(), caught
            admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
            sender.join(30)
        assert [type(error) for error in caught] == [psycopg.errors.AdminShutdown]
        assert nothing_is_recorded(service), point
    (answer,) = append(service, [request])
    assert isinstance(answer, Appended)
    assert (answer.indexes, answer.replayed) == ((0, 1), False)


def lose(conn: Connection[Any], request: AppendRequest, caught: list[BaseException]) -> None:
    try:
        append(conn, [request])
    except psycopg.Error as error:
        caught.append(error)
