"""Many papers in one question: each is answered as if it had been asked about alone.

What a verdict is, and how often values may be compared, is for `api/verify.py`: a batch has the
limits of those who ask one by one. What is out of form is refused where it stands in the list.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler
from starlette.requests import Request
from starlette.responses import Response

from api import verify
from api.caching import entity_tag
from api.contract import problems, told
from api.i18n import negotiate
from api.jsonbytes import encode_json
from api.limits import Question
from api.problems import Problem, as_problem, pointers
from api.services import Open, Services
from api.shapes.verdicts import VerdictBatch
from api.verify import Answer, Presented
from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import JSON
from infrastructure.proofs.verdict import could_not_check

router = APIRouter(prefix="/v1/verify", tags=["verify"], route_class=Question)

MOST = 100
"""Questions in one batch."""
TOGETHER = 4
"""Questions of one batch that are worked on at a time: connections are for everybody."""


def _or_why_not(sent: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """A question as it is read, or what is wrong with it: no other one is refused with it."""
    try:
        return read(sent)
    except ValidationError as error:
        return error


class PresentedBatch(BaseModel):
    """Papers in hand, each with its code."""

    model_config = ConfigDict(extra="forbid", strict=True)

    items: Annotated[
        list[Annotated[Presented, WrapValidator(_or_why_not)]],
        Field(
            min_length=1,
            max_length=MOST,
            description="Each as `POST /v1/verify` takes it, and answered the same.",
        ),
    ]


@router.post(
    "/batch",
    summary="Do these papers say what their records say?",
    responses={
        **told("A verdict or a problem for each, in their order.", VerdictBatch),
        **told("The same, where the ledger could not be asked for all.", VerdictBatch, status=503),
        **problems(400, 413, 415, 422),
    },
)
async def verify_batch(request: Request, services: Open, batch: PresentedBatch) -> Response:
    """Up to 100 papers, bare codes or not: for each, in order, what it would be answered alone."""
    language = negotiate(request.headers.get("accept-language", ""))
    items = cast("list[Presented | ValidationError]", batch.items)
    return _tell(await answers(request, services, items), language)


async def answers(
    request: Request, services: Services, items: Sequence[Presented | ValidationError]
) -> list[Answer | Problem]:
    """What each is answered, in their order."""
    asking = _Asking(request, services)
    return await asyncio.gather(*(asking.answer(at, item) for at, item in enumerate(items)))


@dataclass(slots=True)
class _Asking:
    """One batch while it is answered."""

    request: Request
    services: Services
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TOGETHER))
    _silent: bool = False

    async def answer(self, at: int, item: Presented | ValidationError) -> Answer | Problem:
        """What the question at this place is answered."""
        if isinstance(item, ValidationError):
            within = ("body", "items", at)
            return Problem("validation", errors=pointers(item.errors(), within))
        async with self._turns:
            if self._silent and _is_code(item.code):
                # Each would wait for the database as long as the first one did.
                return Answer(could_not_check())
            try:
                answer = await verify.present(self.request, self.services, item)
            except Problem as problem:
                return problem
            self._silent = self._silent or verify.unasked(answer)
            return answer


def _is_code(text: str) -> bool:
    try:
        codes.normalise(text)
    except ProofError:
        return False
    return True


def _tell(given: Sequence[Answer | Problem], language: str) -> Response:
    stable, whole = [], []
    for answer in given:
        if isinstance(answer, Problem):
            stable.append(encode_json({"problem": as_problem(answer, language)}))
            whole.append(stable[-1])
        else:
            stable.append(verify.encode_stable(answer, language))
            whole.append(verify.encode_whole(stable[-1], answer))
    body = b'{"items":[' + b",".join(whole) + b"]}"
    headers = verify.headers_in(language)
    if any(isinstance(answer, Answer) and verify.unasked(answer) for answer in given):
        return Response(body, 503, {**headers, **verify.LATER}, media_type=JSON)
    headers["ETag"] = entity_tag(b",".join(stable))
    return Response(body, headers=headers, media_type=JSON)
