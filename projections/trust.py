"""What a trust list is made of, as after some event: agencies, how they stood, and their keys.

The rows are versioned, so the same index gives the same list for ever, whoever asks and when.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from psycopg.rows import class_row, dict_row

from infrastructure.log.queries import load
from infrastructure.proofs import heirs
from projections.freshness import model_expected, ours
from projections.rows import Connection

_SQL = load("projections", "trust.sql")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A checkpoint that a list can be of, and how far it is behind. Times are microseconds UTC.

    `waiting_since` is when the first event was recorded that it does not cover, None where it
    covers all; `clock` is the database's clock, the one that stamps events.
    """

    size: int
    root: bytes
    note: bytes
    waiting_since: int | None
    clock: int

    @property
    def lacking(self) -> int:
        """How many microseconds it may have lacked an event for; 0 where it covers all.

        An event that lies ahead of the clock says that the clock went back, and hides how long it
        has waited: perhaps as long as that.
        """
        return 0 if self.waiting_since is None else abs(self.clock - self.waiting_since)

    @property
    def whole_at(self) -> int:
        """When it is last known to have been of the whole log."""
        return self.clock if self.waiting_since is None else min(self.waiting_since, self.clock)


async def sealed(conn: Connection) -> Sealed | None:
    """The newest checkpoint that our read model has reached; None where there is none.

    Raises:
        NoReadModel: no follower has ever run here.
    """
    with model_expected():
        async with conn.cursor(row_factory=class_row(Sealed)) as cursor:
            return await (await cursor.execute(_SQL["sealed"], {"rules": ours()})).fetchone()


async def listed(conn: Connection, at: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Agencies and keys after event `at`, as `infrastructure.proofs.trust.content` takes them."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SQL["standings"], {"at": at})
        standings = {
            agency: changes([(row["since_index"], row["standing"]) for row in rows])
            for agency, rows in groupby(await cursor.fetchall(), key=lambda row: row["id"])
        }
        await cursor.execute(_SQL["agencies"], {"at": at})
        rows = await cursor.fetchall()
        given = {row["id"]: one for row in rows if (one := row.pop("successions"))}
        agencies = [
            {**row, "standings": standings[row["id"]], "heirs": heirs.of(row["id"], given) or None}
            for row in rows
        ]
        await cursor.execute(_SQL["keys"], {"at": at})
        return agencies, await cursor.fetchall()


def changes(standings: list[tuple[int, str]]) -> list[dict[str, Any]]:
    """Only those entries at which the standing became another."""
    return [
        {"since_index": since, "standing": standing}
        for place, (since, standing) in enumerate(standings)
        if place == 0 or standings[place - 1][1] != standing
    ]
