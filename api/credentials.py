"""Credentials as the agency fetches them: the signed bytes of a certificate's QR code.

They show personal values, so they lie in the vault and are given to the certificate's agency alone.
Another agency's certificate and none at all are answered alike.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.contract import problems, told
from api.limits import Question
from api.orders import caller
from api.problems import Problem
from api.services import Open, Services
from api.shapes.registry import CredentialShown
from api.succession import is_own
from api.values import open_at
from domain.acts import Scope
from domain.catalogue import CREDENTIAL
from infrastructure.proofs import codes
from infrastructure.proofs.base64text import decode_url
from infrastructure.proofs.errors import ProofError
from projections import certificates, keys
from projections.certificates import Credential

router = APIRouter(prefix="/v1", tags=["certificates"], route_class=Question)


@router.get(
    "/certificates/{code}/credential",
    summary="The credential of one of the caller's certificates",
    responses=told("The newest one.", CredentialShown) | problems(401, 403, 404),
)
async def show(
    request: Request,
    services: Open,
    code: Annotated[str, Path(max_length=64, description="The public code.")],
) -> JSONResponse:
    """What the original of this code has in its QR code; 404 `credential_unknown` without one."""
    who = await caller(request, services, required=True)
    try:
        normal = codes.normalise(code)
    except ProofError:
        raise Problem("certificate_unknown") from None
    await services.caught_up()
    async with services.pool.connection() as connection:
        found = await certificates.by_code(connection, normal)
        if not await is_own(services, who, found.certificate):
            raise Problem("certificate_unknown", code=normal)
        row = await certificates.credential_of(connection, normal)
        data = None if row is None else await open_credential(services, connection, row)
        key = None if row is None else await keys.show(connection, row.key)
    if row is None or data is None:
        raise Problem("credential_unknown", code=normal)
    body = {
        "code": normal,
        "credential": data,
        "key": row.key,
        "custodial": key is not None and Scope.CUSTODIAL in key.scopes,
        "index": row.recorded_index,
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def open_credential(services: Services, connection: Any, row: Credential) -> str | None:
    """The credential in base64url as the log commits to it; None where it was erased."""
    opened = await open_at(services, connection, row.recorded_index)
    name, value = opened.get(row.claim, ("", ""))
    return value if name == CREDENTIAL else None


async def credential_bytes(services: Services, connection: Any, code: str) -> bytes | None:
    """The newest credential of an original, for whoever renders it; None where there is none."""
    row = await certificates.credential_of(connection, code)
    text = None if row is None else await open_credential(services, connection, row)
    return None if text is None else decode_url(text, code="credential_malformed")
