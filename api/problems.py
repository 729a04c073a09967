"""Problems (RFC 9457): every refusal leaves the service through this one table.

A problem has a stable `code`, a title, a detail and an advice in the caller's language, and the id
of the request. The HTTP status of a code is decided here and nowhere else. Values that a caller
sent are never echoed: a refusal must not become a way to read somebody else's data.
"""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.i18n import negotiate, translate
from domain.errors import Forbidden, Malformed, Refusal, Unknown
from infrastructure import telemetry
from infrastructure.log.refusals import StoreFailure
from infrastructure.proofs.errors import ProofError
from infrastructure.vault import VaultError

MEDIA_TYPE = "application/problem+json"

# A rule's refusal has the status of its family; these codes, and the parsers' and the HTTP layer's
# own ones, are told apart here. What is not listed is 400.
FAMILIES: tuple[tuple[type[Refusal], int], ...] = (
    (Malformed, 422),
    (Forbidden, 403),
    (Unknown, 404),
)
STATUS: dict[str, int] = {
    "signature_missing": 401,
    "signature_invalid": 401,
    "key_unknown": 401,
    "order_expired": 401,
    "order_in_future": 401,
    "clock_unsafe": 503,
    "idempotency_key_reused": 422,
    "act_not_for_bulk": 422,
    "one_line_expected": 422,
    "lines_of_several_agencies": 422,
    "order_unknown": 404,
    "order_closed": 409,
    "index_unknown": 404,
    "size_unknown": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "json_too_large": 413,
    "picture_too_large": 413,
    "picture_malformed": 422,
    "request_malformed": 400,
    "request_timeout": 408,
    "head_too_large": 431,
    "content_type_unsupported": 415,
    "content_encoding_unsupported": 415,
    "validation": 422,
    "document_digest_malformed": 422,
    "other_line_refused": 409,
    "values_erased": 409,
    "agency_unknown": 404,
    "certificate_unknown": 404,
    "request_unknown": 404,
    "code_or_secret_wrong": 404,
    "credential_unknown": 404,
    "credential_mismatch": 422,
    "key_not_found": 404,
    "document_not_in_force": 409,
    "document_of_pages": 422,
    "evidence_too_large": 422,
    "paper_unusable": 422,
    "template_unusable": 422,
    "text_unprintable": 422,
    "not_acceptable": 406,
    "status_list_unknown": 404,
    "status_history_not_served": 501,
    "status_key_missing": 503,
    "record_key_missing": 503,
    "rate_limited": 429,
    "pending_full": 429,
    "uploads_full": 429,
    "attachment_too_large": 413,
    "attachment_store_unavailable": 503,
    "internal": 500,
    "busy": 503,
    "store_unavailable": 503,
    "storage_full": 503,
    "log_frozen": 503,
    "bundle_too_large": 422,
    "report_too_long": 422,
    "checkpoint_pending": 503,
    "status_stale": 503,
    "attestation_unavailable": 409,
}
RETRY_AFTER_SECONDS: dict[int, int] = {429: 10, 503: 2}
POINTER_LENGTH = 120


class Problem(Exception):
    """A refusal raised by the HTTP layer itself.

    `params` fill the catalogue's placeholders; `errors` are JSON pointers with their own codes;
    `hint` says what a parser expected, and never repeats what it got.
    """

    def __init__(
        self,
        code: str,
        status: int | None = None,
        /,
        *,
        errors: list[dict[str, str]] | None = None,
        hint: str = "",
        **params: str | int,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status = status or STATUS.get(code, 400)
        self.errors = errors or []
        self.hint = hint
        self.params = params


def pointers(
    errors: Iterable[Mapping[str, Any]], within: tuple[str | int, ...] = ()
) -> list[dict[str, str]]:
    """Where in a request pydantic found something wrong; `within` leads to what it looked at."""
    return [
        {"pointer": _pointer((*within, *item["loc"])), "code": str(item["type"])} for item in errors
    ]


def _pointer(location: tuple[str | int, ...]) -> str:
    """An RFC 6901 pointer, bounded; a name that the caller made up may hold anything."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    text = "".join(f"/{part}" for part in parts)
    return text.encode("utf-8", "replace").decode()[:POINTER_LENGTH]


def status_of(error: Exception) -> int:
    """The HTTP status that an error leaves with."""
    match error:
        case Problem():
            return error.status
        case Refusal():
            family = (status for kind, status in FAMILIES if isinstance(error, kind))
            return STATUS.get(error.code) or next(family, 409)
        case ProofError():
            return STATUS.get(error.code, 400)
        case StoreFailure() | VaultError():
            return STATUS.get(error.code, 500)
        case _:
            return 500


def describe(
    code: str, status: int, language: str, params: Mapping[str, str | int]
) -> dict[str, Any]:
    """The members every problem has, in one language."""
    return {
        "type": f"/problems/{code}",
        "code": code,
        "status": status,
        "title": translate(language, f"problem.{code}.title", **params),
        "detail": translate(language, f"problem.{code}.detail", **params),
        "advice": translate(language, f"problem.{code}.advice", **params),
    }


def as_problem(error: Exception, language: str) -> dict[str, Any]:
    """One error as a problem object without `instance`, for single answers and lines alike."""
    status = status_of(error)
    match error:
        case Problem() | Refusal():
            code, params = error.code, dict(error.params)
        case ProofError() | StoreFailure() | VaultError():
            code, params = error.code, {}
        case _:
            code, params = "internal", {}
    telemetry.REFUSALS.labels(code).inc()
    problem = describe(code, status, language, params)
    # What a parser expected; it never repeats what it got.
    hint = error.detail if isinstance(error, ProofError) else getattr(error, "hint", "")
    if hint:
        problem["hint"] = hint
    pointers = getattr(error, "errors", None)
    if pointers:
        problem["errors"] = pointers
    return problem


async def respond(request: Request, error: Exception) -> Response:
    """The handler that the application registers for every error type above."""
    language = negotiate(request.headers.get("accept-language", ""))
    problem = as_problem(error, language)
    problem["instance"] = request.state.request_id
    # The log line of a failure says which one: a status alone sends its reader searching.
    request.state.problem = problem["code"]
    headers = {"Content-Language": language, "Cache-Control": "no-store"}
    status = problem["status"]
    retry = getattr(error, "retry_after_seconds", None) or RETRY_AFTER_SECONDS.get(status)
    if retry:
        headers["Retry-After"] = str(retry)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Signature realm="sijill"'
    return Response(
        json.dumps(problem, ensure_ascii=False).encode(),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )
