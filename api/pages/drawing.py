"""Drawing a page: templates, the policy it is sent under, its three addresses, its refusals.

It must not know what any page says. Whatever a page is refused with is told as a page, too.
"""

from collections.abc import Callable, Coroutine
from functools import cache, partial
from importlib.resources import files
from typing import Any, Final, Literal
from urllib.parse import quote

import psycopg
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.i18n import LANGUAGES, direction, translate
from api.pages import words
from api.problems import RETRY_AFTER_SECONDS, Problem, as_problem
from infrastructure.proofs.errors import ProofError

Language = Literal["ar", "ckb", "en"]

# Nothing from elsewhere, no script or style in a page itself, no form that leads away.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self';"
    " connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types worker"
)
PERMISSIONS: Final = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
NAMES: Final = {"ar": "العربية", "ckb": "کوردی", "en": "English"}


class _LanguageConvertor(Convertor[str]):
    """A language in an address; anything else there is another page, or none."""

    regex = "|".join(LANGUAGES)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("language", _LanguageConvertor())


class Page(APIRoute):
    """A route that people read: what it refuses, it refuses in a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with refusals drawn."""
        handle = super().get_route_handler()

        async def drawn(request: Request) -> Response:
            try:
                return await handle(request)
            except (Problem, ProofError) as refusal:
                return _refused(request, refusal)
            except RequestValidationError:
                return _refused(request, Problem("validation"))
            except psycopg.OperationalError:
                return _refused(request, Problem("store_unavailable"))

        return drawn


def draw(
    template: str,
    language: str,
    *,
    path: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page in a language; `path` is its address behind the language, the same in all three."""
    t = partial(translate, language)
    text = (
        _environment()
        .get_template(template)
        .render(
            language=language,
            direction=direction(language),
            languages=[(one, NAMES[one], f"/{one}{path}") for one in LANGUAGES],
            path=path,
            t=t,
            word=partial(_word, language),
            day=partial(words.day, language),
            moment=partial(words.moment, language),
            digits=partial(words.digits, language),
            age=partial(words.age, language),
            grouped=words.grouped,
            quote=quote,
            **values,
        )
    )
    return HTMLResponse(
        text,
        status,
        {
            "Cache-Control": "no-store",
            "Content-Language": language,
            "Content-Security-Policy": POLICY,
            "Permissions-Policy": PERMISSIONS,
            "X-Robots-Tag": "noindex",
            **(headers or {}),
        },
    )


def sources() -> bytes:
    """All templates: what is kept of pages is as old as they are."""
    found = sorted(files("api").joinpath("templates").iterdir(), key=lambda one: one.name)
    return b"".join(one.read_bytes() for one in found)


def named(language: str, names: dict[str, Any]) -> str:
    """A name in the reader's language, or in whichever it has."""
    return str(names.get(language) or names.get("ar") or next(iter(names.values())))


def _word(language: str, code: str) -> str:
    """A text whose id is put together by what it tells of."""
    return translate(language, code)


def _refused(request: Request, refusal: Exception) -> Response:
    language = request.path_params.get("language", LANGUAGES[0])
    told = as_problem(refusal, language)
    request.state.problem = told["code"]
    retry = RETRY_AFTER_SECONDS.get(told["status"])
    return draw(
        "problem.html",
        language,
        path="/",
        status=told["status"],
        headers={"Retry-After": str(retry)} if retry else {},
        problem=told,
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
