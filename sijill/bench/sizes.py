"""What a log takes on the disk, table by table."""

from pathlib import Path
from typing import Any

from infrastructure import postgres

LARGEST = 14
_TABLES = """
SELECT n.nspname || '.' || coalesce(p.relname, c.relname) AS name,
    sum(pg_table_size(c.oid))::bigint, sum(pg_indexes_size(c.oid))::bigint
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE n.nspname IN ('ledger', 'vault', 'vault_keys', 'read') AND c.relkind = 'r'
GROUP BY name
ORDER BY sum(pg_total_relation_size(c.oid)) DESC, name
LIMIT %s
"""
_WAL = "SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()"


def tables(url: str, events: int) -> list[dict[str, Any]]:
    """Bytes of the largest tables, with their overflow, and of their indexes; also each event."""
    with postgres.connect(url, None, autocommit=True, limits=postgres.PATIENT) as connection:
        rows = connection.execute(_TABLES, (LARGEST,)).fetchall()
    return [
        {
            "table": name,
            "heap_bytes": heap,
            "index_bytes": index,
            "heap_bytes_each": round(heap / events, 1),
            "index_bytes_each": round(index / events, 1),
        }
        for name, heap, index in rows
    ]


def wal_bytes(url: str) -> int:
    """What the write-ahead log takes now."""
    with postgres.connect(url, None, autocommit=True) as connection:
        row = connection.execute(_WAL).fetchone()
    return int(row[0]) if row else 0


def folder_bytes(folder: Path) -> int:
    """What the files under a folder take, as the disk counts."""
    return sum(512 * path.lstat().st_blocks for path in folder.rglob("*"))
