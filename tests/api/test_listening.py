"""Streams end by their own clock and with their key, and tell from where on to ask again."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from api import listening
from api.limits import STREAMS_OF_ONE_AGENCY, Limits
from api.listening import Listener
from api.problems import Problem
from domain.errors import KeyRetired
from projections import transfers
from projections.transfers import Heard
from tests.api.asking import read, signed_headers
from tests.api.talking import Wire, refusal
from tests.correspondence import send
from tests.serving import Agency, Served

BUSY = "seconds=600"
PATH = "/v1/inbox/events"


class Applied:
    """How far the read model has come; `grows` by itself whenever somebody waits for it."""

    def __init__(self, position: int, *, grows: bool = False) -> None:
        self.position = position
        self.grows = grows
        self.asked = asyncio.Event()

    async def reach(self, position: int, timeout_seconds: float) -> bool:
        self.asked.set()
        if self.grows:
            await asyncio.sleep(0)
            self.position += 1
        elif self.position < position:
            await asyncio.sleep(timeout_seconds)
        return self.position >= position


class Ledger:
    """What a listener asks: what happened, and whether its key may still sign."""

    def __init__(self, applied: Applied) -> None:
        self.applied = applied
        self.pool = SimpleNamespace(connection=nullcontext)
        self.happened: list[int] = []
        self.looks = 0
        self.retired = False

    async def heard(self, *_: Any, after: int, last: int, limit: int, **__: Any) -> list[Heard]:
        self.looks += 1
        found = [index for index in self.happened if after < index <= last]
        return [Heard(index, 0, "moj|1", "moj|0", "dispatched", "moj") for index in found[:limit]]

    async def status(self, _conn: Any) -> None:
        """The read model is this release's."""

    async def stood_for(self, _conn: Any, agency: str) -> list[str]:
        return [agency]

    def caller_of(self, key: str) -> None:
        if self.retired:
            raise KeyRetired(key=key)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    ledger = Ledger(Applied(10))
    monkeypatch.setattr(transfers, "heard", ledger.heard)
    monkeypatch.setattr(transfers, "stood_for", ledger.stood_for)
    monkeypatch.setattr(listening, "status", ledger.status)
    monkeypatch.setattr(listening, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(listening, "LOOKS_APART_SECONDS", 0.001)
    return ledger


def listener(ledger: Any, after: int = 9) -> Listener:
    return Listener(ledger, agency="moh", key="k", language="en", incoming=True, after=after)


async def told(ledger: Ledger, seconds: float, after: int = 9) -> list[str]:
    """Everything that a stream tells, which must end by itself."""
    async with asyncio.timeout(60):
        return [one.decode() async for one in listener(ledger, after).events(seconds)]


@pytest.mark.anyio
async def test_a_stream_ends_in_its_time_however_busy_the_log_is(ledger: Ledger) -> None:
    ledger.applied.grows = True

    last = (await told(ledger, seconds=0.1))[-1]

    assert last == f"id: {ledger.applied.position - 1}\n\n"


@pytest.mark.anyio
async def test_a_busy_log_is_looked_at_once_a_while(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.applied = Applied(11, grows=True)
    monkeypatch.setattr(listening, "BEAT_SECONDS", 60)
    monkeypatch.setattr(listening, "LOOKS_APART_SECONDS", 60)

    await told(ledger, seconds=1)

    # As it began, and once more so that nothing before the end goes unheard.
    assert ledger.looks == 2


@pytest.mark.anyio
async def test_a_beat_tells_from_where_on_to_ask_and_nothing_happens_at_it(ledger: Ledger) -> None:
    beats = (await told(ledger, seconds=0.1))[1:]

    assert set(beats) == {"id: 9\n\n"}
    assert len(beats) > 1


@pytest.mark.anyio
async def test_a_long_past_is_told_page_after_page_without_a_rest(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "HEARD_ROWS", 2)
    monkeypatch.setattr(listening, "LOOKS_APART_SECONDS", 60)
    ledger.happened = [1, 2, 4, 5, 8]

    events = await told(ledger, seconds=0.05, after=1)

    found = [one.partition("\n")[0] for one in events if "data:" in one]
    assert found == ["id: 2", "id: 4", "id: 5", "id: 8"]


@pytest.mark.anyio
async def test_a_key_that_was_retired_hears_no_more(ledger: Ledger) -> None:
    ledger.retired = True
    ledger.happened = [9]

    assert await told(ledger, seconds=3_600, after=8) == [": listening\n\n"]


@pytest.mark.anyio
async def test_a_key_that_was_retired_in_a_silence_is_let_go_at_the_next_beat(
    ledger: Ledger,
) -> None:
    stream = asyncio.create_task(told(ledger, seconds=3_600))
    await ledger.applied.asked.wait()

    ledger.retired = True

    assert {*await stream} <= {": listening\n\n", "id: 9\n\n"}


def test_a_stream_over_http_ends_while_others_write(
    wire: Wire, served: Served, agency: Agency
) -> None:
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.2):
            agency.issue()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        receiver = served.agency()
        sent = send(agency, receiver)
        served.settle()
        text = read(wire, receiver, PATH, after=0, seconds=1).text
    finally:
        over.set()
        writer.join()

    assert f'"consignment": "{sent.consignment}"' in text
    last = text.rstrip("\n").rpartition("\n\n")[2]
    assert last.startswith("id: ")
    assert int(last.removeprefix("id: ")) > 0


@pytest.fixture
def apart(served: Served) -> Iterator[httpx2.Client]:
    limits = httpx2.Limits(max_connections=100)
    with httpx2.Client(base_url=served.url, timeout=60, limits=limits) as http:
        yield http


def test_one_agency_listens_to_so_many_streams_and_others_to_theirs(
    apart: httpx2.Client, agency: Agency, stranger: Agency
) -> None:
    def opened(stack: ExitStack, reader: Agency) -> httpx2.Response:
        headers = signed_headers(reader, PATH, BUSY)
        asked = apart.stream("GET", f"{PATH}?{BUSY}", headers=headers)
        return stack.enter_context(asked)

    with ExitStack() as stack:
        # Each of two workers counts for itself.
        most = 2 * STREAMS_OF_ONE_AGENCY + 1
        statuses: list[int] = []
        while len(statuses) < most and {*statuses} <= {200}:
            answer = opened(stack, agency)
            statuses.append(answer.status_code)
        answer.read()
        assert statuses.count(200) >= STREAMS_OF_ONE_AGENCY
        assert refusal(answer) == (503, "busy")
        assert answer.headers["retry-after"]
        assert opened(stack, stranger).status_code == 200

    with ExitStack() as stack:
        again = [opened(stack, agency).status_code for _ in range(STREAMS_OF_ONE_AGENCY)]
    assert again == [200] * STREAMS_OF_ONE_AGENCY


@pytest.mark.anyio
async def test_nobody_waits_for_a_stream_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.limits.BULK_PATIENCE_SECONDS", 3600.0)
    limits = Limits()
    places = [limits.stream_place() for _ in range(STREAMS_OF_ONE_AGENCY)]
    for place in places:
        await place.take("moh")

    async with asyncio.timeout(60):
        with pytest.raises(Problem) as told:
            await limits.stream_place().take("moh")
    assert told.value.code == "busy"
    await limits.stream_place().take("moj")
