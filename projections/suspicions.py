"""Reports of suspected forgeries, as their issuer and auditors read them.

They lie beside the log and are not derived from it: a rebuild of the read models leaves them alone.
Whose a report is, the read model of certificates says at the moment of asking.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

from psycopg.rows import class_row, tuple_row

from infrastructure.log.queries import load
from projections.rows import Connection

MOST_A_DAY: Final = 10_000
"""Different reports of one day about certificates, and as many about codes of none.

What a flood can take of the disk is bounded, and one of made-up codes shuts nobody else out.
"""

_SQL = load("projections", "suspicions.sql")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """How often one thing was reported of a code on a day (ISO, Asia/Baghdad); times µs UTC.

    `issuer` is None for a code of no certificate; `claimed` is then whom the paper names, if told.
    """

    day: str
    code: str
    kind: str
    reports: int
    first: int
    last: int
    issuer: str | None
    claimed: str | None


class Place(NamedTuple):
    """A series in an agency's books; neither unit nor series: the agency as a whole."""

    agency: str
    unit: str | None
    series: str | None


async def add(
    conn: Connection,
    *,
    day: str,
    code: str,
    kind: str,
    claimed: str | None,
    of_certificate: bool,
    now: int,
) -> bool:
    """Count one report; False where the day is full of those of certificates, or of the others."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            _SQL["add"],
            {
                "day": day,
                "code": code,
                "kind": kind,
                "claimed": claimed or "",
                "of_certificate": of_certificate,
                "now": now,
                "most": MOST_A_DAY,
            },
        )
        return await cursor.fetchone() == (True,)


async def places(conn: Connection, agencies: Collection[str]) -> list[Place]:
    """Where in the books of these agencies anything was ever reported."""
    async with conn.cursor(row_factory=class_row(Place)) as cursor:
        await cursor.execute(_SQL["places"], {"agencies": list(agencies)})
        return await cursor.fetchall()


async def page(
    conn: Connection,
    *,
    agency: str | None,
    others: Collection[Place] = (),
    code: str | None = None,
    from_day: str | None = None,
    to_day: str | None = None,
    limit: int = 200,
) -> list[Suspicion]:
    """The newest days first; of an agency's own papers and those of other places, or all (None)."""
    async with conn.cursor(row_factory=class_row(Suspicion)) as cursor:
        await cursor.execute(
            _SQL["page"],
            {
                "agency": agency,
                "agencies": [one.agency for one in others],
                "units": [one.unit for one in others],
                "series": [one.series for one in others],
                "code": code,
                "from_day": from_day,
                "to_day": to_day,
                "limit": limit,
            },
        )
        return await cursor.fetchall()
