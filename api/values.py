"""Values: what a certificate commits to, opened from the vault for whoever may see or compare it.

Whoever calls this has asked the policy. What is erased, or what the log's commitments do not vouch
for, is simply not among the values.
"""

from typing import Any

from api.services import Services
from infrastructure import vault
from infrastructure.proofs import canonical, disclosures
from infrastructure.proofs.leaf import split_body
from infrastructure.proofs.orders import LINE_LIMIT_BYTES
from infrastructure.vault import VaultError
from projections import certificates
from projections.certificates import Found


async def open_values(services: Services, connection: Any, found: Found) -> dict[str, str]:
    """The committed values of a code, opened for this comparison only; what is erased is not there.

    A further original commits to little itself: the rest came with the first one of its edition.
    """
    code, certificate = found.code, found.certificate
    if code is None or certificate is None:
        return {}
    indexes = [code.issue_index]
    if code.original > 1:
        others = await certificates.originals(connection, certificate)
        indexes += [one.issue_index for one in others if one.edition == code.edition]
    values: dict[str, str] = {}
    for index in dict.fromkeys(indexes):
        opened = await open_line(services, connection, index)
        # The vault lies beside the log: only a value that the log's commitment vouches for counts.
        values |= {
            name: value
            for digest, (name, value) in opened.items()
            if code.claims.get(name) == digest
        }
    return values


async def open_line(services: Services, connection: Any, index: int) -> dict[str, tuple[str, str]]:
    """Names and values by commitment, as sealed beside the event at an index."""
    sealed = await vault.sealed_line_async(connection, index)
    if sealed is None:
        return {}
    try:
        wrapped = await vault.record_key_async(connection, sealed.stream)
        [event] = await services.reader.events(index, index + 1)
        digest = canonical.statement_digest(split_body(event.body).statement)
        line = services.vault.open(wrapped, sealed.stream, digest, sealed.sealed)
    except VaultError:
        return {}
    envelope = canonical.parse_envelope(line, limit_bytes=LINE_LIMIT_BYTES)
    opened = ((text, disclosures.parse(text)) for text in envelope.disclosures)
    return {disclosures.digest(text): (one.name, one.value) for text, one in opened}
