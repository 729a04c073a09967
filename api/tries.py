"""Tries: which lines are sent, which refused ones are decided once more, which wait for another.

A decision that the log has overtaken is made again on fresh records, a thing that was drawn is
drawn again; each a few times. Lines that would open registers want the same place on their shelf,
and only one of them gets it. So of each shelf one such line goes on at a time, and the others wait
until their register is there or their turn comes. To lose a place to somebody else is no try: they
recorded something; and nobody loses more often than a shelf has places. An answer that rests on all
that stands on a shelf loses the end of it in the same way, and looks again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from api.problems import Problem
from api.services import Services
from domain.errors import taken
from domain.ledger import DRAWN, MET, SHELVED
from domain.registers import KNOWN_SPACE, RESERVED_SPACE, SHELF_PLACES, SHELF_SPACE
from domain.transfers.record import CONSIGNMENT_SPACE
from infrastructure.attachments import records
from infrastructure.log.batch import AppendRequest
from infrastructure.log.refusals import ClaimTaken, Conflict

TRIES = 4
DRAWS = 40  # a status list may be half full

# Drawn or found: where one is taken, another may do.
_DRAWN_AGAIN = DRAWN | SHELVED | {records.SPACE}


class _Opening(NamedTuple):
    """The register that a line would open, and the shelf on which it would stand."""

    register: str
    shelf: str


class Tries:
    """The lines of one turn until each is recorded or refused; `going` are decided next."""

    def __init__(self, lines: Iterable[int]) -> None:
        self.going = list(lines)
        self._tried: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        self._again: list[int] = []
        self._waiting: dict[int, _Opening] = {}
        self._wanted: dict[int, str] = {}
        self._opened: set[str] = set()

    def sent(self, requests: Mapping[int, AppendRequest]) -> dict[int, AppendRequest]:
        """Those of these requests that do not only stand in each other's way; the others wait."""
        sent, shelves = {}, set()
        for line, request in requests.items():
            opening = _opening(request)
            if opening is not None and opening.shelf in shelves:
                self._wait(line, opening)
                continue
            sent[line] = request
            if opening is not None:
                shelves.add(opening.shelf)
        return sent

    def recorded(self, line: int, request: AppendRequest) -> None:
        """Lines in a register that this request opened, or found there, need to wait no longer."""
        if opening := _opening(request):
            self._opened.add(opening.register)
        self._look(line, request)

    def refused(
        self, services: Services, line: int, request: AppendRequest | None, error: Exception
    ) -> bool:
        """Whether a line is decided once more, now or when it is its turn."""
        self._look(line, request)
        if isinstance(error, ClaimTaken) and error.space in SHELVED:
            if error.space == KNOWN_SPACE:
                self._opened.add(error.key)
            self._lost[line] += 1
            if self._lost[line] > SHELF_PLACES:
                return False
            if request is not None and (opening := _opening(request)):
                self._wait(line, opening)
            else:
                # An answer that looked through a shelf wants no place there: it looks again.
                self._again.append(line)
            return True
        self._tried[line] += 1
        if not worth_another(services, error, self._tried[line], request):
            return False
        self._again.append(line)
        return True

    def turn(self) -> None:
        """Let go on whoever may: of those that would open a register, the first of each shelf."""
        going = {line for line, one in self._waiting.items() if one.register in self._opened}
        first: dict[str, int] = {}
        for line in sorted(self._waiting.keys() - going):
            first.setdefault(self._waiting[line].shelf, line)
        going.update(first.values())
        for line in going:
            del self._waiting[line]
        self.going = sorted([*self._again, *going])
        self._again = []

    def _wait(self, line: int, opening: _Opening) -> None:
        self._waiting[line], self._wanted[line] = opening, opening.register

    def _look(self, line: int, request: AppendRequest | None) -> None:
        """A register that a line wanted to open, and on fresh records does not, is there by now.

        Whoever opened it elsewhere took the place as well, and of the two only the place is told.
        """
        wanted = self._wanted.get(line)
        if wanted is not None and request is not None and _opening(request) is None:
            self._opened.add(wanted)


def worth_another(
    services: Services, error: Exception, attempt: int, request: AppendRequest | None
) -> bool:
    """Whether fresh records (or another draw) may change the answer; makes the next look fresh."""
    if isinstance(error, Conflict):
        services.ledger.forget([error.stream])
        return attempt < TRIES
    if not isinstance(error, ClaimTaken):
        return False
    if _answered_by_whoever_came_first(error, request):
        return attempt < TRIES
    tries = DRAWS if error.space in _DRAWN_AGAIN else TRIES if error.space in MET else 0
    return attempt < tries


def _answered_by_whoever_came_first(error: ClaimTaken, request: AppendRequest | None) -> bool:
    """The same sender drew the name, or the number that is voided was reserved meanwhile.

    Whoever wants to reserve a number that is reserved is told so again, however often.
    """
    if error.space == RESERVED_SPACE and request is not None:
        return (error.space, error.key) in request.absent
    return error.space == CONSIGNMENT_SPACE


def told(error: Exception) -> Exception:
    """The refusal as the agency knows it, once nothing is tried any more.

    A thing that is drawn, met or found by the way it did not ask for: another will do, a moment
    later.
    """
    if not isinstance(error, ClaimTaken):
        return error
    by_the_way = DRAWN | MET | SHELVED
    return Problem("busy") if error.space in by_the_way else taken(error.space)


def _opening(request: AppendRequest) -> _Opening | None:
    """What a request would open; a line is about one register at most."""
    named = {space: key for space, key, _ in request.claims if space in SHELVED}
    if KNOWN_SPACE not in named:
        return None
    return _Opening(named[KNOWN_SPACE], named[SHELF_SPACE].rpartition("|")[0])
