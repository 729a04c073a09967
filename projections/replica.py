"""A replica: a standby that answers readers as far as it has provably kept up.

A standby cannot know what it lacks, so what it says of its own freshness is worth nothing. The
primary is watched instead, and a connection to a replica has to show one of the ends that the log
had within the last two seconds, by its leaf hash. Everything that was acknowledged before that
moment is then in every later answer of this connection: the chain vouches for all before the hash,
and a server that follows another history, or is another ledger's, cannot come to it.

Where no replica can show that, or the primary is out of sight, the primary has to be asked.
"""

import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import psycopg
from psycopg.rows import tuple_row

from infrastructure import postgres
from infrastructure.log.queries import load
from infrastructure.log.watch import Watch
from projections.certificates import Found, Gathering, by_codes
from projections.freshness import STALE_MICROSECONDS, model_expected, ours
from projections.rows import Connection

END: Final = "SELECT size, leaf_hash FROM ledger.head"
"""What the watch of the log reads: its size, and the hash that a replica has to show."""
RECENT_SECONDS: Final = STALE_MICROSECONDS / 1_000_000
WAIT_SECONDS: Final = 0.25
"""How long to wait for a free connection: the primary has one, too."""
REST_SECONDS: Final = 0.5
"""How long a replica that failed or lagged is left alone."""

_SQL = load("projections", "freshness.sql")


class ReplicaSilent(Exception):
    """No replica can be believed at this moment; the primary can."""


@dataclass(frozen=True, slots=True)
class Lent:
    """A connection to a server that has applied `events` events.

    It lacks nothing that was acknowledged before `moment`, which is of the monotonic clock.
    """

    connection: Connection
    events: int
    moment: float

    @property
    def age_seconds(self) -> float:
        """How old the knowledge of an answer is that has just come."""
        return time.monotonic() - self.moment


class Replica:
    """The servers behind one connection string.

    Args:
        url: libpq's; several hosts are fine, each connection is judged by itself.
        log: watches `END` on the primary.
        size: how many connections read at the same time.
        recent_seconds: how old an answer may be at most.
    """

    def __init__(
        self, url: str, log: Watch, *, size: int = 4, recent_seconds: float = RECENT_SECONDS
    ) -> None:
        self._pool = postgres.async_pool(
            postgres.replica_url(url), postgres.Role.SERVICE, size=size, autocommit=True
        )
        self._log = log
        self._recent_seconds = recent_seconds
        self._rests_until = 0.0

        self.codes = Gathering(self.by_codes)

    async def open(self) -> None:
        """Begin to connect; a replica that is down keeps nobody from serving."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Let the connections go."""
        await self._pool.close()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Lent]:
        """A connection that has kept up.

        Raises:
            ReplicaSilent: there is none. psycopg.Error: it broke while it was lent.
        """
        if time.monotonic() < self._rests_until:
            raise ReplicaSilent
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(
                    self._pool.connection(timeout=WAIT_SECONDS)
                )
                lent = await self._confirmed(connection)
            except (psycopg.Error, LookupError, ReplicaSilent) as error:
                self._rests_until = time.monotonic() + REST_SECONDS
                raise ReplicaSilent from error
            yield lent

    async def by_codes(self, codes: Collection[str]) -> Mapping[str, Found]:
        """What a replica knows of some codes, no older than may be told; `codes` gathers these.

        Raises:
            ReplicaSilent: nobody can be believed, or the answer took too long.
            psycopg.Error, LookupError: the server broke, or follows no log.
        """
        async with self.lend() as lent:
            found = await by_codes(lent.connection, codes)
            age = lent.age_seconds
        if age > self._recent_seconds:
            raise ReplicaSilent
        return {code: _aged(one, int(age)) for code, one in found.items()}

    async def _confirmed(self, connection: Connection) -> Lent:
        known = [look for look in self._log.looks(self._recent_seconds) if look.mark is not None]
        with model_expected():
            cursor = await connection.cursor(row_factory=tuple_row, binary=True).execute(
                _SQL["confirmed"],
                {
                    "rules": ours(),
                    "moments": [look.time for look in known],
                    "sizes": [look.position for look in known],
                    "hashes": [look.mark for look in known],
                },
            )
            row = await cursor.fetchone()
        if row is None or row[2] is None or not self._agrees(row[1]):
            raise ReplicaSilent
        return Lent(connection, events=row[0], moment=row[2])

    def _agrees(self, clock: int) -> bool:
        """Whether the server's clock, by which *today* and *in force* are told, is like ours."""
        apart = abs(clock - time.time_ns() // 1_000)
        return apart <= self._recent_seconds * 1_000_000


def _aged(found: Found, age_seconds: int) -> Found:
    """What a replica found, with the age of its knowledge, of which it knows nothing itself."""
    basis = found.basis
    older = max(basis.age_seconds, age_seconds)
    return replace(found, basis=replace(basis, age_seconds=older))
