"""Looks at a ledger as its operator should every day, and says what would mend what is wrong.

It changes nothing and starts nothing, and one thing that is broken keeps no other from being looked
at: without its database a ledger still has keys and disks. What it says is codes and figures; the
words are the catalogues'.
"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from infrastructure import postgres
from infrastructure.attachments.stores import FolderStore
from infrastructure.embedded import EmbeddedServer
from infrastructure.keyfiles import KeyFileError
from infrastructure.log.refusals import StoreFailure
from infrastructure.postgres import Role
from sijill.doctor import attachments, database, host, rights
from sijill.doctor.lines import CODES, Line, State, fail, ok, warn
from sijill.folder import Folder
from sijill.identity import NoLedger, NotFounded
from sijill.settings import Settings

__all__ = ["CODES", "Line", "State", "examine"]

GUESSED_BYTES_PER_EVENT: Final = 3_000
MEASURED_FROM_EVENTS: Final = 100_000
_MEGABYTE = 1 << 20
# On another release's schema these would be told to be wrong, and mended into something else.
_OF_THIS_SCHEMA = frozenset({"rights", "freezing", "attachments"})

_NOT_LOOKED_AT = (psycopg.Error, KeyFileError, OSError, ValueError, NotFounded, StoreFailure)


def examine(data: Path) -> Iterator[Line]:
    """Every line about the ledger of a folder, told as it is found.

    Raises:
        NoLedger: there is no ledger in this folder.
    """
    if not Folder(data).keys.is_dir():
        raise NoLedger(data)
    yield from Examination(data).lines()


class Examination:
    """One examination of one folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._folder = Folder(data)
        self._settings = Settings(data=data)
        external = self._settings.external()
        self._server: EmbeddedServer | None = None if external else self._settings.embedded()
        shown = shlex.quote(str(data))
        self._serve = f"sijill serve --data {shown}"
        self._audit = f"sijill log fsck --data {shown}"
        self._prepare = f"sijill db prepare --data {shown}"
        self._upgrade = f"sijill db upgrade --data {shown}"
        self._again = f"sijill doctor --data {shown}"

    def lines(self) -> Iterator[Line]:
        """What stands on this machine, then the database, then the rooms of both."""
        yield from host.versions()
        yield from host.key_files(self._folder)
        yield from host.high_water(self._folder)
        yield from host.holidays(self._settings, datetime.now(tz=UTC).date())
        per_event, reserve = GUESSED_BYTES_PER_EVENT, 0
        try:
            urls = self._settings.external() or self._settings.embedded().urls()
            with postgres.connect(urls.service, Role.SERVICE, autocommit=True) as conn:
                yield from self._of_database(conn, urls.service)
                reserve = int(database.settings(conn)["max_wal_size"]) * _MEGABYTE
                with suppress(psycopg.errors.UndefinedTable):
                    per_event = database.bytes_per_event(
                        conn, guess=per_event, least=MEASURED_FROM_EVENTS
                    )
        except (psycopg.Error, OSError):
            yield self._unreachable()
        yield from host.disks(self._growth(per_event, reserve))

    def _of_database(self, conn: Connection[Any], url: str) -> Iterator[Line]:
        mark = self._mark()
        looks: list[tuple[str, Callable[[], Iterator[Line]]]] = [
            ("database", lambda: database.server(conn)),
            ("schema", lambda: database.schema(url, self._upgrade)),
            ("rights", lambda: rights.rights(conn, self.sql, self._audit)),
            ("durability", lambda: database.durability(conn, self.sql)),
            ("clock", lambda: database.clock(conn)),
            ("ledger_keys", lambda: database.ledger_keys(conn, self._folder)),
            (
                "checkpoint",
                lambda: database.checkpoint(conn, mark, serve=self._serve, audit=self._audit),
            ),
            (
                "projection",
                lambda: database.projection(conn, serve=self._serve, prepare=self._prepare),
            ),
            ("freezing", lambda: database.freezing(conn, self.sql)),
            ("replica", lambda: self._of_replica(conn)),
            ("attachments", lambda: self._of_attachments(conn)),
        ]
        fits = True
        for name, look in looks:
            if name in _OF_THIS_SCHEMA and not fits:
                continue
            try:
                for line in look():
                    fits = fits and not line.code.startswith("schema_")
                    yield line
            except _NOT_LOOKED_AT as error:
                if isinstance(error, psycopg.Error) and conn.closed:
                    raise
                # Another schema, a key that cannot be read: the line about that has the command.
                yield warn("not_looked_at", self._again, subject=name, error=type(error).__name__)

    def _of_replica(self, conn: Connection[Any]) -> Iterator[Line]:
        """Why a standby is left alone, where it is; `projections.replica` judges each answer."""
        url = self._settings.replica()
        if url is None:
            return
        receiver = 'psql "$SIJILL_DATABASE_REPLICA_URL" -c "SELECT * FROM pg_stat_wal_receiver"'
        try:
            with postgres.connect(
                postgres.replica_url(url), Role.SERVICE, autocommit=True
            ) as standby:
                end = database.end_of(standby)
        except psycopg.Error:
            mend = 'psql "$SIJILL_DATABASE_REPLICA_URL" -c "SELECT pg_is_in_recovery()"'
            yield warn("replica_unreachable", mend)
            return
        here, size = database.now_us(), database.end_of(conn).size
        apart = abs(end.clock - here) // 1_000_000
        if end.leaf_hash != database.hash_at(conn, end.size - 1):
            yield fail("replica_foreign", receiver)
        elif apart > database.CLOCK_WARN_SECONDS:
            yield warn("replica_clock", "timedatectl set-ntp true", seconds=apart)
        elif self._lags(conn, end.size, here):
            yield warn("replica_behind", receiver, events=size - end.size)
        else:
            yield ok("replica", events=max(0, size - end.size))

    def _of_attachments(self, conn: Connection[Any]) -> Iterator[Line]:
        """Whether a folder is all there is, where other hosts may serve the same database."""
        if self._server is not None or self._settings.attachments_url is not None:
            return
        objects = self._settings.storage().objects
        if isinstance(objects, FolderStore):
            yield from attachments.attachments(conn, objects)

    def _lags(self, conn: Connection[Any], size: int, now: int) -> bool:
        """Whether an event has waited too long to come to a standby that has `size` of them."""
        row = conn.execute("SELECT time FROM ledger.events WHERE index = %s", (size,)).fetchone()
        return row is not None and now - row[0] > database.CLOCK_WARN_SECONDS * 1_000_000

    def sql(self, *statements: str) -> str:
        """The command that runs statements as the login that installs, each for itself."""
        asked = " ".join(f"-c {shlex.quote(one)}" for one in statements)
        if self._server is None:
            return f'psql "$SIJILL_DATABASE_ADMIN_URL" {asked}'
        where = conninfo_to_dict(self._server.urls().admin)
        password = shlex.quote(str(self._server.folder / "passwords" / str(where["user"])))
        place = f"-h {shlex.quote(str(where['host']))} -U {where['user']} {where['dbname']}"
        return f'PGPASSWORD="$(cat {password})" psql {place} {asked}'

    def _unreachable(self) -> Line:
        if self._server is not None:
            return fail("database_unreachable", self._serve)
        return fail("database_unreachable", 'psql "$SIJILL_DATABASE_URL" -c "SELECT 1"')

    def _mark(self) -> int:
        try:
            return self._folder.mark.read().size
        except (KeyFileError, OSError):
            return 0

    def _growth(self, per_event: int, reserve: int) -> host.Growth:
        """What an event takes where: everything embedded, or the tiles alone."""
        tiles = self._folder.tiles.folder
        folders = {self._data: 0, tiles: host.TILE_BYTES_PER_EVENT}
        spared = {}
        if self._server is not None:
            journal = (self._server.data / "pg_wal").resolve()
            folders |= {self._server.data: per_event, journal: 0}
            spared[journal] = max(0, reserve - _size(journal))
        present = {path: taken for path, taken in folders.items() if _there(path)}
        return host.Growth(present, spared)


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _size(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    except OSError:
        return 0
