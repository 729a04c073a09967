"""A connection without a network, whose requests nobody answers: for what is read before."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn

from api.connections import Connection, Room


class _Task:
    """A task that is never begun."""

    def add_done_callback(self, _call: Callable[..., Any]) -> None:
        pass


class _Loop:
    """As much of a loop as a connection asks for while it reads."""

    def __init__(self) -> None:
        self.begun = 0

    def time(self) -> float:
        return 0.0

    def create_task(self, work: Coroutine[Any, Any, Any], **_how: Any) -> Any:
        work.close()
        self.begun += 1
        return _Task()

    def call_later(self, *_what: Any, **_how: Any) -> Any:
        return None


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes] = []
        self.ended = False

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.ended

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(bytes(data))

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True


async def _nobody(_scope: Any, _receive: Any, _send: Any) -> None:
    """The application; it is never asked."""


_CONFIG = uvicorn.Config(_nobody, log_config=None, lifespan="off", ws="none")
_CONFIG.load()
_CONFIG.loaded_app = _nobody


class Guest:
    """One connection, what it said, and how many requests it handed on at once."""

    def __init__(self) -> None:
        self._loop = _Loop()
        self._transport = _Transport()
        self._connection = Connection(
            config=_CONFIG, server_state=Room(10), app_state={}, _loop=self._loop
        )
        self._connection.connection_made(self._transport)

    def hear(self, data: bytes) -> None:
        """Let some bytes come, unless it has ended."""
        if not self._transport.ended:
            self._connection.data_received(data)

    @property
    def said(self) -> list[bytes]:
        """What it wrote itself: refusals."""
        return self._transport.said

    @property
    def requests(self) -> int:
        """How many requests it handed on, and how many wait behind them."""
        return self._loop.begun + len(self._connection.pipeline)
