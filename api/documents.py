"""Certificates as documents: PDF, PNG or SVG, for the agency or for whoever holds the secret.

A document shows personal values, so a code alone never opens it. The holder's secret travels in a
header, because addresses are kept in many places. The same certificate has the same bytes.
"""

import asyncio
import hmac
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api.bundles import bundle_of
from api.caching import entity_tag, not_modified
from api.contract import problems
from api.credentials import credential_bytes
from api.limits import Question
from api.orders import caller
from api.papers import Told, compose, host_of
from api.policy import Caller
from api.problems import Problem
from api.services import Open, Services
from api.succession import is_own
from api.threads import off_loop
from api.values import open_values
from domain.catalogue import HOLDER_SECRET
from infrastructure.documents.paper import Paper, PaperError, whole
from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.verdict import CodeState
from projections import certificates
from projections.certificates import Found

router = APIRouter(prefix="/v1", tags=["certificates"], route_class=Question)

SECRET = "sijill-holder-secret"  # noqa: S105 - the name of a header
SECRET_CHARACTERS = 200
RENDERED_AT_ONCE = 2
MEDIA = {"pdf": "application/pdf", "png": "image/png", "svg": "image/svg+xml"}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_DRAWN = {200: {"description": "The document.", "content": dict.fromkeys(MEDIA.values(), _BINARY)}}
_UNCHANGED = {304: {"description": "Not changed."}}
_rendering = asyncio.Semaphore(RENDERED_AT_ONCE)


@router.get(
    "/certificates/{code}/document",
    summary="A certificate as a document to print",
    responses=_DRAWN | _UNCHANGED | problems(401, 403, 404, 409, 422, 429, 503),  # type: ignore[operator]  # of one shape
    response_class=Response,
    openapi_extra={
        "parameters": [
            {
                "in": "header",
                "name": "Sijill-Holder-Secret",
                "required": False,
                "schema": {"type": "string"},
                "description": "The secret that was given to the holder; else the agency signs.",
            }
        ]
    },
)
async def document(
    request: Request,
    services: Open,
    code: Annotated[str, Path(max_length=64, description="The public code.")],
    form: Annotated[Literal["pdf", "png", "svg"], Query(alias="format")] = "pdf",
    *,
    evidence: Annotated[
        bool, Query(description="Also embed the evidence bundle, as far as the caller may open it.")
    ] = False,
) -> Response:
    """PDF/A-3 with the credential in it; as PNG or SVG only a certificate of one page.

    A certificate that is suspended, withdrawn or overtaken has no document: 409. The same
    certificate has the same bytes, but with `evidence`, which is of the newest checkpoint.
    """
    paper, who = await _paper(request, services, code)
    if evidence and form == "pdf":
        bundle = await bundle_of(services, who, codes.normalise(code))
        paper = replace(paper, evidence=await off_loop(bundle.encode, lines=len(bundle.events)))
    try:
        async with _rendering:
            made = await asyncio.to_thread(whole, paper, form)
    except PaperError as error:
        raise Problem(error.code) from None
    headers = {"Cache-Control": "private, no-store"}
    tag = entity_tag(made)
    unchanged = not_modified(request, tag, **headers)
    if unchanged is not None:
        return unchanged
    headers["Content-Disposition"] = f'inline; filename="{paper.code}.{form}"'
    return Response(made, headers={**headers, "ETag": tag}, media_type=MEDIA[form])


async def _paper(request: Request, services: Services, code: str) -> tuple[Paper, Caller]:
    """The paper, for whoever may see it; for everybody else there is no such certificate."""
    secret = _secret(request)
    try:
        normal = codes.normalise(code)
    except ProofError:
        raise Problem("certificate_unknown") from None
    who = await caller(request, services, required=secret is None)
    if secret is not None:
        address = request.client.host if request.client else ""
        if not services.limits.allow_comparison(normal, address):
            raise Problem("rate_limited")
    await services.caught_up()
    async with services.pool.connection() as connection:
        found = await certificates.by_code(connection, normal)
        if found.certificate is None or found.code is None or found.issuer is None:
            raise Problem("certificate_unknown", code=normal)
        values = await open_values(services, connection, found)
        own = await is_own(services, who, found.certificate)
        if not own and not _holds(secret, values.get(HOLDER_SECRET)):
            raise Problem("certificate_unknown", code=normal)
        if found.facts is None or found.facts.state is not CodeState.IN_FORCE:
            raise Problem("document_not_in_force", HTTPStatus.CONFLICT)
        credential = await credential_bytes(services, connection, normal)
    paper = compose(_told(found, values), host=host_of(services.origin), credential=credential)
    return paper, who


def _secret(request: Request) -> str | None:
    """The holder's secret, in the bytes that were sent: frameworks read headers as Latin 1."""
    sent = request.headers.get(SECRET)
    return None if sent is None else sent.encode("latin-1").decode(errors="replace")


def _holds(secret: str | None, recorded: str | None) -> bool:
    if secret is None or recorded is None or len(secret) > SECRET_CHARACTERS:
        return False
    return hmac.compare_digest(secret.encode(), recorded.encode())


def _told(found: Found, values: dict[str, str]) -> Told:
    code, certificate, issuer = found.code, found.certificate, found.issuer
    if code is None or certificate is None or issuer is None:
        raise Problem("certificate_unknown")
    return Told(
        code=code.code,
        type=certificate.type,
        issuer=issuer.names_on(certificate.date),
        number=certificate.number,
        date=certificate.date,
        effective_date=code.effective_date,
        expiry_date=code.expiry_date,
        edition=code.edition,
        original=code.original,
        issue_time=code.issue_time,
        values=values,
    )
