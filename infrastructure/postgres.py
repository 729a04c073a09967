"""Roles and connections: the least rights that each part of the service needs on PostgreSQL.

Three roles without login hold the rights: `sijill_owner` owns every table and the append
procedure, `sijill_service` answers requests, `sijill_keeper` seals and follows. A connection
names the role it wants and has become it before its first statement, so that a login with more
rights works with few. What a role may touch is granted by the migrations, not here.
"""

import asyncio
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from psycopg_pool.base import AttemptWithBackoff

OLDEST_VERSION = 150000
TRIED_SECONDS = 0.5
"""How long a pooled connection counts as working after it was found to."""
# From here on CREATEROLE alone does not let a login into roles that others made.
_ADMISSION_GUARDED = 160000


class DatabaseUnusableError(RuntimeError):
    """The database cannot carry a ledger as it is; the text says what to do about it.

    `code` is `database_unreachable`, `database_busy`, `database_too_old`, `database_encoding` or
    `database_rights`.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Role(StrEnum):
    """The roles without login that hold the rights."""

    OWNER = "sijill_owner"
    SERVICE = "sijill_service"
    KEEPER = "sijill_keeper"


@dataclass(frozen=True)
class Urls:
    """Three connection strings for one database: serving, keeping the log, and installing.

    They may hold passwords, so the representation leaves them out.
    """

    service: str = field(repr=False)
    keeper: str = field(repr=False)
    admin: str = field(repr=False)


@dataclass(frozen=True)
class Limits:
    """How long one connection may hold the others up, in seconds; 0 is without limit."""

    statement_seconds: float = 30
    lock_seconds: float = 10
    idle_in_transaction_seconds: float = 60

    def options(self) -> str:
        """The limits as command-line options of a PostgreSQL session."""
        limits = {
            "statement_timeout": self.statement_seconds,
            "lock_timeout": self.lock_seconds,
            "idle_in_transaction_session_timeout": self.idle_in_transaction_seconds,
        }
        return " ".join(f"-c {name}={round(value * 1000)}" for name, value in limits.items())


# A host that lost power says no good-bye. Unasked, a client waits a quarter of an hour for its
# answer and the server keeps a dead keeper's lease for two hours. libpq takes seconds, the timeout
# milliseconds; a socket of the same host has no use for either.
_ALIVE_HERE: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_ALIVE_THERE = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=25000"
)

# Unasked, a pool doubles its pause at every failure: a server that was away for a minute is found a
# minute after it is back, and who is handed five dead connections in a row waits half a minute for
# the sixth. The library has no setting for it.
AttemptWithBackoff.INITIAL_DELAY = 0.5
AttemptWithBackoff.DELAY_BACKOFF = 1.0
# While the database is away callers are told so soon: each holds a thread as long as it waits.
_POOL_WAIT_SECONDS = 5.0

PATIENT = Limits(statement_seconds=0, lock_seconds=0, idle_in_transaction_seconds=0)
DEFAULT = Limits()


# A replica that says nothing is not waited for: the primary is asked instead.
_OF_A_REPLICA: dict[str, Any] = {
    "target_session_attrs": "prefer-standby",
    "connect_timeout": 2,
    "tcp_user_timeout": 2_000,
}


def replica_url(url: str) -> str:
    """The string with what suits a replica, as far as it does not speak for itself.

    Raises:
        psycopg.ProgrammingError: it is not one that libpq understands.
    """
    said = conninfo_to_dict(url)
    return make_conninfo(
        url, **{name: value for name, value in _OF_A_REPLICA.items() if name not in said}
    )


def external_urls(service_url: str, admin_url: str | None = None) -> Urls:
    """The strings for a server that somebody else runs, where one login both serves and keeps."""
    return Urls(service=service_url, keeper=service_url, admin=admin_url or service_url)


def parameters(url: str, role: Role | None, limits: Limits = DEFAULT) -> dict[str, Any]:
    """The keyword arguments of psycopg's connect for this string, role and limits.

    The role and the limits travel in the start-up message: they cost no round trip, and a RESET
    inside the session leads back to them. Options that the string itself carries come first.

    Raises:
        psycopg.ProgrammingError: the string is not one that libpq understands.
    """
    found = {**_ALIVE_HERE, **conninfo_to_dict(url)}
    options = [_ALIVE_THERE, str(found.pop("options", None) or ""), limits.options()]
    if role is not None:
        options.append(f"-c role={role}")
    # Of several hosts only the primary may take writes; a replica's string says otherwise itself.
    found.setdefault("target_session_attrs", "read-write")
    found.setdefault("application_name", role or "sijill_admin")
    found.setdefault("connect_timeout", 10)
    return {**found, "options": " ".join(filter(None, options))}


def connect(
    url: str, role: Role | None, *, autocommit: bool = False, limits: Limits = DEFAULT
) -> Connection:
    """A connection that has become `role` (None: stays what it logged in as).

    Raises:
        psycopg.OperationalError: no server, no such database or login, or not a member of `role`.
    """
    return Connection.connect(**parameters(url, role, limits), autocommit=autocommit)


async def connect_async(
    url: str, role: Role | None, *, autocommit: bool = False, limits: Limits = DEFAULT
) -> AsyncConnection:
    """As `connect`, for the event loop."""
    return await AsyncConnection.connect(**parameters(url, role, limits), autocommit=autocommit)


class OnEventLoop(Exception):
    """A thread's connection was asked for on the event loop, where everybody would wait for it."""


