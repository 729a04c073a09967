"""Limits: how often one code may be compared in a process, how long a question may be.

Comparing presented values against a record is a way to guess them. A token bucket per code bounds
the guesses; it lives in memory, so N workers allow N times the rate, as the documentation states.
"""

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

QUESTION_BYTES = 64 * 1024
COMPARISONS_BURST = 10
COMPARISONS_PER_SECOND = 10 / 60
BUCKETS_MAXIMUM = 50_000


@dataclass(slots=True)
class Limits:
    """Token buckets, oldest forgotten first when there are too many."""

    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

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
