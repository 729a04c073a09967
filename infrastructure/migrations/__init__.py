"""The schema of log and vault, forward only: plain SQL files that Alembic puts in order.

Works from a checkout and from an installed wheel alike, with no alembic.ini. Each revision is one
transaction, run as the owner role, so that everything it makes belongs to that role; an upgrade
that was cut off goes on with the next one. A ledger is served meanwhile, so no revision holds up an
append: it gives up a lock that it does not get at once, and what takes long runs `concurrently`.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString, NoReturn

import psycopg
import sqlalchemy
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.rows import TupleRow

from infrastructure import postgres

VERSION_SCHEMA = "migrations"

# The ASCII of "sijill": nothing else in a ledger's database locks on this number.
UPGRADE_LOCK = 0x73696A696C6C

REVISIONS = Path(__file__).parent / "versions"

# Whoever wants a strong lock on a table stands before all who come after, appends included; they
# hardly notice it where that is seldom and short.
LOCK_MILLISECONDS = 100
LOCK_TRIES = 120
PAUSE_SECONDS = 1.0
TURN_SECONDS = 0.2


class DowngradeRefusedError(RuntimeError):
    """The schema only moves forward."""

    code = "downgrade_refused"


def upgrade(admin_url: str, revision: str = "head", *, tries: int = LOCK_TRIES) -> None:
    """Brings the database to this release's schema, roles included; harmless when repeated.

    A second process that upgrades waits for the first and then finds nothing to do. Alembic keeps
    its context in globals, so a process runs one upgrade at a time.

    Raises:
        infrastructure.postgres.DatabaseUnusableError: the database cannot carry a ledger, or
            (`database_busy`) somebody held a table for all of `tries`, about a second each.
        psycopg.OperationalError: no session on `admin_url`.
    """
    config = _config()
    config.attributes["admin_url"] = admin_url
    for left in reversed(range(tries)):
        try:
            command.upgrade(config, revision)
        except psycopg.errors.LockNotAvailable as error:
            if not left:
                raise postgres.DatabaseUnusableError("database_busy", str(error).strip()) from error
            time.sleep(PAUSE_SECONDS)
        else:
            return


def head() -> str | None:
    """The newest revision that this release knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current(url: str) -> str | None:
    """The revision that the database is at; None before its first upgrade. Any login may ask."""
    engine = _engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table_schema": VERSION_SCHEMA}
        )
        return context.get_current_revision()


@contextmanager
def installation(admin_url: str | None) -> Iterator[sqlalchemy.Connection]:
    """The session of an upgrade, for env.py: locked, roles made, acting as the owner.

    Without `admin_url` (the `alembic` command) the service's own environment variables count.
    """
    url = admin_url or os.environ.get(
        "SIJILL_DATABASE_ADMIN_URL", os.environ.get("SIJILL_DATABASE_URL", "")
    )
    with _engine(url).connect() as connection:
        driver = _driver(connection)
        _wait_for_turn(driver)
        postgres.make_roles(driver)
        driver.execute("SET ROLE sijill_owner")
        driver.execute("CREATE SCHEMA IF NOT EXISTS migrations")
        driver.execute(_LIMIT_LOCKS)
        driver.commit()
        yield connection


def execute_sql(name: str) -> None:
    """Runs a whole SQL file that lies beside the revisions, as it is written.

    It goes to the server in one piece: `%` and `:` mean themselves, and statements may span lines.
    """
    _driver(op.get_bind()).execute((REVISIONS / name).read_bytes())


def concurrently(statement: LiteralString) -> None:
    """Runs one statement outside of transactions, however long it takes; it may stop no append.

    What its revision did before is kept where it fails, and comes again with the next upgrade: a
    revision holds such statements alone, each of which bears to be repeated.
    """
    with op.get_context().autocommit_block():
        driver = _driver(op.get_bind())
        driver.execute("SET lock_timeout = 0")
        driver.execute(statement)
        driver.execute(_LIMIT_LOCKS)


def refuse_downgrade() -> NoReturn:
    """What every revision's `downgrade` does.

    Raises:
        DowngradeRefusedError: always.
    """
    raise DowngradeRefusedError(
        "the log is append-only and its schema only moves forward: restore a backup instead"
    )


_LIMIT_LOCKS = f"SET lock_timeout = {LOCK_MILLISECONDS}"


def _wait_for_turn(driver: psycopg.Connection[TupleRow]) -> None:
    """Takes the lock of upgrades for this session.

    Asked for again and again: who waits inside a statement holds a snapshot, and an index that is
    made concurrently waits for all snapshots, so the two would wait for each other.
    """
    while driver.execute("SELECT pg_try_advisory_lock(%s)", (UPGRADE_LOCK,)).fetchone() != (True,):
        driver.rollback()
        time.sleep(TURN_SECONDS)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "infrastructure:migrations")
    return config


def _engine(url: str) -> sqlalchemy.Engine:
    # SQLAlchemy never sees the string: it does not read all that libpq does (several hosts).
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: postgres.connect(url, None, limits=postgres.PATIENT),
        poolclass=sqlalchemy.NullPool,
    )


def _driver(connection: sqlalchemy.Connection) -> psycopg.Connection[TupleRow]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"Alembic runs on psycopg here, not on {type(driver)}")
    return driver
