"""The contract (OpenAPI) of what is signed, and the answers that every operation shares.

Requests that are signed are read from their bytes, not by the framework, so their description is
made here, from the command classes themselves. `describe` joins it with what the framework knows of
the other operations. It must not know how anything is answered.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from api import shapes
from api.shapes.common import Problem
from api.shapes.orders import (
    Duplicate,
    DuplicateLine,
    OrderRefused,
    Pending,
    Recorded,
    RecordedLine,
    RefusedLine,
    Rehearsed,
)
from domain.acts import ACTS, Command, Cosigning
from infrastructure.proofs.orders import BODY_LIMIT_BYTES, JSON, LINE_LIMIT_BYTES, NDJSON

PROBLEM = "application/problem+json"
_REF = "#/components/schemas/{model}"
_PLACE = re.compile(r"\{([a-z_]+)\}")

_COMMANDS, _DEFINITIONS = models_json_schema(
    [(command, "validation") for _, command in sorted(ACTS.items())], ref_template=_REF
)

_TEXT = {"type": "string"}
_STATUSES: dict[int, str] = {
    400: "The request cannot be read, or is not in the one spelling that is signed.",
    401: "The signature is missing, wrong, out of its time or of an unknown key.",
    403: "The key or its agency may not do this.",
    404: "Nothing of that name, as far as the caller may know.",
    405: "Another method.",
    406: "In none of the forms that the caller accepts.",
    408: "The request did not arrive whole in time.",
    409: "A rule of the ledger says no.",
    413: f"More than {BODY_LIMIT_BYTES >> 20} MiB, or {LINE_LIMIT_BYTES >> 10} KiB without bulk.",
    415: "Another content type or an encoding.",
    422: "A value is missing or not of its form.",
    429: "Too many comparisons, or too many orders that wait; come back later.",
    431: "The address and the headers are too long, or too many.",
    501: "Not offered.",
    503: "Not now: the log, its clock or the queue. Send the same again.",
}
# The connection itself may be answered so, before any operation is asked.
_ANYWHERE = (400, 408, 431, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation for problems of these statuses."""
    content = {PROBLEM: {"schema": _shape(Problem)}}
    return {status: {"description": _STATUSES[status], "content": content} for status in statuses}


