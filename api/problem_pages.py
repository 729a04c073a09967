"""What a problem's `type` leads to: its code in words, for whoever opens the address.

It tells what stands in the catalogues and nothing of the case in which the code was met.
"""

import re
from html import escape
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from api.contract import problems, told
from api.i18n import direction, negotiate, outline
from api.problems import Problem
from api.shapes.common import ProblemMeaning

router = APIRouter(prefix="/problems", tags=["operations"])

PARTS = ("title", "detail", "advice")
CACHE_CONTROL = "public, max-age=3600"
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WEIGHT = re.compile(r"(?:.*;)?[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*(?:;.*)?")
_HEADER_LIMIT_CHARACTERS = 1_000
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_JSON = frozenset({"application/json", "application/problem+json"})

# No script, no style, nothing from anywhere: it must open under the strictest policy.
_PAGE = """<!doctype html>
<html lang="{language}" dir="{direction}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<p>{detail}</p>
<p>{advice}</p>
<p><code dir="ltr">{code}</code></p>
</html>
"""


@router.get(
    "/{code}",
    summary="What a problem's code means",
    response_class=HTMLResponse,
    responses=told("The meaning.", ProblemMeaning) | problems(404),
)
async def page(
    request: Request, code: Annotated[str, Path(description="The `code` of a problem.")]
) -> Response:
    """Title, detail and advice of a code, as a small page, or as JSON where that is asked for.

    Values that differ from case to case are left open.
    """
    language = negotiate(request.headers.get("accept-language", ""))
    known = _CODE.fullmatch(code) is not None
    texts = {part: outline(language, f"problem.{code}.{part}") if known else None for part in PARTS}
    told = {part: text for part, text in texts.items() if text is not None}
    if told.keys() != texts.keys():
        raise Problem("not_found")
    headers = {
        "Cache-Control": CACHE_CONTROL,
        "Content-Language": language,
        "Vary": "Accept, Accept-Language",
    }
    if _prefers_json(request.headers.get("accept", "")):
        return JSONResponse({"type": f"/problems/{code}", "code": code, **told}, headers=headers)
    words = {part: escape(text) for part, text in told.items()}
    text = _PAGE.format(language=language, direction=direction(language), code=code, **words)
    return HTMLResponse(text, headers=headers)


def _prefers_json(accept: str) -> bool:
    """Whether JSON is named, and not after HTML; whatever takes anything gets the page."""
    weights = {"html": 0.0, "json": 0.0}
    for item in accept[:_HEADER_LIMIT_CHARACTERS].split(","):
        media, _, parameters = item.partition(";")
        found = _WEIGHT.fullmatch(parameters)
        weight = float(found[1]) if found else 1.0
        name = media.strip(" \t").lower()
        kind = "json" if name in _JSON else "html" if name in _HTML else None
        if kind is not None:
            weights[kind] = max(weights[kind], weight)
    return weights["json"] > weights["html"]
