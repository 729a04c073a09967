"""The ledger as an eventsourcing application: it loads records, seats orders and decides them.

It never writes: a decision goes to the store, which appends it under its lock if the guards still
hold. Records are cached and shared. What a decision read may therefore be stale, and that is safe:
a stale yes fails at its guards, and a stale no is asked once more before it is spoken.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast
from uuid import UUID

from eventsourcing.application import Application, LRUCache
from eventsourcing.utils import EnvType

from domain import authority
from domain.acts import UNTIL_CLOSED, Command
from domain.errors import (
    CosignatureMissing,
    KeyUnknown,
    Malformed,
    Refusal,
)
from domain.ledger.decisions import Apart, Decision, Directory, Requirement, Signed
from domain.ledger.facts import Home, Record
from domain.ledger.sitting import DESKS, OutdatedCopy, Sitting

if TYPE_CHECKING:
    from domain.agencies import AgencyState
    from domain.keys import KeyState

_Answer = TypeVar("_Answer")

PERMANENT = frozenset(
    {"agency", "key", "ledger", "register", "register-known", "register-shelf", "request"}
)
"""Spaces whose claims are never released: where one was found once, it stays."""

CACHED_RECORDS = 20_000
CACHED_CLAIMS = 100_000

FRESH_SECONDS = 0.05
"""A refusal rests on nothing older. A bulk of refused lines asks the store this often, no more."""

READ_SECONDS = 2.0
"""A key that was retired elsewhere reads no longer than this."""

LOOKS = 8
"""How often a record is loaded again whose copy other threads keep replacing by an older one."""


class Ledger(Application[UUID]):
    """Decides orders by the ledger as it stands. Safe to share between threads."""

    env: ClassVar[dict[str, str]] = {
        "AGGREGATE_CACHE_MAXSIZE": str(CACHED_RECORDS),
        # Fast-forwarding asks the store at every look, and copying costs more than deciding.
        "AGGREGATE_CACHE_FASTFORWARD": "n",
        "DEEPCOPY_FROM_AGGREGATE_CACHE": "n",
    }

    def __init__(
        self,
        env: EnvType | None = None,
        *,
        draw: Callable[[int], int] = secrets.randbelow,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the ledger.

        Args:
            env: eventsourcing's settings; `PERSISTENCE_MODULE` names the store.
            draw: a random number below the given one; status indexes must not be guessable.
            clock: seconds that only ever grow, for the age of cached records.
        """
        super().__init__(env)
        self._draw = draw
        self._clock = clock
        self._claims: LRUCache[tuple[str, str], UUID] = LRUCache(CACHED_CLAIMS)

    def decide(
        self,
        command: Command,
        statement: bytes,
        signed: Signed,
        directory: Directory,
        apart: Apart = None,
    ) -> Decision:
        """Decide one order, or one line of a bulk.

        Args:
            command: what the statement says, as `parse_command` read it.
            statement: its signed bytes.
            signed: who signed, when it is, how long the log is.
            directory: where claims are looked up.
            apart: claims of the lines that will be appended together with this one.

        Raises:
            CosignatureMissing: signatures are missing; `requirement` says which.
            Refusal: a rule says no. A refusal was checked against records at least as new as
                `signed.ledger_size`.
        """

        def judge(sitting: Sitting) -> Decision:
            sitting.apart = apart
            requirement = authority.require(command, sitting)
            if not requirement.complete:
                first = requirement.listed()[0][0]
                raise CosignatureMissing(
                    role=first["role"], agency=first["agency"], count=len(requirement.missing)
                )
            DESKS[type(command)](command, sitting)
            return sitting.decision()

        return self._ask(judge, signed, directory, statement)

    def rehearse(
        self, command: Command, statement: bytes, signed: Signed, directory: Directory
    ) -> Decision:
        """Decide as if no signature were missing: for dry runs, and before an order waits.

        Raises:
            Refusal: the order would be refused even with all signatures.
        """

        def judge(sitting: Sitting) -> Decision:
            authority.require(command, sitting)
            DESKS[type(command)](command, sitting)
            return sitting.decision()

        return self._ask(judge, signed, directory, statement)

    def missing(self, command: Command, signed: Signed, directory: Directory) -> Requirement:
        """Which signatures an order waits for, whatever else may be said against it.

        Raises:
            Refusal: the signatures that are there do not entitle it to its act.
        """
        return self._ask(
            lambda sitting: authority.require(command, sitting),
            signed,
            directory,
            # Whom an order waits for decides who may sign it, and no guard looks at that either.
            settled=lambda needed: needed.complete,
        )

    def requirement(self, command: Command, signed: Signed, directory: Directory) -> Requirement:
        """Which signatures an order still waits for.

        Raises:
            Refusal: the order would be refused even with them, so it need not wait.
        """
        conflict = self.rehearse(command, b"{}", signed, directory).conflict(directory)
        if conflict is not None:
            raise conflict
        return self.missing(command, signed, directory)

    def key(self, thumbprint: str, directory: Directory) -> "KeyState":
        """An enrolled key in whatever condition, as the last look found it.

        Raises:
            KeyUnknown: nobody enrolled it.
        """

        def judge(sitting: Sitting) -> "KeyState":
            key = sitting.key(thumbprint)
            if key is None:
                raise KeyUnknown(key=thumbprint)
            return key

        return self._ask(judge, _asking(0), directory)

    def live_key(self, thumbprint: str, directory: Directory, now: int) -> "KeyState":
        """A key that may sign at `now` (microseconds UTC), for requests that append nothing.

        No guard will ever look at what this rests on, so it is never older than two seconds.

        Raises:
            Refusal: it may not: unknown, compromised, fallen, retired, ended or not yet valid; or
                its agency was closed or merged, and is nobody any more.
        """

        def judge(sitting: Sitting) -> "KeyState":
            key = authority.live_key(thumbprint, sitting)
            authority.check_standing(sitting.agency(key.agency), UNTIL_CLOSED)
            self._check_age(sitting)
            return key

        return self._ask(judge, _asking(now), directory)

    def agency(self, agency: str, directory: Directory) -> "AgencyState":
        """An agency's state, as the last look found it.

        Raises:
            AgencyUnknown: no agency has this id.
        """
        return self._ask(lambda sitting: sitting.agency(agency), _asking(0), directory)

    def readers(self, stream: UUID, directory: Directory) -> frozenset[str]:
        """The agencies that may read what is attached to a record, as of the last two seconds."""

        def judge(sitting: Sitting) -> list[Home]:
            homes = sitting.load(stream).homes()
            self._check_age(sitting)
            return homes

        homes = self._ask(judge, _asking(0), directory)
        heirs = {self.responsible(*home, directory) for home in homes}
        return frozenset({home.agency for home in homes} | heirs)

    def responsible(
        self, agency: str, unit: str | None, series: str | None, directory: Directory
    ) -> str:
        """Who answers for a series of an agency, or for all of it, as of the last two seconds.

        Raises:
            AgencyUnknown: no agency has this id.
        """
        from domain.agencies import responsible  # noqa: PLC0415 - the nouns import this package

        def judge(sitting: Sitting) -> str:
            answer = responsible(agency, unit, series, sitting.agency)
            self._check_age(sitting)
            return answer

        return self._ask(judge, _asking(0), directory)

    def look(self, judge: Callable[[Sitting], _Answer], directory: Directory) -> _Answer:
        """What `judge` says of the ledger as the last look found it; nothing is ordered.

        Raises:
            Refusal: what `judge` raises.
        """
        return self._ask(judge, _asking(0), directory)

    def forget(self, streams: Iterable[UUID]) -> None:
        """Load these records afresh the next time: after a conflict, or when the log moved on."""
        cache = cast("LRUCache[UUID, Record]", self.repository.cache)
        for stream in streams:
            with contextlib.suppress(KeyError):
                cache.get(stream, evict=True)

    def forget_everything(self) -> None:
        """Load all records and claims afresh: a log that lost its end never had what it held."""
        self.repository.cache = LRUCache(CACHED_RECORDS)
        self._claims = LRUCache(CACHED_CLAIMS)

    def _ask(
        self,
        judge: Callable[[Sitting], _Answer],
        signed: Signed,
        directory: Directory,
        statement: bytes = b"",
        settled: Callable[[_Answer], bool] = lambda _: True,
    ) -> _Answer:
        """The answer of `judge`; a refusal, or one not `settled`, rests on records as they are."""
        refreshed = False
        for _ in range(LOOKS):
            sitting = self._seat(signed, directory, statement)
            try:
                answer = judge(sitting)
                if refreshed or settled(answer) or not self._refresh(sitting):
                    return answer
                refreshed = True
            except OutdatedCopy as outdated:
                self.forget(outdated.streams)
            except Malformed:
                raise
            except Refusal:
                if refreshed or not self._refresh(sitting):
                    raise
                refreshed = True
        return judge(self._seat(signed, directory, statement))

    def _refresh(self, sitting: Sitting) -> bool:
        """Forget what a sitting read and what may have moved on since; whether there is any."""
        size = sitting.signed.ledger_size
        stale = [at for at, one in sitting.read.items() if self._may_have_moved(one, size)]
        self.forget(stale)
        return bool(stale)

    def _seat(self, signed: Signed, directory: Directory, statement: bytes) -> Sitting:
        return Sitting(
            load=lambda stream: self._load(stream, signed.ledger_size),
            directory=_Remembering(directory, self._claims),
            signed=signed,
            statement=statement,
            draw=self._draw,
        )

    def _check_age(self, sitting: Sitting) -> None:
        """What no guard will ever look at rests on no copy older than two seconds.

        Raises:
            OutdatedCopy: these do.
        """
        begun = self._clock() - READ_SECONDS
        if old := [at for at, one in sitting.read.items() if one.seen_at < begun]:
            raise OutdatedCopy(*old)

    def _load(self, stream: UUID, ledger_size: int) -> Record:
        record: Record = self.repository.get(stream)
        if record.seen_size < 0:
            record.seen_size, record.seen_at = ledger_size, self._clock()
        return record

    def _may_have_moved(self, record: Record, ledger_size: int) -> bool:
        """Whether a refusal that rests on this copy must be asked again.

        The log may be longer than this process has heard, so age counts too.
        """
        old = self._clock() - record.seen_at > FRESH_SECONDS
        return old or record.seen_size < ledger_size


class _Remembering:
    """A directory that asks once for what never moves."""

    def __init__(self, directory: Directory, found: LRUCache[tuple[str, str], UUID]) -> None:
        self._directory = directory
        self._found = found

    def find(self, space: str, key: str) -> UUID | None:
        if space not in PERMANENT:
            return self._directory.find(space, key)
        with contextlib.suppress(KeyError):
            return self._found.get((space, key))
        stream = self._directory.find(space, key)
        if stream is not None:
            self._found.put((space, key), stream)
        return stream


def _asking(now: int) -> Signed:
    """A sitting without an order, for looking something up."""
    return Signed(agency="", keys=(), evidence=b"", now=now, ledger_size=0)
