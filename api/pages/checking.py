"""Checking a document by its code: the start, the verdict, the comparison with a paper.

A code alone stands in the address, because it stands on the paper as an address. What is typed to
be compared is sent as a form, is answered, and stands nowhere afterwards.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import suspicions, verify
from api.i18n import negotiate
from api.orders import now_us
from api.pages import forms, results
from api.pages.drawing import Language, Page, draw
from api.pages.words import WITHDRAWAL_WORDS
from api.problems import RETRY_AFTER_SECONDS, Problem
from api.services import Open, Services
from api.suspicions import Suspected
from api.verify import Answer, Presented
from infrastructure import telemetry
from infrastructure.log import checkpoints
from infrastructure.log.checkpoints import CheckpointRow
from infrastructure.proofs import codes
from infrastructure.proofs import verdict as verdicts
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.verdict import Reason

router = APIRouter(route_class=Page)

_PREFIX = "field."


@router.get("/")
async def root(request: Request) -> Response:
    """The start in the reader's language."""
    return _in_own_language(request, "/")


@router.get("/v/{code}")
@router.get("/V/{code}")
async def from_paper(request: Request, code: str) -> Response:
    """Where a printed QR code leads; upper case, as it is written in the smaller QR mode.

    The fragment, in which a credential may stand, is kept by the browser and never comes here.
    """
    try:
        return _in_own_language(request, f"/v/{codes.normalise(code)}")
    except ProofError:
        language = negotiate(request.headers.get("accept-language", ""))
        return await answered(request, language, Answer(verdicts.unreadable()))


def _in_own_language(request: Request, path: str) -> Response:
    language = negotiate(request.headers.get("accept-language", ""))
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Language"}
    # A path alone: the host that a caller named is nobody's word.
    return RedirectResponse(f"/{language}{path}", HTTPStatus.SEE_OTHER, headers)


@router.get("/{language:language}/")
async def start(language: Language) -> Response:
    """Three ways in: a code, a photograph or file, the camera."""
    return draw("start.html", language, path="/")


@router.get("/{language:language}/shell")
async def shell(request: Request, language: Language) -> Response:
    """What an installed page shows while there is no network: a verdict that says so."""
    answer = Answer(verdicts.could_not_check())
    # It is kept for days: when something was checked, the device itself has to say.
    return await answered(request, language, answer, status=HTTPStatus.OK, checked=None)


@router.get("/{language:language}/offline")
async def offline(language: Language) -> Response:
    """How old the lists on this device are."""
    return draw("offline.html", language, path="/offline")


@router.post("/{language:language}/v")
async def typed(request: Request, language: Language) -> Response:
    """A code as somebody typed it: on to its page, or a word that it is none."""
    sent = await forms.read(request)
    if "code" not in sent:
        return draw("start.html", language, path="/", status=422, lacking="code.empty")
    try:
        code = codes.normalise(sent["code"])
    except ProofError:
        return await answered(request, language, Answer(verdicts.unreadable()))
    return RedirectResponse(f"/{language}/v/{code}", HTTPStatus.SEE_OTHER)


@router.get("/{language:language}/v/{code}")
async def by_code(request: Request, services: Open, language: Language, code: str) -> Response:
    """The verdict on a bare code."""
    answer = await verify.judge(request, services, Presented(code=code, fields={}))
    return await answered(request, language, answer, services)


@router.post("/{language:language}/v/{code}")
async def compared(request: Request, services: Open, language: Language, code: str) -> Response:
    """The verdict on a paper of which somebody typed what it says."""
    sent = await forms.read(request)
    fields = {
        name.removeprefix(_PREFIX): text for name, text in sent.items() if name.startswith(_PREFIX)
    }
    try:
        presented = Presented(code=code, fields=fields)
    except ValidationError:
        raise Problem("validation") from None
    answer = await verify.judge(request, services, presented)
    lacking = None if fields else "compare.empty"
    return await answered(request, language, answer, services, fields, lacking=lacking)


@router.post("/{language:language}/v/{code}/report")
async def report(request: Request, services: Open, language: Language, code: str) -> Response:
    """A suspected forgery, by a word from a list; taken whether the code is known or not."""
    if request.headers.get("sec-fetch-site") == "cross-site":
        # Another's page would have its visitors report whatever it likes.
        raise Problem("validation")
    sent = await forms.read(request)
    try:
        said = suspicions.Report(kind=Suspected(sent.get("kind", "")))
    except ValueError:
        raise Problem("validation") from None
    await suspicions.report(request, services, code, said)
    answer = await verify.judge(request, services, Presented(code=code, fields={}))
    return await answered(request, language, answer, services, reported=True)


async def answered(
    request: Request,
    language: str,
    answer: Answer,
    services: Services | None = None,
    presented: Mapping[str, str] | None = None,
    *,
    status: int | None = None,
    **more: Any,
) -> Response:
    """A verdict as a page; `more` is what only some roads to it have to say."""
    verdict = answer.verdict
    telemetry.VERDICTS.labels(verdict.outcome.value, verdict.reason.value).inc()
    told = verify.as_told(answer, language)
    code = verdict.facts.code if verdict.facts else _code_of(request)
    newest = await _newest(services) if services and verdict.basis else None
    fields = results.fields(answer, language, presented or {})
    record = results.record_of(told, language)
    unavailable = verdict.reason is Reason.STORE_UNAVAILABLE and status is None
    return draw(
        "verdict.html",
        language,
        path=f"/v/{code}" if code else "/",
        status=503 if unavailable else status or HTTPStatus.OK,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS[503])} if unavailable else {},
        code=code,
        told=told,
        look=results.look(verdict.outcome, verdict.reason),
        questions=[
            (name, results.answered(told["questions"][name]), told["questions"][name])
            for name in results.QUESTIONS
        ],
        record=record,
        reason_word=_reason_word(told, record),
        fields=fields,
        compared=list(results.compared(answer, fields)),
        basis=verdict.basis,
        checkpoint=newest,
        **{
            "checked": now_us(),
            "lacking": None,
            "reported": False,
            "suspected": list(Suspected),
            "paper": (),
            "payload": "",
            "read_by_server": False,
            **more,
        },
    )


def _code_of(request: Request) -> str | None:
    """The code in the address, where it is one."""
    try:
        return codes.normalise(request.path_params.get("code", ""))
    except ProofError:
        return None


def _reason_word(told: Mapping[str, Any], record: Mapping[str, Any] | None) -> str | None:
    """The id of the text for why it was withdrawn."""
    if record is None or record["withdrawal_reason"] is None:
        return None
    kind = WITHDRAWAL_WORDS.get(told["questions"]["in_force"])
    return f"word.certificates.{kind}.{record['withdrawal_reason']}" if kind else None


async def _newest(services: Services) -> CheckpointRow | None:
    async with services.pool.connection(timeout=verify.WAIT_SECONDS) as connection:
        return await checkpoints.newest(connection)
