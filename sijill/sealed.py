"""The check of sealed values: whether the vault still holds what the log commits to, and only that.

Values lie beside the log, and an operator can change, lose or keep them without touching it. Each
stored disclosure must be the one that the signed statement commits to; where none can be opened, an
erasure event must say so; and where one does, the key must be gone. It needs the database, so it is
for whoever has the data folder; without the vault's key only what is there and what is gone is
compared.
"""

from collections.abc import Callable
from typing import Any, Final

from psycopg import Connection

from domain.certificates import Erased
from infrastructure import vault as vaults
from infrastructure.proofs import canonical, disclosures
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.leaf import Body, split_body
from infrastructure.proofs.orders import LINE_LIMIT_BYTES
from infrastructure.vault import Kept, SealBroken, Vault, VaultError

ERASING: Final = (Erased.TOPIC,)
NOT_OPENED: Final = "value_not_opened"


def check(
    conn: Connection[Any],
    vault: Vault | None,
    summary: Summary,
    on_finding: Callable[[Finding], None],
    start: int = 0,
) -> None:
    """Check what is sealed beside every event from `start` on; findings are told as they are made.

    Raises:
        psycopg.Error: the database cannot be asked, so nothing can be said.
    """

    def report(code: str, index: int, expected: str = "") -> None:
        summary.findings += 1
        on_finding(Finding(code, index, expected=expected))

    for index, stream in vaults.unordered_erasures(conn, ERASING):
        report("erasure_not_ordered", index, str(stream))
    there = vaults.has_keys(conn)
    for kept in vaults.kept(conn, start, ERASING):
        if kept.erases and kept.wrapped is not None:
            report("value_kept", kept.index)
        body = _committing(kept)
        if body is None or kept.erased is not None:
            continue
        if not there:
            summary.skip(NOT_OPENED, kept.index)
        elif kept.sealed is None or kept.wrapped is None:
            report("value_lost", kept.index)
        elif vault is None:
            summary.skip(NOT_OPENED, kept.index)
        elif (fault := _fault(vault, kept, kept.wrapped, kept.sealed, body)) is not None:
            report("value_altered", kept.index, fault)
        else:
            summary.values += len(body.parsed["claims"])


def _committing(kept: Kept) -> Body | None:
    """The body, where it commits to values; what is no body at all the log's check says."""
    try:
        body = split_body(kept.body)
    except ProofError:
        return None
    claims = body.parsed.get("claims")
    return body if claims and isinstance(claims, dict) else None


def _fault(vault: Vault, kept: Kept, wrapped: bytes, sealed: bytes, body: Body) -> str | None:
    """What stands against the sealed line: the code of the first thing that does."""
    if kept.owner != kept.stream:
        return SealBroken.code
    digest = canonical.statement_digest(body.statement)
    try:
        line = vault.open(wrapped, kept.stream, digest, sealed)
        envelope = canonical.parse_envelope(line, limit_bytes=LINE_LIMIT_BYTES)
        disclosures.check_claims(body.parsed["claims"], envelope.disclosures)
    except (VaultError, ProofError) as error:
        return error.code
    return None
