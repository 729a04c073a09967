"""Verification: one honest verdict for whoever holds a document, in the caller's language.

Every verdict is decided in infrastructure/proofs/verdict.py; this module gathers the facts,
compares what was presented without ever revealing what is recorded, and puts the answer into words.
An unknown code is an answer like any other. When the store cannot be asked, that is the answer too.
"""

import hmac
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api import reading
from api.caching import entity_tag, not_modified
from api.contract import problems, told
from api.i18n import negotiate, translate
from api.jsonbytes import encode_json
from api.limits import Question
from api.orders import now_us
from api.problems import Problem
from api.services import Open, Services
from api.shapes.verdicts import Verdict as VerdictShape
from api.threads import off_loop
from api.values import open_values
from domain.catalogue import DOCUMENT, HOLDER_SECRET, certificate_type
from domain.values.comparison import fold_day, fold_presented_number, fold_value, is_no_day
from infrastructure import telemetry
from infrastructure.log import clocks
from infrastructure.proofs import canonical, codes, receipts
from infrastructure.proofs import verdict as verdicts
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import JSON
from infrastructure.proofs.verdict import Comparison, Reason, Verdict
from projections.certificates import Found
from projections.freshness import NoReadModel

router = APIRouter(prefix="/v1/verify", tags=["verify"], route_class=Question)

WAIT_SECONDS = 2.0
# A verdict may be kept, but never shown again without asking: it may have been withdrawn since.
CACHE_CONTROL = "no-cache"
LATER = {"Retry-After": "2"}
"""Beside verdicts for which the ledger could not be asked."""
STATED = ("number", "date")
VALUE_LENGTH = 500
"""Characters of one presented value, at most."""
# A verdict too, of the outcome `could_not_check`.
_VERDICT = told("The verdict.", VerdictShape)
_UNASKED = told(
    "The ledger could not be asked: *could not check*, as a verdict.", VerdictShape, status=503
)
_DIGEST = re.compile(r"[0-9a-f]{64}")

Code = Annotated[str, Path(description="The public code, as people write it.")]


class Presented(BaseModel):
    """A code, and what stands on the paper in hand."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: Annotated[str, Field(description="The public code, as people write it.")]
    fields: Annotated[
        dict[
            Annotated[str, Field(pattern=r"^[a-z0-9_]{1,48}$")],
            Annotated[str, Field(min_length=1, max_length=VALUE_LENGTH)],
        ],
        Field(
            max_length=32,
            default_factory=dict,
            description="Values to compare: `number`, `date`, or fields of the certificate's type.",
        ),
    ]
    document: Annotated[
        str | None, Field(description="SHA-256 of the document's bytes, lower-case hexadecimal.")
    ] = None
    receipt: Annotated[
        bool,
        Field(
            description="Also give the verdict as a note signed by the ledger: of a record, and of "
            "a code that it does not know; of what it could not read or check there is none."
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict with what is shown beside it."""

    verdict: Verdict
    found: Found | None = None
    not_compared: tuple[str, ...] = field(default=())
    answered_by: str | None = None
    receipt: str | None = None


@router.get(
    "/{code}",
    summary="Is the record behind this code in force?",
    responses={
        304: {"description": "The verdict has not changed."},
        **_VERDICT,
        **_UNASKED,
        **problems(422),
    },
)
async def verify(request: Request, services: Open, code: Code) -> Response:
    """By a bare code the best answer is *record in force; paper not compared*."""
    answer = await judge(request, services, Presented(code=code, fields={}))
    return _tell(request, answer)


@router.post(
    "",
    summary="Does this paper say what the record says?",
    responses={**_VERDICT, **_UNASKED, **problems(400, 413, 415, 422, 429)},
)
async def verify_presented(request: Request, services: Open, presented: Presented) -> Response:
    """Compare presented fields, or a document's digest, with the record; nothing is revealed."""
    return _tell(request, await present(request, services, presented))


async def present(request: Request, services: Services, presented: Presented) -> Answer:
    """What a program is answered that presents one paper, the receipt that it asked for included.

    Raises:
        Problem: `document_digest_malformed` or `rate_limited`.
    """
    if presented.document is not None and not _DIGEST.fullmatch(presented.document):
        raise Problem("document_digest_malformed")
    judged = await judge(request, services, presented)
    if not presented.receipt:
        return judged
    return replace(judged, receipt=_receipt(services, presented.code, judged.verdict))


