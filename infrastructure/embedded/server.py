"""The life of one embedded server: made, started, adopted, stopped.

It yields connection strings and nothing else, so that everything behind them works the same on a
server that somebody else runs. A server outlives the process that started it; the next process
adopts it. Nothing here kills a process.

    folder/data        the database cluster
    folder/log         a week of the server's own words
    folder/run         the socket, where its path is short enough
    folder/passwords   one file per login, readable by the folder's owner only
    folder/lock        held while a process starts or stops the server
    folder/users       held, shared, by everybody who has started or adopted the server
    folder/alive       held by the server itself and all its children
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote

from psycopg import Connection, pq, sql
from psycopg.rows import TupleRow

from infrastructure import postgres
from infrastructure.embedded.binaries import find_binaries
from infrastructure.embedded.configuration import SETTINGS, configuration
from infrastructure.embedded.errors import EmbeddedServerError
from infrastructure.embedded.files import (
    SOCKET,
    make_folder,
    make_socket_folder,
    open_lock,
    socket_folder,
    try_lock,
    write_private,
)
from infrastructure.embedded.postmaster import read_postmaster
from infrastructure.embedded.unprivileged import Runner, runner_for
from infrastructure.keyfiles import sync_folder
from infrastructure.postgres import Role, Urls

DATABASE = "sijill"
SUPERUSER = "postgres"
LOGINS: Mapping[str, Role] = {"sijill_app": Role.SERVICE, "sijill_keep": Role.KEEPER}
# Crash recovery after a long day may replay gigabytes.
START_SECONDS = 600
STOP_SECONDS = 600
# How long the children of a server that died may take to notice.
ORPHAN_SECONDS = 30
POLL_SECONDS = 0.02


class EmbeddedServer:
    """One server in one folder.

    Args:
        folder: where everything of this server lies; made when it is missing.
        binaries: PostgreSQL's bin folder, if not the first fitting one that is found.
        settings: parameters of postgresql.conf that differ from the usual ones.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "data"
        self._preferred = binaries
        self._settings = {**SETTINGS, **(settings or {})}
        # Of this one alone: another one of the same process may go on with the same server.
        self._used: IO[str] | None = None

    def start(self) -> Urls:
        """Makes the cluster if there is none, starts it if it is down, and waits until it serves.

        May be called again at any time and by any process: a running server is adopted, one that
        died is started again.

        Raises:
            EmbeddedServerError: with what is in the way.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            self._bring_up()
            self._provision()
            self._use()
        return self.urls()

    def stop(self, *, timeout_seconds: float = STOP_SECONDS) -> bool:
        """Asks for a fast shutdown and waits until the server is gone; whether it is.

        Whoever else has started or adopted the server goes on with it, and stops it after that.

        Raises:
            EmbeddedServerError: `stop_timed_out`; the server goes on stopping.
        """
        if not self.folder.exists():
            return True
        with self._locked():
            last, postmaster = self._is_last(), read_postmaster(self.data)
            if postmaster is None or not postmaster.alive:
                return True
            if not last:
                return False
            pid = postmaster.pid
            os.kill(pid, signal.SIGINT)
            if not _poll(lambda: self.pid() != pid, timeout_seconds):
                raise EmbeddedServerError(
                    "stop_timed_out",
                    f"PostgreSQL (process {pid}) was still stopping after {timeout_seconds} s; "
                    f"its log is in {self.folder / 'log'}",
                )
            sockets = Path(postmaster.socket_folder)
            if sockets.parent != self.folder:
                # In a folder for temporary files; whatever else lies in it stays.
                with contextlib.suppress(OSError):
                    sockets.rmdir()
        return True

    def pid(self) -> int | None:
        """The process id of the running server; None if it does not run."""
        postmaster = read_postmaster(self.data)
        return postmaster.pid if postmaster and postmaster.alive else None

    def urls(self, database: str = DATABASE) -> Urls:
        """The connection strings for a database of the running server."""
        app, keep = LOGINS
        return Urls(
            service=self._url(app, database),
            keeper=self._url(keep, database),
            admin=self._url(SUPERUSER, database),
        )

    def create_database(self, name: str, *, template: str = "template0") -> Urls:
        """Makes a database, from another one if `template` names it, and returns its strings."""
        # Copying files beats logging every page of a small template, and leaves a smaller log.
        with self._administer() as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.urls(name)

    def drop_database(self, name: str) -> None:
        """Removes a database, ending the sessions that still use it."""
        with self._administer() as admin:
            admin.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with open_lock(self.folder / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _use(self) -> None:
        """Tell everybody else that the server is needed still, however often it is started."""
        if self._used is None:
            self._used = open_lock(self.folder / "users")
            fcntl.flock(self._used, fcntl.LOCK_SH)

    def _is_last(self) -> bool:
        """Have done with the server; whether nobody else goes on with it."""
        if self._used is not None:
            self._used.close()
            self._used = None
        with open_lock(self.folder / "users") as users:
            return try_lock(users)

    @contextlib.contextmanager
    def _administer(self) -> Iterator[Connection[TupleRow]]:
        # CREATE and DROP DATABASE work outside a transaction only.
        url = self._url(SUPERUSER, "postgres")
        with postgres.connect(url, None, autocommit=True, limits=postgres.PATIENT) as admin:
            yield admin

    def _launch(self) -> None:
        version = self.data / "PG_VERSION"
        binaries = find_binaries(
            self._preferred, major=int(version.read_text()) if version.exists() else None
        )
        runner = runner_for(self.data)
        for name in ("log", "passwords"):
            make_folder(self.folder / name, runner)
        for login in (SUPERUSER, *LOGINS):
            password = self._password_file(login)
            if not password.exists():
                write_private(password, secrets.token_urlsafe(32), runner)
        if not self.data.exists():
            self._initialise(binaries, runner)
        sockets = make_socket_folder(self.folder, runner)
        settings = {
            **self._settings,
            "log_directory": str(self.folder / "log"),
            "unix_socket_directories": str(sockets),
        }
        write_private(self.data / "postgresql.conf", configuration(settings), runner)
        with open_lock(self.folder / "alive") as alive:
            if not _poll(lambda: try_lock(alive), ORPHAN_SECONDS):
                raise EmbeddedServerError(
                    "folder_in_use",
                    f"processes of another PostgreSQL still use {self.data}, perhaps in another "
                    "container; stop them first",
                )
            self._clear_stale_numbers(sockets)
            command: list[str | Path] = [binaries / "pg_ctl", "start", "--silent", "--wait"]
            command += ["--timeout", str(START_SECONDS), "--pgdata", self.data]
            command += ["--log", self.folder / "log" / "start.log"]
            # The server inherits the lock, which says for it, across containers too, that it lives.
            self._run(runner, command, pass_fds=(alive.fileno(),))

    def _initialise(self, binaries: Path, runner: Runner) -> None:
        # Made aside and renamed, so that an interrupted attempt is never taken for a cluster.
        aside = self.folder / "data.new"
        if aside.exists():
            shutil.rmtree(aside)
        command: list[str | Path] = [binaries / "initdb", "--pgdata", aside, "--data-checksums"]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=libc"]
        command += ["--auth=scram-sha-256", f"--username={SUPERUSER}"]
        command += ["--pwfile", self._password_file(SUPERUSER)]
        if self._settings["fsync"] == "off":
            command.append("--no-sync")
        self._run(runner, command)
        aside.rename(self.data)
        sync_folder(self.folder)

    def _clear_stale_numbers(self, sockets: Path) -> None:
        """Removes lock files whose process number may be another process's by now.

        PostgreSQL would refuse to start while any process of the same user has it, as happens when
        a container starts again. The caller holds `alive`: no process of the old server is left.
        """
        (sockets / f"{SOCKET}.lock").unlink(missing_ok=True)
        postmaster = read_postmaster(self.data)
        # Otherwise it stays: PostgreSQL finds in it the shared memory that it must see unused.
        if postmaster and postmaster.number_taken and not postmaster.alive:
            (self.data / "postmaster.pid").unlink()

    def _run(
        self, runner: Runner, command: Sequence[str | Path], *, pass_fds: Sequence[int] = ()
    ) -> None:
        # The caller's PGDATA, PGHOST, PGOPTIONS ... mean other servers.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        done = subprocess.run(
            [*runner.prefix, *command],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**environment, "LC_ALL": "C"},
            pass_fds=pass_fds,
        )
        if done.returncode != 0:
            words = done.stderr.strip() or done.stdout.strip()
            raise EmbeddedServerError(
                "start_failed",
                f"PostgreSQL could not be started in {self.folder}: {words}\n{self._last_words()}",
            )

    def _bring_up(self) -> None:
        # What looks alive may be dying at this moment, so once more after it is gone.
        for _ in range(2):
            if self.pid() is None:
                self._launch()
            if _poll(lambda: self._serves() or self.pid() is None, START_SECONDS) and self.pid():
                return
        raise EmbeddedServerError(
            "start_failed", f"PostgreSQL in {self.folder} did not get ready: {self._last_words()}"
        )

    def _serves(self) -> bool:
        return pq.PGconn.ping(self._url(SUPERUSER, "postgres").encode()) == pq.Ping.OK

    def _provision(self) -> None:
        done = self.folder / "provisioned"
        if done.exists():
            return
        with self._administer() as admin:
            known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if known.fetchone() is None:
                self.create_database(DATABASE)
        with postgres.connect(self._url(SUPERUSER, DATABASE), None) as admin:
            postgres.make_roles(admin)
            for login, role in LOGINS.items():
                postgres.make_login(admin, login, self._password_file(login).read_text(), [role])
        done.touch(mode=0o600)

    def _last_words(self) -> str:
        logs = sorted((self.folder / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
        return "\n".join(logs[-1].read_text(errors="replace").splitlines()[-5:]) if logs else ""

    def _url(self, login: str, database: str) -> str:
        postmaster = read_postmaster(self.data)
        folder = (postmaster and postmaster.socket_folder) or str(socket_folder(self.folder))
        password = self._password_file(login).read_text()
        return (
            f"postgresql://{login}:{quote(password, safe='')}@/{quote(database, safe='')}"
            f"?host={quote(folder, safe='')}"
        )

    def _password_file(self, login: str) -> Path:
        return self.folder / "passwords" / login


def _poll(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Whether the condition held before time was up; there is no event to wait for instead."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
