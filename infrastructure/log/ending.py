"""The end of the log, looked at before anything is built upon it.

Whoever opens a connection may have come to another database than before: one that was restored to
an earlier day, or a standby that was promoted without having received everything.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from psycopg import AsyncConnection

from infrastructure.log.batch import Appended
from infrastructure.log.leaves import BrokenChain, checked_leaf_hashes, head_size, leaf_hashes
from infrastructure.log.queries import QUERIES
from infrastructure.log.refusals import LogBehind

TAIL_EVENTS = 256

Place = tuple[int, bytes]
"""An event as it was read: its index, and the leaf hash that stood there."""


class LogTampered(RuntimeError):
    """The end of the log does not fit the head row: nothing may be built upon it."""


async def check_tail(conn: AsyncConnection[Any]) -> None:
    """Return when the last events chain up to the head row.

    Raises:
        LogTampered: they do not.
    """
    row = await (await conn.execute(QUERIES["head"])).fetchone()
    if row is None:
        raise LogTampered("the head row is missing")
    size, _, leaf_hash = row
    try:
        hashes = await checked_leaf_hashes(conn, max(0, size - TAIL_EVENTS), size)
    except BrokenChain as error:
        raise LogTampered(f"the event at index {error.index} does not chain") from error
    if hashes and hashes[-1] != leaf_hash:
        raise LogTampered(f"the event at index {size - 1} is not the head")


async def check_promises(
    conn: AsyncConnection[Any], promised: int, newest: Appended | None
) -> None:
    """Return when the log holds `promised` events, and the newest one that was acknowledged.

    Raises:
        LogBehind: it does not.
    """
    size = await head_size(conn)
    if size < promised:
        raise LogBehind(f"the log has {size} events, {promised} were signed")
    if newest is None:
        return
    index = newest.indexes[-1]
    if await leaf_hashes(conn, index, index + 1) != newest.leaf_hashes[-1]:
        raise LogBehind(f"the event at index {index} is not what was acknowledged")


async def missing(conn: AsyncConnection[Any], events: AbstractSet[Place]) -> frozenset[Place]:
    """Which of these events the log does not hold, or holds another in place of."""
    indexes = [index for index, _ in events]
    rows = await (await conn.execute(QUERIES["leaves_at"], (indexes,))).fetchall()
    return frozenset(events - set(rows))
