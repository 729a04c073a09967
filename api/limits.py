"""Limits: how often one code may be compared, how long a question may be, how many bulks at once.

Comparing presented values against a record is a way to guess them. Token buckets bound the guesses:
of one address on one code, of one address on all codes, and of everybody on one code, so that
nobody alone can use up what a genuine code has for others. They live in memory, so N workers allow
N times the rate, as the documentation states. Addresses are kept as digests under a key that this
process forgets.
"""

import asyncio
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from api.orders import read_body
from api.problems import Problem

QUESTION_BYTES = 64 * 1024
# A bulk of 16 MiB, read and parsed, takes ten times that much memory.
BULKS_AT_ONCE = 4
# However slowly it sends or reads, one agency leaves places to the others.
BULKS_OF_ONE_AGENCY = 2
# A key that may not sign any more is told again what it recorded, beside those that may.
BULKS_OF_ENDED_KEYS = 1
# A chunk of an attachment is held twice, as it came and sealed.
UPLOADS_AT_ONCE = 16
# As of bulks.
UPLOADS_OF_ONE_AGENCY = 4
# A picture is read by a process of its own, of anybody; no agency's order waits for one.
PICTURES_AT_ONCE = 2
# Whoever sends one has said nothing that was verified, and its body is held three times over.
PICTURE_BODIES_AT_ONCE = 8
# However slowly it sends, one address leaves places to the others.
PICTURE_BODIES_OF_ONE_ADDRESS = 2
# Each looks into the database about once a second while the log is busy.
STREAMS_AT_ONCE = 256
# An inbox and an outbox each, for a few programs.
STREAMS_OF_ONE_AGENCY = 8
# Anybody may ask for a report, and it keeps a connection while it counts: most are for verdicts.
REPORTS_AT_ONCE = 2
# A register is gone through number by number for who reads it; one agency leaves the others room.
REGISTERS_AT_ONCE = 4
REGISTERS_OF_ONE_AGENCY = 1
# So is evidence, which is long: bundles, and pages of what lies behind the leaves.
EVIDENCE_AT_ONCE = 2
BULK_PATIENCE_SECONDS = 5.0
BUCKETS_MAXIMUM = 50_000
DIGEST_BYTES = 16
# Whoever is given an IPv6 address is given all of such a network.
IPV6_PREFIX = 64


@dataclass(slots=True)
class Buckets:
    """Token buckets of one size, by name, the one that was touched longest ago first."""

    burst: int
    per_second: float
    maximum: int = BUCKETS_MAXIMUM
    _buckets: OrderedDict[bytes, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, name: bytes, now: float) -> bool:
        """Take one token; False when there is none left. `now` is monotonic seconds.

        Only full buckets are forgotten, which changes nothing: a new name that finds no room waits
        until one is full, and no flood of names gives a bucket its tokens back.
        """
        self._forget_full(now)
        if name not in self._buckets and len(self._buckets) >= self.maximum:
            return False
        tokens, since = self._buckets.pop(name, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - since) * self.per_second)
        allowed = tokens >= 1
        self._buckets[name] = (tokens - 1 if allowed else tokens, now)
        return allowed

    def _forget_full(self, now: float) -> None:
        """What was not touched for so long is full, whatever was left in it."""
        filled = now - self.burst / self.per_second
        while self._buckets and next(iter(self._buckets.values()))[1] <= filled:
            self._buckets.popitem(last=False)


@dataclass(slots=True)
class Place:
    """One request's place among the few that may do something costly; free again when it ends."""

    _places: asyncio.Semaphore
    _shares: "Shares | None" = None
    _ended: "Shares | None" = None
    _patience_seconds: float | None = None
    _taken: list[asyncio.Semaphore] = field(default_factory=list)

    async def take(self, agency: str = "", *, ended: bool = False) -> None:
        """Wait as long as it has patience, within the agency's share where there are shares.

        What its keys hold that have `ended` is a share of its own: they keep none from the others.

        Raises:
            Problem: `busy`.
        """
        if self._taken:
            return
        shares = self._ended if ended else self._shares
        own = [] if shares is None else [shares.of(agency)]
        patience = self._patience_seconds
        try:
            async with asyncio.timeout(BULK_PATIENCE_SECONDS if patience is None else patience):
                # One's own first: whoever waits for that keeps nobody else from a place.
                for places in (*own, self._places):
                    await places.acquire()
                    self._taken.append(places)
        except TimeoutError:
            self.free()
            raise Problem("busy") from None

    def free(self) -> None:
        """Make room for the next, where a place was taken."""
        while self._taken:
            self._taken.pop().release()

    @asynccontextmanager
    async def held(self, agency: str = "") -> AsyncIterator[None]:
        """Take a place and free it at the end: for work that is over before the answer leaves.

        Raises:
            Problem: `busy`.
        """
        await self.take(agency)
        try:
            yield
        finally:
            self.free()


