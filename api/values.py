"""Values: what a certificate commits to, opened from the vault for whoever may see or compare it.

Whoever calls this has asked the policy. What is erased, or what the log's commitments do not vouch
for, is simply not among the values.
"""

from typing import Any

from api.services import Services
from infrastructure import vault
from infrastructure.proofs import canonical, disclosures
from infrastructure.proofs.disclosures import Disclosure
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
        opened = await open_at(services, connection, index)
        # The vault lies beside the log: only a value that the log's commitment vouches for counts.
        values |= {
            name: value
            for digest, (name, value) in opened.items()
            if code.claims.get(name) == digest
        }
    return values


async def open_claim(
    services: Services, connection: Any, index: int, claim: str
) -> tuple[str, tuple[str, str] | None]:
    """What the event at an index commits to by a claim, and the disclosure's text and value.

    Erased values, and such as the commitment does not vouch for, are None.
    """
    [event] = await services.reader.events(index, index + 1)
    said = split_body(event.body).parsed
    commitment = str(said.get("claims", {}).get(claim, ""))
    opened = await _open_texts(services, connection, index)
    found = opened.get(commitment)
    if found is None or found[1].name != claim:
        return commitment, None
    return commitment, (found[0], found[1].value)


async def open_at(services: Services, connection: Any, index: int) -> dict[str, tuple[str, str]]:
    """Names and values by commitment, as sealed beside the event at an index."""
    opened = await _open_texts(services, connection, index)
    return {digest: (one.name, one.value) for digest, (_, one) in opened.items()}


async def _open_texts(
    services: Services, connection: Any, index: int
) -> dict[str, tuple[str, Disclosure]]:
    """Disclosures by commitment, as sealed beside the event at an index, and what they say."""
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
    return {
        disclosures.digest(text): (text, disclosures.parse(text)) for text in envelope.disclosures
    }
