"""Paging by log index: `?after=1200&limit=100`, with `Link: <…>; rel="next"`.

An index never moves, so a page stays the same page while the log grows; there is no total count,
because counting would cost more than the page.
"""

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import JSONResponse

MAXIMUM_LIMIT = 200

# PostgreSQL's text has no place for U+0000.
WORD = r"^[^\x00]*$"

After = Annotated[int | None, Field(ge=0, le=2**53 - 1, description="Log index to go on after.")]
Limit = Annotated[int, Field(ge=1, le=MAXIMUM_LIMIT, description="Rows a page.")]


def _real(day: str | None) -> str | None:
    """The day itself, where a calendar has it; else a ValueError, which is told as `validation`."""
    if day is not None:
        date.fromisoformat(day)
    return day


Day = Annotated[
    str | None,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="A day in Asia/Baghdad, ISO.",
        json_schema_extra={"format": "date"},
    ),
    AfterValidator(_real),
]

At = Annotated[
    int | None,
    Field(ge=0, le=2**53 - 1, description="Answer as after this log index; default: now."),
]


def page(
    request: Request,
    items: list[dict[str, Any]],
    *,
    limit: int,
    cursor: str = "index",
    last: tuple[int, int] | None = None,
    **extra: Any,
) -> JSONResponse:
    """Answer `{"items": […], "next": index|null, …}`; `cursor` names the member to go on after.

    `last` says how many rows were read and the cursor of the last, where not all of them are shown.
    """
    read = last or (len(items), items[-1][cursor] if items else -1)
    following = read[1] if 0 < read[0] >= limit else None
    response = JSONResponse({"items": items, "next": following, **extra})
    if following is not None:
        address = request.url.include_query_params(after=following, limit=limit)
        response.headers["Link"] = f'<{address.path}?{address.query}>; rel="next"'
    response.headers["Cache-Control"] = "no-store"
    return response
