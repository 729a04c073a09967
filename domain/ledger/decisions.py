"""What a decision is made from and what it asks of the store. Plain data; it must not decide."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar
from uuid import UUID

from domain.errors import RecordTwiceInOrder, Refusal, taken
from domain.ledger.facts import Fact

_T = TypeVar("_T")

Apart = Container[tuple[str, str]] | None
"""Claims of the lines that are appended together with one; None: it is alone."""

DRAWN: Final = frozenset({"status"})
"""Spaces whose keys are drawn: where one is taken, another is; it stands against nothing."""

MET: Final = frozenset({"register"})
"""Spaces whose record is opened by whoever comes first: where one is there, it is written on."""

SHELVED: Final = frozenset({"register-known", "register-shelf"})
"""Spaces whose keys are taken by the way: where one is taken, deciding again finds it so."""

_UNNAMED: Final = DRAWN | SHELVED


class Directory(Protocol):
    """Where claims are looked up: which record holds a unique thing."""

    def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds the claim, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The signatures under an order, verified as bytes but not yet judged.

    Attributes:
        agency: the agency whose order it is; every line's statement must name it.
        keys: thumbprints in evidence order: the order's signer, then the others as they arrived.
        possession: the one among `keys` that only proves possession of a key being enrolled.
        line: the statement's place in its order, from 0.
        evidence: SHA-256 digest of the order's evidence.
        now: microseconds UTC.
        ledger_size: number of events in the log, the index that the next event gets at the least.
    """

    agency: str
    keys: tuple[str, ...]
    evidence: bytes
    now: int
    ledger_size: int
    possession: str | None = None
    line: int = 0


class Claim(NamedTuple):
    """A unique thing and the record that holds it."""

    space: str
    key: str
    stream: UUID


class Wanted(NamedTuple):
    """A signature that would do.

    `role` says why: `possession` (by `key` itself), `authority` (a founder), `parent`,
    `administrator` (of the agency that the key is for), `officer` (a second one).
    """

    role: Literal["possession", "authority", "parent", "administrator", "officer"]
    agency: str
    scope: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """The signatures that an order still waits for: of each group, any one will do."""

    missing: frozenset[frozenset[Wanted]] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def __or__(self, other: "Requirement") -> "Requirement":
        return Requirement(self.missing | other.missing)

    def listed(self) -> list[list[dict[str, Any]]]:
        """The groups in a stable order, ready for JSON; members that say nothing are left out."""
        groups = [sorted(group, key=_order_of) for group in self.missing]
        groups.sort(key=lambda group: [_order_of(wanted) for wanted in group])
        return [
            [{name: said for name, said in wanted._asdict().items() if said} for wanted in group]
            for group in groups
        ]


def _order_of(wanted: Wanted) -> tuple[str, ...]:
    return tuple(member or "" for member in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to append, and on which condition.

    Attributes:
        events: the new facts. A fact's stream must stand at `originator_version - 1`.
        guards: version of every other stream that was judged on.
        claims: unique things to take.
        absent: claims that must not exist.
        releases: claims to give up.
        lookups: by line, the names of the committed values by which the agency can find the record.
        erase: streams whose record keys are destroyed.
    """

    events: tuple[Fact, ...]
    guards: Mapping[UUID, int] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    absent: tuple[tuple[str, str], ...] = ()
    releases: tuple[tuple[str, str], ...] = ()
    lookups: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    erase: tuple[UUID, ...] = ()

    @property
    def named(self) -> list[tuple[str, str]]:
        """Space and key of the claims that the order names, not of those taken by the way."""
        return [(one.space, one.key) for one in self.claims if one.space not in _UNNAMED]

    def conflict(
        self, directory: Directory, freed: Container[tuple[str, str]] = ()
    ) -> Refusal | None:
        """The refusal that the store would answer with for a claim, as far as can be told now.

        The store enforces claims under its lock; this look is for a dry run. What is `freed` in the
        same order stands against nothing.
        """
        for space, key in (*self.named, *self.absent):
            if (space, key) not in freed and directory.find(space, key) is not None:
                return taken(space)
        return None

    @staticmethod
    def merge(decisions: Sequence["Decision"]) -> "Decision":
        """One decision for all lines of an all-or-none order.

        Each line was judged on the ledger as it is, so a line must neither write nor rest on a
        record that an earlier line writes, nor on a claim being free that one takes. The store
        looks at the claims of the order as a whole: what is given up in it is free to every line,
        so that must come before whatever needs it to be.

        Raises:
            RecordTwiceInOrder: it does.
        """
        written: set[UUID] = set()
        claimed: set[tuple[str, str]] = set()
        needed_free: set[tuple[str, str]] = set()
        guards: dict[UUID, int] = {}
        for decision in decisions:
            streams = {fact.originator_id for fact in decision.events}
            crossed = claimed.intersection(decision.absent) or needed_free.intersection(
                decision.releases
            )
            if crossed or written & (streams | decision.guards.keys()):
                raise RecordTwiceInOrder(line=decision.events[0].line)
            written |= streams
            taken_here = {(one.space, one.key) for one in decision.claims}
            claimed |= taken_here
            needed_free |= taken_here.union(decision.absent)
            guards = {**decision.guards, **guards}
        return Decision(
            events=_joined(decision.events for decision in decisions),
            guards={stream: guards[stream] for stream in guards.keys() - written},
            claims=_joined(decision.claims for decision in decisions),
            absent=tuple(dict.fromkeys(_joined(decision.absent for decision in decisions))),
            releases=_joined(decision.releases for decision in decisions),
            lookups={line: names for one in decisions for line, names in one.lookups.items()},
            erase=_joined(decision.erase for decision in decisions),
        )


def _joined(parts: Iterable[Iterable[_T]]) -> tuple[_T, ...]:
    return tuple(one for part in parts for one in part)