async def judge(request: Request, services: Services, presented: Presented) -> Answer:
    """The verdict on what was presented, for whichever surface asks.

    Raises:
        Problem: `rate_limited`.
    """
    try:
        code = codes.normalise(presented.code)
    except ProofError:
        return Answer(verdicts.unreadable())
    asks = bool(presented.fields or presented.document)
    address = request.client.host if request.client else ""
    if asks and not services.limits.allow_comparison(code, address):
        raise Problem("rate_limited")
    try:
        return await _judge_code(services, code, presented)
    except psycopg.OperationalError:
        return Answer(verdicts.could_not_check(Reason.STORE_UNAVAILABLE))
    except NoReadModel:
        return Answer(verdicts.could_not_check(Reason.STATUS_STALE))


async def _judge_code(services: Services, code: str, presented: Presented) -> Answer:
    if services.missing:
        return Answer(verdicts.could_not_check(Reason.STATUS_STALE))
    found = None
    if not (presented.fields or presented.document or presented.receipt):
        found = await reading.found_recently(services, code)
    if found is None:
        found = await services.codes.by_code(code)
        size = services.size
        if _may_be_newer(found, size):
            await services.followed(size, WAIT_SECONDS)
            found = await services.codes.by_code(code)
        if _may_be_newer(found, size):
            # However lately the read model has fallen behind, and however few may wait for it.
            found = replace(found, basis=replace(found.basis, stale=True))
    comparison = await _compare(services, found, presented)
    basis = found.basis
    if clocks.apart(found.judged_time, now_us()):
        # One of the two is wrong, and with it perhaps the day that a paper is judged by.
        basis = replace(basis, stale=True)
    verdict = verdicts.judge(found.facts, basis=basis, today=found.today, comparison=comparison)
    asked = {*presented.fields, *([DOCUMENT] if presented.document else [])}
    not_compared = tuple(sorted(_comparable(found) - asked))
    return Answer(verdict, found, not_compared, await _answered_by(services, found))


def _may_be_newer(found: Found, size: int) -> bool:
    """Whether it was issued or answered a moment ago, perhaps.

    Only who knows the whole log says *not*.
    """
    return found.lacking and found.basis.index < size - 1


async def _answered_by(services: Services, found: Found) -> str | None:
    """The body that answers for the record now; None: its issuer."""
    row, issuer = found.certificate, found.issuer
    if row is None or issuer is None or not issuer.successions:
        return None
    who = partial(services.ledger.responsible, row.agency, row.unit, row.series, services.directory)
    holder = await off_loop(who)
    return None if holder == row.agency else holder


def _comparable(found: Found) -> set[str]:
    if found.code is None:
        return set()
    return {*STATED, *found.code.claims} - {HOLDER_SECRET}


async def _compare(services: Services, found: Found, presented: Presented) -> Comparison:
    """Compare what was presented; names come back, values never."""
    asked = dict(presented.fields)
    if presented.document is not None:
        asked[DOCUMENT] = presented.document
    if not asked or found.code is None or found.certificate is None:
        return Comparison()
    certificate = found.certificate
    outcome: dict[str, list[str]] = {"matched": [], "mismatched": [], "not_comparable": []}
    if "number" in asked:
        number = fold_presented_number(asked.pop("number"))
        same = _equal(number, certificate.folded_number)
        outcome[_told(same=same)].append("number")
    if "date" in asked:
        day = fold_day(asked.pop("date"))
        # What cannot be read as a day was not compared; to call the paper false would be a guess.
        told = "not_comparable" if day is None else _told(same=_equal(day, certificate.date))
        outcome[told].append("date")
    values: dict[str, str] = {}
    if asked:
        async with services.pool.connection(timeout=WAIT_SECONDS) as connection:
            values = await open_values(services, connection, found)
    for name, value in asked.items():
        recorded = values.get(name) if name != HOLDER_SECRET else None
        if recorded is None or not fold_value(recorded) or _is_unlike_day(name, value, recorded):
            # What was recorded as blank is the same as whatever blank is presented.
            outcome["not_comparable"].append(name)
        else:
            outcome[_told(same=_same(value, recorded))].append(name)
    return Comparison(**{name: tuple(sorted(names)) for name, names in outcome.items()})


def _told(*, same: bool) -> str:
    return "matched" if same else "mismatched"


def _is_unlike_day(name: str, presented: str, recorded: str) -> bool:
    """Whether a day is recorded and none presented: as of the date, *differs* would be a guess."""
    return is_no_day(name, presented) and fold_day(recorded) is not None


