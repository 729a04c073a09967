"""Events as a ledger shows them, believed where the tree of a signed checkpoint holds them."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from infrastructure.proofs import leaf, tiles
from infrastructure.proofs.leaf import Body
from sijill.client import served_log, trust
from sijill.client.connection import PAGE_ITEMS, Client
from sijill.client.errors import Untrustworthy

_INCLUSION: Final = "/v1/proofs/inclusion"


def chain(client: Client, path: str) -> list[dict[str, Any]]:
    """Every step that a chain of events has, page after page; what has a proof is proven by it.

    Raises:
        Untrustworthy: a proof does not hold, or its checkpoint contradicts what is kept.
    """
    found: list[dict[str, Any]] = []
    after: int | None = None
    while True:
        page = client.get(path, limit=PAGE_ITEMS, after=after)
        _require_proven(client, page)
        found += page["items"]
        before, after = after, page["next"]
        if after is None:
            return found
        if after <= (-1 if before is None else before):
            raise Untrustworthy("a page is followed by an earlier one")


def body_at(client: Client, index: int) -> Body:
    """What was recorded at an index, as the ledger opens it to this client.

    Raises:
        Untrustworthy: it is not what the leaf commits to, or the tree does not hold the leaf.
    """
    # What was recorded a moment ago is opened once a checkpoint covers it.
    client.text(f"/log/checkpoint?covers={index}")
    head = client.checkpoint()
    number, place = divmod(index, tiles.WIDTH)
    width = min(tiles.WIDTH, head.size - number * tiles.WIDTH)
    window: dict[str, Any] = {"from": index, "to": index + 1}
    try:
        data = served_log.bundle(client, number, width)[place]
        known = leaf.parse_leaf(data)
        asked: dict[str, Any] = {"index": index, "size": head.size}
        proof = client.get(_INCLUSION, signed=False, **asked)
        trust.require_leaf(known.hash(), index, head, proof)
        [opening] = client.get("/v1/log/openings", **window)["openings"]
        body = base64.b64decode(opening["body"], validate=True)
        if leaf.body_digest(bytes.fromhex(opening["body_salt"]), body) != known.body:
            raise Untrustworthy(f"what is shown of index {index} is not what was recorded")
        return leaf.split_body(body)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise Untrustworthy(f"index {index} is not shown as recorded: {error}") from error


def _require_proven(client: Client, page: Mapping[str, Any]) -> None:
    """Return when every proof of a page leads to the page's checkpoint, which is as the kept one.

    Raises:
        Untrustworthy: it does not.
    """
    try:
        proven = [(one["index"], one["proof"]) for one in page["items"] if one["proof"]]
        if not proven:
            return
        note = page["checkpoint"].encode()
        client.accept(note)
        head = trust.open_checkpoint(note, client.identity)
        for index, proof in proven:
            trust.require_leaf(bytes.fromhex(proof["leaf_hash"]), index, head, proof)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Untrustworthy(f"the chain is not proven as chains are: {error}") from error
