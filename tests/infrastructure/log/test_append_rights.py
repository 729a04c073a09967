"""What nobody may do to the log, and what even a superuser must do on purpose."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from infrastructure.log.committer import append
from infrastructure.log.queries import QUERIES
from infrastructure.postgres import Role, Urls, connect
from tests.infrastructure.log.making import a_request, a_stream, an_event

LOG_TABLES = (
    "ledger.settings",
    "ledger.head",
    "ledger.events",
    "ledger.streams",
    "ledger.orders",
    "ledger.order_keys",
    "ledger.order_lines",
    "ledger.claims",
    "vault.sealed",
    "vault.lookups",
    "vault.erasures",
    "vault_keys.records",
)
CHANGES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
# The table of rights beyond reading; whoever adds one adds it here.
GRANTED = {
    ("sijill_service", "ledger.pending", "INSERT"),
    ("sijill_service", "ledger.pending", "UPDATE"),
    ("sijill_service", "ledger.pending_signatures", "INSERT"),
    ("sijill_service", "vault_keys.pending", "INSERT"),
    ("sijill_service", "vault_keys.pending", "DELETE"),
    ("sijill_service", "vault.attachments", "INSERT"),
    ("sijill_service", "vault.attachment_keys", "INSERT"),
    ("sijill_service", "vault_keys.uploads", "INSERT"),
    ("sijill_keeper", "ledger.checkpoints", "INSERT"),
    ("sijill_keeper", "ledger.checkpoints", "UPDATE"),
    ("sijill_keeper", "ledger.lease", "INSERT"),
    ("sijill_keeper", "ledger.lease", "UPDATE"),
}


def change(conn: Connection[Any], verb: str, table: sql.Composable) -> None:
    """Tries one change of a table, whatever its columns are."""
    statements = {
        "INSERT": sql.SQL("INSERT INTO {0} SELECT * FROM {0}"),
        "DELETE": sql.SQL("DELETE FROM {0}"),
        "TRUNCATE": sql.SQL("TRUNCATE {0}"),
    }
    if verb == "UPDATE":
        cursor = conn.execute(sql.SQL("SELECT * FROM {0} LIMIT 0").format(table))
        assert cursor.description is not None
        first = sql.Identifier(cursor.description[0].name)
        conn.execute(sql.SQL("UPDATE {0} SET {1} = {1}").format(table, first))
    else:
        conn.execute(statements[verb].format(table))


def named(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


@pytest.fixture
def filled(service: Connection[Any]) -> Connection[Any]:
    stream = a_stream()
    append(
        service,
        [
            a_request(
                None,
                an_event(stream, sealed=b"sealed", lookups=[("name", bytes(32))]),
                claims=[("code", "A", stream)],
                record_keys={stream: b"wrapped"},
            ),
            a_request(None, an_event(stream, 2), an_event(), erase=[stream]),
            a_request(
                None,
                an_event(kept := a_stream(), lookups=[("name", bytes(32))]),
                record_keys={kept: b"wrapped"},
            ),
        ],
    )
    return service


def test_the_service_and_the_keeper_may_change_nothing_of_the_log(database: Urls) -> None:
    for role, url in ((Role.SERVICE, database.service), (Role.KEEPER, database.keeper)):
        with connect(url, role, autocommit=True) as conn:
            for table in LOG_TABLES:
                for verb in CHANGES:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        change(conn, verb, named(table))


def test_rights_are_exactly_those_of_the_table(admin: Connection[Any]) -> None:
    rows = admin.execute(
        """
        SELECT DISTINCT r.rolname, n.nspname || '.' || c.relname, p.privilege
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN (VALUES ('sijill_service'), ('sijill_keeper'), ('public')) AS r (rolname)
        CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES'])
            AS p (privilege)
        WHERE n.nspname IN ('ledger', 'vault', 'vault_keys') AND c.relkind IN ('r', 'p')
            AND (has_table_privilege(r.rolname, c.oid, p.privilege)
                OR p.privilege IN ('INSERT', 'UPDATE', 'REFERENCES')
                    AND has_any_column_privilege(r.rolname, c.oid, p.privilege))
        """
    ).fetchall()
    assert set(rows) == GRANTED


def test_only_the_service_appends(admin: Connection[Any]) -> None:
    rows = admin.execute(
        """
        SELECT r.rolname, p.proname
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        CROSS JOIN (VALUES ('sijill_service'), ('sijill_keeper'), ('public')) AS r (rolname)
        WHERE n.nspname = 'ledger' AND has_function_privilege(r.rolname, p.oid, 'EXECUTE')
        """
    ).fetchall()
    assert set(rows) == {
        ("sijill_service", "append"),
        ("sijill_service", "apply_erasures"),
        ("sijill_service", "prepare_partitions"),
        ("sijill_service", "refuse_pending"),
        ("sijill_service", "close_erased"),
        ("sijill_service", "closed_partitions"),
        ("sijill_service", "put_chunk"),
        ("sijill_service", "complete_upload"),
        ("sijill_service", "drop_uploads"),
        ("sijill_service", "forget_upload"),
        ("sijill_service", "report"),
        ("sijill_keeper", "prepare_partitions"),
        ("sijill_keeper", "freeze_closed"),
    }
    definition = admin.execute(
        """
        SELECT p.prosecdef, p.provolatile, r.rolname, r.rolcanlogin, r.rolsuper, p.proconfig
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.oid = 'ledger.append'::regproc
        """
    ).fetchone()
    assert definition is not None
    assert definition[:5] == (True, "v", "sijill_owner", False, False)
    assert "search_path=pg_catalog, pg_temp" in definition[5]


def test_the_keeper_reads_no_record_keys(database: Urls) -> None:
    with connect(database.keeper, Role.KEEPER, autocommit=True) as conn:
        for table in ("vault_keys.records", "vault_keys.pending"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(sql.SQL("SELECT FROM {}").format(named(table)))


def test_a_superuser_is_stopped_unless_on_purpose(
    filled: Connection[Any], admin: Connection[Any]
) -> None:
    for table in LOG_TABLES:
        assert filled.execute(sql.SQL("SELECT FROM {}").format(named(table))).rowcount > 0
        parts = admin.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
            (table,),
        ).fetchall()
        for each in (table, *(part for (part,) in parts)):
            for verb in ("UPDATE", "DELETE", "TRUNCATE"):
                with pytest.raises(psycopg.Error) as caught:
                    change(admin, verb, named(each))
                assert caught.value.sqlstate == "SJ002", (verb, each)


def test_a_replica_session_is_stopped_too(filled: Connection[Any], admin: Connection[Any]) -> None:
    admin.execute("SET session_replication_role = replica")
    with pytest.raises(psycopg.Error) as caught:
        admin.execute("UPDATE ledger.events SET body = ''")
    assert caught.value.sqlstate == "SJ002"
    # Tampering is possible to a superuser who means it, and then `log fsck` names the record.
    admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
    admin.execute("UPDATE ledger.events SET body = '' WHERE index = 0")
    assert filled.execute("SELECT body FROM ledger.events WHERE index = 0").fetchone() == (b"",)


def test_a_checkpoint_is_written_once(database: Urls, admin: Connection[Any]) -> None:
    with connect(database.keeper, Role.KEEPER, autocommit=True) as keeper:
        keeper.execute("INSERT INTO ledger.checkpoints (size, root) VALUES (5, %s)", (bytes(32),))
        with pytest.raises(psycopg.errors.UniqueViolation):
            keeper.execute(
                "INSERT INTO ledger.checkpoints (size, root) VALUES (5, %s)", (b"\x01" * 32,)
            )
        keeper.execute("UPDATE ledger.checkpoints SET note = 'note', time = 1 WHERE size = 5")
        with pytest.raises(psycopg.Error) as caught:
            keeper.execute("UPDATE ledger.checkpoints SET note = 'other' WHERE size = 5")
        assert caught.value.sqlstate == "SJ002"
    for statement in (
        "UPDATE ledger.checkpoints SET root = '\\x02'",
        "DELETE FROM ledger.checkpoints",
        "TRUNCATE ledger.checkpoints",
    ):
        with pytest.raises(psycopg.Error) as caught:
            admin.execute(statement)
        assert caught.value.sqlstate == "SJ002"


def test_the_service_reads_what_the_keeper_builds(database: Urls) -> None:
    with connect(database.keeper, Role.KEEPER, autocommit=True) as keeper:
        keeper.execute("CREATE SCHEMA read_1 CREATE TABLE things (a integer)")
    with connect(database.service, Role.SERVICE, autocommit=True) as service:
        assert service.execute("SELECT * FROM read_1.things").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("INSERT INTO read_1.things VALUES (1)")


def require_durable_commit(conn: Connection[Any]) -> None:
    """Commit, and see that what was written before is on the disk by then."""
    # What holds inside the transaction after the call is what its commit obeys.
    assert conn.execute("SHOW synchronous_commit").fetchone() == ("on",)
    place = conn.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
    assert place is not None
    conn.commit()
    flushed = conn.execute("SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", place).fetchone()
    assert flushed == (True,)


@pytest.mark.parametrize("wanted", ["off", "local", "remote_write"])
def test_a_commit_is_durable_whatever_the_session_says(database: Urls, wanted: str) -> None:
    with connect(database.service, Role.SERVICE) as conn:
        conn.execute("SELECT set_config('synchronous_commit', %s, false)", (wanted,))
        conn.commit()
        append(conn, [a_request()])
        require_durable_commit(conn)
        assert conn.execute("SHOW synchronous_commit").fetchone() == (wanted,)


def test_a_confirmation_is_durable_whatever_the_session_says(database: Urls) -> None:
    with connect(database.service, Role.SERVICE) as conn:
        conn.execute("SET synchronous_commit = off")
        conn.commit()
        conn.execute(QUERIES["confirm"])
        require_durable_commit(conn)


def test_a_server_that_waits_for_standbys_to_apply_is_not_lowered(database: Urls) -> None:
    url = make_conninfo(database.service, options="-c synchronous_commit=remote_apply")
    with connect(url, Role.SERVICE) as conn:
        conn.execute("SET synchronous_commit = off")
        append(conn, [a_request()])
        assert conn.execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)


def test_a_repeated_answer_waits_for_the_standbys_as_the_first_did(
    service: Connection[Any],
) -> None:
    request = a_request()
    append(service, [request])
    before = service.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
    assert before is not None
    append(service, [request])
    # Only a commit that wrote something is waited for.
    assert service.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", before).fetchone() == (
        True,
    )
