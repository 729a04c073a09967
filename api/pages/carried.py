"""A paper that brought its credential along: judged by the server, for whoever has no scripts.

The signature is checked with the registry as it is, and every signed value compared with the
record. It must not know where the credential was read from.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
from starlette.requests import Request

from api import verify
from api.i18n import translate
from api.orders import now_us
from api.pages import words
from api.pages.drawing import named
from api.papers import presented
from api.services import Services
from api.verify import VALUE_LENGTH, Answer, Presented
from domain.catalogue import TYPES
from domain.values import baghdad_day
from infrastructure.proofs import offline, trust
from infrastructure.proofs.credential import Credential, Signed
from infrastructure.proofs.trust import TrustList
from infrastructure.proofs.verdict import (
    OUTCOME_OF,
    Comparison,
    Knowledge,
    Outcome,
    Reason,
    Verdict,
    could_not_check,
    judge_credential,
)
from projections import freshness
from projections import trust as rows

# Whoever signed it was not who says so: its values are nobody's, and are not compared.
_NOBODYS: Final = frozenset({"differs", "not_compared"})


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, and whether what the credential says may be shown as the signer's word."""

    answer: Answer
    genuine: bool


async def judged(request: Request, services: Services, signed: Signed) -> Judged:
    """The verdict on a credential and the record that its code leads to.

    Raises:
        Problem: `rate_limited`.
    """
    said = signed.credential
    try:
        local = await _local(services, signed)
    except psycopg.OperationalError:
        return Judged(Answer(could_not_check(Reason.STORE_UNAVAILABLE)), genuine=False)
    except freshness.NoReadModel:
        return Judged(Answer(could_not_check(Reason.STATUS_STALE)), genuine=False)
    asked, left = ({"fields": {}}, ()) if local.unchanged in _NOBODYS else _asked(said)
    answer = await verify.judge(request, services, Presented(code=said.code, **asked))
    verdict = offline.combined(local, _told(answer.verdict, left), said)
    return Judged(replace(answer, verdict=verdict), verdict.unchanged not in _NOBODYS)


def _asked(said: Credential) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a credential says that can be compared with the record; the names of what cannot."""
    asked = presented(said)
    fields = asked["fields"]
    long = [name for name, value in fields.items() if len(value) > VALUE_LENGTH]
    kind = TYPES.get(said.type)
    known = 0 if kind is None else len(kind.fields)
    strange = [str(place) for place in said.fields if place >= known]
    asked["fields"] = {name: value for name, value in fields.items() if name not in long}
    return asked, (*long, *strange)


def _told(verdict: Verdict, left: tuple[str, ...]) -> Verdict:
    """The register's verdict, with a comparison only where something differs or is left open.

    What is the same says less than the signature does. Of what was erased since, of what is too
    long, or of what the record never held nobody knows who wrote it: that is no full comparison.
    """
    comparison = verdict.comparison
    if comparison.mismatched:
        return verdict
    unseen = tuple(sorted({*comparison.not_comparable, *left}))
    verdict = replace(verdict, comparison=Comparison(not_comparable=unseen))
    if verdict.outcome is not Outcome.VALID and verdict.reason is not Reason.VALUES_NOT_COMPARABLE:
        return verdict
    told = Reason.VALUES_NOT_COMPARABLE if unseen else Reason.IN_FORCE_PAPER_NOT_COMPARED
    return replace(verdict, reason=told, outcome=OUTCOME_OF[told])


async def _local(services: Services, signed: Signed) -> Verdict:
    """What the credential is worth by itself; the register tells its force."""
    trusted = await _registry(services, signed.credential.agency)
    return judge_credential(
        offline.gather(signed, trusted),
        Knowledge(trust_size=trusted.size, trust_age_seconds=0),
        today=baghdad_day(now_us()).isoformat(),
        max_status_age_seconds=0,
    )


async def _registry(services: Services, agency: str) -> TrustList:
    """A trust list of one agency and its heirs, of the newest event that was applied."""
    async with services.pool.connection(timeout=verify.WAIT_SECONDS) as connection:
        model = await freshness.status(connection)
        agencies, keys = await rows.listed(connection, model.index)
    heirs = (one["heirs"] or () for one in agencies if one["id"] == agency)
    bodies = {agency, *(heir["agency"] for one in heirs for heir in one)}
    content = trust.content(
        ledger=services.ledger_id,
        origin=services.origin,
        size=model.index + 1,
        founders=(),
        agencies=[one for one in agencies if one["id"] in bodies],
        keys=[one for one in keys if one["agency"] in bodies],
    )
    return trust.read(trust.encode(content))


def shown(said: Credential, answer: Answer, language: str) -> list[tuple[str, str]]:
    """What the paper says, to be compared by eye: the rows that the scripts show, too."""
    kind, issuer = TYPES.get(said.type), answer.found and answer.found.issuer

    def label(code: str) -> str:
        return translate(language, f"page.{code}")

    def field(place: int) -> str:
        if kind is None or place >= len(kind.fields):
            return str(place)
        return named(language, kind.fields[place].names.model_dump())

    found = [
        (label("record.issuer"), named(language, issuer.names_on(said.date)) if issuer else ""),
        (label("record.type"), named(language, kind.names.model_dump()) if kind else said.type),
        *((field(place), value) for place, value in said.fields.items()),
        (label("field.number"), said.number),
        (label("field.date"), words.day(language, said.date)),
    ]
    if said.effective_date:
        found.append((label("paper.from"), words.day(language, said.effective_date)))
    if said.expiry_date:
        found.append((label("paper.expires"), words.day(language, said.expiry_date)))
    return [(name, value or said.agency) for name, value in found]
