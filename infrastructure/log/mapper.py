"""Between the domain's facts and stored bytes: header and body, written once, never re-encoded.

It knows no noun. A fact's topic finds its class, and its meaning stays in its statement.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, StoredEvent
from eventsourcing.utils import TopicError

from domain.ledger import EVENTS, Decision, Fact
from domain.values import utc
from infrastructure.log.batch import AppendRequest, Event, Order
from infrastructure.proofs.leaf import SALT_BYTES, Header, encode_body, parse_header, split_body

_NEVER_RECORDED = -1


@dataclass(frozen=True)
class StoredFact(StoredEvent):
    """A fact as the log keeps it: `state` is the body. `index` is -1 before it is recorded.

    `time` is that of its leaf, in microseconds UTC.
    """

    header: bytes
    index: int = _NEVER_RECORDED
    time: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the vault made of an order's line.

    `data` are the sealed bytes, `lookups` (space, HMAC) pairs, `record_key` the wrapped key where
    this line's record had none before.
    """

    data: bytes = field(repr=False)
    lookups: Sequence[tuple[str, bytes]] = ()
    record_key: bytes | None = field(default=None, repr=False)


class FactMapper(Mapper[UUID]):
    """The framework's mapper for facts; it has no use for a transcoder, cipher or compressor."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredFact:
        """Header and body of a fact.

        Raises:
            ProofError: a part of the fact has no place in the record format.
        """
        fact = cast("Fact", domain_event)
        header = Header(
            agency=fact.agency,
            evidence=fact.evidence,
            keys=fact.keys,
            line=fact.line,
            stream=fact.originator_id,
            type=type(fact).TOPIC,
            version=fact.originator_version,
        )
        return StoredFact(
            originator_id=fact.originator_id,
            originator_version=fact.originator_version,
            topic=type(fact).TOPIC,
            state=encode_body(fact.statement, fact.chosen),
            header=header.encode(),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """The fact of a recorded header and body.

        Raises:
            ProofError: the bytes are not what the record format allows.
            eventsourcing.utils.TopicError: this release does not know the topic.
        """
        stored = cast("StoredFact", stored_event)
        header = parse_header(stored.header)
        body = split_body(stored.state)
        kind = EVENTS.get(header.type)
        if kind is None:
            raise TopicError(f"this release does not know {header.type}")
        return kind(
            originator_id=header.stream,
            originator_version=header.version,
            timestamp=utc(stored.time),
            statement=body.statement,
            chosen=body.chosen,
            agency=header.agency,
            keys=header.keys,
            line=header.line,
            evidence=header.evidence,
            index=stored.index,
        )


_MAPPER = FactMapper(transcoder=cast("Any", None))


def event_of(stored: StoredFact, line: int, sealed: Sealed | None = None) -> Event:
    """An event ready to be appended, with new salts."""
    return Event(
        stream=cast("UUID", stored.originator_id),
        version=stored.originator_version,
        type=stored.topic,
        line=line,
        header=stored.header,
        header_salt=os.urandom(SALT_BYTES),
        body=stored.state,
        body_salt=os.urandom(SALT_BYTES),
        sealed=None if sealed is None else sealed.data,
        lookups=() if sealed is None else sealed.lookups,
    )


def request_of(
    decision: Decision, order: Order, sealed: Mapping[int, Sealed] | None = None
) -> AppendRequest:
    """The append request of a decision.

    Args:
        decision: what the domain asks for.
        order: whose order it carries out.
        sealed: by line, what the vault sealed of it.

    Raises:
        ProofError: as `FactMapper.to_stored_event`.
    """
    stored = [_MAPPER.to_stored_event(fact) for fact in decision.events]
    return request_of_stored(decision, order, stored, sealed)


def request_of_stored(
    decision: Decision,
    order: Order,
    stored: Sequence[StoredFact],
    sealed: Mapping[int, Sealed] | None = None,
) -> AppendRequest:
    """As `request_of`, for facts of the decision that are mapped already, in its order."""
    values = sealed or {}
    facts = list(zip(decision.events, stored, strict=True))
    keys = {
        fact.originator_id: value.record_key
        for fact, _ in facts
        if (value := values.get(fact.line)) is not None and value.record_key is not None
    }
    return AppendRequest(
        order=order,
        events=[event_of(mapped, fact.line, values.get(fact.line)) for fact, mapped in facts],
        guards=decision.guards,
        claims=decision.claims,
        absent=decision.absent,
        releases=decision.releases,
        record_keys=keys,
        erase=decision.erase,
    )
