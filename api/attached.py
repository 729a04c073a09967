"""What records have attached: of which record, who may read it, and what is told of each file.

One rule for lists, for downloads and for whoever else shows an attachment.
"""

from functools import partial
from typing import Any
from uuid import UUID

from api.policy import Caller
from api.problems import Problem
from api.services import Services
from api.threads import off_loop
from api.values import open_claim
from domain.authenticity.record import REQUEST_SPACE
from infrastructure.attachments.errors import AttachmentUnknown
from infrastructure.attachments.records import Attachment
from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from projections import authenticity, transfers


async def stream_of(
    services: Services, code: str | None, index: int | None
) -> tuple[UUID | None, Exception]:
    """The record that is asked about, and what is answered to whom it does not concern."""
    if index is not None:
        found = await services.reader.events(index, index + 1)
        return next((one.stream for one in found), None), AttachmentUnknown()
    try:
        normal = codes.normalise(code or "")
    except ProofError:
        return None, Problem("certificate_unknown")
    for space in ("code", REQUEST_SPACE):
        stream = await off_loop(partial(services.directory.find, space, normal))
        if stream is not None:
            return stream, Problem("certificate_unknown", code=normal)
    return None, Problem("certificate_unknown", code=normal)


async def may_read(
    services: Services, connection: Any, who: Caller, stream: UUID, index: int | None
) -> bool:
    """Whoever has the record, or answers for who has; of a letter or request, whoever is party.

    `index` is an event of the record, where one is known.
    """
    if who.agency is None:
        return False
    readers = await off_loop(partial(services.ledger.readers, stream, services.directory))
    if who.agency in readers:
        return True
    as_whom = await transfers.stood_for(connection, who.agency)
    asked = await authenticity.parties_of(connection, [stream])
    if not asked.get(stream, frozenset()).isdisjoint(as_whom):
        return True
    return index is not None and await transfers.may_read_values(connection, as_whom, index)


async def recorded(
    services: Services, connection: Any, found: Attachment, *, opened: bool = True
) -> dict[str, Any]:
    """A file that a record has, and what the log commits to; `opened` to whoever may read it."""
    assert found.address is not None  # noqa: S101 - narrows: what is bound is complete
    assert found.index is not None  # noqa: S101 - narrows: what is bound is recorded
    claim = found.claim or ""
    commitment, said = await open_claim(services, connection, found.index, claim)
    shown: dict[str, Any] = {
        "attachment": str(found.id),
        "state": "recorded",
        "size": found.size,
        "address": found.address.hex(),
        "index": found.index,
        "claim": claim,
        "commitment": commitment,
    }
    if opened and said is not None:
        text, value = said
        shown |= {"disclosure": text, "sha256": value}
    return shown
