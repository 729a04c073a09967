"""Questions after codes, gathered: one statement answers all that came while the last one ran.

Nobody waits for company, and every answer is of a moment after its question. What a verdict costs
is mostly the way to the database and back, and that is the same for one code as for many.
"""

import asyncio
from typing import Any

from psycopg_pool import AsyncConnectionPool

from projections.certificates.queries import Found, by_codes

CODES_TOGETHER = 64
READERS = 2
"""Statements at the same time: while the database works on one, the next is gathered."""

_Asked = tuple[str, asyncio.Future[Found]]


class Gathering:
    """Answers questions after codes for the tasks of one event loop.

    Args:
        pool: connections in autocommit.
        wait_seconds: how long to wait for one of them.
    """

    def __init__(self, pool: AsyncConnectionPool[Any], *, wait_seconds: float) -> None:
        self._pool = pool
        self._wait_seconds = wait_seconds
        self._asked: list[_Asked] = []
        self._readers: set[asyncio.Task[None]] = set()

    async def by_code(self, code: str) -> Found:
        """What is known of a code now.

        Raises:
            psycopg.OperationalError: the database cannot be asked.
            LookupError: no follower has ever run here.
        """
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._asked.append((code, answer))
        if len(self._readers) < READERS:
            reader = asyncio.create_task(self._read())
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        return await answer

    async def _read(self) -> None:
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
        async with self._pool.connection(timeout=self._wait_seconds) as connection:
            found = await by_codes(connection, codes)
        for code, answer in taken:
            if not answer.done():
                answer.set_result(found[code])
