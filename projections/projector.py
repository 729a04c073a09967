"""What a noun's read model is: its tables, and what each kind of event does to their rows."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from infrastructure.log.follower import Recorded
from projections.rows import Connection, Journal, Table, WorkingSet

Handler = Callable[[Recorded, WorkingSet], None]
"""Lets one event happen to the rows. Pure: no clock, no chance, no database."""

Needs = Callable[[Recorded], Iterable[tuple[Table[Any], Any]]]
"""Names the rows that an event's handler will ask for, so that a page asks the database once."""

PageStep = Callable[[Connection, Sequence[Recorded], WorkingSet], Awaitable[None]]
"""Work on a whole page: before its events are handled, or after their rows were written."""


@dataclass(frozen=True, slots=True)
class Projector:
    """One noun's read model.

    `version` must grow whenever the same log would give other rows although `schema` stayed as it
    is: both make the fingerprint by which a service knows that its read model needs rebuilding.
    `ignored` are the topics that the noun knows and keeps nothing of; a topic that no projector
    names at all stops the follower.
    """

    name: str
    version: int
    statements: Mapping[str, LiteralString]
    handlers: Mapping[str, Handler]
    tables: tuple[Table[Any], ...] = ()
    journals: tuple[Journal[Any], ...] = ()
    ignored: frozenset[str] = field(default=frozenset())
    needs: Needs | None = None
    prepare: PageStep | None = None
    finish: PageStep | None = None

    @property
    def kept(self) -> tuple[Table[Any] | Journal[Any], ...]:
        """Everything that the noun keeps, in the order in which a digest goes over it."""
        return (*self.tables, *self.journals)
