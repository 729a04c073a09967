"""Reports: how many certificates which agency issued and withdrew, of which type, on which day.

A report is pinned to an index: whoever asks for the same index gets the same figures for ever, and
can count them again from the log.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from psycopg.rows import class_row, tuple_row

from domain.values import baghdad_day
from infrastructure.log.follower import FollowerStopped, Recorded
from infrastructure.log.queries import load
from infrastructure.proofs import canonical
from infrastructure.proofs.base64text import encode_url
from projections.certificates import CERTIFICATES, TOPICS
from projections.projector import Projector
from projections.rows import Connection, Journal, WorkingSet

_SQL = load("projections", "reports.sql")

PUBLISHED_TOPIC: Final = "sijill.report.published.v1"
MOST_ROWS: Final = 20_000
"""How long a report is told or published: far more than one agency's of many years."""
_QUARTER_MICROSECONDS: Final = 15 * 60 * 1_000_000
_TOGETHER: Final = 1_000

ISSUING: Final = frozenset({"issued"})
WITHDRAWING: Final = frozenset({"revoked", "voided", "superseded"})
"""Acts that end a record. A suspension is none, because it may be lifted; nor is a correction."""


class Act(NamedTuple):
    """One act on a certificate: `kind` is the last word of its topic, such as `revoked`."""

    log_index: int
    day: str
    agency: str
    type: str
    kind: str


class Day(NamedTuple):
    """How many acts of one kind a finished day had; known from `since_index` on."""

    day: str
    agency: str
    type: str
    kind: str
    acts: int
    since_index: int


class Published(NamedTuple):
    """A report that was published: which figures, as after event `of_index`, with which digest."""

    log_index: int
    agency: str
    report: str
    of_index: int
    digest: str
    subject: str | None
    type: str | None
    from_day: str | None
    to_day: str | None

    @property
    def narrowed(self) -> "Narrowed":
        """To what it is narrowed."""
        return Narrowed(self.subject, self.type, self.from_day, self.to_day)


PUBLISHED: Final = Journal("published", Published, "log_index", ("log_index",))
JOURNAL: Final = Journal("acts", Act, "log_index", ("log_index",))
DAYS: Final = Journal("days", Day, "since_index", ("day", "agency", "type", "kind"))


@dataclass(frozen=True, slots=True)
class Issuance:
    """What one agency did with certificates of one type on one day (ISO, Asia/Baghdad), by kind."""

    agency: str
    type: str
    day: str
    acts: dict[str, int]

    @property
    def issued(self) -> int:
        """Certificates issued for the first time."""
        return sum(self.acts.get(kind, 0) for kind in ISSUING)

    @property
    def withdrawn(self) -> int:
        """Certificates and single originals revoked, entries voided, certificates superseded."""
        return sum(self.acts.get(kind, 0) for kind in WITHDRAWING)


class Narrowed(NamedTuple):
    """To what a report is narrowed; what is None lets everything through. Days are ISO."""

    agency: str | None = None
    type: str | None = None
    from_day: str | None = None
    to_day: str | None = None


class TooLong(Exception):
    """A report has more rows than were to be read."""


async def issuance(
    conn: Connection,
    narrowed: Narrowed | None = None,
    *,
    at: int | None = None,
    most: int | None = None,
) -> list[Issuance]:
    """Counts by agency, type and day after event `at` (None: now); both ends of days included.

    Raises:
        TooLong: there are more than `most` rows.
    """
    asked = (narrowed or Narrowed())._asdict()
    asked |= {"at": at, "most": None if most is None else most + 1}
    rows: list[Issuance] = []
    async with conn.cursor(row_factory=class_row(Issuance)) as cursor:
        await cursor.execute(_SQL["issuance"], asked)
        while part := await cursor.fetchmany(_TOGETHER):
            rows += part
            # Rows are made of what the database said on the event loop: others get their turn.
            await asyncio.sleep(0)
    if most is not None and len(rows) > most:
        raise TooLong
    return rows


def digest(rows: Sequence[Issuance], narrowed: Narrowed, *, at: int) -> str:
    """The digest of a report's figures, as the format's page spells them; base64url.

    Only what can never be counted otherwise is in it: a release may come to count further acts.
    """
    figures = [
        {
            "agency": row.agency,
            "day": row.day,
            "issued": row.issued,
            "type": row.type,
            "withdrawn": row.withdrawn,
        }
        for row in sorted(rows, key=lambda row: (row.agency, row.type, row.day))
        if row.issued or row.withdrawn
    ]
    asked = {name: value for name, value in narrowed._asdict().items() if value is not None}
    said = {"at": at, "figures": figures, "of": asked, "report": "issuance"}
    return encode_url(sha256(canonical.dumps(said)).digest())


async def published(
    conn: Connection, *, after: int = -1, limit: int = 200, at: int | None = None
) -> list[Published]:
    """The reports published after index `after`, oldest first, as after event `at`."""
    async with conn.cursor(row_factory=class_row(Published)) as cursor:
        await cursor.execute(_SQL["published"], {"after": after, "limit": limit, "at": at})
        return await cursor.fetchall()


@lru_cache(maxsize=1024)
def _day(quarter: int) -> str:
    """The day of a quarter of an hour since 1970; no zone of today changes its day within one."""
    return baghdad_day(quarter * _QUARTER_MICROSECONDS).isoformat()


def _acted(event: Recorded, rows: WorkingSet) -> None:
    certificate = rows.need(CERTIFICATES, event.stream)
    rows.enter(
        JOURNAL,
        Act(
            log_index=event.index,
            day=_day(event.time // _QUARTER_MICROSECONDS),
            agency=certificate.agency,
            type=certificate.type,
            kind=event.type.split(".")[2],
        ),
    )


def _published(event: Recorded, rows: WorkingSet) -> None:
    said = event.statement
    rows.enter(
        PUBLISHED,
        Published(
            log_index=event.index,
            agency=event.agency,
            report=said["report"],
            of_index=said["at"],
            digest=said["digest"],
            subject=said.get("subject"),
            type=said.get("type"),
            from_day=said.get("from_day"),
            to_day=said.get("to_day"),
        ),
    )


async def _close_days(conn: Connection, page: Sequence[Recorded], rows: WorkingSet) -> None:
    """Total every day that this page's acts have shown to be over."""
    acts = rows.entries(JOURNAL)
    if not acts:
        return
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_SQL["day_before"], {"index": page[0].index})
        before = await cursor.fetchone()
    day = before[0] if before else acts[0].day
    closed: dict[str, int] = {}
    for act in acts:
        if act.day < day:
            raise FollowerStopped("time_backwards", index=act.log_index)
        if act.day > day:
            closed[day] = act.log_index
            day = act.day
    if closed:
        await conn.execute(
            _SQL["close_days"], {"days": list(closed), "indexes": list(closed.values())}
        )


PROJECTOR: Final = Projector(
    name="reports",
    version=2,
    statements=_SQL,
    handlers={**dict.fromkeys(sorted(TOPICS), _acted), PUBLISHED_TOPIC: _published},
    journals=(JOURNAL, DAYS, PUBLISHED),
    finish=_close_days,
)
