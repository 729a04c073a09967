"""Repeats: a consignment that is sent again is answered with what was recorded, not with an error.

The same bytes under the same key are replayed as any order is. This is for a sender whose outbox
has forgotten that it sent, and signs the same consignment anew.
"""

from collections.abc import Mapping
from typing import Any

from api.services import Services
from domain.errors import TransferRepeated
from infrastructure.log.refusals import StoreUnavailable
from infrastructure.proofs import canonical
from infrastructure.proofs.leaf import split_body


async def recorded_at(services: Services, error: Exception | None) -> Mapping[str, Any] | None:
    """The answer to a repeated consignment; None where the error is another.

    It was only read: whoever gives it has the committer `confirm` it first.

    Raises:
        StoreUnavailable: what was found on one server is not on this one, as after a fail-over.
    """
    if not isinstance(error, TransferRepeated):
        return None
    index = int(error.params["index"])
    found = await services.reader.events(index, index + 1)
    if not found:
        raise StoreUnavailable(f"no event {index} here")
    event = found[0]
    return {
        "index": index,
        "leaf_hash": event.leaf_hash.hex(),
        "time": event.time,
        "statement_digest": canonical.statement_digest(split_body(event.body).statement).hex(),
        "checkpoint": f"/log/checkpoint?covers={index}",
        "replayed": True,
        "duplicate": True,
    }
