"""Tries: which refused lines are decided once more, and which wait for another line.

A decision that the log has overtaken is made again on fresh records, a thing that was drawn is
drawn again; each a few times. Lines that would open registers want the same place on their shelf,
and each time one of them gets it. So one such line goes on at a time, the others wait until their
register is there or their turn comes, and to lose a place is no try: somebody recorded something.
Nobody loses more often than a shelf has places.
"""

from collections import Counter
from collections.abc import Iterable

from api.services import Services
from domain.ledger import DRAWN, MET, SHELVED
from domain.registers import KNOWN_SPACE, SHELF_PLACES
from domain.transfers.record import CONSIGNMENT_SPACE
from infrastructure.attachments import records
from infrastructure.log.batch import AppendRequest
from infrastructure.log.refusals import ClaimTaken, Conflict

TRIES = 4
DRAWS = 40  # a status list may be half full

# Drawn or found: where one is taken, another may do.
_DRAWN_AGAIN = DRAWN | SHELVED | {records.SPACE}


class Tries:
    """The lines of one turn until each is recorded or refused; `going` are decided next."""

    def __init__(self, lines: Iterable[int]) -> None:
        self.going = list(lines)
        self._tried: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        self._again: list[int] = []
        self._waiting: dict[int, str] = {}
        self._opened: set[str] = set()

    def recorded(self, request: AppendRequest) -> None:
        """Lines in a register that this request opened need to wait no longer."""
        self._opened.update(_opening(request))

    def refused(
        self, services: Services, line: int, request: AppendRequest | None, error: Exception
    ) -> bool:
        """Whether a line is decided once more, now or when it is its turn."""
        if isinstance(error, ClaimTaken) and error.space in SHELVED:
            if error.space == KNOWN_SPACE:
                self._opened.add(error.key)
            # An answer that found nothing on a shelf opens no register: it tries as others do.
            if opening := _opening(request):
                self._lost[line] += 1
                if self._lost[line] > SHELF_PLACES:
                    return False
                self._waiting[line] = opening[0]
                return True
        self._tried[line] += 1
        if not worth_another(services, error, self._tried[line]):
            return False
        self._again.append(line)
        return True

    def turn(self) -> None:
        """Let go on whoever may: of those that would open a register, the first."""
        going = {line for line, register in self._waiting.items() if register in self._opened}
        if openers := self._waiting.keys() - going:
            going.add(min(openers))
        for line in going:
            del self._waiting[line]
        self.going = sorted([*self._again, *going])
        self._again = []


def worth_another(services: Services, error: Exception, attempt: int) -> bool:
    """Whether fresh records (or another draw) may change the answer; makes the next look fresh."""
    if isinstance(error, Conflict):
        services.ledger.forget([error.stream])
        return attempt < TRIES
    if not isinstance(error, ClaimTaken):
        return False
    if error.space == CONSIGNMENT_SPACE:
        # Whoever drew it first may have been the same sender: then that is the answer.
        return attempt < TRIES
    tries = DRAWS if error.space in _DRAWN_AGAIN else TRIES if error.space in MET else 0
    return attempt < tries


def _opening(request: AppendRequest | None) -> list[str]:
    """The register that a line's request would open, if any."""
    claims = () if request is None else request.claims
    return [key for space, key, _ in claims if space == KNOWN_SPACE]
