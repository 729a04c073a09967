"""A sitting: one order being decided, and everything that is looked at on the way.

Whatever a sitting loads becomes a guard of its decision: the store appends only if those streams
still stand at the versions that were judged on. So a desk cannot forget to guard what it read.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from domain.acts import Command
from domain.errors import AgencyUnknown, DateInFuture
from domain.ledger.decisions import Apart, Claim, Decision, Directory, Signed
from domain.ledger.facts import Fact, Record, Registry
from domain.values import baghdad_day, utc, uuid7

if TYPE_CHECKING:
    from domain.agencies import AgencyState
    from domain.keys import KeyState

_Order = TypeVar("_Order", bound=Command)
_Desk = Callable[[_Order, "Sitting"], None]
_Part = TypeVar("_Part")

DESKS: dict[type[Command], Callable[[Any, "Sitting"], None]] = {}
"""For each act the desk that applies its rules and records its fact."""


def desk(command: type[_Order]) -> Callable[[_Desk[_Order]], _Desk[_Order]]:
    """Name the function that decides a command."""

    def appoint(decide: _Desk[_Order]) -> _Desk[_Order]:
        DESKS[command] = decide
        return decide

    return appoint


class OutdatedCopy(Exception):
    """The copies at hand may be too old to answer: of a part that the directory already knows."""

    def __init__(self, *streams: UUID) -> None:
        super().__init__("records may have moved on")
        self.streams = streams


class Sitting:
    """What one decision read, and what it asks for."""

    def __init__(
        self,
        *,
        load: Callable[[UUID], Record],
        directory: Directory,
        signed: Signed,
        statement: bytes,
        draw: Callable[[int], int],
    ) -> None:
        self.signed = signed
        self.draw = draw
        self.read: dict[UUID, Record] = {}
        self.apart: Apart = None
        self._load = load
        self._directory = directory
        self._statement = statement
        self._events: list[Fact] = []
        self._claims: list[Claim] = []
        self._absent: list[tuple[str, str]] = []
        self._releases: list[tuple[str, str]] = []
        self._lookups: tuple[str, ...] = ()
        self._erase: list[UUID] = []

    @property
    def today(self) -> date:
        """The day in Baghdad."""
        return baghdad_day(self.signed.now)

    def check_not_future(self, day: str | None) -> None:
        """Tomorrow is allowed: a clock may be ahead, and offices write the date of delivery.

        Raises:
            DateInFuture: it is later.
        """
        if day is not None and date.fromisoformat(day) > self.today + timedelta(days=1):
            raise DateInFuture(day=day)

    def find(self, space: str, key: str) -> UUID | None:
        """The stream that holds a claim, or None."""
        return self._directory.find(space, key)

    def is_free(self, space: str, key: str) -> bool:
        """Whether nobody holds a claim, nor takes it in what is appended together with this."""
        return (space, key) not in (self.apart or ()) and self.find(space, key) is None

    def drawn(self, space: str, below: int, key: str) -> int:
        """Draw a number below the given one, whose claim is `key` with the number in it.

        One that is taken is found out when it is appended, and drawn again. But of many that are
        appended together one nearly always is: there it must be free, and `apart` from the others.
        """
        while True:
            number = self.draw(below)
            if self.apart is None or self.is_free(space, key.format(number)):
                return number

    def load(self, stream: UUID) -> Record:
        """A record as it stands, read-only; its version becomes a guard.

        A sitting sees each record in one state, even if the cache gets a newer one meanwhile: what
        was judged first and what is guarded must be the same version.
        """
        record = self.read.get(stream)
        if record is None:
            record = self.read[stream] = self._load(stream)
        return record

    def part(self, record: Record, parts: Mapping[str, _Part], name: str) -> _Part:
        """What a record holds under a name that the directory has just led here from.

        Raises:
            OutdatedCopy: the copy is older than the directory; the application asks again.
        """
        try:
            return parts[name]
        except KeyError:
            raise OutdatedCopy(record.id) from None

    def registry(self, space: str, key: str) -> Registry | None:
        """The record that holds an agency or a key, or None."""
        stream = self.find(space, key)
        if stream is None:
            return None
        record = self.load(stream)
        return record if isinstance(record, Registry) else None

    def agency(self, agency: str) -> "AgencyState":
        """An agency's state.

        Raises:
            AgencyUnknown: no agency has this id.
        """
        registry = self.registry("agency", agency)
        if registry is None:
            raise AgencyUnknown(agency=agency)
        return self.part(registry, registry.agencies, agency)

    def key(self, thumbprint: str) -> "KeyState | None":
        """A key's state, or None where nobody enrolled it."""
        registry = self.registry("key", thumbprint)
        return self.part(registry, registry.keys, thumbprint) if registry else None

    def new_stream(self) -> UUID:
        """The id of a record that does not exist yet."""
        return uuid7(self.signed.now)

    def record(
        self, event: type[Fact], *, on: Record | UUID, chosen: dict[str, Any] | None = None
    ) -> None:
        """Record the order as a fact on a record, or as the first one of a new stream."""
        stream, version = (on, 0) if isinstance(on, UUID) else (on.id, on.version)
        fact = event(
            originator_id=stream,
            originator_version=version + 1,
            timestamp=utc(self.signed.now),
            statement=self._statement,
            chosen=chosen or {},
            agency=self.signed.agency,
            keys=self.signed.keys,
            line=self.signed.line,
            evidence=self.signed.evidence,
        )
        self._events.append(fact)

    def claim(self, space: str, key: str, stream: UUID) -> None:
        """Take a unique thing for a record."""
        self._claims.append(Claim(space, key, stream))

    def absent(self, space: str, key: str) -> None:
        """Append only if nobody holds this claim."""
        self._absent.append((space, key))

    def release(self, space: str, key: str) -> None:
        """Give a unique thing up."""
        self._releases.append((space, key))

    def look_up_by(self, names: Iterable[str]) -> None:
        """Let the agency find the record by these committed values."""
        self._lookups = tuple(names)

    def erase(self, stream: UUID) -> None:
        """Destroy the record's key, and with it every value sealed under it."""
        self._erase.append(stream)

    def decision(self) -> Decision:
        """What the sitting came to. A stream that is written is guarded by its new version."""
        written = {fact.originator_id for fact in self._events}
        return Decision(
            events=tuple(self._events),
            guards={one.id: one.version for one in self.read.values() if one.id not in written},
            claims=tuple(self._claims),
            absent=tuple(self._absent),
            releases=tuple(self._releases),
            lookups={self.signed.line: self._lookups} if self._lookups else {},
            erase=tuple(self._erase),
        )
