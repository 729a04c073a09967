"""Entity tags (RFC 9110 section 8.8.3) made of what an answer depends on.

A verdict's tag leaves the ever-moving checkpoint out: an unchanged record keeps its tag although
the log has grown, so that a thousand repeated look-ups cost a thousand empty 304 answers.
"""

import hashlib

from starlette.requests import Request
from starlette.responses import Response


def entity_tag(depends_on: bytes) -> str:
    """A strong tag over the bytes that an answer depends on."""
    return f'"{hashlib.sha256(depends_on).hexdigest()[:32]}"'


def not_modified(request: Request, tag: str, **headers: str) -> Response | None:
    """A 304 when the caller already holds this tag, else None."""
    presented = request.headers.get("if-none-match", "")
    known = {part.strip().removeprefix("W/") for part in presented.split(",")}
    if tag in known or presented.strip() == "*":
        return Response(status_code=304, headers={"ETag": tag, **headers})
    return None
