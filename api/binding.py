"""Binding: when a statement commits to a file that was uploaded, the append gives it to the record.

The statement holds a commitment to the file's digest, as to any value; which upload that is, only
the disclosure beside it says. What is done here is done before the append and means nothing without
it: the file's key is put under the record's, and the claim that binds is handed on.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg_pool import ConnectionPool

from domain.ledger import Fact
from infrastructure import vault
from infrastructure.attachments import records
from infrastructure.attachments.errors import AttachmentMissing
from infrastructure.log.refusals import Conflict
from infrastructure.proofs.orders import Line
from infrastructure.vault import ValuesErased, Vault

BindingClaim = tuple[str, str, UUID]

DOCUMENT: Final = "document"
"""A certificate's document is compared by its digest, uploaded or not."""
_ATTACHED: Final = re.compile("document|attachment(?:_[1-9][0-9]{0,2})?")
_DIGEST: Final = re.compile("[0-9a-f]{64}")
# The append waits for its turn, and its order may be as old as its signature allows.
MARGIN_US: Final = 3_600 * 1_000_000


def upload_space(agency: str) -> str:
    """The space under which an agency's uploads are found by their digest."""
    return f"{agency}/upload"


@dataclass(frozen=True, slots=True)
class Binder:
    """Finds uploads and hands over their keys. Synchronous, for a thread."""

    vault: Vault
    pool: ConnectionPool[Connection[Any]]

    def bind(
        self, facts: Sequence[Fact], lines: Mapping[int, Line], keys: Mapping[UUID, bytes]
    ) -> list[BindingClaim]:
        """The claims that bind what these lines commit to; `keys` are new records' keys, wrapped.

        Raises:
            AttachmentMissing: a line commits to an attachment that its agency has not uploaded.
            Conflict: a record was erased since it was judged. VaultError: its key is missing.
            psycopg.Error: the database cannot be asked.
        """
        wanted = [(fact, *named) for fact in facts for named in _named(lines[fact.line])]
        if not wanted:
            return []
        taken: dict[bytes, BindingClaim] = {}
        with self.pool.connection() as connection:
            for fact, name, digest in wanted:
                found = self._find(connection, fact.agency, digest, taken)
                if found is None:
                    if name == DOCUMENT:
                        continue
                    raise AttachmentMissing(claim=name)
                stream = fact.originator_id
                record = keys.get(stream) or _record_key(connection, stream)
                wrapped = self.vault.wrap_under(record, self.vault.unwrap(found.wrapped))
                records.offer(connection, found.id, stream, name, wrapped)
                taken[found.address] = (records.SPACE, found.address.hex(), stream)
        return list(taken.values())

    def _find(
        self,
        connection: Connection[Any],
        agency: str,
        digest: str,
        taken: Mapping[bytes, BindingClaim],
    ) -> records.Ready | None:
        until = time.time_ns() // 1_000 + MARGIN_US
        name = self.vault.lookup(upload_space(agency), digest)
        found = records.ready(connection, agency, name, until)
        return next((one for one in found if one.address not in taken), None)


def _named(line: Line) -> Iterator[tuple[str, str]]:
    """Name and digest of each file that a line commits to."""
    if not line.disclosures:
        return
    for one in line.opened:
        if _ATTACHED.fullmatch(one.name) and _DIGEST.fullmatch(one.value):
            yield one.name, one.value


def _record_key(connection: Connection[Any], stream: UUID) -> bytes:
    try:
        return vault.record_key(connection, stream)
    except ValuesErased:
        # It was judged on a copy from before the erasure: to be judged once more.
        raise Conflict(stream) from None
