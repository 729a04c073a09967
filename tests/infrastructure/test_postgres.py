import asyncio
import secrets
from contextlib import ExitStack
from typing import LiteralString
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from infrastructure import migrations, postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.postgres import DatabaseUnusableError, Limits, OnEventLoop, Role, Urls


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def with_login(url: str, login: str, password: str) -> str:
    found = conninfo_to_dict(url)
    return (
        f"postgresql://{login}:{password}@/{found['dbname']}?host={quote(str(found['host']), '')}"
    )


def test_a_connection_has_become_its_role(database: Urls) -> None:
    for url, role in (
        (database.service, Role.SERVICE),
        (database.keeper, Role.KEEPER),
        (database.admin, Role.SERVICE),
        (database.admin, Role.OWNER),
    ):
        with postgres.connect(url, role) as connection:
            assert one(connection, "SELECT current_user") == role
            connection.execute("SET ROLE sijill_service" if role is Role.SERVICE else "SELECT 1")
            connection.execute("RESET ALL")
            connection.execute("RESET ROLE")
            assert one(connection, "SELECT current_user") == role


def test_a_login_cannot_become_what_it_is_not_a_member_of(database: Urls) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied to set role"):
        postgres.connect(database.service, Role.KEEPER)


@pytest.mark.parametrize(
    "grant,rewrites",
    [
        (None, False),
        ("GRANT sijill_service TO {}", False),
        ("GRANT sijill_owner TO {}", True),
        ("ALTER ROLE {} SUPERUSER", True),
    ],
)
def test_a_login_that_could_rewrite_the_log_is_known(
    database: Urls, grant: LiteralString | None, *, rewrites: bool
) -> None:
    login = f"serving_{secrets.token_hex(4)}"
    with postgres.connect(database.admin, None, autocommit=True) as admin:
        postgres.make_login(admin, login, "secret", [Role.SERVICE])
        if grant is not None:
            admin.execute(sql.SQL(grant).format(sql.Identifier(login)))
        with postgres.connect(with_login(database.admin, login, "secret"), Role.SERVICE) as session:
            assert postgres.may_rewrite(session) is rewrites
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))


def test_who_may_make_roles_could_admit_itself_before_version_16(database: Urls) -> None:
    login = f"serving_{secrets.token_hex(4)}"
    with postgres.connect(database.admin, None, autocommit=True) as admin:
        postgres.make_login(admin, login, "secret", [Role.SERVICE])
        admin.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(sql.Identifier(login)))
        with postgres.connect(
            with_login(database.admin, login, "secret"), None, autocommit=True
        ) as session:
            said = postgres.may_rewrite(session)
            try:
                session.execute(sql.SQL("GRANT sijill_owner TO {}").format(sql.Identifier(login)))
                could = True
            except psycopg.errors.InsufficientPrivilege:
                could = False
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))
    assert said is could


def test_a_statement_that_takes_too_long_is_ended(database: Urls) -> None:
    hasty = Limits(statement_seconds=0.05)
    with (
        postgres.connect(database.service, Role.SERVICE, limits=hasty) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("SELECT pg_sleep(600)")


def test_a_lock_is_not_waited_for_for_ever(database: Urls) -> None:
    hasty = Limits(lock_seconds=0.05)
    with (
        postgres.connect(database.service, Role.SERVICE) as holder,
        postgres.connect(database.service, Role.SERVICE, limits=hasty) as connection,
    ):
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("SELECT pg_advisory_xact_lock(1)")


def test_a_forgotten_transaction_is_ended(database: Urls) -> None:
    hasty = Limits(idle_in_transaction_seconds=0.05)
    forgetful = postgres.connect(database.service, Role.SERVICE, limits=hasty)
    forgetful.execute("SELECT pg_advisory_xact_lock(2)")
    with postgres.connect(database.service, Role.SERVICE) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(2)")
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        forgetful.execute("SELECT 1")
    forgetful.close()


def test_options_that_the_string_carries_stay(database: Urls) -> None:
    url = f"{database.service}&options=-c%20work_mem%3D9MB"

    with postgres.connect(url, Role.SERVICE) as connection:
        assert one(connection, "SHOW work_mem") == "9MB"
        assert one(connection, "SELECT current_user") == Role.SERVICE


def test_a_server_that_takes_no_writes_is_refused_unless_the_string_asks_for_it(
    database: Urls,
) -> None:
    name = conninfo_to_dict(database.admin)["dbname"]
    with postgres.connect(database.admin, None) as admin:
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
                sql.Identifier(str(name))
            )
        )

    with pytest.raises(psycopg.OperationalError, match="read-only"):
        postgres.connect(database.service, Role.SERVICE)
    reading = f"{database.service}&target_session_attrs=any"
    with postgres.connect(reading, Role.SERVICE) as connection:
        assert one(connection, "SELECT 1") == 1


