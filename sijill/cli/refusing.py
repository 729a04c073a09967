"""Refusing an order that the ledger cannot show: a restore has left the key of its body behind.

Its own agency may still close it, with a signature over statements that only who sent them has.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from infrastructure.proofs import canonical
from infrastructure.proofs.orders import LINE_LIMIT_BYTES, ORDER_TAG, parse_request
from sijill.cli.asking import require_sure
from sijill.cli.faults import Unusable
from sijill.cli.options import Desk
from sijill.cli.output import moment
from sijill.client import Refused
from sijill.client.trust import spelled

if TYPE_CHECKING:
    from sijill.client import Client

UNREAD: Final = "record_key_missing"
_LISTED: Final = 10_000
_ANOTHER: Final = "statement_mismatch"


def refuse_unread(client: "Client", order: str, desk: Desk, *, sure: bool) -> dict[str, Any]:
    """Refuse it by what the state folder holds of what was sent.

    Raises:
        Unusable: `input_order_unread`, nothing there is this order. Refused: as for any other.
    """
    listed = client.pages("/v1/orders", limit=_LISTED, state="open")
    known = next((one for one in listed if one["order"] == spelled(order)), None)
    if known is None:
        raise Refused({"code": "order_unknown", "status": 404})
    require_sure(desk, sure, {"act": known["act"]})
    for shown in _sent(client, known):
        try:
            answer: dict[str, Any] = client.approve(order, refuse=True, shown=shown)
        except Refused as refused:
            # Of several that look alike from outside, this is another.
            if refused.code != _ANOTHER:
                raise
        else:
            return answer
    until = moment(known["not_after"])
    raise Unusable(code="input_order_unread", agency=known["agency"], until=until)


def _sent(client: "Client", known: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What this folder sent and nobody answered for good, as the ledger would show it."""
    state = client.state
    for prepared in [*state.waiting(), *state.journaled()] if state else []:
        head = parse_request("POST", prepared.path, prepared.headers.items())
        if head.tag != ORDER_TAG or (head.path, head.lines) != (known["path"], known["lines"]):
            continue
        lines = (
            canonical.parse_envelope(line, limit_bytes=LINE_LIMIT_BYTES) for line in prepared.lines
        )
        yield {
            "root": head.root.hex(),
            "lines": head.lines,
            "atomic": head.atomic,
            "statements": [line.parsed for line in lines],
        }