@dataclass(slots=True)
class Shares:
    """How many places each agency may hold at once; an agency that holds none is forgotten."""

    each: int
    _of: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)

    def of(self, agency: str) -> asyncio.Semaphore:
        """The places of one agency, for as long as somebody waits for one or holds one."""
        found = self._of.get(agency)
        if found is None:
            found = self._of[agency] = asyncio.Semaphore(self.each)
        return found


@dataclass(slots=True)
class Limits:
    """How often values may be compared, who holds a large body or listens, in this process."""

    one_on_one: Buckets = field(default_factory=lambda: Buckets(10, 10 / 60))
    one_on_all: Buckets = field(default_factory=lambda: Buckets(100, 2))
    all_on_one: Buckets = field(default_factory=lambda: Buckets(60, 1))
    reports: Buckets = field(default_factory=lambda: Buckets(20, 20 / 3600))
    reports_on_one: Buckets = field(default_factory=lambda: Buckets(30, 30 / 3600))
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(DIGEST_BYTES), repr=False)
    _bulks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BULKS_AT_ONCE))
    _bulks_of: Shares = field(default_factory=lambda: Shares(BULKS_OF_ONE_AGENCY))
    _bulks_of_ended: Shares = field(default_factory=lambda: Shares(BULKS_OF_ENDED_KEYS))
    _uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_AT_ONCE))
    _uploads_of: Shares = field(default_factory=lambda: Shares(UPLOADS_OF_ONE_AGENCY))
    _streams: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STREAMS_AT_ONCE))
    _streams_of: Shares = field(default_factory=lambda: Shares(STREAMS_OF_ONE_AGENCY))
    _pictures: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(PICTURES_AT_ONCE)
    )
    _picture_bodies: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(PICTURE_BODIES_AT_ONCE)
    )
    _picture_bodies_of: Shares = field(
        default_factory=lambda: Shares(PICTURE_BODIES_OF_ONE_ADDRESS)
    )
    _counts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REPORTS_AT_ONCE))
    _registers: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(REGISTERS_AT_ONCE)
    )
    _registers_of: Shares = field(default_factory=lambda: Shares(REGISTERS_OF_ONE_AGENCY))
    _evidence: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(EVIDENCE_AT_ONCE)
    )

    def place(self) -> Place:
        """A place for one request, not taken yet."""
        return Place(self._bulks, self._bulks_of, self._bulks_of_ended)

    def upload_place(self) -> Place:
        """A place for one chunk on its way in or out, not taken yet."""
        return Place(self._uploads, self._uploads_of)

    def stream_place(self) -> Place:
        """A place for one stream of events, not taken yet, and never waited for."""
        return Place(self._streams, self._streams_of, _patience_seconds=0)

    def picture_place(self) -> Place:
        """A place for one picture in which a code is looked for, not taken yet."""
        return Place(self._pictures)

    def picture_body(self, address: str) -> AbstractAsyncContextManager[None]:
        """A place for the body that brings a picture: taken before it is read, or not waited for.

        Whoever finds none, of all or of this address, hears so at once, and keeps nothing open.
        """
        place = Place(self._picture_bodies, self._picture_bodies_of, _patience_seconds=0)
        return place.held(self._digest(_network(address)).hex())

    def report_place(self) -> Place:
        """A place for one report while it is counted, not taken yet."""
        return Place(self._counts)

    def register_place(self) -> Place:
        """A place for one register while its numbers are gone through, not taken yet."""
        return Place(self._registers, self._registers_of)

    def evidence_place(self) -> Place:
        """A place for one piece of evidence while it is gathered, not taken yet."""
        return Place(self._evidence)

    def allow_comparison(self, code: str, address: str, now: float | None = None) -> bool:
        """Whether this address may compare values with this code now."""
        now = time.monotonic() if now is None else now
        network = _network(address)
        return (
            self.one_on_all.take(self._digest(network), now)
            and self.one_on_one.take(self._digest(f"{network} {code}"), now)
            and self.all_on_one.take(self._digest(code), now)
        )

    def allow_report(self, code: str, address: str, now: float | None = None) -> bool:
        """Whether this address may report a paper with this code now."""
        now = time.monotonic() if now is None else now
        return self.reports.take(self._digest(_network(address)), now) and self.reports_on_one.take(
            self._digest(code), now
        )

    def _digest(self, name: str) -> bytes:
        return blake2b(name.encode(), key=self._secret, digest_size=DIGEST_BYTES).digest()


def _network(address: str) -> str:
    """What counts as one address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""  # a name that a proxy made up; all of them count as one
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX), strict=False))


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
