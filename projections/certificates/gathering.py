"""Questions after codes, gathered: one statement answers all that came while the last one ran.

Nobody waits for company, and every answer is of a moment after its question. What a verdict costs
is mostly the way to the database and back, and that is the same for one code as for many.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from psycopg_pool import AsyncConnectionPool

from projections.certificates.queries import Found, by_codes

CODES_TOGETHER = 64
READERS = 2
"""Statements at the same time: while the database works on one, the next is gathered."""

Ask = Callable[[Collection[str]], Awaitable[Mapping[str, Found]]]
"""Asks some server about some codes, and has an answer for each."""
_Asked = tuple[str, asyncio.Future[Found]]


def asking(pool: AsyncConnectionPool[Any], *, wait_seconds: float) -> Ask:
    """Asks through connections in autocommit; `wait_seconds` is how long to wait for one."""

    async def ask(codes: Collection[str]) -> Mapping[str, Found]:
        async with pool.connection(timeout=wait_seconds) as connection:
            return await by_codes(connection, codes)

    return ask


class Gathering:
    """Answers questions after codes for the tasks of one event loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._asked: list[_Asked] = []
        self._readers = 0
        # The loop itself keeps no task from being forgotten.
        self._tasks: set[asyncio.Task[None]] = set()

    async def by_code(self, code: str) -> Found:
        """What is known of a code now.

        Raises:
            psycopg.OperationalError: the database cannot be asked.
            NoReadModel: as `by_codes`.
            Exception: whatever else this server is asked by raises.
        """
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._asked.append((code, answer))
        if self._readers < READERS:
            self._start()
        return await answer

    def _start(self) -> None:
        self._readers += 1
        reader = asyncio.create_task(self._read())
        self._tasks.add(reader)
        reader.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        try:
            await self._answer_all()
        finally:
            # At once, and not a turn of the loop later: whoever asks next counts who still reads.
            self._readers -= 1

    async def _answer_all(self) -> None:
        while self._asked:
            taken, self._asked = self._asked[:CODES_TOGETHER], self._asked[CODES_TOGETHER:]
            try:
                await self._answer(taken)
            except Exception as error:  # noqa: BLE001 - each is told, and asks by its own means
                for _, answer in taken:
                    if not answer.done():
                        answer.set_exception(error)
            finally:
                for _, answer in taken:
                    answer.cancel()

    async def _answer(self, taken: list[_Asked]) -> None:
        codes = {code for code, answer in taken if not answer.done()}
        if not codes:
            return
        found = await self._ask(codes)
        for code, answer in taken:
            if not answer.done():
                answer.set_result(found[code])
