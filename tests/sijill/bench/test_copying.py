"""The yardstick copies what the procedure would have written, into every table that it writes."""

import asyncio

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from infrastructure import postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.log.batch import Appended, append
from infrastructure.log.committer import now_us
from infrastructure.log.leaves import checked_leaf_hashes
from infrastructure.postgres import Role, Urls
from sijill.bench.copying import Copied
from sijill.bench.rows import Rows, open_log
from sijill.bench.servers import ledger_database

# What is of the moment, or chained to it, differs.
MOMENTS = ["time", "leaf_hash"]
_TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('ledger', 'vault', 'vault_keys') AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition AND c.relname NOT IN ('head', 'settings')
"""
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND attname <> ALL (%s) ORDER BY attnum
"""


def test_the_same_rows_are_in_the_same_tables(server: EmbeddedServer, database: Urls) -> None:
    open_log(database)
    name = str(conninfo_to_dict(database.admin)["dbname"])
    copied = ledger_database(server, "bench_copied", template=name)
    try:
        rows = Rows()
        pieces = [rows.singles(3), rows.bulk(4), rows.singles(1)]
        with postgres.connect(database.service, Role.SERVICE, autocommit=True) as connection:
            for piece in pieces:
                results = append(connection, piece, now_us())
                assert all(isinstance(one, Appended) for one in results), results
        into = Copied(copied)
        into.copy(into.batches(pieces), events=1, seconds=60)

        with (
            postgres.connect(database.admin, None) as ours,
            postgres.connect(copied.admin, None) as theirs,
        ):
            tables = [row[0] for row in ours.execute(_TABLES)]
            filled = {table for table in tables if contents(ours, table)}
            assert {table for table in tables if contents(theirs, table)} == filled
            assert "vault_keys.records" in filled
            for table in filled:
                assert contents(theirs, table) == contents(ours, table), table
        assert asyncio.run(chained(copied)) == 10
    finally:
        server.drop_database("bench_copied")


def contents(conn: Connection[tuple[object, ...]], table: str) -> list[str]:
    columns = [sql.Identifier(str(row[0])) for row in conn.execute(_COLUMNS, (table, MOMENTS))]
    statement = sql.SQL("SELECT ROW({})::text FROM {} ORDER BY 1").format(
        sql.SQL(", ").join(columns), sql.Identifier(*table.split("."))
    )
    return [str(row[0]) for row in conn.execute(statement)]


async def chained(urls: Urls) -> int:
    """How many leaves of the copied log chain up."""
    async with await psycopg.AsyncConnection.connect(urls.admin) as conn:
        return len(await checked_leaf_hashes(conn, 0, 10))
