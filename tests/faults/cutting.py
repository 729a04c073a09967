"""A go-between on loopback that cuts connections: half way through a request, or in its answer.

It copies bytes and knows no HTTP. A connection that is to be cut has a number of bytes to live, in
one direction: towards the ledger, so that a request ends in its middle and nothing was committed;
or towards the client, so that an answer is lost, whole or in part, after the commit.
"""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import urlsplit

PIECE_BYTES = 16_384
# The longest life carries a bulk there and back; every power of ten below is as likely.
LONGEST_LIFE_DECIMALS = 5.3
WAYS = ("request", "answer", "answer whole")


class GoBetween:
    """Carries connections to one address.

    Attributes:
        url: its own address.
        cutting: whether connections that are made from now on are cut.
        cuts: how many were, by what was lost.
    """

    def __init__(self, upstream: str, *, seed: int) -> None:
        self.url = ""
        self.cutting = False
        self.cuts: Counter[str] = Counter()
        self._upstream = urlsplit(upstream)
        self._chance = random.Random(f"{seed}/cuts")
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._carrying: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Listen on a free port, in a thread of its own, until the block ends."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            self._run(self._listen())
            yield self
        finally:
            self._run(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Cut while the block runs; connections that are open end with a cut of their own."""
        self.cutting = True
        self._run(self._let_go())
        try:
            yield
        finally:
            self.cutting = False

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._let_go()

    async def _let_go(self) -> None:
        """End every connection; who carries it sees its end and is done."""
        carrying = dict(self._carrying)
        for writers in carrying.values():
            for writer in writers:
                writer.transport.abort()
        await asyncio.gather(*carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers = self._carrying[task] = [writer]
        try:
            upstream = self._upstream
            far_reader, far_writer = await asyncio.open_connection(upstream.hostname, upstream.port)
            writers.append(far_writer)
            there, back = self._lives()
            ways = [
                asyncio.create_task(self._copy(reader, far_writer, there, "request")),
                asyncio.create_task(self._copy(far_reader, writer, back, "answer")),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # nobody listens there just now: the client sees its connection end
        finally:
            for each in writers:
                each.close()
            del self._carrying[task]

    def _lives(self) -> tuple[int | None, int | None]:
        """How many bytes may pass there and back before the cut; None without end."""
        if not self.cutting:
            return None, None
        way = self._chance.choice(WAYS)
        life = int(10 ** self._chance.uniform(0, LONGEST_LIFE_DECIMALS))
        if way == "request":
            return life, None
        return None, 0 if way == "answer whole" else life

    async def _copy(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        life: int | None,
        lost: str,
    ) -> None:
        """Copy until the source ends or its life is over; either way the connection ends then."""
        while data := await source.read(PIECE_BYTES):
            over = life is not None and len(data) > life
            target.write(data[:life] if over else data)
            await target.drain()
            if over:
                self.cuts[lost] += 1
                return
            if life is not None:
                life -= len(data)
