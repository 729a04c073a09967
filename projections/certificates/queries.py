"""Questions about certificates: by public code, by agency, by a value that the agency knows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncCursor
from psycopg.errors import FeatureNotSupported
from psycopg.rows import RowMaker, class_row, tuple_row

from domain.ledger import Home
from domain.values import baghdad_day, fold_number
from infrastructure.log.queries import load
from infrastructure.proofs.verdict import Basis, CodeState, RecordFacts
from projections.agencies import Agency
from projections.certificates.record import Certificate, Code, Credential, deciding, sound
from projections.freshness import NoReadModel, basis, model_expected, ours
from projections.keys import Key
from projections.rows import Connection, taken_from

STATEMENTS: Final = load("projections.certificates", "certificates.sql")


@dataclass(frozen=True, slots=True)
class Found:
    """What the ledger knows of one public code, and how well it knows it.

    Everything but `basis` and `judged_time` is empty when no such code was ever recorded. `keys`
    are those that stand behind the record; `judged_time` (µs UTC) is the moment to judge it by, and
    `decided_index` the newest event that had a part in how it stands. `answered` is False for an
    authenticity certificate that no answer names.
    """

    basis: Basis
    judged_time: int
    code: Code | None = None
    certificate: Certificate | None = None
    issuer: Agency | None = None
    keys: list[Key] = field(default_factory=list)
    decided_index: int = 0
    answered: bool = True

    @property
    def today(self) -> str:
        """The Asia/Baghdad day (ISO) to judge by."""
        return baghdad_day(self.judged_time).isoformat()

    @property
    def lacking(self) -> bool:
        """Whether the record is missing, or its answer: events not applied yet may bring them."""
        return self.code is None or not self.answered

    @property
    def facts(self) -> RecordFacts | None:
        """What a verdict is made of, or None for a code that was never recorded."""
        if self.code is None or self.certificate is None:
            return None
        code, certificate = self.code, self.certificate
        stands = deciding(certificate, code)
        withdrawn = stands.state != CodeState.IN_FORCE
        signers = [key for key in self.keys if key.thumbprint in code.keys]
        return RecordFacts(
            code=code.code,
            agency=certificate.agency,
            type=certificate.type,
            state=CodeState(stands.state),
            issue_index=code.issue_index,
            issue_time=code.issue_time,
            issuer_sound=sound(certificate, code, self.keys),
            custodial=any(key.custodial for key in signers),
            effective_date=code.effective_date,
            expiry_date=code.expiry_date,
            successor=stands.successor,
            withdrawal_reason=stands.reason if withdrawn else None,
            withdrawn_index=stands.state_index if withdrawn else None,
            answered=self.answered,
        )


async def by_codes(
    conn: Connection, codes: Collection[str], *, at: int | None = None
) -> dict[str, Found]:
    """Everything that verdicts about some codes rest on, from one moment, after event `at` or now.

    Asked for a past index the answer is judged by that event's recorded time, else by the
    database's clock. An `at` that is not applied yet makes a basis that is stale.

    Raises:
        NoReadModel: no follower has ever run here, or only another release's.
    """
    asked = {"codes": list(codes), "at": at, "rules": ours()}
    with model_expected():
        async with conn.cursor(row_factory=_finding(at)) as cursor:
            try:
                await cursor.execute(STATEMENTS["by_codes"], asked)
            except FeatureNotSupported:
                # Prepared here for other tables than have this name now: it will not work again.
                await conn.close()
                raise
            rows = await cursor.fetchall()
    if len(rows) < len(codes):
        raise NoReadModel("nothing here is made by our rules")
    return dict(rows)


async def by_code(conn: Connection, code: str, *, at: int | None = None) -> Found:
    """As `by_codes`, for one code."""
    return (await by_codes(conn, [code], at=at))[code]


def _finding(at: int | None) -> Callable[[AsyncCursor[Any]], RowMaker[tuple[str, Found]]]:
    """The rows of `by_codes`: each asked code, and what is known of it."""

    def rows(cursor: AsyncCursor[Any]) -> RowMaker[tuple[str, Found]]:
        code, certificate = taken_from(cursor, Code), taken_from(cursor, Certificate, behind=1)
        issuer = taken_from(cursor, Agency)

        def made(values: Sequence[Any]) -> tuple[str, Found]:
            asked, applied, at_time, waiting_since, clock = values[:5]
            keys, answered, decided_index, named = values[5:9]
            rests_on = _basis(applied, waiting_since, clock, at)
            judged_time = clock if at_time is None else at_time
            if named is None:
                return asked, Found(rests_on, judged_time)
            return asked, Found(
                rests_on,
                judged_time,
                code=code(values),
                certificate=certificate(values),
                issuer=issuer(values),
                keys=[Key(**_streamed(key)) for key in keys],
                decided_index=decided_index,
                answered=answered,
            )

        return made

    return rows


async def credential_of(conn: Connection, code: str, *, at: int | None = None) -> Credential | None:
    """The newest credential of an original as after event `at` (None: now), or None."""
    return (await credentials_of(conn, [code], at=at)).get(code)


async def credentials_of(
    conn: Connection, codes: Collection[str], *, at: int | None = None
) -> dict[str, Credential]:
    """The newest credential of each of these originals that has one, by its code."""
    async with conn.cursor(row_factory=class_row(Credential)) as cursor:
        await cursor.execute(STATEMENTS["credentials_of"], {"codes": list(codes), "at": at})
        return {row.code: row for row in await cursor.fetchall()}


async def originals(
    conn: Connection, certificate: Certificate, *, at: int | None = None
) -> list[Code]:
    """Every original of a certificate, of all editions, in the order in which they were made."""
    async with conn.cursor(row_factory=_codes) as cursor:
        await cursor.execute(STATEMENTS["originals"], {"codes": certificate.originals, "at": at})
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which certificates of an agency are asked for; what is None lets everything through.

    `number` matches whatever the script of its digits; days are those of the document, both ends
    included. `in_doubt` asks for those that wait for re-affirmation, or for the others. `looked_up`
    are the spaces of a value that the agency knows, and its HMAC in each.
    """

    type: str | None = None
    unit: str | None = None
    series: str | None = None
    number: str | None = None
    state: str | None = None
    from_day: str | None = None
    to_day: str | None = None
    in_doubt: bool | None = None
    looked_up: tuple[Sequence[str], Sequence[bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A certificate in a list, and the codes that its agency has to re-affirm."""

    certificate: Certificate
    doubted: list[str]


async def page(
    conn: Connection,
    agency: str,
    chosen: Filter | None = None,
    *,
    after: int = -1,
    limit: int = 200,
    at: int | None = None,
) -> list[Listed]:
    """An agency's certificates issued after index `after`, oldest first, as after event `at`."""
    chosen = chosen or Filter()
    spaces, hmacs = chosen.looked_up or (None, None)
    parameters = {
        "agency": agency,
        "after": after,
        "limit": limit,
        "at": at,
        "type": chosen.type,
        "unit": chosen.unit,
        "series": chosen.series,
        "number": None if chosen.number is None else fold_number(chosen.number),
        "state": chosen.state,
        "from_day": chosen.from_day,
        "to_day": chosen.to_day,
        "in_doubt": chosen.in_doubt,
        "spaces": None if spaces is None else list(spaces),
        "hmacs": None if hmacs is None else list(hmacs),
    }
    async with conn.cursor(row_factory=_listed) as cursor:
        await cursor.execute(STATEMENTS["page"], parameters)
        return await cursor.fetchall()


async def homes(conn: Connection, streams: Collection[UUID]) -> dict[UUID, Home]:
    """Whose certificates these records are, and the series that they stand in."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(STATEMENTS["homes"], {"streams": list(streams)})
        return {stream: Home(*home) for stream, *home in await cursor.fetchall()}


async def codes_by_value(conn: Connection, space: str, hmac: bytes) -> list[str]:
    """Every code of every certificate that commits to a value with this look-up."""
    async with conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(STATEMENTS["codes_by_value"], {"space": space, "hmac": hmac})
        return [row[0] for row in await cursor.fetchall()]


def _basis(applied: int, waiting_since: int | None, clock: int, at: int | None) -> Basis:
    if at is not None and at <= applied:
        # The past does not change: an answer about it is never too old.
        return Basis(index=at, age_seconds=0)
    rests_on = basis(index=applied, waiting_since=waiting_since, clock=clock)
    if at is None:
        return rests_on
    return Basis(index=rests_on.index, age_seconds=rests_on.age_seconds, stale=True)


def _codes(cursor: AsyncCursor[Any]) -> RowMaker[Code]:
    return taken_from(cursor, Code)


def _listed(cursor: AsyncCursor[Any]) -> RowMaker[Listed]:
    certificate = taken_from(cursor, Certificate)
    return lambda values: Listed(certificate(values), doubted=values[-1])


def _streamed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row that came as JSON."""
    fields = {name: row[name] for name in row if name not in ("since_index", "until_index")}
    return {**fields, "stream": UUID(fields["stream"])}
