"""The line in front of the committer: who waits, in which order, and how many go together."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from infrastructure.log.batch import Appended, AppendRequest, Result
from infrastructure.log.ending import Place
from infrastructure.log.refusals import AppendFailed, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Asked:
    """Events that somebody has read and wants to rely on, and the future that tells."""

    events: frozenset[Place]
    answer: asyncio.Future[None] = field(repr=False)


@dataclass(slots=True)
class Waiting:
    """A request and the future that its caller awaits."""

    request: AppendRequest
    answer: asyncio.Future[Appended] = field(repr=False)
    bytes: int = field(init=False)

    def __post_init__(self) -> None:
        """Weigh it once."""
        self.bytes = size_of(self.request)

    @property
    def events(self) -> int:
        """How many indexes it asks for."""
        return len(self.request.events)

    def resolve(self, result: Result) -> None:
        """Answers the caller, unless it has gone; the log will not have forgotten."""
        if not self.answer.done():
            if isinstance(result, Appended):
                self.answer.set_result(result)
            else:
                self.answer.set_exception(result)

    def fail(self, failure: AppendFailed | StoreUnavailable) -> None:
        """Tells the caller that there is no answer."""
        if not self.answer.done():
            self.answer.set_exception(failure)


def size_of(request: AppendRequest) -> int:
    """How many bytes a request sends, nearly."""
    return sum(len(event.body) + len(event.sealed or b"") for event in request.events)


class WaitingLine:
    """First in, first out, by batches of limited events and bytes.

    Whoever is larger than a whole batch goes alone.
    """

    def __init__(self, *, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._line: deque[Waiting] = deque()
        self.events = 0
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._line)

    def append(self, waiting: Waiting) -> None:
        """Last in the line."""
        self._line.append(waiting)
        self.events += waiting.events
        self.bytes += waiting.bytes

    def put_back(self, deferred: Sequence[Waiting]) -> None:
        """In front of everybody who came since, in their old order."""
        self._line.extendleft(reversed(deferred))
        self.events += sum(waiting.events for waiting in deferred)
        self.bytes += sum(waiting.bytes for waiting in deferred)

    def take(self) -> list[Waiting]:
        """The next batch. Callers that have gone take their requests with them."""
        taken: list[Waiting] = []
        events = size = 0
        while self._line:
            waiting = self._line[0]
            if not waiting.answer.done():
                events += waiting.events
                size += waiting.bytes
                if taken and (events > self._max_events or size > self._max_bytes):
                    break
                taken.append(waiting)
            self._line.popleft()
            self.events -= waiting.events
            self.bytes -= waiting.bytes
        return taken

    def fail(self, failure: StoreUnavailable) -> None:
        """Sends everybody home."""
        while self._line:
            self._line.popleft().fail(type(failure)(*failure.args))
        self.events = self.bytes = 0
