"""The HTTP application: which router serves what, and what surrounds every request.

It must not know how anything is decided. Middleware is plain ASGI, because it stands in front of
every request: an id, security headers, one log line and the metrics.
"""

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import acts, agencies, certificates, health, ledger, log, pending, reports, verify
from api.problems import Problem, respond
from api.services import Services
from domain.errors import Refusal
from infrastructure import telemetry
from infrastructure.log.refusals import StoreFailure
from infrastructure.proofs.errors import ProofError

LOGGER = structlog.get_logger("api")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

Opener = Callable[[], Awaitable[Services]]


class Surroundings:
    """Gives each request an id, security headers, one log line without personal values, metrics."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            route = scope.get("route")
            template = getattr(route, "path", "unmatched")
            seconds = time.perf_counter() - started
            telemetry.REQUESTS.labels(template, scope["method"], status).inc()
            telemetry.LATENCY.labels(template).observe(seconds)
            if status >= 500 or seconds > 1:
                LOGGER.warning(
                    "request",
                    id=request_id,
                    method=scope["method"],
                    route=template,
                    status=status,
                    seconds=round(seconds, 4),
                )


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    codes = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
    code = codes.get(error.status_code, "validation")
    return await respond(request, Problem(code, error.status_code))


async def _on_validation_error(request: Request, error: RequestValidationError) -> Response:
    pointers = [
        {"pointer": "/" + "/".join(str(part) for part in item["loc"]), "code": str(item["type"])}
        for item in error.errors()
    ]
    return await respond(request, Problem("validation", 422, errors=pointers))


async def _on_crash(request: Request, error: Exception) -> Response:
    LOGGER.error("crash", id=request.state.request_id, error=type(error).__name__, exc_info=error)
    return await respond(request, error)


def create_app(open_services: Opener) -> FastAPI:
    """Build the application. `open_services` is awaited at start; what it returns is closed at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = await open_services()
        try:
            yield
        finally:
            await app.state.services.close()

    app = FastAPI(
        title="Sijill",
        version="1",
        summary="A national register of issued documents that anybody can check.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    for module in (health, ledger, log, agencies, certificates, pending, verify, reports):
        app.include_router(module.router)
    app.include_router(acts.router)
    for error in (Problem, Refusal, ProofError, StoreFailure):
        app.add_exception_handler(error, respond)
    app.add_exception_handler(HTTPException, _on_http_error)  # type: ignore[arg-type]  # Starlette's signature is wider
    app.add_exception_handler(RequestValidationError, _on_validation_error)  # type: ignore[arg-type]  # as above
    app.add_exception_handler(Exception, _on_crash)
    app.add_middleware(Surroundings)
    return app
