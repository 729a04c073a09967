"""The contract for people: one page over files of our own, so that reading it tells nobody.

`static/swagger-ui` holds files of swagger-ui-dist 5.35.0, unchanged, with their licences.
The page's policy lets nothing in from another address, and nothing out.
"""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.problems import Problem

router = APIRouter(include_in_schema=False)

# The page's own scripts only; its library sets styles as it draws.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    "docs.js": ("docs.js", "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": ("swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "swagger-ui.css": ("swagger-ui/swagger-ui.css", "text/css; charset=utf-8"),
}


@router.get("/openapi.json")
async def contract(request: Request) -> Response:
    """The contract itself, for programs."""
    return Response(request.app.contract, media_type="application/json")


@router.get("/docs")
async def page() -> Response:
    """The page."""
    return _file("docs.html", "text/html; charset=utf-8")


@router.get("/docs/{name}")
async def part(name: str) -> Response:
    """A file that the page loads."""
    if name not in _FILES:
        raise Problem("not_found")
    return _file(*_FILES[name])


def _file(path: str, media_type: str) -> Response:
    headers = {"Cache-Control": "public, max-age=3600", "Content-Security-Policy": POLICY}
    return Response(_read(path), media_type=media_type, headers=headers)


@cache
def _read(path: str) -> bytes:
    return files("api").joinpath("static", path).read_bytes()
