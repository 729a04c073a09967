"""The HTTP application: which router serves what, and how errors of every kind become problems.

It must not know how anything is decided.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api import (
    acts,
    agencies,
    attachments,
    authenticity,
    boxes,
    bundles,
    certificates,
    contract,
    credentials,
    docs,
    documents,
    health,
    ledger,
    log,
    pages,
    pending,
    pending_reading,
    problem_pages,
    registers,
    reports,
    status_lists,
    suspicions,
    transfers,
    trust,
    verify,
    verify_batch,
    working_days,
)
from api.admission import Admission
from api.express import Express
from api.orders import blamed, now_us
from api.problems import Problem, pointers, respond
from api.services import Services, services_of
from api.surroundings import Surroundings
from domain.errors import Refusal
from infrastructure.log.refusals import StoreFailure
from infrastructure.proofs.errors import ProofError
from infrastructure.vault import VaultError
from projections.freshness import NoReadModel

Opener = Callable[[], Awaitable[Services]]

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


class Application(FastAPI):
    """FastAPI, with the contract's own half joined to what it knows of the routes."""

    def openapi(self) -> dict[str, Any]:
        """The contract, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = contract.describe(super().openapi())
        return self.openapi_schema

    @cached_property
    def contract(self) -> bytes:
        """The contract as it is served: a large answer that anybody may ask for is written once."""
        return json.dumps(self.openapi(), ensure_ascii=False).encode()


async def _on_http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework's word for some bodies that it cannot read; for the others it has another.
        return await respond(request, Problem("validation"))
    code = _CODES.get(error.status_code, "validation")
    response = await respond(request, Problem(code, error.status_code))
    response.headers.update(error.headers or {})
    return response


async def _on_validation_error(request: Request, error: RequestValidationError) -> Response:
    return await respond(request, Problem("validation", errors=pointers(error.errors())))


async def _on_proof_error(request: Request, error: ProofError) -> Response:
    return await respond(request, await blamed(services_of(request), error, now_us()))


async def _on_store_error(request: Request, error: psycopg.OperationalError) -> Response:
    # Its text is for the database's own log.
    full = isinstance(error, psycopg.errors.DiskFull)
    return await respond(request, Problem("storage_full" if full else "store_unavailable"))


async def _on_no_read_model(request: Request, _error: NoReadModel) -> Response:
    return await respond(request, Problem("status_stale"))


_ANSWERERS: dict[type[Exception], Any] = {
    **dict.fromkeys((Problem, Refusal, StoreFailure, VaultError), respond),
    HTTPException: _on_http_error,
    NoReadModel: _on_no_read_model,
    ProofError: _on_proof_error,
    RequestValidationError: _on_validation_error,
    psycopg.OperationalError: _on_store_error,
}


def create_app(open_services: Opener) -> FastAPI:
    """Build the application; what `open_services` gives at the start is closed at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.services = await open_services()
        try:
            yield
        finally:
            await app.state.services.close()

    app = Application(
        title="Sijill",
        version="1",
        summary="A national register of issued documents that anybody can check.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # A redirect would carry the host that a caller named, and a signature covers one path.
        redirect_slashes=False,
    )
    for module in (
        health,
        ledger,
        log,
        agencies,
        documents,
        bundles,
        certificates,
        registers,
        authenticity,
        working_days,
        credentials,
        attachments,
        pending,
        pending_reading,
        trust,
        verify,
        verify_batch,
        transfers,
        boxes,
        status_lists,
        suspicions,
        reports,
        docs,
        pages,
        problem_pages,
    ):
        app.include_router(module.router)
    app.include_router(acts.router)
    for kind, handler in _ANSWERERS.items():
        app.add_exception_handler(kind, handler)
    # What is added last stands in front.
    app.add_middleware(Express, answerers=_ANSWERERS)
    app.add_middleware(Admission)
    app.add_middleware(Surroundings)
    return app
