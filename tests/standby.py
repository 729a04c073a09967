"""A streaming standby of an embedded server, as an operator would make one: by pg_basebackup."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from infrastructure.embedded import EmbeddedServer
from infrastructure.embedded.binaries import find_binaries
from infrastructure.embedded.unprivileged import runner_for
from infrastructure.postgres import Urls


@dataclass(frozen=True)
class Standby:
    """A standby that runs."""

    server: EmbeddedServer

    @property
    def urls(self) -> Urls:
        """Its connection strings; the logins are the primary's."""
        return self.server.urls()

    def pause(self) -> None:
        """Receive and keep what the primary writes, and show none of it; back when that holds."""
        self._ask("SELECT pg_wal_replay_pause()")
        while self._ask("SELECT pg_get_wal_replay_pause_state()") != "paused":
            pass

    def resume(self) -> None:
        """Show everything again."""
        self._ask("SELECT pg_wal_replay_resume()")

    def _ask(self, statement: str) -> Any:
        with psycopg.connect(self.urls.admin, autocommit=True) as conn:
            row = conn.execute(statement.encode()).fetchone()
        return row and row[0]


@contextmanager
def standby(primary: EmbeddedServer, folder: Path) -> Iterator[Standby]:
    """A hot standby of a server that runs, until the block ends; `folder` has a short path."""
    folder.mkdir(mode=0o700)
    binaries = find_binaries(major=int((primary.data / "PG_VERSION").read_text()))
    command: list[str | Path] = [binaries / "pg_basebackup", "--pgdata", folder / "data"]
    command += ["--wal-method=stream", "--checkpoint=fast", "--write-recovery-conf", "--no-sync"]
    command += ["--dbname", primary.urls("postgres").admin]
    subprocess.run([*runner_for(folder).prefix, *command], check=True, capture_output=True)
    shutil.copytree(primary.folder / "passwords", folder / "passwords")
    (folder / "provisioned").touch()
    settings = {"fsync": "off", "wal_retrieve_retry_interval": "200ms"}
    server = EmbeddedServer(folder, binaries=binaries, settings=settings)
    server.start()
    try:
        yield Standby(server)
    finally:
        server.stop()
