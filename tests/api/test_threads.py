"""Short work runs on the event loop until it needs a connection; then a thread does all of it."""

import threading

import pytest

from api.threads import LINES_ON_LOOP, off_loop
from infrastructure.postgres import OnEventLoop

pytestmark = pytest.mark.anyio


async def test_short_work_runs_where_it_is() -> None:
    assert await off_loop(threading.get_ident, LINES_ON_LOOP) == threading.get_ident()


async def test_long_work_runs_in_a_thread() -> None:
    assert await off_loop(threading.get_ident, LINES_ON_LOOP + 1) != threading.get_ident()


async def test_work_that_needs_a_connection_begins_again_in_a_thread() -> None:
    here = threading.get_ident()
    begun: list[int] = []

    def work() -> str:
        begun.append(threading.get_ident())
        if begun[-1] == here:
            raise OnEventLoop
        return "done"

    assert await off_loop(work) == "done"
    assert len(begun) == 2


async def test_what_it_raises_is_raised() -> None:
    def work() -> None:
        raise LookupError

    for lines in (1, LINES_ON_LOOP + 1):
        with pytest.raises(LookupError):
            await off_loop(work, lines)
