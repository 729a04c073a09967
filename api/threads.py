"""Synchronous work of the service: on the event loop while it is short, else in a thread.

A thread costs more than a decision about records that are at hand, and they nearly always are. So a
short piece of work is tried on the loop first. Where it turns out to need the database, its pool
refuses to wait there, and the work is done again in a thread; so it must not have effects.
"""

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

from infrastructure.postgres import OnEventLoop

LINES_ON_LOOP = 4
"""A bulk is judged in a thread; so many lines cost less than the hop."""

_T = TypeVar("_T")


async def off_loop(work: Callable[[], _T], lines: int = 1) -> _T:
    """What `work` returns; `lines` says how long it is. Its exceptions are passed on."""
    if lines <= LINES_ON_LOOP:
        try:
            return work()
        except OnEventLoop:
            pass
    return await anyio.to_thread.run_sync(work)
