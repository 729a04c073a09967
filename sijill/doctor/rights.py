"""Who may do what in the database: the table of rights, and where the server differs from it.

What is written here the migrations grant, and no more. A right too many is how a record could be
changed behind the log's back; whoever finds one runs `sijill log fsck` as well.
"""

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import namedtuple_row

from infrastructure.log.queries import load
from infrastructure.postgres import Role, may_rewrite
from sijill.doctor.lines import Line, fail, ok, warn

SCHEMAS: Final = ["ledger", "vault", "vault_keys"]
WRITES: Final = frozenset(
    {
        (Role.SERVICE, "INSERT", "ledger.pending"),
        (Role.SERVICE, "UPDATE", "ledger.pending"),
        (Role.SERVICE, "INSERT", "ledger.pending_signatures"),
        (Role.SERVICE, "INSERT", "vault_keys.pending"),
        (Role.SERVICE, "DELETE", "vault_keys.pending"),
        (Role.SERVICE, "INSERT", "vault.attachments"),
        (Role.SERVICE, "INSERT", "vault.attachment_keys"),
        (Role.SERVICE, "INSERT", "vault_keys.uploads"),
        (Role.KEEPER, "INSERT", "ledger.checkpoints"),
        (Role.KEEPER, "UPDATE", "ledger.checkpoints"),
        (Role.KEEPER, "INSERT", "ledger.lease"),
        (Role.KEEPER, "UPDATE", "ledger.lease"),
    }
)
CALLS: Final = frozenset(
    {
        (Role.SERVICE, "ledger.append"),
        (Role.SERVICE, "ledger.apply_erasures"),
        (Role.SERVICE, "ledger.close_erased"),
        (Role.SERVICE, "ledger.closed_partitions"),
        (Role.SERVICE, "ledger.complete_upload"),
        (Role.SERVICE, "ledger.drop_uploads"),
        (Role.SERVICE, "ledger.forget_upload"),
        (Role.SERVICE, "ledger.prepare_partitions"),
        (Role.SERVICE, "ledger.put_chunk"),
        (Role.SERVICE, "ledger.refuse_pending"),
        (Role.SERVICE, "ledger.report"),
        (Role.KEEPER, "ledger.freeze_closed"),
        (Role.KEEPER, "ledger.prepare_partitions"),
    }
)
CHANGING: Final = frozenset(
    {
        "ledger.pending",
        "ledger.pending_signatures",
        "ledger.lease",
        "ledger.reports",
        "vault_keys.pending",
        "vault.attachments",
        "vault.attachment_chunks",
        "vault.attachment_keys",
        "vault_keys.uploads",
    }
)
"""Tables that are no part of the log: no trigger stops a change."""
OWN_HAND: Final = frozenset({"ledger.head", "ledger.claims", "vault.lookups", "vault_keys.records"})
"""Tables that the append procedure itself also changes."""

_SQL = load("sijill.doctor", "doctor.sql")
Sql = Callable[..., str]
"""From statements of the installing login's to the command that runs them, each for itself."""


def rights(conn: Connection[Any], sql: Sql, audit: str) -> Iterator[Line]:
    """Each difference between the table of rights and the server; `audit` checks the log."""
    found = [
        *_roles(conn, sql),
        *_grants(conn, sql),
        *_calls(conn, sql),
        *_owners(conn, sql),
        *_triggers(conn, sql),
        *_procedure(conn, audit),
    ]
    yield from found
    if not found:
        yield ok("rights", tables=len(_rows(conn, "tables")))
    if may_rewrite(conn):
        mend = f"createuser --pwprompt -g {Role.SERVICE} -g {Role.KEEPER} sijill_app"
        yield warn("login_may_rewrite", mend, login=conn.info.user, role=str(Role.OWNER))


def _rows(conn: Connection[Any], name: str) -> list[Any]:
    values = {"schemas": SCHEMAS, "owner": str(Role.OWNER), "roles": [str(one) for one in Role]}
    cursor = conn.cursor(row_factory=namedtuple_row)
    return cursor.execute(_SQL[name], values).fetchall()