def test_a_pool_lends_connections_of_its_role(database: Urls) -> None:
    with (
        postgres.pool(database.service, Role.SERVICE, size=2) as pool,
        pool.connection() as connection,
    ):
        assert one(connection, "SELECT current_user") == Role.SERVICE


def test_a_pool_full_of_dead_connections_is_usable_again_at_once(database: Urls) -> None:
    """What a restart of PostgreSQL leaves behind; who asks next must not pay for all of it."""
    with postgres.pool(database.service, Role.SERVICE, size=6) as pool:
        with ExitStack() as lent:
            held = [lent.enter_context(pool.connection()) for _ in range(6)]
            dead = [connection.info.backend_pid for connection in held]
        with postgres.connect(database.admin, None, autocommit=True) as admin:
            for pid in dead:
                admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))

        with pool.connection(timeout=10) as connection:
            assert connection.info.backend_pid not in dead


def test_an_asynchronous_pool_replaces_a_broken_connection(database: Urls) -> None:
    async def ask() -> list[object]:
        pool = postgres.async_pool(database.keeper, Role.KEEPER, size=1, autocommit=True)
        async with pool:
            seen: list[object] = []
            for _ in range(2):
                async with pool.connection() as connection:
                    answer = await connection.execute("SELECT current_user, pg_backend_pid()")
                    row = await answer.fetchone()
                    assert row is not None
                    seen.append(row[0])
                with postgres.connect(database.admin, None) as admin:
                    admin.execute("SELECT pg_terminate_backend(%s, 10000)", (row[1],))
            return seen

    assert asyncio.run(ask()) == [Role.KEEPER, Role.KEEPER]


def test_a_pool_for_threads_lends_nothing_on_an_event_loop(database: Urls) -> None:
    with postgres.pool(database.service, Role.SERVICE, size=1, autocommit=True) as pool:

        async def ask() -> object:
            with pytest.raises(OnEventLoop), pool.connection():
                pass
            return await asyncio.to_thread(lend)

        def lend() -> object:
            with pool.connection() as connection:
                return connection.execute("SELECT 1").fetchone()

        assert asyncio.run(ask()) == (1,)


def test_an_asynchronous_connection_has_become_its_role(database: Urls) -> None:
    async def ask() -> object:
        async with await postgres.connect_async(database.service, Role.SERVICE) as connection:
            row = await (await connection.execute("SELECT current_user")).fetchone()
            return row and row[0]

    assert asyncio.run(ask()) == Role.SERVICE


def test_no_representation_shows_a_password(database: Urls) -> None:
    for url in (database.service, database.keeper, database.admin):
        password = str(conninfo_to_dict(url)["password"])
        assert password not in repr(database)


def test_waiting_for_a_server_that_never_comes_ends_with_the_reason(server: EmbeddedServer) -> None:
    url = with_login(server.urls().service, "sijill_app", "wrong-and-secret")

    with pytest.raises(DatabaseUnusableError, match="authentication failed") as refused:
        postgres.wait_until_ready(url, timeout_seconds=0.1)

    assert refused.value.code == "database_unreachable"
    assert "wrong-and-secret" not in str(refused.value)


