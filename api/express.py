"""The roads of nearly all traffic, past what the framework does for every route.

An issuance and the question after a code are most of what a worker does. Matching some seventy
routes, dependencies and exit stacks cost the framework more than either. Here their paths are
looked up; the handlers are the ones that the framework would call, and the contract describes them
as routes like all others. Everything else, another method included, goes on to the framework.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api import acts, verify
from api.services import services_of

Answerer = Callable[[Request, Exception], Awaitable[Response]]

_VERIFY = "/v1/verify/"
_ISSUE = "/v1/certificates"


class _Road(NamedTuple):
    """What metrics call a request's route by."""

    path: str


_ISSUING = _Road(_ISSUE)
_VERIFYING = _Road(f"{_VERIFY}{{code}}")


class Express:
    """The middleware; `answerers` say how each kind of error is answered."""

    def __init__(self, app: ASGIApp, answerers: Mapping[type[Exception], Answerer]) -> None:
        self.app = app
        self._answerers = answerers
        self._known = tuple(answerers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        answering = self._find(scope, receive)
        if answering is None:
            await self.app(scope, receive, send)
            return
        try:
            response = await answering
        except self._known as error:
            answerer = next(
                self._answerers[one] for one in type(error).__mro__ if one in self._answerers
            )
            response = await answerer(Request(scope, receive), error)
        await response(scope, receive, send)

    def _find(self, scope: Scope, receive: Receive) -> Awaitable[Response] | None:
        if scope["type"] != "http":
            return None
        method, path = scope["method"], scope["path"]
        if method == "POST" and path == _ISSUE:
            scope["route"] = _ISSUING
            request = Request(scope, receive)
            return acts.post_act(request, services_of(request))
        if method == "GET" and path.startswith(_VERIFY):
            code = path.removeprefix(_VERIFY)
            if code and "/" not in code:
                scope["route"] = _VERIFYING
                request = Request(scope, receive)
                return verify.verify(request, services_of(request), code)
        return None