def _roles(conn: Connection[Any], sql: Sql) -> Iterator[Line]:
    for row in _rows(conn, "roles"):
        without = " ".join(f"NO{power}" for power in row.powers)
        statements = [f"ALTER ROLE {row.role} {without}"] if without else []
        statements += [f'REVOKE "{role}" FROM {row.role}' for role in row.member_of]
        if statements:
            powers = ", ".join([*row.powers, *row.member_of])
            yield fail("role_too_mighty", sql("; ".join(statements)), role=row.role, powers=powers)


def _grants(conn: Connection[Any], sql: Sql) -> Iterator[Line]:
    wholes = [row.name for row in _rows(conn, "tables") if not row.part]
    expected = set(WRITES)
    for name in wholes:
        expected.add((Role.SERVICE, "SELECT", name))
        if not name.startswith("vault_keys."):
            expected.add((Role.KEEPER, "SELECT", name))
    found = _rows(conn, "grants")
    for row in found:
        right = (row.role, row.privilege, row.object)
        # Reading goes through the whole, or through a part as it was when the ledger was founded.
        read_part = row.part and row.privilege == "SELECT" and row.role in {*Role}
        if right not in expected and not read_part:
            role = row.role if row.role == "PUBLIC" else f'"{row.role}"'
            mend = sql(f"REVOKE {row.privilege} ON {row.object} FROM {role}")
            yield _too_many(mend, row.role, row.privilege, row.object)
    present = {(row.role, row.privilege, row.object) for row in found}
    for role, privilege, name in sorted(expected - present):
        mend = sql(f"GRANT {privilege} ON {name} TO {role}")
        yield _missing(mend, role, privilege, name)


def _calls(conn: Connection[Any], sql: Sql) -> Iterator[Line]:
    found = _rows(conn, "calls")
    for row in found:
        if (row.role, row.name) not in CALLS:
            role = row.role if row.role == "PUBLIC" else f'"{row.role}"'
            mend = sql(f"REVOKE EXECUTE ON FUNCTION {row.object} FROM {role}")
            yield _too_many(mend, row.role, "EXECUTE", row.name)
    for role, name in sorted(CALLS - {(row.role, row.name) for row in found}):
        mend = sql(f"GRANT EXECUTE ON FUNCTION {name} TO {role}")
        yield _missing(mend, role, "EXECUTE", name)


def _too_many(mend: str, role: str, right: str, thing: str) -> Line:
    return fail("right_too_many", mend, role=role, right=right, object=thing)


def _missing(mend: str, role: str, right: str, thing: str) -> Line:
    return fail("right_missing", mend, role=role, right=right, object=thing)


def _owners(conn: Connection[Any], sql: Sql) -> Iterator[Line]:
    for row in _rows(conn, "foreign_owners"):
        mend = sql(f"ALTER {row.kind} {row.object} OWNER TO {Role.OWNER}")
        yield fail("owner_foreign", mend, object=row.object, owner=row.owner)


def _triggers(conn: Connection[Any], sql: Sql) -> Iterator[Line]:
    armed = {(row.name, row.trigger) for row in _rows(conn, "triggers")}
    for row in _rows(conn, "tables"):
        if row.whole in CHANGING:
            continue
        checkpoints = row.whole == "ledger.checkpoints"
        wanted = ("refuse_contradiction", "refuse_delete") if checkpoints else _OF_THE_LOG
        for trigger in wanted:
            if (row.name, trigger) not in armed:
                mend = sql(_armed_again(row.name, row.whole, trigger, checkpoints=checkpoints))
                yield fail("trigger_missing", mend, table=row.name, trigger=trigger)
                break


_OF_THE_LOG: Final = ("refuse_change", "refuse_truncate")


def _armed_again(table: str, whole: str, trigger: str, *, checkpoints: bool) -> str:
    if checkpoints:
        return f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"
    drops = "".join(f"DROP TRIGGER IF EXISTS {name} ON {table}; " for name in _OF_THE_LOG)
    return f"{drops}SELECT ledger.protect('{table}', {str(whole in OWN_HAND).lower()})"


def _procedure(conn: Connection[Any], audit: str) -> Iterator[Line]:
    """The one road into the log has to be this release's, to the letter."""
    text = files("infrastructure.log").joinpath("append.sql").read_text(encoding="utf-8")
    _, _, rest = text.partition("AS $$")
    body, _, _ = rest.partition("$$")
    if [(row.prosrc, row.prosecdef) for row in _rows(conn, "procedure")] != [(body, True)]:
        yield fail("procedure_altered", audit)