def test_waiting_for_a_server_that_is_there_returns(server: EmbeddedServer) -> None:
    postgres.wait_until_ready(server.urls().service, timeout_seconds=0)


def test_a_database_in_another_encoding_is_refused(
    server: EmbeddedServer, empty_database: Urls
) -> None:
    with postgres.connect(empty_database.admin, None, autocommit=True) as admin:
        admin.execute("CREATE DATABASE latin ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(DatabaseUnusableError, match="UTF8") as refused:
            postgres.prepare(server.urls("latin"))
        assert refused.value.code == "database_encoding"
    finally:
        server.drop_database("latin")


def test_a_login_that_may_not_make_roles_is_told_what_it_needs(empty_database: Urls) -> None:
    with postgres.connect(empty_database.admin, None) as admin:
        postgres.make_login(admin, "weak", "pw", [])

    with pytest.raises(DatabaseUnusableError, match="CREATEROLE") as refused:
        migrations.upgrade(with_login(empty_database.admin, "weak", "pw"))

    assert refused.value.code == "database_rights"


def test_a_changed_password_is_the_only_one_that_works(database: Urls) -> None:
    with postgres.connect(database.admin, None) as admin:
        postgres.make_login(admin, "changing", "old", [Role.SERVICE])
    with postgres.connect(database.admin, None) as admin:
        postgres.make_login(admin, "changing", "new'; --", [Role.SERVICE])
        stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'changing'"
        assert str(one(admin, stored)).startswith("SCRAM-SHA-256$")

    url = with_login(database.service, "changing", quote("new'; --"))
    postgres.connect(url, Role.SERVICE).close()
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        postgres.connect(with_login(database.service, "changing", "old"), Role.SERVICE)


def test_two_strings_of_an_external_server_without_a_superuser(empty_database: Urls) -> None:
    """The database's owner with CREATEROLE installs; a plain login serves and keeps."""
    name = str(conninfo_to_dict(empty_database.admin)["dbname"])
    installer, server_login = f"installer_{name}", f"server_{name}"
    with postgres.connect(empty_database.admin, None) as admin:
        for login in (installer, server_login):
            postgres.make_login(admin, login, "pw", [])
        admin.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(sql.Identifier(installer)))
        admin.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                sql.Identifier(name), sql.Identifier(installer)
            )
        )
        # On a server of its own the installer makes these roles itself and may give them away.
        for role in Role:
            admin.execute(
                sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(
                    sql.Identifier(role), sql.Identifier(installer)
                )
            )
    urls = postgres.external_urls(
        with_login(empty_database.admin, server_login, "pw"),
        with_login(empty_database.admin, installer, "pw"),
    )

    migrations.upgrade(urls.admin)
    postgres.prepare(urls)

    for role in (Role.SERVICE, Role.KEEPER):
        with postgres.connect(urls.service, role) as connection:
            assert one(connection, "SELECT current_user") == role
    # Serving asks which release made the schema, and does not need the other string for that.
    assert migrations.current(urls.service) == migrations.head()
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        postgres.connect(urls.service, Role.OWNER)


def test_both_ends_notice_within_half_a_minute_that_the_other_is_gone(database: Urls) -> None:
    found = postgres.parameters(f"{database.service}&keepalives_idle=60", Role.SERVICE)
    assert found["keepalives_idle"] == "60"
    waits = found["keepalives_interval"] * found["keepalives_count"], found["tcp_user_timeout"]
    assert waits == (15, 25_000)

    with postgres.connect(database.service, Role.SERVICE) as connection:
        asked = connection.execute(
            "SELECT name, reset_val FROM pg_settings"
            " WHERE name LIKE 'tcp\\_%' AND source = 'client'"
        ).fetchall()
    assert dict(asked) == {
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "25000",
    }


def test_one_string_of_an_external_server_serves_with_few_rights(database: Urls) -> None:
    urls = postgres.external_urls(database.admin)
    postgres.prepare(urls)

    with postgres.connect(urls.service, Role.SERVICE) as connection:
        assert one(connection, "SELECT current_user") == Role.SERVICE
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE SCHEMA anything")
