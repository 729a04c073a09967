"""Admission: how many requests a worker works on at a time; the next is told to come later.

A request that waits for its own client (for a body, or until an answer is taken) is not worked on,
so nobody keeps others out by being slow.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, respond

AT_ONCE = 512
# Whether the process lives, and what it is busy with, is asked most when it is busy.
ALWAYS = frozenset({"/livez", "/metrics"})


class Admission:
    """The middleware, plain ASGI."""

    def __init__(self, app: ASGIApp, at_once: int = AT_ONCE) -> None:
        self.app = app
        self._free = at_once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection, if there is room for its work."""
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
            return
        if self._free <= 0:
            response = await respond(Request(scope), Problem("busy"))
            await response(scope, receive, send)
            return

        async def receive_aside() -> Message:
            self._free += 1
            try:
                return await receive()
            finally:
                self._free -= 1

        async def send_aside(message: Message) -> None:
            self._free += 1
            try:
                await send(message)
            finally:
                self._free -= 1

        self._free -= 1
        try:
            await self.app(scope, receive_aside, send_aside)
        finally:
            self._free += 1
