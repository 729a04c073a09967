"""What the status lists say: the places of originals that are not simply in force.

Only these are kept. A list has a place for every original that was ever made, and most of them are
never withdrawn; a place that nobody names here is *valid*, used or not.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from psycopg.rows import tuple_row

from infrastructure.log.follower import Recorded
from infrastructure.log.queries import load
from infrastructure.proofs.statuslist import STATUS_OF, Status
from infrastructure.proofs.verdict import CodeState
from projections.certificates import CERTIFICATES, CODES, TOPICS
from projections.certificates.record import deciding
from projections.freshness import model_expected
from projections.projector import Projector
from projections.rows import Connection, Table, WorkingSet

_SQL = load("projections", "status.sql")
# Acts after which every original of the certificate stands as it stood before.
_UNMOVED: Final = frozenset(
    f"sijill.certificate.{kind}.v1" for kind in ("issued", "original_added", "reaffirmed", "erased")
)


class Place(NamedTuple):
    """Where an original's bits are, and what they say since an event."""

    code: str
    status_list: int
    status_index: int
    status: int


PLACES: Final = Table("statuses", Place, "code")


async def listed(conn: Connection, number: int, *, at: int | None = None) -> dict[int, int]:
    """The places of a list that say something else than *valid*, after event `at` or now.

    Raises:
        NoReadModel: no follower has ever run here.
    """
    with model_expected():
        async with conn.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(_SQL["listed"], {"list": number, "at": at})
            return dict(await cursor.fetchall())


def _changed(event: Recorded, rows: WorkingSet) -> None:
    """Look at every original of the certificate: what happens to the record happens to all."""
    certificate = rows.need(CERTIFICATES, event.stream)
    for name in certificate.originals:
        code = rows.need(CODES, name)
        if code.status_list is None or code.status_index is None:
            continue
        status = STATUS_OF[CodeState(deciding(certificate, code).state)]
        if status is not Status.VALID or rows.peek(PLACES, name) is not None:
            place = Place(name, code.status_list, code.status_index, int(status))
            rows.put(PLACES, place, event.index)


async def _prepare(conn: Connection, page: Sequence[Recorded], rows: WorkingSet) -> None:
    """Have all at hand that was there before the page; what it makes itself has no row yet."""
    wanted: set[str] = set()
    for event in page:
        certificate = rows.peek(CERTIFICATES, event.stream)
        if certificate is not None and event.type not in _UNMOVED:
            wanted.update(certificate.originals)
    await rows.load(conn, {CODES.name: wanted, PLACES.name: wanted})


PROJECTOR: Final = Projector(
    name="status",
    version=1,
    statements=_SQL,
    handlers=dict.fromkeys(sorted(TOPICS - _UNMOVED), _changed),
    ignored=_UNMOVED,
    tables=(PLACES,),
    prepare=_prepare,
)
