"""The connection that records: what it commits is confirmed, or done again until it is.

Work whose fate is unknown, because the connection broke or the standby did not confirm, is done
again as it is; so it has to be work that may be done twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import Diagnostic

from infrastructure import faults, postgres
from infrastructure.log.batch import Appended
from infrastructure.log.ending import check_promises
from infrastructure.log.partitions import Partitions
from infrastructure.log.queries import QUERIES
from infrastructure.log.refusals import StorageFull, StoreUnavailable

LIMITS = postgres.Limits(statement_seconds=30, lock_seconds=5, idle_in_transaction_seconds=5)

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
_T = TypeVar("_T")
Work = Callable[[AsyncConnection[Any]], Awaitable[_T]]


class _FateUnknown(Exception):
    """The call failed in a way that leaves open whether its commit happened."""


class InsistingConnection:
    """One connection in autocommit, opened when it is needed and replaced when it is lost.

    For one task: what a notice of the server is about would be anybody's guess otherwise.

    Args:
        url: the service's connection string.
        give_up_seconds: how long work is done again while the database is away.
        promised: how many events somebody outside may hold the log's word for.
    """

    def __init__(self, url: str, *, give_up_seconds: float, promised: Callable[[], int]) -> None:
        self._url = url
        self._give_up_seconds = give_up_seconds
        self._promised = promised
        self._conn: AsyncConnection[Any] | None = None
        self._in_doubt = False
        self._newest: Appended | None = None
        self.partitions = Partitions(self._connect)

    async def insist(self, work: Work[_T]) -> _T:
        """What `work` returns, once what it committed is confirmed.

        Raises:
            StoreUnavailable: nobody knows. Exception: what is wrong with the work itself.
        """
        deadline = time.monotonic() + self._give_up_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._call(work)
            except _FateUnknown as error:
                await self.disconnect()
                if time.monotonic() + pause > deadline:
                    raise StoreUnavailable(str(error)) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def acknowledged(self, result: Appended) -> None:
        """Note what was acknowledged: a database that lacks it is not used any more."""
        if self._newest is None or result.indexes[-1] > self._newest.indexes[-1]:
            self._newest = result

    async def connection(self) -> AsyncConnection[Any]:
        """The connection as it is; a new one has what was promised.

        Raises:
            LogBehind: it has not. psycopg.Error: the database cannot be used.
        """
        if self._conn is None:
            conn = await self._connect()
            try:
                await check_promises(conn, self._promised(), self._newest)
            except BaseException:
                await conn.close()
                raise
            conn.add_notice_handler(self._on_notice)
            self._conn = conn
        return self._conn

    async def disconnect(self) -> None:
        """Close it; the next work opens another."""
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()

    async def _call(self, work: Work[_T]) -> _T:
        try:
            conn = await self.connection()
        except psycopg.Error as error:
            raise _FateUnknown(str(error)) from error
        self._in_doubt = False
        try:
            result = await work(conn)
        except psycopg.errors.DiskFull as error:
            # The statement failed while the server lives: sure to be undone, and a disk does not
            # empty itself while callers wait.
            raise StorageFull(str(error)) from error
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
            # Lost, shut down, out of time, failed over: none is a request's fault, but class 54
            # is: a value longer than an index takes.
            if (error.sqlstate or "").startswith("54"):
                raise
            raise _FateUnknown(str(error)) from error
        except faults.FaultReached as error:
            raise _FateUnknown(str(error)) from error
        except psycopg.errors.CheckViolation as error:
            if error.diag.constraint_name is not None:
                raise
            # A row without a place: the log outgrew its partitions before their maker came by.
            await self.partitions.prepare(conn)
            raise _FateUnknown(str(error)) from error
        if self._in_doubt:
            raise _FateUnknown("the commit was not confirmed by a standby")
        return result

    async def _connect(self) -> AsyncConnection[Any]:
        conn = await postgres.connect_async(
            self._url, postgres.Role.SERVICE, autocommit=True, limits=LIMITS
        )
        if setting := faults.session_setting():
            await conn.execute(QUERIES["arm_fault"], (setting,))
        return conn

    def _on_notice(self, notice: Diagnostic) -> None:
        # Who cancels the wait for a standby gets a warning beside a commit that looks successful.
        if notice.severity_nonlocalized == "WARNING":
            self._in_doubt = True
