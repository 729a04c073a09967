"""What the database is asked: each thing seen in order, and seen broken."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from infrastructure import migrations, postgres
from infrastructure.postgres import Role, Urls, connect
from projections import model
from sijill.doctor import database as doctor
from sijill.doctor.lines import Line, State
from tests.appending import append_events

COMMANDS = {"serve": "serve", "audit": "audit"}


def joined(*statements: str) -> str:
    return ";".join(statements)


def told(lines: Iterator[Line]) -> list[tuple[State, str]]:
    return [(line.state, line.code) for line in lines]


@pytest.fixture
def service(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.service, Role.SERVICE, autocommit=True) as conn:
        yield conn


@pytest.fixture
def admin(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.admin, None, autocommit=True) as conn:
        yield conn


@contextmanager
def set_to(admin: Connection[Any], name: str, value: str) -> Iterator[None]:
    """A setting of the whole server, for the block; in force in every session when it begins."""
    changed(admin, f"ALTER SYSTEM SET {name} = {value}", name, value)
    try:
        yield
    finally:
        admin.execute(f"ALTER SYSTEM RESET {name}".encode())
        admin.execute("SELECT pg_reload_conf()")


def changed(admin: Connection[Any], statement: str, name: str, value: str) -> None:
    admin.execute(statement.encode())
    admin.execute("SELECT pg_reload_conf()")
    while doctor.settings(admin)[name] != value:
        pass


def tampered(admin: Connection[Any], statement: str) -> None:
    """A row changed on purpose, as only a superuser can."""
    for table in ("ledger.events", "ledger.events_0", "ledger.head"):
        admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
    admin.execute(statement.encode())


def test_the_server_is_named(service: Connection[Any]) -> None:
    [line] = doctor.server(service)

    assert (line.state, line.code, line.params["login"]) == (State.OK, "database", "sijill_app")


def test_the_schema_is_this_releases_or_the_command_makes_it_so(empty_database: Urls) -> None:
    migrations.upgrade(empty_database.admin, "0001")
    [line] = doctor.schema(empty_database.admin, "upgrade")
    assert (line.state, line.code, line.mend) == (State.FAIL, "schema_older", "upgrade")

    migrations.upgrade(empty_database.admin)
    assert told(doctor.schema(empty_database.admin, "upgrade")) == [(State.OK, "schema")]

    with connect(empty_database.admin, None, autocommit=True) as admin:
        admin.execute("UPDATE migrations.alembic_version SET version_num = '9999'")
    assert told(doctor.schema(empty_database.admin, "upgrade")) == [(State.FAIL, "schema_newer")]


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_forgets_in_a_power_cut_is_told_and_mended(
    service: Connection[Any], admin: Connection[Any], name: str
) -> None:
    # The server of the tests runs with fsync off, because no test cuts the power.
    with set_to(admin, "fsync", "on"), set_to(admin, name, "off"):
        while doctor.settings(service)[name] != "off":
            pass
        [line] = doctor.durability(service, joined)
        assert (line.state, line.code) == (State.FAIL, f"{name}_off")

        for statement in line.mend.split(";"):
            admin.execute(statement.encode())
        while doctor.settings(service)[name] != "on":
            pass
        assert told(doctor.durability(service, joined)) == [(State.OK, "durability")]


def test_commits_that_do_not_wait_are_warned_of(database: Urls, admin: Connection[Any]) -> None:
    url = make_conninfo(database.service, options="-c synchronous_commit=local")
    with set_to(admin, "fsync", "on"), connect(url, Role.SERVICE, autocommit=True) as conn:
        [line] = doctor.durability(conn, joined)

    assert (line.state, line.code) == (State.WARN, "synchronous_commit_low")


def test_clocks_that_agree(service: Connection[Any]) -> None:
    assert told(doctor.clock(service)) == [(State.OK, "clock")]


@pytest.mark.parametrize(
    "seconds,expected",
    [(-10, (State.WARN, "clock_drifts")), (400, (State.FAIL, "clock_apart"))],
)
def test_clocks_that_do_not(
    service: Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    expected: tuple[State, str],
) -> None:
    """No test moves PostgreSQL's clock, so it is this machine's that is told wrongly."""
    monkeypatch.setattr(doctor, "now_us", lambda: time.time_ns() // 1_000 + seconds * 1_000_000)

    assert told(doctor.clock(service)) == [expected]


def test_a_log_ahead_of_the_clock_is_told(service: Connection[Any], admin: Connection[Any]) -> None:
    tampered(
        admin,
        "UPDATE ledger.head SET time = ((extract(epoch FROM clock_timestamp()) + 400) * 1000000)",
    )

    [line] = doctor.clock(service)

    assert (line.state, line.code) == (State.FAIL, "head_ahead")
    assert 300 < int(line.params["seconds"]) <= 400


def test_events_that_nobody_seals_are_told_when_they_are_late(
    database: Urls, service: Connection[Any], admin: Connection[Any]
) -> None:
    assert told(doctor.checkpoint(service, 0, **COMMANDS)) == [(State.OK, "checkpoint")]
    append_events(database, 2)
    assert told(doctor.checkpoint(service, 0, **COMMANDS)) == [(State.OK, "checkpoint")]
    tampered(admin, "UPDATE ledger.events SET time = time - 60000000")

    [line] = doctor.checkpoint(service, 0, **COMMANDS)

    assert (line.state, line.code, line.mend) == (State.FAIL, "checkpoint_late", "serve")
    assert line.params["events"] == 2


def test_a_log_shorter_than_what_was_signed_is_told_first(
    database: Urls, service: Connection[Any]
) -> None:
    append_events(database, 2)

    [line] = doctor.checkpoint(service, 3, **COMMANDS)

    assert (line.state, line.code, line.mend) == (State.FAIL, "rolled_back", "audit")


def test_a_frozen_log_is_told_with_its_reason(database: Urls, service: Connection[Any]) -> None:
    with connect(database.keeper, Role.KEEPER, autocommit=True) as keeper:
        keeper.execute(
            "INSERT INTO ledger.lease (name, fence, holder, state)"
            " VALUES ('sealer', 1, 'test', 'tile_conflict')"
        )

    [line] = doctor.checkpoint(service, 0, **COMMANDS)

    assert (line.state, line.code) == (State.FAIL, "log_frozen")
    assert line.params["reason"] == "tile_conflict"


def looked(service: Connection[Any]) -> list[tuple[State, str]]:
    return told(doctor.projection(service, serve="serve", prepare="prepare"))


@pytest.mark.anyio
async def test_read_models_are_told_from_none_to_late(
    database: Urls, service: Connection[Any], admin: Connection[Any]
) -> None:
    assert looked(service) == [(State.FAIL, "read_model_missing")]
    async with await postgres.connect_async(
        database.keeper, Role.KEEPER, autocommit=True
    ) as keeper:
        await model.ensure(keeper)
    assert looked(service) == [(State.OK, "projection")]
    append_events(database, 1)
    assert looked(service) == [(State.OK, "projection")]
    tampered(admin, "UPDATE ledger.events SET time = time - 60000000")
    assert looked(service) == [(State.FAIL, "projection_late")]
    admin.execute("UPDATE read.model SET index = 0, fingerprint = 'other'")
    assert looked(service) == [(State.WARN, "read_model_outdated")]


def test_a_server_that_does_not_clean_up_is_warned_of_and_mended(
    service: Connection[Any], admin: Connection[Any]
) -> None:
    assert told(doctor.freezing(service, joined)) == [(State.OK, "freezing")]
    with set_to(admin, "autovacuum", "off"):
        while doctor.settings(service)["autovacuum"] != "off":
            pass
        [line] = doctor.freezing(service, joined)
        assert (line.state, line.code) == (State.WARN, "autovacuum_off")
        for statement in line.mend.split(";"):
            admin.execute(statement.encode())
        while doctor.settings(service)["autovacuum"] != "on":
            pass
    assert told(doctor.freezing(service, joined)) == [(State.OK, "freezing")]


@pytest.mark.parametrize("limit,state", [(10**9, State.WARN), (1, State.FAIL)])
def test_a_table_that_grows_too_old_is_named(
    service: Connection[Any], monkeypatch: pytest.MonkeyPatch, limit: int, state: State
) -> None:
    """Nobody waits here for two hundred million transactions: a few hundred are too many."""
    has = doctor.settings(service)
    monkeypatch.setattr(doctor, "settings", lambda _: {**has, "autovacuum_freeze_max_age": "2"})
    monkeypatch.setattr(doctor, "OLD_TRANSACTIONS", limit)

    [line] = doctor.freezing(service, joined)

    assert (line.state, line.code) == (state, "transactions_old")
    assert line.mend == f"VACUUM (FREEZE) {line.params['table']}"


def test_a_closed_partition_that_stays_unfrozen_is_named_and_mended(
    empty_database: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_event = make_conninfo(empty_database.admin, options="-c sijill.partition_size=1")
    migrations.upgrade(one_event)
    postgres.prepare(empty_database)
    append_events(empty_database, 1)
    with (
        connect(empty_database.service, Role.SERVICE, autocommit=True) as service,
        connect(empty_database.admin, None, autocommit=True) as admin,
    ):
        assert told(doctor.freezing(service, joined)) == [(State.OK, "freezing")]
        monkeypatch.setattr(doctor, "UNFROZEN_TRANSACTIONS", 0)
        [line] = doctor.freezing(service, joined)
        assert (line.state, line.code) == (State.WARN, "partition_unfrozen")
        assert line.params["tables"] == "ledger.events_0, ledger.orders_0"
        for statement in line.mend.split(";"):
            admin.execute(statement.encode())
        [line] = doctor.freezing(service, joined)
        assert (line.code, line.params["frozen"]) == ("freezing", line.params["closed"])


def test_what_an_event_takes_is_measured_once_there_are_enough(
    database: Urls, service: Connection[Any]
) -> None:
    append_events(database, 50)

    assert doctor.bytes_per_event(service, guess=3_000, least=51) == 3_000
    assert doctor.bytes_per_event(service, guess=3_000, least=50) > 100
