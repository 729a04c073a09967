"""What the events so far have made: records and claims, rebuilt by an auditor from events alone."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from domain.ledger import EVENTS, Decision, Record
from infrastructure.proofs.leaf import Body, Header, Leaf

REGISTRY: Final = frozenset({"ledger", "agency", "key"})
"""Nouns whose events are always published opened."""
_MICROSECONDS: Final = 1_000_000


class PastUnknown(Exception):
    """What is asked rests on events that were not open, or not believed."""


class OutOfTurn(Exception):
    """The event is not the next one of its record."""


def noun_of(header: Header) -> str:
    """The noun of an event: the second word of its topic."""
    return header.type.split(".")[1]


class Past:
    """The ledger as it stands before the next event, as far as its events could be judged."""

    def __init__(self) -> None:
        self._records: dict[UUID, Record] = {}
        self._claims: dict[tuple[str, str], UUID] = {}
        self._gaps: set[str] = set()
        self.doubtful = False
        """Whether an event of an unknown kind was passed over: what is missing may be in it."""

    def lose(self, header: Header | None) -> None:
        """An event was not learned from: what it did to its record is not known."""
        if header is None:
            self.doubtful = True
            return
        self._gaps.add(noun_of(header))
        self._records.pop(header.stream, None)

    def knows(self, stream: UUID) -> bool:
        """Whether a record of this id exists."""
        return stream in self._records

    def load(self, stream: UUID) -> Record:
        """A record as it stands.

        Raises:
            PastUnknown: it cannot be known how it stands.
        """
        record = self._records.get(stream)
        if record is None:
            raise PastUnknown
        return record

    def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds a claim: what a sitting asks its directory.

        Raises:
            PastUnknown: nobody is known to hold it, and it may have been taken out of sight.
        """
        holder = self._claims.get((space, key))
        if holder is None and not self._complete(space):
            raise PastUnknown
        return holder

    def require_all(self, space: str) -> None:
        """Return where every claim of a space that was ever taken is known.

        Raises:
            PastUnknown: some may have been taken out of sight.
        """
        if self.doubtful or not self._complete(space):
            raise PastUnknown

    def holder(self, space: str, key: str) -> UUID | None:
        """The stream that is known to hold a claim."""
        return self._claims.get((space, key))

    def learn(self, leaf: Leaf, header: Header, body: Body, decision: Decision) -> None:
        """Let an event happen to its record, and take and give up what was decided with it.

        Raises:
            PastUnknown: it does not follow from what is known of its record.
        """
        fact = EVENTS[header.type](
            originator_id=header.stream,
            originator_version=header.version,
            timestamp=datetime.fromtimestamp(leaf.time // _MICROSECONDS, UTC),
            statement=body.statement,
            chosen=body.chosen,
            agency=header.agency,
            keys=header.keys,
            line=header.line,
            evidence=header.evidence,
            index=leaf.index,
        )
        changed = fact.mutate(self._records.get(header.stream))
        if not isinstance(changed, Record):
            raise PastUnknown
        self._records[header.stream] = changed
        for space, key in decision.releases:
            self._claims.pop((space, key), None)
        for claim in decision.claims:
            self._claims[claim.space, claim.key] = claim.stream

    def _complete(self, space: str) -> bool:
        """Whether nobody can hold a claim of this space unseen."""
        return self._gaps <= REGISTRY if space not in REGISTRY else not self._gaps & REGISTRY
