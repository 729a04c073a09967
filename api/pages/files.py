"""The few files that pages load: style, fonts, scripts; none from elsewhere."""

import json
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api import i18n
from api.caching import entity_tag, not_modified
from api.i18n import direction, translate
from api.pages import drawing
from api.pages.drawing import POLICY, Language
from api.problems import Problem

router = APIRouter()

_KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
}
# A new release must not meet an old script: what is kept is asked about each time.
REVALIDATED: Final = "no-cache"
FONT: Final = "public, max-age=31536000, immutable"


@router.get("/static/{folder}/{name}")
async def static(request: Request, folder: str, name: str) -> Response:
    """One of the files, and nothing but those."""
    kind = _KINDS.get(name.rpartition(".")[2])
    data = names().get(f"{folder}/{name}")
    if data is None or kind is None:
        raise Problem("not_found")
    return _file(request, data, kind, FONT if folder == "fonts" else REVALIDATED)


@router.get("/sw.js")
async def worker(request: Request) -> Response:
    """The service worker, which keeps exactly the files of this release."""
    return _file(request, _worker(), _KINDS["js"], REVALIDATED)


@cache
def _worker() -> bytes:
    kept = [f"/static/{name}" for name in sorted(names()) if not name.endswith("/worker.js")]
    for language in i18n.LANGUAGES:
        kept += [f"/{language}/{page}" for page in ("", "shell", "offline", "texts.json")]
        kept.append(f"/{language}/manifest.webmanifest")
    contents = b"".join(data for _, data in sorted(names().items())) + drawing.sources()
    words = [i18n.texts(language, "page.", "verdict.") for language in i18n.LANGUAGES]
    version = entity_tag(contents + json.dumps(words).encode())[1:17]
    head = f"const VERSION = {json.dumps(version)};\nconst FILES = {json.dumps(kept)};\n"
    return head.encode() + names()["pages/worker.js"]


@router.get("/{language:language}/texts.json")
async def texts(request: Request, language: Language) -> Response:
    """What the scripts of a page say, from the same catalogue as the page."""
    said = i18n.texts(language, "page.", "verdict.", "word.certificates.")
    data = json.dumps(said, ensure_ascii=False).encode()
    return _file(request, data, "application/json", REVALIDATED)


@router.get("/{language:language}/manifest.webmanifest")
async def manifest(request: Request, language: Language) -> Response:
    """What a phone installs as an application."""
    text = {
        "name": translate(language, "page.brand"),
        "short_name": translate(language, "page.brand"),
        "description": translate(language, "page.tagline"),
        "lang": language,
        "dir": direction(language),
        "start_url": f"/{language}/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#0b4f6c",
        "icons": [
            {"src": "/static/pages/icon.svg", "sizes": "any", "type": "image/svg+xml"},
            {"src": "/static/pages/icon-192.png", "sizes": "192x192", "type": "image/png"},
            {"src": "/static/pages/icon-512.png", "sizes": "512x512", "type": "image/png"},
        ],
    }
    data = json.dumps(text, ensure_ascii=False).encode()
    return _file(request, data, "application/manifest+json", REVALIDATED)


def _file(request: Request, data: bytes, kind: str, caching: str) -> Response:
    tag = entity_tag(data)
    headers = {"Cache-Control": caching, "Content-Security-Policy": POLICY}
    unchanged = not_modified(request, tag, **headers)
    if unchanged is not None:
        return unchanged
    return Response(data, media_type=kind, headers={**headers, "ETag": tag})


@cache
def names() -> dict[str, bytes]:
    """Every file that pages may load, by folder and name."""
    return {
        f"{folder}/{one.name}": one.read_bytes()
        for folder in ("pages", "fonts")
        for one in files("api").joinpath("static", folder).iterdir()
        if one.name.rpartition(".")[2] in _KINDS
    }
