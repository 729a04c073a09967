"""Whether the clocks agree well enough: the service's, the database's, the log's last event's.

The append procedure judges them again, under its lock, for every order. What is here tells people
and programs about it before, and keeps a wrong clock of ours from calling an order late, or from
ending what is not over.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from psycopg import AsyncConnection

from infrastructure.log.queries import QUERIES

TOLERANCE_SECONDS: Final = 300
"""As `tolerance` in append.sql."""
_TOLERANCE_US: Final = TOLERANCE_SECONDS * 1_000_000
DISTRUST_SECONDS: Final = 86_400
"""So long an operator has to notice that a clock was set wrong."""


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


class SureTime:
    """The time by which what is over may be ended for good, whatever our clock says.

    It is the earlier one of our clock and the database's. There is none while they disagree, and
    for a day after ours was set: where both are one machine's, nothing else contradicts it.

    Args:
        clock: this machine's clock, in microseconds since 1970.
        monotonic: seconds that only ever grow, at the same pace.
    """

    def __init__(
        self,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._apart_us: int | None = None
        self._trusted_from = 0.0

    async def past(self, conn: AsyncConnection[Any]) -> int:
        """Microseconds since 1970, UTC; 0 where no time is sure."""
        now = self._clock()
        row = await (await conn.execute(QUERIES["clocks"])).fetchone()
        if not self._trusts(now) or row is None:
            return 0
        database, head = row
        return 0 if trouble(now, database_us=database, head_us=head) else min(now, database)

    def _trusts(self, now_us: int) -> bool:
        ticks = self._monotonic()
        apart_us = now_us - int(ticks * 1_000_000)
        if self._apart_us is None:
            self._apart_us = apart_us
        elif apart(apart_us, self._apart_us):
            self._apart_us, self._trusted_from = apart_us, ticks + DISTRUST_SECONDS
        return ticks >= self._trusted_from
