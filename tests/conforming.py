"""Every answer that a test is given, held against the committed contract.

Hung on the clients that the tests of HTTP use: whatever they ask for, the status, the content type
and the shape of the answer are in the contract, or the test fails.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs

from infrastructure.proofs.orders import NDJSON

COMMITTED = Path(__file__).parents[1] / "docs" / "reference" / "openapi.json"
CONTRACT: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
_JSON = frozenset({"application/json", "application/problem+json"})


class Undocumented(AssertionError):
    """An answer that the contract does not know."""


def conforms(response: httpx2.Response) -> None:
    """Hold one answer against the contract; what no operation answers is passed over.

    Raises:
        Undocumented: another status, content type or shape than the contract says.
    """
    request = response.request
    path = request.url.raw_path.partition(b"?")[0].decode()
    operation = operation_of(request.method, path)
    if operation is None:
        return
    media = response.headers.get("content-type", "").partition(";")[0]
    form = _form(operation, str(response.status_code), media)
    if form is None or request.method == "HEAD":
        return
    response.read()
    if media in _JSON:
        check(form["schema"], response.json())
    elif media == NDJSON:
        for line in response.text.splitlines():
            check(form["x-itemSchema"], json.loads(line))


def conforms_unless_streamed(response: httpx2.Response) -> None:
    """The same, for a client that reads the lines of a bulk as they come."""
    if response.headers.get("content-type") != NDJSON:
        conforms(response)


def operation_of(method: str, path: str) -> Mapping[str, Any] | None:
    """The operation that answers a request, as the contract describes it."""
    method = "get" if method == "HEAD" else method.lower()
    fitting = [said for pattern, said in _paths() if method in said and pattern.fullmatch(path)]
    operation: Mapping[str, Any] | None = fitting[0][method] if fitting else None
    return operation


def check(schema: Mapping[str, Any], value: object) -> None:
    """Hold a value against a schema of the contract.

    Raises:
        Undocumented: it has another shape.
    """
    error = next(_validator(json.dumps(schema)).iter_errors(value), None)
    if error is not None:
        raise Undocumented(f"{error.instance_path}: {error.message}")


def _form(operation: Mapping[str, Any], status: str, media: str) -> Mapping[str, Any] | None:
    answers = operation["responses"]
    if status not in answers:
        raise Undocumented(f"{operation['summary']}: {status} is not in the contract")
    content: Mapping[str, Mapping[str, Any]] = answers[status].get("content", {})
    if content and media not in content:
        raise Undocumented(f"{operation['summary']}: {status} as {media} is not in the contract")
    return content.get(media)


@cache
def _paths() -> list[tuple[re.Pattern[str], Mapping[str, Any]]]:
    """Every path as a pattern, those without a place first; the name of a tile has slashes."""
    ranked = sorted(CONTRACT["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile(re.sub(r"\\\{name\\\}", ".+", _places(re.escape(path)))), operations)
        for path, operations in ranked
    ]


def _places(escaped: str) -> str:
    return re.sub(r"\\\{(?!name\\)\w+\\\}", "[^/]+", escaped)


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    root = {**json.loads(schema), "components": CONTRACT["components"]}
    return jsonschema_rs.Draft202012Validator(root, validate_formats=True)
