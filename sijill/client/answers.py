"""Reading what orders are answered with: whole, and with receipts that hold, or not at all."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from sijill.client import trust
from sijill.client.errors import Untrustworthy
from sijill.client.prepared import Prepared
from sijill.client.trust import Identity
from sijill.client.wire import SERVER_ERROR, Unfinished

BULK = "/v1/certificates/bulk"
CHECK = "/check"
_CHECK = "/bulk/check"

OnLine = Callable[[Mapping[str, Any]], None]


def is_open(answer: Any) -> bool:
    """Whether an order waits for signatures."""
    return "order" in answer and answer.get("state") == "open"


def read_one(response: httpx2.Response, prepared: Prepared, identity: Identity) -> dict[str, Any]:
    """The answer to a single order: a receipt, or the order that waits for further signatures.

    Raises:
        Unfinished: it is not the whole answer. Untrustworthy: the receipt does not hold.
    """
    response.read()
    answer = _object(response.content)
    if "order" not in answer and not answer.get("duplicate"):
        _check_receipt(answer, prepared, 0, identity)
    return answer


def read_lines(
    response: httpx2.Response,
    prepared: Prepared,
    identity: Identity,
    told: set[int],
    on_line: OnLine | None,
) -> list[dict[str, Any]]:
    """The answers to all lines, in order; `told` are the lines that `on_line` has seen already.

    Raises:
        Unfinished: some are missing, or say *not now*.
        Untrustworthy: a line is answered twice, or its receipt does not hold.
    """
    found: list[dict[str, Any]] = []
    passing = 0
    for text in response.iter_lines():
        answer = _object(text)
        line = len(found)
        if answer.get("line") != line or line >= len(prepared.statements):
            raise Untrustworthy("a bulk is answered line by line", text.encode())
        found.append(answer)
        if _passes(answer):
            passing += 1
            continue
        new = "problem" not in answer and "duplicate" not in answer
        if new and not prepared.path.endswith(_CHECK):
            _check_receipt(answer, prepared, line, identity)
        if on_line and line not in told:
            told.add(line)
            on_line(answer)
    if passing or len(found) < len(prepared.statements):
        raise Unfinished(f"{len(found)} lines answered, {passing} of them for now only")
    return found


def _passes(answer: Mapping[str, Any]) -> bool:
    """Whether a line was refused in a way that the same line may not be a moment later."""
    return "problem" in answer and answer["problem"].get("status", SERVER_ERROR) >= SERVER_ERROR


def _check_receipt(
    answer: Mapping[str, Any], prepared: Prepared, line: int, identity: Identity
) -> None:
    try:
        trust.open_receipt(answer, prepared.statements[line], identity)
    except Untrustworthy as error:
        error.evidence = json.dumps(answer).encode()
        raise


def _object(text: str | bytes) -> dict[str, Any]:
    """One JSON object; anything else may be half of one, so the request is sent again."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Unfinished("not JSON") from error
    if not isinstance(value, dict):
        raise Unfinished("not an object")
    return value