class ThreadPool(ConnectionPool[Connection]):
    """Connections for threads.

    Code that seldom needs one may thus be tried on the event loop first, without a thread.
    """

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection]:
        """Lend a connection.

        Raises:
            OnEventLoop: the caller runs on an event loop.
        """
        if _on_event_loop():
            raise OnEventLoop
        with super().connection(timeout) as connection:
            yield connection


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


_Tried = WeakKeyDictionary[Any, float]


def _try(tried: _Tried, connection: Connection) -> None:
    if _due(tried, connection):
        ConnectionPool.check_connection(connection)
        tried[connection] = time.monotonic()


async def _try_async(tried: _Tried, connection: AsyncConnection) -> None:
    if _due(tried, connection):
        await AsyncConnectionPool.check_connection(connection)
        tried[connection] = time.monotonic()


def _due(tried: _Tried, connection: Connection | AsyncConnection) -> bool:
    """Whether a connection must be tried: it rested, or its server has something to say.

    Between busy borrowers a trial each time would double the round trips. A server that ends a
    session closes its socket, which then can be read.
    """
    if time.monotonic() > tried.get(connection, 0.0) + TRIED_SECONDS:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def pool(
    url: str, role: Role, *, size: int, autocommit: bool = False, limits: Limits = DEFAULT
) -> ThreadPool:
    """A closed pool of up to `size` connections; before one is lent it is tried, if it rested."""
    return ThreadPool(
        kwargs={**parameters(url, role, limits), "autocommit": autocommit},
        min_size=1,
        max_size=size,
        open=False,
        timeout=_POOL_WAIT_SECONDS,
        check=partial(_try, WeakKeyDictionary()),
        name=str(role),
    )


def async_pool(
    url: str, role: Role, *, size: int, autocommit: bool = False, limits: Limits = DEFAULT
) -> AsyncConnectionPool[AsyncConnection]:
    """As `pool`, for the event loop."""
    return AsyncConnectionPool(
        kwargs={**parameters(url, role, limits), "autocommit": autocommit},
        min_size=1,
        max_size=size,
        open=False,
        timeout=_POOL_WAIT_SECONDS,
        check=partial(_try_async, WeakKeyDictionary()),
        name=str(role),
    )


