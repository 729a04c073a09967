"""Who uploads what: authentication of signed uploads, and the agency's own uploads.

Where `api.orders` turns a request into an order, this turns one into bytes of an agency that may
act. It must not know how they are stored.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from starlette.requests import Request

from api.limits import Place
from api.orders import key_of, now_us, raw_path, raw_query, read_body
from api.policy import Caller
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from domain import authority
from domain.acts import ACTIVE, Scope
from domain.errors import ScopeMissing
from infrastructure.attachments import records, sealing
from infrastructure.attachments.errors import AttachmentUnknown
from infrastructure.attachments.records import Attachment
from infrastructure.proofs import canonical, uploads
from infrastructure.proofs.errors import ProofError

SCOPES = frozenset({Scope.ISSUE, Scope.REGISTER, Scope.COURT})
ANNOUNCEMENT_BYTES = 1_024
_DIGEST_CHARACTERS = 64
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A signed upload: its body, and whose it is."""

    caller: Caller
    agency: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an upload will be: the SHA-256 of the whole file in hex, and its size in bytes."""

    digest: str
    size: int


async def arrive(
    request: Request, services: Services, place: Place, *, content_type: str, limit_bytes: int
) -> Arrived:
    """Authenticate an upload: its signature and its agency first, then its body.

    Raises:
        ProofError, Problem, Refusal: each with the code of what is wrong.
    """
    head = uploads.parse_upload(
        request.method, raw_path(request), request.headers.items(), query=raw_query(request)
    )
    if head.content_type != content_type:
        raise ProofError("content_type_unsupported", f"exactly {content_type}")
    head.check_ledger(services.ledger_id)
    head.check_signature(await key_of(services, head.keyid))
    head.check_time(now_us(), life_seconds=uploads.UPLOAD_LIFE_SECONDS)
    caller = await off_loop(partial(_uploader, services, head.keyid))
    await place.take(caller.agency or "")
    body = await read_body(request, limit_bytes)
    head.check_body(body)
    request.state.caller = caller
    return Arrived(caller, caller.agency or "", body)


def _uploader(services: Services, thumbprint: str) -> Caller:
    caller = services.caller_of(thumbprint)
    state = services.ledger.agency(caller.agency or "", services.directory)
    authority.check_standing(state, ACTIVE)
    if not SCOPES & caller.scopes:
        raise ScopeMissing(scope=Scope.ISSUE.value, key=thumbprint)
    return caller


def announced(body: bytes) -> Announcement:
    """What an announcement says.

    Raises:
        ProofError: it is not strict JSON. Problem: `validation`.
    """
    said = canonical.parse_json(body, limit_bytes=ANNOUNCEMENT_BYTES, limit_depth=1)
    faults = [] if isinstance(said, dict) else [{"pointer": "", "code": "object_expected"}]
    found: dict[str, Any] = said if isinstance(said, dict) else {}
    digest, size = found.get("digest"), found.get("size")
    if type(digest) is not str or len(digest) != _DIGEST_CHARACTERS or not set(digest) <= _HEX:
        faults.append({"pointer": "/digest", "code": "string_pattern_mismatch"})
    if type(size) is not int or not 0 < size <= sealing.LIMIT_BYTES:
        faults.append({"pointer": "/size", "code": "greater_than"})
    faults += [
        {"pointer": f"/{name[:40]}", "code": "extra_forbidden"}
        for name in sorted(found.keys() - {"digest", "size"})
    ]
    if faults:
        raise Problem("validation", errors=faults)
    return Announcement(str(digest), int(size or 0))


async def own(connection: Any, attachment: UUID, agency: str) -> Attachment:
    """An agency's own upload, or what it has become.

    Raises:
        AttachmentUnknown: there is none; another agency's is not told apart.
    """
    found = await records.find(connection, attachment)
    over = found is None or (found.stream is None and found.expires < now_us())
    if found is None or over or found.agency != agency:
        raise AttachmentUnknown
    return found
