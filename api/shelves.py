"""Status lists that this process has made, each handed out again for a moment.

It must not know how a list is made. One list is made by one task at a time, however many ask.
"""

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from api.flights import Flight
from infrastructure.proofs.statuslist import Signer, StatusToken

RECHECK_SECONDS = 1.0
"""A revocation shows in its list within so long; the database is asked for a list no oftener."""
KEPT_LISTS = 64


@dataclass(frozen=True, slots=True)
class Shelf:
    """One list: its token, when it was looked at (monotonic seconds), who signs, and its spellings.

    Spellings are made when they are first asked for.
    """

    token: StatusToken
    checked: float
    signer: Signer
    spelt: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Kept:
    """One answer, the same for everybody: of which log size, made when (monotonic seconds)."""

    body: bytes = b""
    size: int = -1
    made: float = -math.inf
    flight: Flight[bytes] = field(default_factory=Flight)


@dataclass(slots=True)
class Shelves:
    """The lists by number, the one made longest ago first."""

    _made: dict[int, Shelf] = field(default_factory=dict)
    _making: dict[int, Flight[Shelf]] = field(default_factory=dict)

    async def find(self, number: int, make: Callable[[Shelf | None], Awaitable[Shelf]]) -> Shelf:
        """The list of a number as it is now, or was a second ago; `make` gets the one before.

        Raises:
            Exception: as `make` does, for all who asked meanwhile.
        """
        known = self._made.get(number)
        if known is not None and time.monotonic() - known.checked < RECHECK_SECONDS:
            return known
        flight = self._making.setdefault(number, Flight())
        return await flight.share(partial(self._renew, number, make))

    async def _renew(self, number: int, make: Callable[[Shelf | None], Awaitable[Shelf]]) -> Shelf:
        shelf = await make(self._made.get(number))
        self._made.pop(number, None)
        self._made[number] = shelf
        if len(self._made) > KEPT_LISTS:
            self._made.pop(next(iter(self._made)))
        return shelf
