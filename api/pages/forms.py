"""What a page's form sends: small, of one kind, and read once. It must not know any form."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from api.orders import read_body
from api.problems import Problem

FORM_BYTES: Final = 64 * 1024
FIELDS_MAXIMUM: Final = 48
_KIND: Final = "application/x-www-form-urlencoded"


async def read(request: Request) -> dict[str, str]:
    """The fields that were filled in, without blanks around them; the last of a name counts.

    Raises:
        Problem: `content_type_unsupported`, `body_too_large`, `validation`.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _KIND:
        raise Problem("content_type_unsupported")
    body = await read_body(request, FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            errors="strict",
            max_num_fields=FIELDS_MAXIMUM,
        )
    except ValueError:
        raise Problem("validation") from None
    return {name: text.strip() for name, text in pairs if text.strip()}
