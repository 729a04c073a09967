"""Whether the clocks agree well enough: the service's, the database's, the log's last event's.

The append procedure judges them again, under its lock, for every order. What is here tells people
and programs about it before, and keeps a wrong clock of ours from being called a late order.
"""

from typing import Any, Final

from psycopg import AsyncConnection

from infrastructure.log.queries import QUERIES

TOLERANCE_SECONDS: Final = 300
"""As `tolerance` in append.sql."""
_TOLERANCE_US: Final = TOLERANCE_SECONDS * 1_000_000


def apart(one_us: int, other_us: int) -> bool:
    """Whether two clocks, both microseconds since 1970, are too far from one another."""
    return abs(one_us - other_us) > _TOLERANCE_US


def trouble(now_us: int, *, database_us: int, head_us: int) -> str:
    """What is wrong with this machine's clock, for operators; empty where nothing is.

    All three are microseconds since 1970, UTC; `head_us` is the time of the log's last event, which
    may be long ago.
    """
    if apart(database_us, now_us):
        seconds = round(abs(database_us - now_us) / 1_000_000)
        return f"{seconds} s {'behind' if database_us > now_us else 'ahead of'} the database's"
    if head_us - now_us > _TOLERANCE_US:
        return f"{round((head_us - now_us) / 1_000_000)} s behind the log"
    return ""


async def disagree(conn: AsyncConnection[Any], *readings_us: int) -> bool:
    """Whether by any of these readings of this machine's clock an append would be refused.

    They were taken just now, so that no time can be judged by them then.
    """
    row = await (await conn.execute(QUERIES["clocks"])).fetchone()
    if row is None:
        return False
    return any(trouble(one, database_us=row[0], head_us=row[1]) for one in readings_us)
