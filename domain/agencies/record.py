"""What the ledger knows of an agency, and the facts that it knows it from."""

from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeVar

from domain.agencies.commands import Kind
from domain.ledger import Fact, Registry
from domain.values import Standing

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Dated(Generic[_Value]):
    """Something that holds since a day, as recorded at a log index."""

    since: date
    value: _Value
    index: int


@dataclass(frozen=True)
class Succession:
    """That another body answers for an agency, since a log index.

    For all of it, for a register unit, or for one number series of a unit.
    """

    index: int
    successor: str
    unit: str | None = None
    series: str | None = None

    def fits(self, unit: str | None, series: str | None) -> bool:
        """Whether it is about that series; without a unit, about the agency as a whole."""
        return self.unit is None or (
            self.unit == unit and (self.series is None or self.series == series)
        )

    def rank(self) -> tuple[int, bool, bool]:
        """Of several that fit the first recorded one counts, and of those the narrowest."""
        return self.index, self.unit is None, self.series is None


@dataclass
class AgencyState:
    """What the ledger knows of one agency."""

    id: str
    kind: Kind
    standing: Standing
    added_at: int
    founder: bool = False
    names: list[Dated[dict[str, str]]] = field(default_factory=list)
    parents: list[Dated[str | None]] = field(default_factory=list)
    successions: list[Succession] = field(default_factory=list)

    def succession(self, unit: str | None, series: str | None, after: int) -> Succession | None:
        """What first gave a series of it to another body, after a log index; None: nothing did."""
        fitting = [one for one in self.successions if one.index > after and one.fits(unit, series)]
        return min(fitting, key=Succession.rank, default=None)

    def names_on(self, day: date) -> dict[str, str]:
        """Its names on a day, by language; before the first of them, the first."""
        known = _latest(self.names, day)
        return (known or self.names[0]).value

    def parent_on(self, day: date) -> str | None:
        """The agency that it stands under on a day."""
        known = _latest(self.parents, day)
        return known.value if known else None

    def parents_from(self, day: date) -> set[str]:
        """The agencies that it stands under on a day or later, as far as is recorded."""
        later = {one.value for one in self.parents if one.since > day}
        return {parent for parent in later | {self.parent_on(day)} if parent is not None}


def _latest(entries: list[Dated[_Value]], day: date) -> Dated[_Value] | None:
    """The entry that holds on a day: the newest beginning, and of equals the last recorded."""
    best = None
    for entry in entries:
        if entry.since <= day and (best is None or entry.since >= best.since):
            best = entry
    return best


def _since(fact: Fact) -> date:
    """The day that the fact counts from; what was entered without one has always been so."""
    said = fact.said.get("effective_date")
    return date.fromisoformat(said) if said else date.min


class Added(Fact):
    """An agency was entered."""

    TOPIC = "sijill.agency.added.v1"
    OPENS = "sijill.agency"

    def apply(self, aggregate: Registry) -> None:
        """Make the agency, as planned."""
        said, since = self.said, _since(self)
        aggregate.agencies[said["subject"]] = AgencyState(
            id=said["subject"],
            kind=Kind(said["kind"]),
            standing=Standing.PLANNED,
            added_at=self.at,
            names=[Dated(since, said["names"], self.at)],
            parents=[Dated(since, said.get("parent"), self.at)],
        )


def _subject(fact: Fact, registry: Registry) -> AgencyState:
    return registry.agencies[fact.said["subject"]]


class Linked(Fact):
    """A planned agency was linked."""

    TOPIC = "sijill.agency.linked.v1"

    def apply(self, aggregate: Registry) -> None:
        """Let it act."""
        _subject(self, aggregate).standing = Standing.LINKED


class Suspended(Fact):
    """An agency was suspended."""

    TOPIC = "sijill.agency.suspended.v1"

    def apply(self, aggregate: Registry) -> None:
        """Let it only withdraw."""
        _subject(self, aggregate).standing = Standing.SUSPENDED


class Reinstated(Fact):
    """A suspended agency was reinstated."""

    TOPIC = "sijill.agency.reinstated.v1"

    def apply(self, aggregate: Registry) -> None:
        """Let it act again."""
        _subject(self, aggregate).standing = Standing.LINKED


class Merged(Fact):
    """An agency ended in another one."""

    TOPIC = "sijill.agency.merged.v1"

    def apply(self, aggregate: Registry) -> None:
        """It acts no more; its successor answers."""
        agency = _subject(self, aggregate)
        agency.standing = Standing.CLOSED
        agency.successions.append(Succession(self.at, self.said["successor"]))


class Split(Fact):
    """Other bodies answer for parts of an agency."""

    TOPIC = "sijill.agency.split.v1"

    def apply(self, aggregate: Registry) -> None:
        """Remember who has what; with somebody for the rest it acts no more."""
        agency = _subject(self, aggregate)
        agency.successions += [
            Succession(self.at, share["successor"], share["unit"], share.get("series"))
            for share in self.said["shares"]
        ]
        if rest := self.said.get("rest"):
            agency.standing = Standing.CLOSED
            agency.successions.append(Succession(self.at, rest))


class Closed(Fact):
    """An agency was closed."""

    TOPIC = "sijill.agency.closed.v1"

    def apply(self, aggregate: Registry) -> None:
        """Let it act no more."""
        _subject(self, aggregate).standing = Standing.CLOSED


class Renamed(Fact):
    """An agency got another name."""

    TOPIC = "sijill.agency.renamed.v1"

    def apply(self, aggregate: Registry) -> None:
        """Remember the name beside the older ones."""
        entry = Dated(_since(self), self.said["names"], self.at)
        _subject(self, aggregate).names.append(entry)


class Reparented(Fact):
    """An agency got another parent, or none."""

    TOPIC = "sijill.agency.reparented.v1"

    def apply(self, aggregate: Registry) -> None:
        """Remember the parent beside the older ones."""
        entry = Dated(_since(self), self.said.get("parent"), self.at)
        _subject(self, aggregate).parents.append(entry)


class Agency(Registry):
    """The record of one agency, with those of its keys that administer."""

    TOPIC = "sijill.agency"
