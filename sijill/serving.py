"""`sijill serve`: PostgreSQL if it is ours, then the supervisor, until told to stop."""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import structlog

from infrastructure import migrations, postgres, vault
from infrastructure.embedded import EmbeddedServer
from infrastructure.keyfiles import KeyFileError
from infrastructure.log.reader import load_events, load_head
from infrastructure.postgres import Role
from infrastructure.telemetry import configure_logging
from sijill import delegating
from sijill.folder import Folder
from sijill.identity import NoLedger, identity_of
from sijill.settings import Settings
from sijill.supervisor import FolderLock, Supervisor, listen
from sijill.witnesses import remembered

LOGGER = structlog.get_logger("serving")
WATCH_SECONDS = 2.0


class SchemaOutdated(Exception):
    """The database is at another schema than this release: `sijill db upgrade`."""

    code = "schema_outdated"


class RolledBack(Exception):
    """The database ends before what this ledger has signed: an old backup was restored."""

    code = "rolled_back"


def serve(
    data: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int = 2,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the ledger of a folder until SIGTERM or SIGINT.

    Raises:
        AlreadyServing: another supervisor serves this folder. NoLedger, NotFounded,
        SchemaOutdated, RolledBack, KeyFileError, EmbeddedServerError, OSError: it cannot be
        served, and why.
    """
    configure_logging()
    folder = Folder(data)
    if not folder.keys.is_dir():
        raise NoLedger(data)
    settings = Settings(data=data)
    settings.announced()
    lock = FolderLock(data)
    server: EmbeddedServer | None = None
    # Until there is a supervisor to ask: what has been started by then is stopped again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        urls = settings.external()
        if urls is None:
            server = settings.embedded()
            urls = server.start()
        _check(folder, urls.service)
        _warn_of_rights(urls.service)
        listener = listen(host, port)
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        supervisor = Supervisor(data, listener, workers, _environment(folder))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, supervisor.stop)
        stop_watching = threading.Event()
        if server is not None:
            watch = threading.Thread(target=_tend, args=(server, stop_watching), daemon=True)
            watch.start()
        try:
            supervisor.run(lambda: (on_ready or _announce)(address))
        finally:
            stop_watching.set()
    finally:
        _forget_metrics(folder)
        if server is not None and not server.stop():
            LOGGER.warning(
                "postgresql goes on",
                folder=str(server.folder),
                advice="another sijill command uses it, and stops it when it has done",
            )
        lock.release()


def _check(folder: Folder, service: str) -> None:
    if migrations.current(service) != migrations.head():
        raise SchemaOutdated
    with postgres.connect(service, Role.SERVICE, autocommit=True) as connection:
        size = load_head(connection).size
        identity = identity_of(load_events(connection, 0, 1))
        if not vault.fits(folder.vault(), connection):
            # Everything sealed would seem broken, and what is sealed from now on would be.
            raise KeyFileError("key_file_foreign", folder.vault_key)
    if folder.receipts_key(identity.origin).verifier.encode() != identity.receipts_vkey:
        # The founding of another ledger left it here: nobody would believe its receipts.
        raise KeyFileError("key_file_foreign", folder.key("receipts"))
    if size < folder.mark.read().size:
        raise RolledBack(f"the log has {size} events, {folder.mark.read().size} were signed")
    seen = remembered(folder.path, identity.origin, folder)
    if size < seen:
        raise RolledBack(f"the log has {size} events, witnesses saw {seen}")
    delegating.ensure(folder, identity.origin, identity.ledger)
    patient = postgres.PATIENT
    with postgres.connect(service, Role.SERVICE, autocommit=True, limits=patient) as connection:
        vault.apply_erasures(connection)


def _warn_of_rights(service: str) -> None:
    """Say so where this login could change what is recorded: then only a checker would notice."""
    with postgres.connect(service, Role.SERVICE, autocommit=True) as connection:
        if postgres.may_rewrite(connection):
            LOGGER.warning(
                "login may rewrite the log",
                login=connection.info.user,
                may_become=str(Role.OWNER),
                advice="serve with a login of its own, see docs/how-to/run-in-production.md",
            )


def _environment(folder: Folder) -> dict[str, str]:
    """The children's environment; metrics of workers meet in a folder that starts empty.

    Their files are mapped into memory, and whoever touches a page for which a full disk has no room
    is killed. So they lie in memory themselves, where the system has a place for that.
    """
    _forget_metrics(folder)
    for place in folder.multiprocess:
        try:
            place.mkdir(mode=0o700)
        except OSError:
            continue
        return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(place)}
    LOGGER.warning("no folder for metrics", advice="each worker tells of itself only")
    return dict(os.environ)


def _forget_metrics(folder: Folder) -> None:
    for place in folder.multiprocess:
        shutil.rmtree(place, ignore_errors=True)


def _tend(server: EmbeddedServer, stop: threading.Event) -> None:
    """Start PostgreSQL again when its postmaster has died."""
    while not stop.wait(WATCH_SECONDS):
        if server.pid() is None:
            try:
                server.start()
            except (RuntimeError, OSError, psycopg.Error) as error:
                LOGGER.warning("postgresql does not start", error=str(error))


def _announce(address: str) -> None:
    # The contract's line, for people and for programs that start a ledger.
    sys.stderr.write(f"sijill ready {address}\n")
    sys.stderr.flush()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
