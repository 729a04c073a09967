"""A ledger that is served by real processes, which a round may kill, and served again.

Only processes that this module's own service started are ever found, by their parents' numbers.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from infrastructure import faults, postgres
from infrastructure.postgres import Urls
from sijill.founding import found
from sijill.settings import Settings
from tests.processes import children, listed, lives, until
from tests.serving import ORIGIN, Served, serving

REFUSED_SECONDS = 120


class Kind(StrEnum):
    """What can be killed."""

    WORKER = "worker"
    KEEPER = "keeper"
    SUPERVISOR = "supervisor"
    BACKEND = "backend"
    POSTMASTER = "postmaster"


class Service:
    """A served ledger at an address that stays the same from one supervisor to the next.

    Args:
        folder: of a founded ledger.
        workers: how many HTTP workers serve it.
        environment: more variables for the supervisor and its children.
        prefix: a command that goes on as the supervisor, in surroundings of its making.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 2,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        # Where `kills.kill_at` leaves the name of a fault point for the processes of this service.
        self.fault_file = folder / "fault"
        self._workers = workers
        self._prefix = prefix
        self._environment = {faults.VARIABLE: f"@{self.fault_file}", **(environment or {})}
        self._serving = ExitStack()
        self._talks: list[list[str]] = []
        self.served: Served
        self.serve()

    @classmethod
    @contextmanager
    def founded(
        cls,
        folder: Path,
        *,
        workers: int = 2,
        environment: Mapping[str, str] | None = None,
        synced: bool = True,
    ) -> Iterator[Self]:
        """A new ledger in `folder`/ledger, served until the block ends.

        Not `synced`, its PostgreSQL leaves to the kernel when it writes: a killed process loses
        nothing by that, only a machine would, and a busy disk holds up no crash recovery.
        """
        found(folder / "ledger", ORIGIN)
        service = cls(folder / "ledger", workers=workers, environment=environment)
        try:
            if not synced:
                with postgres.connect(service.urls.admin, None, autocommit=True) as admin:
                    admin.execute("ALTER SYSTEM SET fsync = off")
                    admin.execute("SELECT pg_reload_conf()")
            yield service
        finally:
            service.close()
            # A supervisor that was killed last left its PostgreSQL to the next one.
            Settings(data=service.folder).embedded().stop()

    @property
    def url(self) -> str:
        """Where it is served; the same for as long as this object lives."""
        return self.served.url

    @property
    def urls(self) -> Urls:
        """The connection strings of its database."""
        settings = Settings(data=self.folder)
        return settings.external() or settings.embedded().urls()

    def serve(self) -> None:
        """Serve it, again at the same address if it was served before.

        The last supervisor is stopped if it lives. After a killed one, its children are waited
        for: they hold the listening socket until they have noticed.
        """
        port = 0
        if hasattr(self, "served"):
            port = urlsplit(self.served.url).port or 0
        self.close()
        context = serving(
            self.folder,
            workers=self._workers,
            port=port,
            environment=self._environment,
            prefix=self._prefix,
        )
        self.served = self._serving.enter_context(context)
        self._talks.append(self.served.talk)

    @property
    def words(self) -> list[str]:
        """Every line that its supervisors and their children have said, oldest first."""
        return [line for talk in self._talks for line in talk]

    def close(self) -> None:
        """Stop serving; nothing if it is not served."""
        self._serving.close()

    def processes(self, kind: Kind) -> list[int]:
        """The living processes of one kind."""
        supervisor = self.served.process.pid
        match kind:
            case Kind.SUPERVISOR:
                return [supervisor] if lives(supervisor) else []
            case Kind.WORKER | Kind.KEEPER:
                return [pid for pid, role in children(supervisor).items() if role == kind]
        postmaster = Settings(data=self.folder).embedded().pid()
        if postmaster is None or kind is Kind.POSTMASTER:
            return [] if postmaster is None else [postmaster]
        # Sessions of clients, not PostgreSQL's own helpers: those have no address in their title.
        return [
            pid for pid, above, words in listed() if above == postmaster and "[local]" in words[0]
        ]

    def kill(self, kind: Kind, chance: random.Random, *standing: int) -> float:
        """Kill one process of a kind with SIGKILL; when that was, in monotonic seconds.

        With it go those that stand still at a fault point: they hear nothing any more.

        One that is on its way back from the last kill is waited for. A supervisor that was killed
        is followed by the next one before this returns; everything else comes back by itself.
        """
        victims: list[int] = []

        def lives_one() -> bool:
            victims[:] = sorted(self.processes(kind))
            return bool(victims)

        until(lives_one, f"no {kind} lives")
        pid = chance.choice(victims)
        left = children(pid) if kind is Kind.SUPERVISOR else {}
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return self.kill(kind, chance, *standing)
        killed = time.monotonic()
        for one in standing:
            os.kill(one, signal.SIGKILL)
        if kind is Kind.SUPERVISOR:
            self.served.process.wait()
            until(lambda: not any(map(lives, left)), "children outlive their supervisor")
            self.serve()
        return killed


def serve_is_refused(folder: Path) -> tuple[int, str]:
    """The exit code of a `serve` that must not come to serving, and the code of its problem."""
    command = [sys.executable, "-m", "sijill", "serve", "--data", str(folder), "--port", "0"]
    done = subprocess.run(
        [*command, "--output", "json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=REFUSED_SECONDS,
    )
    return done.returncode, str(json.loads(done.stdout)["problem"]["code"])
