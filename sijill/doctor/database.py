"""What the doctor asks the database: version, schema, settings, clocks, and how far all is."""

import time
from collections.abc import Iterator
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, namedtuple_row

from infrastructure import migrations, vault
from infrastructure.log.checkpoints import SEALING, Sealing
from infrastructure.log.queries import load
from infrastructure.log.reader import load_events
from infrastructure.postgres import OLDEST_VERSION
from infrastructure.proofs.checkpoint import open_checkpoint
from infrastructure.proofs.errors import ProofError
from projections import model
from projections.freshness import Status, model_expected
from sijill.doctor.lines import Line, fail, ok, warn
from sijill.doctor.rights import Sql
from sijill.folder import Folder
from sijill.identity import identity_of

CLOCK_FAIL_SECONDS: Final = 300
"""From here on appends are refused."""
CLOCK_WARN_SECONDS: Final = 2
OLD_TRANSACTIONS: Final = 1_000_000_000
"""Half of what PostgreSQL can tell apart."""
UNFROZEN_TRANSACTIONS: Final = 1_000_000
"""A closed partition is due after a tenth of this."""

_SQL = load("sijill.doctor", "doctor.sql")
_STATUS = load("projections", "freshness.sql")["status"]
_MICROSECONDS = 1_000_000


def now_us() -> int:
    """This machine's clock, which workers judge by; microseconds UTC."""
    return time.time_ns() // 1_000


def server(conn: Connection[Any]) -> Iterator[Line]:
    """The version and encoding of the server that answers."""
    version = conn.info.server_version
    text = conn.info.parameter_status("server_version") or str(version)
    if version < OLDEST_VERSION:
        yield fail("database_too_old", "pg_upgradecluster", found=text, wanted=15)
    elif (encoding := conn.info.parameter_status("server_encoding")) != "UTF8":
        mend = "createdb --encoding UTF8 --locale C --template template0 NEW"
        yield fail("database_encoding", mend, found=str(encoding))
    else:
        yield ok("database", version=text, login=conn.info.user)


def schema(url: str, upgrade: str) -> Iterator[Line]:
    """That release and schema belong together; `upgrade` brings the schema on."""
    found, known = migrations.current(url), migrations.head()
    if found == known:
        yield ok("schema", revision=str(known))
    elif found is None or (known is not None and found < known):
        yield fail("schema_older", upgrade, found=found or "-", wanted=str(known))
    else:
        mend = "python -m pip install --upgrade ./sijill-NEWER.whl"
        yield fail("schema_newer", mend, found=found, wanted=str(known))


def durability(conn: Connection[Any], sql: Sql) -> Iterator[Line]:
    """That a commit is on the disk, and a page whole, after a power cut."""
    has = settings(conn)
    faults = []
    for name in ("fsync", "full_page_writes"):
        if has[name] != "on":
            mend = sql(f"ALTER SYSTEM SET {name} = on", "SELECT pg_reload_conf()")
            faults.append(fail(f"{name}_off", mend))
    level = has["synchronous_commit"]
    if level not in {"on", "remote_apply"}:
        mend = sql("ALTER SYSTEM SET synchronous_commit = on", "SELECT pg_reload_conf()")
        faults.append(warn("synchronous_commit_low", mend, found=level))
    yield from faults or [ok("durability", standbys=has["synchronous_standby_names"] or "-")]


