"""How far the read model has come, and what that means for an answer.

A read model trails the log by a moment. An answer that did not say so could show a revoked document
as in force, so every verdict carries the index that it rests on, and one that rests on too little
says *could not check* instead. Rows that another release's rules have made are no read model here:
they may lack a column, or mean something else by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final

from psycopg import errors
from psycopg.rows import class_row

from domain.values import baghdad_day
from infrastructure.log.queries import load
from infrastructure.proofs.verdict import Basis
from projections.rows import Connection

CHANNEL: Final = "sijill_read"
"""Notified after each page with the number of events applied, for whoever waits for an index."""
APPLIED_EVENTS: Final = "SELECT index + 1 FROM read.model"
"""How many events the generation in use holds: what a waiter asks beside listening."""
STALE_MICROSECONDS: Final = 2_000_000
"""An event that was recorded this long ago and is not applied makes verdicts *could not check*."""

LATE_SECONDS: Final = 10
"""A read model that lacks an event after so long is one that people have to look after."""

_SQL = load("projections", "freshness.sql")
_SECOND: Final = 1_000_000
_NO_MODEL: Final = "there is no read model yet"
_FOREIGN: Final = "the read model was made by the rules of another release"
# What PostgreSQL says of a statement that is meant for other tables than there are; the last one of
# a statement that it has prepared for those that were there before.
_OTHER_TABLES: Final = (
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.FeatureNotSupported,
)


class NoReadModel(LookupError):
    """Nothing can be answered from rows: nobody has made any here, or other rules have."""


@cache
def ours() -> str:
    """The fingerprint of what this release may answer from."""
    from projections import model  # noqa: PLC0415 - the nouns it is made of ask this module

    return model.fingerprint()


@dataclass(frozen=True, slots=True)
class Status:
    """How far the generation in use has come. Times are microseconds UTC; index -1 is *nothing*.

    `waiting_since` is when the oldest event that is not applied was recorded, None when all are.
    `clock` is the database's clock, the one that stamps events, at the moment of asking.
    """

    generation: int
    fingerprint: str
    index: int
    time: int
    head_size: int
    head_time: int
    waiting_since: int | None
    clock: int

    @property
    def lag_events(self) -> int:
        """Events recorded and not applied yet."""
        return self.head_size - 1 - self.index

    @property
    def lag_microseconds(self) -> int:
        """Age of the oldest event that is not applied yet; 0 when all are."""
        return _age(self.waiting_since, self.clock)

    @property
    def lag_seconds(self) -> int:
        """The same in whole seconds."""
        return self.lag_microseconds // _SECOND

    @property
    def late(self) -> bool:
        """Whether somebody has to look why nothing is applied."""
        return self.lag_seconds > LATE_SECONDS


async def status(conn: Connection) -> Status:
    """How far the generation in use has come.

    Raises:
        NoReadModel: no follower has ever run here, or only another release's.
    """
    with model_expected():
        async with conn.cursor(row_factory=class_row(Status)) as cursor:
            row = await (await cursor.execute(_SQL["status"])).fetchone()
    if row is None:
        raise NoReadModel(_NO_MODEL)
    if row.fingerprint != ours():
        raise NoReadModel(_FOREIGN)
    return row


async def day(conn: Connection, known: Status, *, at: int | None = None) -> str:
    """The Baghdad day (ISO) to answer for: when event `at` was recorded, or (None) today.

    What was recorded after `at` is left out of such an answer, and so is what only came into
    effect after it.
    """
    moment = known.clock
    if at is not None:
        row = await (await conn.execute(_SQL["recorded"], {"at": at})).fetchone()
        moment = row[0] if row is not None else moment
    return baghdad_day(moment).isoformat()


@contextmanager
def model_expected() -> Iterator[None]:
    """Turn the database's complaint about missing or other tables into `NoReadModel`."""
    try:
        yield
    except errors.UndefinedTable:
        raise NoReadModel(_NO_MODEL) from None
    except _OTHER_TABLES as error:
        raise NoReadModel(_FOREIGN) from error


def basis(*, index: int, waiting_since: int | None, clock: int) -> Basis:
    """What an answer after event `index` rests on, asked when the database's clock said `clock`.

    Knowledge is as old as the oldest event that it lacks; lacking nothing, it is of this moment.
    Where that event's time lies ahead of the clock, the clock went back, and nobody can tell how
    long the event has waited: it may have been acknowledged minutes ago.
    """
    age = _age(waiting_since, clock)
    ahead = 0 if waiting_since is None else waiting_since - clock
    stale = max(age, ahead) > STALE_MICROSECONDS
    return Basis(index=index, age_seconds=age // _SECOND, stale=stale)


def _age(waiting_since: int | None, clock: int) -> int:
    return 0 if waiting_since is None else max(0, clock - waiting_since)
