"""Keys as readers see them: whose they are, what they may sign, and what they signed in vain.

`void_from` is the first index from which a key's issuances do not count: the start of its
compromise, or its own enrolment where a void key helped to enrol it. It is worked out when a
compromise is applied, so that a verdict only compares two numbers.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from domain.acts import Scope
from domain.values import thumbprint
from infrastructure.log.follower import Recorded
from infrastructure.log.queries import load
from projections.projector import Projector
from projections.rows import Connection, Table, WorkingSet

_SQL = load("projections", "keys.sql")

_OPENED: Final = "sijill.ledger.opened.v1"
_ENROLLED: Final = "sijill.key.enrolled.v1"
_RETIRED: Final = "sijill.key.retired.v1"
_COMPROMISED: Final = "sijill.key.compromised.v1"


class Key(NamedTuple):
    """One key. Indexes are log indexes; `not_before` and `not_after` are seconds since 1970 UTC.

    `compromised_index` is where the present start of its compromise was recorded.
    """

    thumbprint: str
    agency: str
    stream: UUID
    jwk: dict[str, str]
    scopes: list[str]
    office: str
    officer: str
    acting_for: str | None
    not_before: int | None
    not_after: int | None
    enrolled_index: int
    enrolled_by: list[str]
    retired_index: int | None = None
    compromised_as_of: int | None = None
    compromised_index: int | None = None
    void_from: int | None = None

    @property
    def custodial(self) -> bool:
        """Whether the data center holds the key on the agency's behalf."""
        return Scope.CUSTODIAL in self.scopes

    @property
    def fallen(self) -> bool:
        """Whether it is void because of the key that enrolled it, and not only by its own fault."""
        return self.void_from is not None and self.void_from != self.compromised_as_of


KEYS: Final = Table("keys", Key, "thumbprint", documents=frozenset({"jwk"}))


async def show(conn: Connection, thumbprint: str, *, at: int | None = None) -> Key | None:
    """One key as it stood after event `at` (None: now), or None."""
    async with conn.cursor(row_factory=class_row(Key)) as cursor:
        await cursor.execute(_SQL["show"], {"thumbprint": thumbprint, "at": at})
        return await cursor.fetchone()


async def of(conn: Connection, agency: str, *, at: int | None = None) -> list[Key]:
    """Every key that an agency ever had, oldest first, as after event `at` (None: now)."""
    async with conn.cursor(row_factory=class_row(Key)) as cursor:
        await cursor.execute(_SQL["of"], {"agency": agency, "at": at})
        return await cursor.fetchall()


def _key(said: dict[str, Any], agency: str, event: Recorded, by: Iterable[str]) -> Key:
    name = thumbprint(said["jwk"])
    return Key(
        thumbprint=name,
        agency=agency,
        stream=event.stream,
        jwk=said["jwk"],
        scopes=sorted(said["scopes"]),
        office=said["office"],
        officer=said["officer"],
        acting_for=said.get("acting_for"),
        not_before=said.get("not_before"),
        not_after=said.get("not_after"),
        enrolled_index=event.index,
        enrolled_by=[key for key in by if key != name],
    )


def _opened(event: Recorded, rows: WorkingSet) -> None:
    for founder in event.statement["founders"]:
        for said in (founder["key"], founder["recovery"]):
            rows.put(KEYS, _key(said, founder["id"], event, ()), event.index)


def _enrolled(event: Recorded, rows: WorkingSet) -> None:
    key = _key(event.statement, event.statement["subject"], event, event.keys)
    enrollers = [rows.get(KEYS, thumbprint) for thumbprint in key.enrolled_by]
    if any(_void_at(enroller, event.index) for enroller in enrollers):
        key = key._replace(void_from=event.index)
    rows.put(KEYS, key, event.index)


def _retired(event: Recorded, rows: WorkingSet) -> None:
    key = rows.need(KEYS, event.statement["key"])
    rows.put(KEYS, key._replace(retired_index=event.index), event.index)


def _compromised(event: Recorded, rows: WorkingSet) -> None:
    key = rows.need(KEYS, event.statement["key"])
    as_of = event.statement["as_of"]
    if key.compromised_as_of is not None and key.compromised_as_of <= as_of:
        return
    rows.put(
        KEYS,
        key._replace(
            compromised_as_of=as_of,
            compromised_index=event.index,
            void_from=_lower(key.void_from, as_of),
        ),
        event.index,
    )
    # An enroller is always older than the key it enrolled: one pass by age reaches them all.
    for younger in sorted(rows.present(KEYS), key=lambda one: one.enrolled_index):
        if younger.void_from is not None and younger.void_from <= younger.enrolled_index:
            continue
        enrollers = [rows.peek(KEYS, thumbprint) for thumbprint in younger.enrolled_by]
        if any(_void_at(enroller, younger.enrolled_index) for enroller in enrollers):
            fallen = younger._replace(void_from=younger.enrolled_index)
            rows.put(KEYS, fallen, event.index)


def _void_at(key: Key | None, index: int) -> bool:
    return key is not None and key.void_from is not None and key.void_from <= index


def _lower(known: int | None, index: int) -> int:
    return index if known is None else min(known, index)


def _needs(event: Recorded) -> Iterable[tuple[Table[Key], str]]:
    if event.type == _ENROLLED:
        return [(KEYS, thumbprint) for thumbprint in event.keys]
    if event.type in (_RETIRED, _COMPROMISED):
        return [(KEYS, event.statement["key"])]
    return ()


async def _prepare(conn: Connection, page: Sequence[Recorded], rows: WorkingSet) -> None:
    """Have every key at hand that a compromise of this page may bring down."""
    keys = sorted({event.statement["key"] for event in page if event.type == _COMPROMISED})
    if keys:
        await rows.load_by(conn, KEYS, _SQL["enrolled_below"], {"keys": keys})


PROJECTOR: Final = Projector(
    name="keys",
    version=1,
    statements=_SQL,
    handlers={
        _OPENED: _opened,
        _ENROLLED: _enrolled,
        _RETIRED: _retired,
        _COMPROMISED: _compromised,
    },
    tables=(KEYS,),
    needs=_needs,
    prepare=_prepare,
)