def told(text: str, *forms: type, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation for an answer in one of these forms."""
    return {status: {"description": text, "content": {JSON: {"schema": _shape(*forms)}}}}


def _told_by_line(text: str, *forms: type) -> dict[int | str, dict[str, Any]]:
    # `itemSchema` is OpenAPI's word for it, from 3.2 on.
    content = {NDJSON: {"schema": _TEXT, "x-itemSchema": _shape(*forms)}}
    return {200: {"description": text, "content": content}}


def _shape(*forms: type) -> dict[str, Any]:
    references = [{"$ref": _REF.format(model=form.__name__)} for form in forms]
    return references[0] if len(references) == 1 else {"anyOf": references}


_REFUSALS = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
_RECORDED = {**told("Recorded and durable.", Recorded, status=201), **_REFUSALS}
_ANSWERS = {**told("It waits for further signatures.", Pending, status=202), **_RECORDED}
_LINES = {
    **_told_by_line(
        "An answer for each line, in order: as a single order's, or a `problem`.",
        RecordedLine,
        DuplicateLine,
        RefusedLine,
    ),
    **told("The whole waits for further signatures.", Pending, status=202),
    **_REFUSALS,
}

_REHEARSED = {
    **_told_by_line("For each line, in order, what it would be answered.", Rehearsed),
    **_REFUSALS,
}

_SIGNED_HEADERS = [
    {"in": "header", "name": name, "required": True, "schema": _TEXT, "description": text}
    for name, text in (
        ("Sijill-Ledger", "Id of the ledger: 64 hexadecimal digits."),
        ("Sijill-Statement", "`sha-256=:root:;lines=n`, with `;atomic` for all or none."),
        ("Idempotency-Key", "A quoted string of 22 to 64 characters, used for one order ever."),
        ("Content-Digest", "`sha-256=:…:` of the body (RFC 9530)."),
        ("Signature-Input", "RFC 9421, as docs/reference/ledger-format.md fixes it."),
        ("Signature", "RFC 9421; 64 bytes, Ed25519 or P-256."),
    )
]


_TAGS = {"agency": "agencies", "authenticity": "authenticity-requests", "ledger": "ledger"}


def tag_of(act: str) -> str:
    """The group that an act is listed in: its noun."""
    return _TAGS.get(noun := act.partition(".")[0], f"{noun}s")


def of_act(command: type[Command]) -> dict[str, Any]:
    """What the route of an act is described by: `responses`, `openapi_extra` and the like."""
    envelope = {
        "type": "object",
        "required": ["statement"],
        "properties": {
            "statement": _COMMANDS[command, "validation"],
            "disclosures": {"type": "array", "items": _TEXT},
        },
    }
    path = [
        {"in": "path", "name": name, "required": True, "schema": _member(command, name)}
        for name in _PLACE.findall(command.ACT.path)
    ]
    alone = command.ACT.cosigning is Cosigning.NONE
    answers = _RECORDED if alone else _ANSWERS
    if "new_consignment" in command.model_fields:
        answers = {**answers, **told("Recorded before.", Duplicate)}
    return _signed({JSON: {"schema": envelope}}, answers, path)


def _member(command: type[Command], name: str) -> Mapping[str, Any]:
    reference: str = _COMMANDS[command, "validation"]["$ref"]
    definition = _DEFINITIONS["$defs"][reference.rpartition("/")[2]]
    member: Mapping[str, Any] = definition["properties"][name]
    return member


def _signed(
    content: Mapping[str, Any],
    responses: Mapping[int | str, Any],
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "responses": responses,
        "response_class": Response,
        "openapi_extra": {
            "requestBody": {"required": True, "content": content},
            "parameters": [*(parameters or []), *_SIGNED_HEADERS],
        },
    }


_ENVELOPES = {
    NDJSON: {"schema": {**_TEXT, "description": "One envelope a line, each ending in LF."}}
}
BULK = _signed(_ENVELOPES, _LINES)
"""The same of the bulk route."""

CHECK = _signed(_ENVELOPES, _REHEARSED)
"""Of the rehearsal of a bulk."""

NOTHING = {JSON: {"schema": {"type": "object", "maxProperties": 0}}}
_APPROVED = _told_by_line("An answer for each line of a bulk.", RecordedLine, RefusedLine)
APPROVAL = _signed(NOTHING, {**_APPROVED, **_ANSWERS})
"""Of an approval."""

REFUSAL = _signed(NOTHING, {**told("Closed for good.", OrderRefused), **_REFUSALS})
"""Of a refusal."""


_UPLOAD_HEADERS = [
    one for one in _SIGNED_HEADERS if one["name"] not in {"Sijill-Statement", "Idempotency-Key"}
]
OCTETS = {"application/octet-stream": {"schema": {**_TEXT, "format": "binary"}}}
ANNOUNCEMENT: dict[str, Any] = {
    JSON: {
        "schema": {
            "type": "object",
            "required": ["digest", "size"],
            "additionalProperties": False,
            "properties": {
                "digest": {
                    **_TEXT,
                    "pattern": "^[0-9a-f]{64}$",
                    "description": "SHA-256 of the whole file.",
                },
                "size": {"type": "integer", "minimum": 1, "description": "Its bytes."},
            },
        }
    }
}
"""What comes with uploads: a chunk, and what announces one."""


def of_upload(content: Mapping[str, Any], responses: Mapping[int | str, Any]) -> dict[str, Any]:
    """What the route of a signed upload is described by."""
    return {
        "responses": responses,
        "openapi_extra": {
            "requestBody": {"required": True, "content": content},
            "parameters": _UPLOAD_HEADERS,
        },
    }


def describe(framework: Mapping[str, Any]) -> dict[str, Any]:
    """The whole contract: what the framework knows, with our schemas and problems."""
    described = dict(framework)
    schemas = dict(described.get("components", {}).get("schemas", {}))
    for superseded in ("HTTPValidationError", "ValidationError"):
        schemas.pop(superseded, None)
    answered = shapes.definitions(_REF)
    described["components"] = {"schemas": {**schemas, **answered, **_DEFINITIONS["$defs"]}}
    invalid = problems(HTTPStatus.UNPROCESSABLE_ENTITY)[HTTPStatus.UNPROCESSABLE_ENTITY]
    anywhere = {str(status): said for status, said in problems(*_ANYWHERE).items()}
    for path in described["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            if "422" in answers:
                answers["422"] = invalid
            for status, said in anywhere.items():
                own = answers.get(status, said)
                answers[status] = {**own, "content": {**said["content"], **own["content"]}}
            operation["responses"] = dict(sorted(answers.items()))
    return described
