"""The desk: from a decision to the request that the log appends, values sealed on the way.

Synchronous, for a thread: a record that exists already has its key in the database. It must not
judge anything; what it cannot seal, it does not send.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from api.binding import Binder
from domain.foundation import KeyRotated
from domain.ledger import Decision, Fact
from domain.values.comparison import fold_value
from infrastructure import vault
from infrastructure.log.batch import AppendRequest, Order
from infrastructure.log.mapper import Sealed, request_of
from infrastructure.log.refusals import Conflict
from infrastructure.proofs.orders import Line
from infrastructure.vault import ValuesErased, Vault


def lookup_space(agency: str, name: str) -> str:
    """The space of an agency's look-ups: nobody finds a record by another agency's values."""
    return f"{agency}/{name}"


Rotate = Callable[[str, bytes], list[str]]
"""From a new verifier key and a statement's digest: the notes by the old and the new log key."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Seals lines and makes append requests."""

    vault: Vault
    pool: ConnectionPool[Connection[Any]]
    rotate: Rotate

    def request(self, order: Order, decision: Decision, lines: Mapping[int, Line]) -> AppendRequest:
        """The append request of a decision over these lines, by their numbers.

        Raises:
            Conflict: a record was erased since it was judged. VaultError: its key is missing.
            AttachmentMissing: what a line attaches was not uploaded.
            ProofError: a part that the format has no place for.
            psycopg.Error: the database cannot be asked for a key.
        """
        if any(isinstance(fact, KeyRotated) for fact in decision.events):
            events = (self._completed(fact, lines[fact.line]) for fact in decision.events)
            decision = replace(decision, events=tuple(events))
        sealed = {
            fact.line: self._seal(fact, lines[fact.line], decision.lookups.get(fact.line, ()))
            for fact in decision.events
            if lines[fact.line].disclosures or (fact.KEYED and fact.originator_version == 1)
        }
        request = request_of(decision, order, sealed)
        bound = Binder(self.vault, self.pool).bind(decision.events, lines, request.record_keys)
        return replace(request, claims=(*request.claims, *bound)) if bound else request

    def _completed(self, fact: Fact, line: Line) -> Fact:
        """A fact with what only this host can say: a rotation's notes, by keys that lie here."""
        if not isinstance(fact, KeyRotated):
            return fact
        notes = self.rotate(fact.said["log_key"], line.digest)
        return replace(fact, chosen={**fact.chosen, "notes": notes})

    def _seal(self, fact: Fact, line: Line, names: Sequence[str]) -> Sealed:
        wrapped, sealed = self._sealed(fact, line)
        values = {one.name: one.value for one in line.opened}
        lookups = []
        for name in names:
            space = lookup_space(fact.agency, name)
            lookups.append((space, self.vault.lookup(space, fold_value(values[name]))))
        return Sealed(data=sealed, lookups=lookups, record_key=wrapped)

    def _sealed(self, fact: Fact, line: Line) -> tuple[bytes | None, bytes]:
        """A line sealed under its record's key; the key, wrapped, where it had none before."""
        if fact.originator_version == 1:
            return self.vault.seal_new(fact.originator_id, line.digest, line.raw)
        try:
            with self.pool.connection() as connection:
                wrapped = vault.record_key(connection, fact.originator_id)
        except ValuesErased:
            # It was judged on a copy from before the erasure: to be judged once more.
            raise Conflict(fact.originator_id) from None
        return None, self.vault.seal(wrapped, fact.originator_id, line.digest, line.raw)
