"""Reading what orders are answered with: whole, and with receipts that hold, or not at all."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from infrastructure.proofs import canonical
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import APPROVAL_BODY, LINE_LIMIT_BYTES
from sijill.client import trust
from sijill.client.errors import OUT_OF_TIME, Late, Untrustworthy
from sijill.client.prepared import Prepared
from sijill.client.trust import Identity
from sijill.client.wire import SERVER_ERROR, Unfinished

BULK = "/v1/certificates/bulk"
CHECK = "/check"
OTHER_LINE = "other_line_refused"
_CHECK = "/bulk/check"
_REFUSAL = "/refusal"
_CONSIGNMENT = "new_consignment"
"""The id of a consignment, which its sender draws: sent anew, it is known by that."""

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
    if prepared.bulk and not is_open(answer):
        raise Untrustworthy("a bulk is answered line by line", response.content)
    if not _needs_no_receipt(answer, prepared):
        _check_receipt(answer, prepared, 0, identity)
    return answer


def _needs_no_receipt(answer: Mapping[str, Any], prepared: Prepared) -> bool:
    """Whether nothing was recorded yet, or will be, or it was as other bytes, with their receipt.

    Whoever believed it of anything else would forget an order that nobody recorded.
    """
    refusal = prepared.path.endswith(_REFUSAL) and prepared.body == APPROVAL_BODY
    refused = refusal and answer.get("state") == "refused"
    return is_open(answer) or refused or _repeats(answer, prepared.body)


def read_lines(
    response: httpx2.Response,
    prepared: Prepared,
    identity: Identity,
    told: set[int],
    on_line: OnLine | None,
) -> list[dict[str, Any]]:
    """The answers to all lines, in order; `told` are the lines that `on_line` has seen already.

    A line that came too late is not told to it: see `require_in_time`.

    Raises:
        Unfinished: some are missing, or say *not now*.
        Untrustworthy: a line is answered twice, or its receipt does not hold.
    """
    found: list[dict[str, Any]] = []
    passing = 0
    lines = prepared.lines
    judged = prepared.path.endswith(_CHECK)
    for text in response.iter_lines():
        answer = _object(text)
        line = len(found)
        if answer.get("line") != line or line >= len(prepared.statements):
            raise Untrustworthy("a bulk is answered line by line", text.encode())
        found.append(answer)
        if _passes(answer):
            passing += 1
            continue
        bare = judged or "problem" in answer or (prepared.bulk and _repeats(answer, lines[line]))
        if not bare:
            _check_receipt(answer, prepared, line, identity)
        if on_line and line not in told and _code(answer) not in OUT_OF_TIME:
            told.add(line)
            on_line(answer)
    if passing or len(found) < len(prepared.statements):
        raise Unfinished(f"{len(found)} lines answered, {passing} of them for now only")
    return found


def _repeats(answer: Mapping[str, Any], envelope: bytes) -> bool:
    """Whether a consignment was recorded before, in another request of its sender's."""
    if answer.get("duplicate") is not True:
        return False
    try:
        line = canonical.parse_envelope(envelope, limit_bytes=LINE_LIMIT_BYTES)
    except ProofError:
        return False
    return _CONSIGNMENT in line.parsed


def require_in_time(answers: Any, prepared: Prepared) -> None:
    """Return where no line of a bulk came too late.

    A list is judged line by line even then, because some of it may have been recorded in time. Of
    one that is recorded as a whole the line that was looked at first is late, and the others are
    refused because of it.

    Raises:
        Late: some did.
    """
    if not prepared.bulk or is_open(answers):
        return
    found = [_code(one) for one in answers]
    if not OUT_OF_TIME.isdisjoint(found):
        lost = {*OUT_OF_TIME, OTHER_LINE}
        raise Late(answers, [line for line, code in enumerate(found) if code in lost])


def _code(answer: Mapping[str, Any]) -> Any:
    """Why a line was refused; None where it was not."""
    return answer["problem"].get("code") if "problem" in answer else None


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
