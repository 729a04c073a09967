"""What the doctor looks for in a folder of attachments: what other hosts may keep elsewhere."""

from collections.abc import Iterator
from typing import Any, Final

from psycopg import Connection

from infrastructure.attachments.stores import FolderStore
from infrastructure.log.queries import load
from sijill.doctor.lines import Line, ok, warn

SAMPLE: Final = 20
"""Where two hosts share the work, hardly twenty in a row have come to one of them."""
PAGES: Final = 16
"""Pages of the table that are looked through for them: some thousand rows."""
_SQL = load("sijill.doctor", "doctor.sql")


def attachments(conn: Connection[Any], objects: FolderStore) -> Iterator[Line]:
    """That what was attached last, by the database, lies in this folder.

    Raises:
        StoreFailure: the folder cannot be read.
    """
    named = _newest(conn)
    missing = {name for name in named if objects.get(name.hex()) is None}
    if missing:
        # What was let go, or sent again, while we looked is not named any more.
        missing &= set(_newest(conn))
    if missing:
        mend = "export SIJILL_ATTACHMENTS_URL=s3://BUCKET/PREFIX"
        yield warn(
            "attachments_elsewhere",
            mend,
            objects=len(named),
            missing=len(missing),
            folder=str(objects.folder),
        )
    else:
        yield ok("attachments", objects=len(named))


def _newest(conn: Connection[Any]) -> list[bytes]:
    rows = conn.execute(_SQL["newest_objects"], {"limit": SAMPLE, "pages": PAGES}).fetchall()
    return [bytes(row[0]) for row in rows]
