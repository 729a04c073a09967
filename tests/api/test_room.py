"""Who goes where there is no more room: connections by themselves, under a clock of the test's."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.connections import (
    BYTES_PER_SECOND,
    PATIENCE_SECONDS,
    UNFINISHED,
    UNSENT_BYTES,
    Connection,
    Room,
)

HEAD = b"POST / HTTP/1.1\r\nHost: ledger\r\nContent-Length: 1000000\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: ledger\r\n\r\n"


@dataclass
class Clock:
    """The running loop, but for the time."""

    loop: asyncio.AbstractEventLoop
    now: float = 1_000.0

    def time(self) -> float:
        return self.now

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        return self.loop.create_task(work)

    def call_later(self, seconds: float, call: Callable[..., Any]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, call)


@dataclass
class Transport:
    """What a connection writes to; `buffered` is what its client has not taken."""

    written: bytes = b""
    buffered: int = 0
    ended: str = ""
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def get_extra_info(self, _name: str) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return bool(self.ended)

    def write(self, data: bytes) -> None:
        self.written += data
        self.told.set()

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"


async def application(_scope: Scope, receive: Receive, send: Send) -> None:
    """Wait for the whole body, then answer."""
    while (await receive()).get("more_body"):
        pass
    head = {"type": "http.response.start", "status": 204, "headers": []}
    await send(head)
    await send({"type": "http.response.body", "body": b""})


@dataclass
class House:
    """A room, its clock, and whoever comes."""

    room: Room
    clock: Clock
    config: uvicorn.Config
    guests: list[tuple[Connection, Transport]] = field(default_factory=list)

    def guest(self, said: bytes = b"") -> tuple[Connection, Transport]:
        connection = Connection(
            config=self.config, server_state=self.room, app_state={}, _loop=self.clock
        )
        transport = Transport()
        connection.connection_made(transport)
        if said:
            connection.data_received(said)
        self.guests.append((connection, transport))
        return connection, transport

    def ended(self) -> list[int]:
        return [number for number, (_, one) in enumerate(self.guests) if one.ended]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


def house(limit: int = 1_000) -> House:
    config = uvicorn.Config(application, log_config=None, lifespan="off", ws="none")
    config.load()
    config.loaded_app = application
    return House(Room(limit), Clock(asyncio.get_running_loop()), config)


def status(transport: Transport) -> bytes:
    return transport.written[9:12]


async def test_whoever_says_nothing_for_half_a_minute_is_sent_away() -> None:
    here = house()
    here.guest()
    here.clock.now += PATIENCE_SECONDS
    here.guest()
    here.room.sweep(here.clock.now)
    assert here.ended() == []

    here.room.sweep(here.clock.now + 0.1)

    assert here.ended() == [0]
    assert here.guests[0][1].written == b""


async def test_a_head_that_dribbles_is_told_and_sent_away() -> None:
    here = house()
    connection, transport = here.guest(HEAD)
    for _ in range(PATIENCE_SECONDS + 1):
        here.clock.now += 1
        connection.data_received(b"x: y\r\n")
    here.room.sweep(here.clock.now)

    assert status(transport) == b"408"
    assert len(here.room.all) == 0


async def test_a_body_that_dribbles_is_told_and_one_that_keeps_its_pace_is_not() -> None:
    here = house()
    slow, slow_told = here.guest(HEAD + b"\r\n")
    steady, steady_told = here.guest(HEAD + b"\r\n")
    for _ in range(PATIENCE_SECONDS + 10):
        here.clock.now += 1
        slow.data_received(b"x")
        steady.data_received(b"x" * BYTES_PER_SECOND)
        here.room.sweep(here.clock.now)

    assert status(slow_told) == b"408"
    assert steady_told.written == b""


async def test_a_request_that_waits_for_us_is_never_sent_away() -> None:
    here = house(limit=1)
    _, transport = here.guest(WHOLE)
    here.clock.now += 10 * PATIENCE_SECONDS
    here.room.sweep(here.clock.now)
    _, newcomer = here.guest()

    await transport.told.wait()

    assert status(transport) == b"204"
    assert status(newcomer) == b"503"
    assert b"Retry-After" in newcomer.written


async def test_where_there_is_no_room_whoever_waits_longest_goes_first() -> None:
    here = house(limit=10)
    for _ in range(10):
        here.guest()
        here.clock.now += 1
    for _ in range(3):
        await here.guest(WHOLE)[1].told.wait()

    assert here.ended() == [0, 1, 2]
    assert len(here.room.all) == 10
    assert [status(one) for _, one in here.guests[10:]] == [b"204"] * 3


async def test_of_requests_that_are_not_all_there_only_so_many_are_kept() -> None:
    here = house(limit=10 * UNFINISHED)
    for _ in range(2 * UNFINISHED):
        here.guest(HEAD)
        here.clock.now += 0.01
    honest, transport = here.guest(WHOLE[:20])
    honest.data_received(WHOLE[20:])
    await transport.told.wait()

    assert status(transport) == b"204"
    assert len(here.room.unfinished) <= UNFINISHED
    told = [status(one) for _, one in here.guests[: UNFINISHED // 2]]
    assert set(told) == {b"408"}


async def test_answers_that_nobody_takes_are_kept_up_to_a_size() -> None:
    here = house()
    for _ in range(20):
        connection, transport = here.guest()
        transport.buffered = UNSENT_BYTES // 10
        connection.pause_writing()
        here.clock.now += 1

    assert here.ended() == list(range(10))
    assert sum(one.unsent for one in here.room.unsent) <= UNSENT_BYTES


async def test_a_connection_that_ends_in_the_middle_ends_what_still_writes_to_it() -> None:
    """Of several requests at once it is the first that is being answered, not the newest."""
    here = house()
    connection, transport = here.guest()
    transport.buffered = UNSENT_BYTES // 10
    connection.pause_writing()
    connection.data_received(WHOLE * 3)
    tasks = set(here.room.tasks)

    connection.connection_lost(None)
    await asyncio.wait(tasks)

    assert len(tasks) == 1
    assert transport.written == b""


async def test_an_answer_that_is_taken_in_time_is_not_cut() -> None:
    here = house()
    connection, transport = here.guest()
    stuck, stuck_transport = here.guest()
    transport.buffered = stuck_transport.buffered = 100 * BYTES_PER_SECOND
    connection.pause_writing()
    stuck.pause_writing()
    for _ in range(PATIENCE_SECONDS + 10):
        here.clock.now += 1
        transport.buffered -= BYTES_PER_SECOND
        here.room.sweep(here.clock.now)

    assert stuck_transport.ended == "aborted"
    assert transport.ended == ""
