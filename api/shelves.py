"""Status lists that this process has made, each handed out again for a moment.

It must not know how a list is made. One list is made by one task at a time, however many ask.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

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
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Shelves:
    """The lists by number, the one made longest ago first."""

    _made: dict[int, Shelf] = field(default_factory=dict)
    _making: dict[int, asyncio.Lock] = field(default_factory=dict)

    async def find(self, number: int, make: Callable[[Shelf | None], Awaitable[Shelf]]) -> Shelf:
        """The list of a number as it is now, or was a second ago; `make` gets the one before."""
        async with self._making.setdefault(number, asyncio.Lock()):
            known = self._made.pop(number, None)
            if known is None or time.monotonic() - known.checked >= RECHECK_SECONDS:
                known = await make(known)
            self._made[number] = known
            if len(self._made) > KEPT_LISTS:
                self._made.pop(next(iter(self._made)))
            return known
