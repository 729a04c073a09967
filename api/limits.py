"""Limits: how often one code may be compared, how long a question may be, how many bulks at once.

Comparing presented values against a record is a way to guess them. A token bucket per code bounds
the guesses; it lives in memory, so N workers allow N times the rate, as the documentation states.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from api.orders import read_body
from api.problems import Problem

QUESTION_BYTES = 64 * 1024
# A bulk of 16 MiB, read and parsed, takes ten times that much memory.
BULKS_AT_ONCE = 4
BULK_PATIENCE_SECONDS = 5.0
COMPARISONS_BURST = 10
COMPARISONS_PER_SECOND = 10 / 60
BUCKETS_MAXIMUM = 50_000


@dataclass(slots=True)
class Place:
    """One request's place among the few that may hold a large body; free again when it ends."""

    _places: asyncio.Semaphore
    _taken: bool = False

    async def take(self) -> None:
        """Wait a moment for a place.

        Raises:
            Problem: `busy`.
        """
        try:
            async with asyncio.timeout(BULK_PATIENCE_SECONDS):
                self._taken = self._taken or await self._places.acquire()
        except TimeoutError:
            raise Problem("busy") from None

    def free(self) -> None:
        """Make room for the next, where a place was taken."""
        if self._taken:
            self._taken = False
            self._places.release()


@dataclass(slots=True)
class Limits:
    """Token buckets, oldest forgotten first when there are too many, and places for bulks."""

    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _bulks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BULKS_AT_ONCE))

    def place(self) -> Place:
        """A place for one request, not taken yet."""
        return Place(self._bulks)

    def allow_comparison(self, code: str, now: float | None = None) -> bool:
        """Take one token for this code; False when it has none left. `now` is monotonic seconds."""
        now = time.monotonic() if now is None else now
        tokens, since = self._buckets.pop(code, (float(COMPARISONS_BURST), now))
        tokens = min(float(COMPARISONS_BURST), tokens + (now - since) * COMPARISONS_PER_SECOND)
        allowed = tokens >= 1
        self._buckets[code] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > BUCKETS_MAXIMUM:
            self._buckets.popitem(last=False)
        return allowed


class Question(APIRoute):
    """A route whose body the framework reads: bounded, because it would read anything."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Read the body first, then hand it on."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            body = await read_body(request, QUESTION_BYTES)

            async def receive() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handle(Request(request.scope, receive))

        return bounded
