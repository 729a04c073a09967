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

from domain.acts import ACTS, Command
from infrastructure.proofs.orders import BODY_LIMIT_BYTES, JSON, LINE_LIMIT_BYTES, NDJSON

PROBLEM = "application/problem+json"
_REF = "#/components/schemas/{model}"
_PLACE = re.compile(r"\{([a-z_]+)\}")

_COMMANDS, _DEFINITIONS = models_json_schema(
    [(command, "validation") for _, command in sorted(ACTS.items())], ref_template=_REF
)

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457. `code` is stable; the texts are in the caller's language.",
        "required": ["type", "code", "status", "title", "detail", "advice"],
        "properties": {
            "type": {**_TEXT, "format": "uri-reference"},
            "code": _TEXT,
            "status": _NUMBER,
            "title": _TEXT,
            "detail": _TEXT,
            "advice": {**_TEXT, "description": "What to do next."},
            "hint": {**_TEXT, "description": "For developers, in English: what was expected."},
            "instance": {**_TEXT, "description": "The id of the request, as in X-Request-Id."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "code"],
                    "properties": {"pointer": _TEXT, "code": _TEXT},
                },
            },
        },
    },
    "Recorded": {
        "type": "object",
        "description": "Where a line stands in the log, durable, and the ledger's word for it.",
        "required": ["index", "leaf_hash", "time", "statement_digest", "receipt", "checkpoint"],
        "properties": {
            "index": _NUMBER,
            "leaf_hash": {**_TEXT, "pattern": "^[0-9a-f]{64}$"},
            "time": {**_NUMBER, "description": "Microseconds since 1970 UTC."},
            "statement_digest": {**_TEXT, "pattern": "^[0-9a-f]{64}$"},
            "receipt": {**_TEXT, "description": "A signed note, `sijill-receipt/v1`."},
            "checkpoint": {**_TEXT, "description": "Where to ask for the covering checkpoint."},
            "replayed": {"type": "boolean", "description": "An earlier request recorded it."},
            "covered": {"type": "boolean", "description": "With `Prefer: wait=N`."},
            "code": {**_TEXT, "description": "The public code of the certificate."},
            "verify": _TEXT,
        },
    },
    "Rehearsed": {
        "type": "object",
        "description": "What a line would be answered: `accepted`, or a `problem`.",
        "required": ["line"],
        "properties": {
            "line": {**_NUMBER, "description": "Its number in the order, from 0."},
            "accepted": {"type": "boolean"},
            "problem": {"$ref": _REF.format(model="Problem")},
            "depends_on": {
                **_NUMBER,
                "description": "A line before it that changes the same record, or frees the same "
                "number: the answer holds for the ledger as it is, and may be another afterwards.",
            },
        },
    },
    "Pending": {
        "type": "object",
        "description": "An order that waits: of each group in `waiting_for` any signature does.",
        "required": ["order", "state", "waiting_for", "not_after"],
        "properties": {
            "order": {**_TEXT, "format": "uuid"},
            "state": _TEXT,
            "waiting_for": {"type": "array", "items": {"type": "array"}},
            "not_after": {**_NUMBER, "description": "Microseconds since 1970 UTC."},
        },
    },
}

_STATUSES: dict[int, str] = {
    400: "The request is not in the one spelling that is signed.",
    401: "The signature is missing, wrong, out of its time or of an unknown key.",
    403: "The key or its agency may not do this.",
    404: "Nothing of that name, as far as the caller may know.",
    405: "Another method.",
    409: "A rule of the ledger says no.",
    413: f"More than {BODY_LIMIT_BYTES >> 20} MiB, or {LINE_LIMIT_BYTES >> 10} KiB without bulk.",
    415: "Another content type or an encoding.",
    422: "A value is missing or not of its form.",
    429: "Too many comparisons, or too many orders that wait; come back later.",
    503: "Not now: the log, its clock or the queue. Send the same again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation for problems of these statuses."""
    schema = {"$ref": _REF.format(model="Problem")}
    return {
        status: {"description": _STATUSES[status], "content": {PROBLEM: {"schema": schema}}}
        for status in statuses
    }


def _told(status: int, text: str, model: str, media: str = JSON) -> dict[int | str, dict[str, Any]]:
    content = {media: {"schema": {"$ref": _REF.format(model=model)}}}
    return {status: {"description": text, "content": content}}


_REFUSALS = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
_ANSWERS = {
    **_told(201, "Recorded and durable.", "Recorded"),
    **_told(202, "It waits for further signatures.", "Pending"),
    **_REFUSALS,
}
_LINES = {
    200: {
        "description": "An answer for each line, in order: as a single order's, or a `problem`.",
        "content": {NDJSON: {"schema": _TEXT}},
    },
    **_told(202, "The whole waits for further signatures.", "Pending"),
    **_REFUSALS,
}

_REHEARSED = {
    200: {
        "description": "For each line, in order, a `Rehearsed`.",
        "content": {NDJSON: {"schema": {"$ref": _REF.format(model="Rehearsed")}}},
    },
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


def tag_of(act: str) -> str:
    """The group that an act is listed in: its noun."""
    return {"agency": "agencies", "ledger": "ledger"}.get(noun := act.partition(".")[0], f"{noun}s")


def of_act(command: type[Command]) -> dict[str, Any]:
    """The `responses` and `openapi_extra` of the route of an act."""
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
    return _signed({JSON: {"schema": envelope}}, _ANSWERS, path)


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
        "openapi_extra": {
            "requestBody": {"required": True, "content": content},
            "parameters": [*(parameters or []), *_SIGNED_HEADERS],
        },
    }


_ENVELOPES = {
    NDJSON: {"schema": {**_TEXT, "description": "One envelope a line, each ending in LF."}}
}
BULK = _signed(_ENVELOPES, _LINES)
"""`responses` and `openapi_extra` of the bulk route."""

CHECK = _signed(_ENVELOPES, _REHEARSED)
"""The same of the rehearsal of a bulk."""

COUNTERSIGNING = _signed(
    {JSON: {"schema": {"type": "object", "maxProperties": 0}}},
    {200: {"description": "Closed, or an answer for each line of a bulk."}, **_ANSWERS},
)
"""`responses` and `openapi_extra` of approval and refusal."""


def describe(framework: Mapping[str, Any]) -> dict[str, Any]:
    """The whole contract: what the framework knows, with our schemas and problems."""
    described = dict(framework)
    schemas = dict(described.get("components", {}).get("schemas", {}))
    for superseded in ("HTTPValidationError", "ValidationError"):
        schemas.pop(superseded, None)
    described["components"] = {"schemas": {**schemas, **_SCHEMAS, **_DEFINITIONS["$defs"]}}
    invalid = problems(HTTPStatus.UNPROCESSABLE_ENTITY)[HTTPStatus.UNPROCESSABLE_ENTITY]
    later = problems(HTTPStatus.SERVICE_UNAVAILABLE)[HTTPStatus.SERVICE_UNAVAILABLE]
    for path in described["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            if "422" in answers:
                answers["422"] = invalid
            answers.setdefault("503", later)
    return described