def wait_until_ready(url: str, *, timeout_seconds: float = 60) -> None:
    """Returns once the server accepts a session on this string.

    Raises:
        DatabaseUnusableError: `database_unreachable`, with the last reason, when time is up.
    """
    deadline = time.monotonic() + timeout_seconds
    pause_seconds = 0.05
    while True:
        try:
            connect(url, None).close()
        except psycopg.OperationalError as error:
            if time.monotonic() + pause_seconds > deadline:
                raise DatabaseUnusableError("database_unreachable", str(error).strip()) from error
        else:
            return
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, 1.0)


def prepare(urls: Urls) -> None:
    """Makes the roles and lets the logins of `urls` become them; harmless when repeated.

    Raises:
        DatabaseUnusableError: version, encoding or missing rights, each with what to do.
    """
    with connect(urls.admin, None, limits=PATIENT) as admin:
        make_roles(admin)
        for url, role in ((urls.service, Role.SERVICE), (urls.keeper, Role.KEEPER)):
            login = login_of(url)
            if login is not None:
                admit(admin, login, [role])


def make_roles(admin: Connection) -> None:
    """Makes the three roles, and lets this admin act as the owner, in the caller's transaction.

    Raises:
        DatabaseUnusableError: as `prepare`.
    """
    _check_server(admin)
    try:
        for role in Role:
            _make_role(admin, role)
        admit(admin, admin.info.user, list(Role))
        # The owner makes its own schemas; the keeper builds read models beside the ones in use.
        for role in (Role.OWNER, Role.KEEPER):
            admin.execute(
                sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                    sql.Identifier(admin.info.dbname), sql.Identifier(role)
                )
            )
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseUnusableError(
            "database_rights",
            f"{str(error).strip()}: the login that installs must own the database and have "
            f"CREATEROLE, or somebody who may makes the roles {', '.join(Role)} and grants them",
        ) from error


def make_login(admin: Connection, login: str, password: str, roles: Sequence[Role]) -> None:
    """Makes a login, or gives it a new password, and admits it to the roles.

    The password is turned into its SCRAM verifier here, so that no statement, and thus no server
    log, ever holds it.
    """
    _make_role(admin, login)
    verifier = admin.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    admin.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(login), sql.Literal(verifier.decode())
        )
    )
    admit(admin, login, roles)


def admit(admin: Connection, login: str, roles: Sequence[Role]) -> None:
    """Lets a login become the roles; a superuser and a member already may."""
    for role in roles:
        row = admin.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", (login, role)).fetchone()
        if row != (True,):
            admin.execute(
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login))
            )


def may_rewrite(connection: Connection) -> bool:
    """Whether the login of this session could change recorded rows, or make itself able to.

    It can where it may become the owner, who may switch the triggers off. A superuser may become
    anybody, and up to PostgreSQL 15 whoever may make roles could admit itself.
    """
    row = connection.execute(
        "SELECT pg_has_role(session_user, %s, 'MEMBER') OR rolcreaterole AND %s"
        " FROM pg_roles WHERE rolname = session_user",
        (Role.OWNER, connection.info.server_version < _ADMISSION_GUARDED),
    ).fetchone()
    return row == (True,)


def login_of(url: str) -> str | None:
    """The user that a connection string names, if it names one."""
    user = conninfo_to_dict(url).get("user")
    return None if user is None else str(user)


def _make_role(admin: Connection, name: str) -> None:
    # Roles belong to the whole server: another database's installation may be making them now.
    with admin.transaction():
        try:
            if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
                return
            with admin.transaction():
                admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            return


def _check_server(admin: Connection) -> None:
    if admin.info.server_version < OLDEST_VERSION:
        raise DatabaseUnusableError(
            "database_too_old",
            f"PostgreSQL 15 or newer is needed; this server is {admin.info.server_version}",
        )
    if admin.info.parameter_status("server_encoding") != "UTF8":
        raise DatabaseUnusableError(
            "database_encoding",
            "the database must be made with ENCODING 'UTF8' (and LOCALE 'C' where possible)",
        )
