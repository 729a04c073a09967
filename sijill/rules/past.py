"""What the events so far have made: records and claims, rebuilt by an auditor from events alone."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from struct import Struct
from typing import Any, Final
from uuid import UUID

from domain.ledger import EVENTS, Decision, Fact, Record, Registry
from infrastructure.proofs.leaf import (
    Body,
    Header,
    Leaf,
    encode_body,
    parse_header,
    split_body,
)
from infrastructure.proofs.remembering import Memory, key_of

REGISTRY: Final = frozenset({"ledger", "agency", "key"})
"""Nouns whose events are always published opened."""
RECORDS_AT_HAND: Final = 20_000
"""Records that are kept as objects; others are made again from their events when asked for."""
_MICROSECONDS: Final = 1_000_000
_Opened = tuple[Leaf, Header, Body]
"""What opened a record that nobody has asked for since."""

_APART: Final = "registry_apart"
"""Where this stands in a state, a registry that is in doubt is among the gaps."""
_RECORD, _FACT, _CLAIM = "record", "fact", "claim"
_PLACE: Final = Struct(">QQH")
_VERSION_BYTES: Final = 4


class PastUnknown(Exception):
    """What is asked rests on events that were not open, or not believed."""


class OutOfTurn(Exception):
    """The event is not the next one of its record."""


def noun_of(header: Header) -> str:
    """The noun of an event: the second word of its topic."""
    return header.type.split(".")[1]


class Past:
    """The ledger as it stands before the next event, as far as its events could be judged."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._registry: dict[UUID, Record] = {}
        self._records: OrderedDict[UUID, Record | _Opened] = OrderedDict()
        self._permanent: dict[tuple[str, str], UUID] = {}
        self._gaps: set[str] = set()
        self.doubtful = False
        """Whether an event of an unknown kind was passed over: what is missing may be in it.

        It may be the registry's only where that noun stands among the gaps as well.
        """

    def state(self) -> dict[str, Any]:
        """What is known beside the memory, as JSON can hold it."""
        return {"gaps": sorted(self._gaps), "doubtful": self.doubtful, _APART: True}

    def resume(self, said: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        self._gaps, self.doubtful = set(said["gaps"]), said["doubtful"]
        if self.doubtful and _APART not in said:
            # An older release doubted everything by the one word.
            self._gaps |= REGISTRY

    @property
    def registry_known(self) -> bool:
        """Whether every event of the ledger, agencies and keys was learned from."""
        return not self._gaps & REGISTRY

    def lose(self, header: Header | None, *, registry: bool = True) -> None:
        """An event was not learned from: what it did to its record is not known.

        Without a header it may be of any noun, of the registry's only where that is said.
        """
        if header is None:
            self.doubtful = True
            self._gaps |= REGISTRY if registry else frozenset()
            return
        self._gaps.add(noun_of(header))
        self._records.pop(header.stream, None)
        self._registry.pop(header.stream, None)
        if self._memory.get(_RECORD, header.stream.bytes) is not None:
            self._memory.drop(_RECORD, header.stream.bytes)

    def knows(self, stream: UUID) -> bool:
        """Whether a record of this id exists."""
        at_hand = stream in self._registry or stream in self._records
        return at_hand or self._version(stream) > 0

    def load(self, stream: UUID) -> Record:
        """A record as it stands.

        Raises:
            PastUnknown: it cannot be known how it stands.
        """
        record = self._at_hand(stream) or self._made_again(stream)
        if record is None:
            raise PastUnknown
        return record

    def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds a claim: what a sitting asks its directory.

        Raises:
            PastUnknown: nobody is known to hold it, and it may have been taken out of sight.
        """
        holder = self.holder(space, key)
        if holder is None and not self._complete(space):
            raise PastUnknown
        return holder

    def require_all(self, space: str) -> None:
        """Return where every claim of a space that was ever taken is known.

        Raises:
            PastUnknown: some may have been taken out of sight.
        """
        if not self._complete(space):
            raise PastUnknown

    def holder(self, space: str, key: str) -> UUID | None:
        """The stream that is known to hold a claim."""
        known = self._permanent.get((space, key))
        if known is not None:
            return known
        found = self._memory.get(_CLAIM, key_of(space, key))
        if found is None:
            return None
        holder = UUID(bytes=found)
        if space in REGISTRY:
            self._permanent[space, key] = holder
        return holder

    def learn(self, leaf: Leaf, header: Header, body: Body, decision: Decision) -> None:
        """Let an event happen to its record, and take and give up what was decided with it.

        Raises:
            PastUnknown: it does not follow from what is known of its record.
        """
        if header.version == 1 and noun_of(header) not in REGISTRY:
            # Most records are never asked for again: it is made when it is.
            self._put_at_hand(header.stream, (leaf, header, body))
        else:
            before = None if header.version == 1 else self.load(header.stream)
            changed = _fact(leaf.index, leaf.time, header, body).mutate(before)
            if not isinstance(changed, Record):
                raise PastUnknown
            self._put_at_hand(header.stream, changed)
        stream, version = header.stream.bytes, header.version.to_bytes(_VERSION_BYTES)
        said = header.encode()
        place = _PLACE.pack(leaf.index, leaf.time, len(said))
        written = place + said + encode_body(body.statement, body.chosen)
        self._memory.put(_FACT, stream + version, written)
        self._memory.put(_RECORD, stream, version)
        for space, key in decision.releases:
            self._memory.drop(_CLAIM, key_of(space, key))
        for claim in decision.claims:
            self._memory.put(_CLAIM, key_of(claim.space, claim.key), claim.stream.bytes)

    def _complete(self, space: str) -> bool:
        """Whether nobody can hold a claim of this space unseen."""
        if space in REGISTRY:
            return self.registry_known
        return not self.doubtful and self._gaps <= REGISTRY

    def _at_hand(self, stream: UUID) -> Record | None:
        record = self._registry.get(stream)
        if record is not None:
            return record
        found = self._records.get(stream)
        if found is None:
            return None
        if isinstance(found, tuple):
            leaf, header, body = found
            opened: Record | None = None
            opened = _fact(leaf.index, leaf.time, header, body).mutate(opened)
            if opened is None:
                raise PastUnknown
            found = self._records[stream] = opened
        self._records.move_to_end(stream)
        return found

    def _put_at_hand(self, stream: UUID, record: "Record | _Opened") -> None:
        if isinstance(record, Registry):
            # Every order asks for its agency and its key.
            self._registry[stream] = record
            return
        self._records[stream] = record
        self._records.move_to_end(stream)
        if len(self._records) > RECORDS_AT_HAND:
            self._records.popitem(last=False)

    def _version(self, stream: UUID) -> int:
        known = self._memory.get(_RECORD, stream.bytes)
        return 0 if known is None else int.from_bytes(known)

    def _made_again(self, stream: UUID) -> Record | None:
        """A record from its remembered events."""
        record: Record | None = None
        for version in range(1, self._version(stream) + 1):
            key = stream.bytes + version.to_bytes(_VERSION_BYTES)
            written = self._memory.get(_FACT, key)
            if written is None:
                return None
            index, time, length = _PLACE.unpack_from(written)
            header = written[_PLACE.size : _PLACE.size + length]
            body = written[_PLACE.size + length :]
            record = _fact(index, time, parse_header(header), split_body(body)).mutate(record)
        if record is not None:
            self._put_at_hand(stream, record)
        return record


def _fact(index: int, time: int, header: Header, body: Body) -> Fact:
    fact = EVENTS[header.type](
        originator_id=header.stream,
        originator_version=header.version,
        timestamp=datetime.fromtimestamp(time // _MICROSECONDS, UTC),
        statement=body.statement,
        chosen=body.chosen,
        agency=header.agency,
        keys=header.keys,
        line=header.line,
        evidence=header.evidence,
        index=index,
    )
    # What `Fact.said` would parse once more.
    vars(fact)["said"] = body.parsed
    return fact
