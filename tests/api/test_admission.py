"""How many requests are worked on at a time, and what does not count as work."""

import asyncio
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import Admission
from api.surroundings import Surroundings

pytestmark = pytest.mark.anyio
AT_ONCE = 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def scope(path: str = "/v1/agencies") -> Scope:
    return {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}


class Caller:
    """One request: what it is answered, and a body that comes when the test says so."""

    def __init__(self, path: str = "/v1/agencies") -> None:
        self.scope = scope(path)
        self.body = asyncio.Event()
        self.taken = asyncio.Event()
        self.taken.set()
        self.statuses: list[int] = []

    async def receive(self) -> Message:
        await self.body.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        await self.taken.wait()
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])


class Desk:
    """An application that is at work until the test lets it go on."""

    def __init__(self) -> None:
        self.working = 0
        self.go_on = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.working += 1
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        self.working -= 1


def admitted(desk: ASGIApp) -> ASGIApp:
    return Surroundings(Admission(desk, AT_ONCE))


async def ask(app: ASGIApp, caller: Caller) -> None:
    await app(caller.scope, caller.receive, caller.send)


async def settled(tasks: list[asyncio.Task[Any]]) -> None:
    """Return when nothing moves any more: every task waits for the test, or is done."""
    await asyncio.wait(tasks, timeout=0.05)


async def test_one_more_than_is_worked_on_comes_later() -> None:
    desk = Desk()
    app = admitted(desk)
    callers = [Caller() for _ in range(AT_ONCE + 1)]
    for caller in callers:
        caller.body.set()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(app, one)) for one in callers]
        await tasks[-1]
        assert callers[-1].statuses == [503]
        desk.go_on.set()

    assert [one.statuses for one in callers] == [[204]] * AT_ONCE + [[503]]


async def test_whoever_waits_for_a_body_or_a_reader_keeps_nobody_out() -> None:
    desk = Desk()
    app = admitted(desk)
    slow = [Caller() for _ in range(3 * AT_ONCE)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(app, one)) for one in slow]
        await settled(tasks)
        quick = Caller()
        quick.body.set()
        desk.go_on.set()
        await ask(app, quick)
        assert quick.statuses == [204]
        for one in slow:
            one.taken.clear()
            one.body.set()
        await settled(tasks)
        again = Caller()
        again.body.set()
        await ask(app, again)
        assert again.statuses == [204]
        for one in slow:
            one.taken.set()

    assert [one.statuses for one in slow] == [[204]] * len(slow)


async def test_an_operator_hears_what_a_busy_worker_is_busy_with() -> None:
    desk = Desk()
    app = Surroundings(Admission(desk, 0))
    desk.go_on.set()
    asked = [Caller("/livez"), Caller("/metrics"), Caller("/readyz")]
    for one in asked:
        one.body.set()
        await ask(app, one)

    assert [one.statuses for one in asked] == [[204], [204], [503]]