def _same(presented: str, recorded: str) -> bool:
    """Whether two spellings are of one value; a day may be written in several ways."""
    days = fold_day(presented), fold_day(recorded)
    if None not in days and days[0] == days[1]:
        return True
    return _equal(fold_value(presented), fold_value(recorded))


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _tell(request: Request, answer: Answer) -> Response:
    """Put a verdict into the caller's words; 503 only when the ledger could not be asked."""
    language = negotiate(request.headers.get("accept-language", ""))
    stable = encode_stable(answer, language)
    tag = entity_tag(stable)
    headers = headers_in(language)
    if unasked(answer):
        return Response(stable, 503, {**headers, **LATER}, media_type=JSON)
    if request.method == "GET":
        unchanged = not_modified(request, tag, **headers)
        if unchanged is not None:
            return unchanged
    headers["ETag"] = tag
    return Response(encode_whole(stable, answer), headers=headers, media_type=JSON)


def headers_in(language: str) -> dict[str, str]:
    """The headers of whatever holds verdicts in this language."""
    return {
        "Cache-Control": CACHE_CONTROL,
        "Content-Language": language,
        "Vary": "Accept-Language",
    }


def unasked(answer: Answer) -> bool:
    """Whether the ledger could not be asked; such a verdict rests on nothing."""
    return answer.verdict.reason is Reason.STORE_UNAVAILABLE


def encode_stable(answer: Answer, language: str) -> bytes:
    """What the tag of a verdict is made of; the verdict counts as given."""
    verdict = answer.verdict
    telemetry.VERDICTS.labels(verdict.outcome.value, verdict.reason.value).inc()
    return encode_json(as_told(answer, language))


def encode_whole(stable: bytes, answer: Answer) -> bytes:
    """A verdict with what it rests on; `stable` is what `encode_stable` made of it."""
    if unasked(answer):
        return stable
    basis = answer.verdict.basis
    moving: dict[str, Any] = {"basis": None}
    if basis:
        moving["basis"] = {"index": basis.index, "age_seconds": basis.age_seconds}
    if answer.receipt is not None:
        moving["receipt"] = answer.receipt
    return _joined(stable, moving)


def _joined(stable: bytes, more: dict[str, Any]) -> bytes:
    """One JSON object of two, of which the first is written already; neither is empty."""
    return stable[:-1] + b"," + encode_json(more)[1:]


def as_told(answer: Answer, language: str) -> dict[str, Any]:
    """Everything that a verdict says but the ever-moving index that it rests on."""
    verdict = answer.verdict
    reason = verdict.reason.value
    body: dict[str, Any] = {
        "outcome": verdict.outcome.value,
        "reason": reason,
        "headline": translate(language, f"verdict.outcome.{verdict.outcome.value}"),
        "text": translate(language, f"verdict.reason.{reason}"),
        "advice": translate(language, f"verdict.advice.{reason}"),
        "questions": {
            "unchanged": verdict.unchanged,
            "issuer": verdict.issuer,
            "in_force": verdict.in_force,
        },
        "compared": {
            "matched": list(verdict.comparison.matched),
            "mismatched": list(verdict.comparison.mismatched),
            "not_comparable": list(verdict.comparison.not_comparable),
            "not_compared": list(answer.not_compared),
        },
        "record": None,
    }
    facts, found = verdict.facts, answer.found
    if facts is not None and found is not None and found.certificate and found.issuer:
        body["record"] = {
            "code": facts.code,
            "agency": facts.agency,
            "agency_names": found.issuer.names_on(found.certificate.date),
            "answered_by": answer.answered_by,
            "type": facts.type,
            "type_names": certificate_type(facts.type).names.model_dump(),
            "index": facts.issue_index,
            "recorded": facts.issue_time,
            "custodial": facts.custodial,
            "successor": facts.successor,
            "withdrawal_reason": facts.withdrawal_reason,
            "withdrawn_index": facts.withdrawn_index,
            "edition": found.code.edition if found.code else None,
            "max_status_age_seconds": certificate_type(facts.type).max_status_age_seconds,
        }
    return body


def _receipt(services: Services, code: str, verdict: Verdict) -> str | None:
    """The verdict as a signed note: what was asked, what was answered, on which index it rests.

    Of a code that was unknown at that index too, for whoever holds a forged paper; None where
    nothing was judged.
    """
    judged = verdict.facts is not None or verdict.reason is Reason.CODE_UNKNOWN
    if verdict.basis is None or not judged:
        return None
    said = {
        "code": codes.normalise(code),
        "matched": list(verdict.comparison.matched),
        "mismatched": list(verdict.comparison.mismatched),
        "outcome": verdict.outcome.value,
        "reason": verdict.reason.value,
    }
    word = receipts.VerdictNote(services.ledger_id, verdict.basis.index, canonical.dumps(said))
    return receipts.sign(word, services.receipts).decode()
