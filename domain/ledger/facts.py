"""Facts: the events of the ledger, and the records (aggregates) that they make.

A fact carries what was signed and by whom, and nothing that was interpreted: its statement's bytes,
what the server chose beside them, the keys, the line in its order, the digest of its evidence. What
it means for its record is read from the statement whenever it is applied. So the store can rebuild
every fact from a header, a body, a leaf's time and an index, and needs to know no noun.
"""

import json
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast
from uuid import UUID

from eventsourcing.domain import AggregateEvent, BaseAggregate, TAggregate
from eventsourcing.utils import register_topic, resolve_topic

from domain.values import BAGHDAD

if TYPE_CHECKING:
    from domain.agencies import AgencyState
    from domain.keys import KeyState

_TOPIC = re.compile(r"sijill\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*")

EVENTS: dict[str, type["Fact"]] = {}
"""Every event class by its topic."""


class Home(NamedTuple):
    """An agency that a record belongs to, and the series there by which others may succeed it."""

    agency: str
    unit: str | None = None
    series: str | None = None


class Record(BaseAggregate[UUID]):
    """An aggregate of the ledger, changed by facts alone.

    It is read-only for whoever decides: the application shares one instance between decisions.
    """

    seen_size = -1
    """How long the log was, at the least, when the record was loaded."""
    seen_at = 0.0
    """When that was, by the application's monotonic clock, in seconds."""

    def begin(self) -> None:
        """Set the state from which the first fact starts."""

    def homes(self) -> "list[Home]":
        """Whose it is: these, and who answers for them, may read what is attached to it.

        A new kind of record starts closed.
        """
        return []


class Registry(Record):
    """A record that holds agencies, keys, or both, by their ids."""

    def begin(self) -> None:
        """Start without agencies and keys."""
        self.agencies: dict[str, AgencyState] = {}
        self.keys: dict[str, KeyState] = {}


@dataclass(frozen=True)
class Fact(AggregateEvent):
    """One event of the ledger.

    Attributes:
        statement: the agency's signed bytes, verbatim.
        chosen: what the server chose beside them (a status index, a rotation's notes), or empty.
        agency: the agency that ordered the act.
        keys: thumbprints of every key in the evidence, in its order.
        line: the statement's place in its order, from 0.
        evidence: SHA-256 digest of the order's evidence, 32 bytes.
        index: the log index; None before the fact is recorded.
    """

    TOPIC: ClassVar[str]
    OPENS: ClassVar[str] = ""
    KEYED: ClassVar[bool] = False
    """Whether a record that it opens is given a key at once, for values that come later."""

    statement: bytes
    chosen: dict[str, Any]
    agency: str
    keys: tuple[str, ...]
    line: int
    evidence: bytes
    index: int | None = None

    def __init_subclass__(cls) -> None:
        """Register the event under its own topic.

        Raises:
            TypeError: the class does not declare one itself. An inherited topic would silently
                store the event under another's name.
        """
        super().__init_subclass__()
        topic = cls.__dict__.get("TOPIC", "")
        if not _TOPIC.fullmatch(topic):
            raise TypeError(
                f"{cls.__qualname__} needs a TOPIC of its own: sijill.noun.past_tense.v1"
            )
        register_topic(topic, cls)
        EVENTS[topic] = cls

    @cached_property
    def said(self) -> dict[str, Any]:
        """The statement as JSON reads it. Its bytes were checked before they were recorded."""
        return cast("dict[str, Any]", json.loads(self.statement))

    @property
    def at(self) -> int:
        """The log index.

        Raises:
            ValueError: the fact is not recorded yet, so it can be part of no record.
        """
        if self.index is None:
            raise ValueError(f"{type(self).TOPIC} has no index before it is recorded")
        return self.index

    @property
    def day(self) -> date:
        """The day of Baghdad on which it was recorded: rules may hold from one on (decision 37)."""
        return self.timestamp.astimezone(BAGHDAD).date()

    def mutate(self, aggregate: TAggregate | None) -> TAggregate | None:
        """Apply the fact to its record; the first fact of a stream makes the record."""
        if aggregate is not None:
            return super().mutate(aggregate)
        kind = resolve_topic(self.OPENS)
        record = kind.__new__(kind)
        record.__base_init__(self.originator_id, self.originator_version, self.timestamp)
        record.begin()
        self.apply(record)
        return cast("TAggregate", record)