def clock(conn: Connection[Any]) -> Iterator[Line]:
    """The database's clock, and the log's newest time, beside this machine's."""
    before = now_us()
    found = _one(conn, "moment")
    here = (before + now_us()) // 2
    apart = found.clock - here
    mend = "timedatectl set-ntp true"
    if abs(apart) > CLOCK_FAIL_SECONDS * _MICROSECONDS:
        yield fail("clock_apart", mend, seconds=abs(apart) // _MICROSECONDS)
    elif found.head_time - here > CLOCK_FAIL_SECONDS * _MICROSECONDS:
        yield fail("head_ahead", mend, seconds=(found.head_time - here) // _MICROSECONDS)
    elif abs(apart) > CLOCK_WARN_SECONDS * _MICROSECONDS:
        yield warn("clock_drifts", mend, seconds=abs(apart) // _MICROSECONDS)
    else:
        yield ok("clock", milliseconds=abs(apart) // 1_000)


def ledger_keys(conn: Connection[Any], folder: Folder) -> Iterator[Line]:
    """That the keys in the folder are those of the ledger in the database.

    Raises:
        KeyFileError, OSError: a key cannot be read; `key_files` has told it.
    """
    identity = identity_of(load_events(conn, 0, 1))
    keys = folder.log_keys(identity.origin)
    note = _sealing(conn).note
    if note is None:
        signs = identity.log_vkey in {key.verifier.encode() for key in keys}
    else:
        signs = _signed(note, identity.origin, keys)
    receipts = folder.receipts_key(identity.origin).verifier.encode() == identity.receipts_vkey
    opens = vault.fits(folder.vault(), conn)
    found = [
        fail(code, f"cp --preserve=mode /media/BACKUP/{path.name} {path}", path=str(path))
        for code, fits, path in (
            ("log_key_foreign", signs, folder.key("log")),
            ("receipts_key_foreign", receipts, folder.key("receipts")),
            ("vault_key_foreign", opens, folder.vault_key),
        )
        if not fits
    ]
    yield from found or [ok("ledger_keys", origin=identity.origin)]


def checkpoint(conn: Connection[Any], mark: int, *, serve: str, audit: str) -> Iterator[Line]:
    """How far the log is sealed; `mark` is the size that may have been signed already."""
    found = _sealing(conn)
    if found.size < mark:
        yield fail("rolled_back", audit, size=found.size, signed=mark)
    elif found.sealer:
        yield fail("log_frozen", audit, reason=found.sealer)
    elif found.late:
        yield fail("checkpoint_late", serve, events=found.waiting, seconds=found.waited_seconds)
    else:
        yield ok("checkpoint", size=found.sealed, events=found.waiting)


def projection(conn: Connection[Any], *, serve: str, prepare: str) -> Iterator[Line]:
    """How far the read models are, and by whose rules they are made."""
    try:
        with model_expected():
            status = conn.cursor(row_factory=class_row(Status)).execute(_STATUS).fetchone()
    except LookupError:
        status = None
    if status is None:
        yield fail("read_model_missing", serve)
        return
    if status.late:
        yield fail("projection_late", serve, events=status.lag_events, seconds=status.lag_seconds)
    elif status.fingerprint != model.fingerprint():
        yield warn("read_model_outdated", prepare)
    else:
        yield ok("projection", index=status.index, events=status.lag_events)


def freezing(conn: Connection[Any], sql: Sql) -> Iterator[Line]:
    """That PostgreSQL keeps up with the numbers of its transactions."""
    has = settings(conn)
    oldest = _one(conn, "oldest_table")
    limit = int(has["autovacuum_freeze_max_age"])
    cursor = conn.cursor(row_factory=namedtuple_row)
    closed: list[Any] = cursor.execute(_SQL["closed_partitions"]).fetchall()
    late = [one for one in closed if not one.frozen and one.age > UNFROZEN_TRANSACTIONS]
    faults = []
    if has["autovacuum"] != "on":
        mend = sql("ALTER SYSTEM SET autovacuum = on", "SELECT pg_reload_conf()")
        faults.append(warn("autovacuum_off", mend))
    if oldest.age > limit + limit // 2:
        say = fail if oldest.age > OLD_TRANSACTIONS else warn
        mend = sql(f"VACUUM (FREEZE) {oldest.name}")
        faults.append(say("transactions_old", mend, table=oldest.name, age=oldest.age))
    if late:
        mend = sql(*(f"VACUUM (FREEZE) {one.name}" for one in late))
        names = ", ".join(one.name for one in late)
        faults.append(warn("partition_unfrozen", mend, tables=names))
    frozen = sum(one.frozen for one in closed)
    yield from faults or [ok("freezing", age=oldest.age, frozen=frozen, closed=len(closed))]


def settings(conn: Connection[Any]) -> dict[str, str]:
    """The server's settings that the doctor looks at, in PostgreSQL's own units."""
    return dict(conn.execute(_SQL["settings"]).fetchall())


def bytes_per_event(conn: Connection[Any], *, guess: int, least: int) -> int:
    """What an event has taken in this database so far; `guess` while it has fewer than `least`."""
    found = _one(conn, "bytes")
    return int(found.bytes_per_event) if found.size >= least else guess


def end_of(conn: Connection[Any]) -> Any:
    """The end of the log on this server: `size`, `leaf_hash`, and its `clock`."""
    return _one(conn, "end_of")


def hash_at(conn: Connection[Any], index: int) -> bytes | None:
    """The leaf hash of an event, None where the log ends before."""
    row = conn.execute(_SQL["hash_at"], {"index": index}).fetchone()
    return None if row is None else bytes(row[0])


def _signed(note: bytes, origin: str, keys: Any) -> bool:
    try:
        open_checkpoint(note, origin=origin, verifiers=[key.verifier for key in keys])
    except ProofError:
        return False
    return True


def _sealing(conn: Connection[Any]) -> Sealing:
    found = conn.cursor(row_factory=class_row(Sealing)).execute(SEALING).fetchone()
    if found is None:
        raise LookupError("there is no ledger")
    return found


def _one(conn: Connection[Any], name: str) -> Any:
    return conn.cursor(row_factory=namedtuple_row).execute(_SQL[name]).fetchone()
