"""What surrounds every request: an id, security headers, HEAD, one log line, metrics, a last net.

Plain ASGI, because it stands in front of everything. It must never log what was asked for: paths,
queries and error texts may hold public codes and the values of documents.
"""

import time
import traceback
import uuid
from http import HTTPStatus

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import respond
from infrastructure import telemetry

LOGGER = structlog.get_logger("api")
SLOW_SECONDS = 1.0
FRAMES = 12
SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}


class Surroundings:
    """The middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        if method == "HEAD":
            # Every GET answers it: the same head, and no body.
            scope = {**scope, "method": "GET"}
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = dict(message["headers"])
                message["headers"] += [
                    (b"x-request-id", request_id.encode()),
                    *(header for header in SECURITY_HEADERS.items() if header[0] not in own),
                ]
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - the last net: nothing may reach another log
            LOGGER.error(  # noqa: TRY400 - a traceback with messages could quote values
                "crash", id=request_id, error=type(error).__name__, frames=_frames(error)
            )
            if not status:
                response = await respond(Request(scope), error)
                await response(scope, receive, send_with_headers)
        finally:
            _account({**scope, "method": method}, request_id, status, time.perf_counter() - started)


def _account(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    template = getattr(scope.get("route"), "path", "unmatched")
    telemetry.REQUESTS.labels(template, scope["method"], status).inc()
    telemetry.LATENCY.labels(template).observe(seconds)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or seconds > SLOW_SECONDS:
        LOGGER.warning(
            "request",
            id=request_id,
            method=scope["method"],
            route=template,
            status=status,
            code=scope["state"].get("problem"),
            seconds=round(seconds, 4),
        )


def _frames(error: Exception) -> list[str]:
    """Where it happened, innermost last: names of files and functions, no values."""
    stack = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack]
