"""The keeper: the one process of a ledger that seals the log and fills the read models.

Both work under leases in the database, so that a second keeper, on this host or another, stands by
and takes over. Beside them it has PostgreSQL freeze partitions that have closed. None of it may
ever stop an append: whatever goes wrong here is logged and tried again.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import structlog

from infrastructure import postgres
from infrastructure.keyfiles import KeyFileError
from infrastructure.log.follower import Follower, FollowerStopped
from infrastructure.log.lease import Lease, LeaseLost
from infrastructure.log.partitions import freeze_closed
from infrastructure.log.reader import CHANNEL, Reader
from infrastructure.log.sealer import LEASE as SEALER
from infrastructure.log.sealer import DurabilityUnknown, LogFrozen, Sealer
from infrastructure.log.standing_by import stand_by
from infrastructure.log.tilestore import DiskSilent, TileConflict
from infrastructure.log.watch import Watch
from infrastructure.log.witnessed import QuorumMissing
from infrastructure.postgres import Role
from projections import model
from sijill.bootstrap import connection_strings, identify
from sijill.folder import Folder
from sijill.witnesses import witnesses_of

LOGGER = structlog.get_logger("keeper")
STAND_BY_SECONDS = 1.0
PAUSES_SECONDS = (0.2, 1.0, 5.0)
FROZEN_SECONDS = 15.0
FREEZE_SECONDS = 60.0
_SIZE = "SELECT size FROM ledger.head"


class Keeper:
    """Runs follower and sealer until stopped."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._folder = Folder(data)
        self._urls = connection_strings(data)
        self._stopping = asyncio.Event()
        self._working: set[str] = set()
        self._report: Callable[[], None] | None = None
        self._holder = f"{socket.gethostname()}:{os.getpid()}"

    def stop(self) -> None:
        """Ask for a clean end."""
        self._stopping.set()

    async def run(self, report: Callable[[], None]) -> None:
        """Work until stopped; `report` is called once both roles work or stand by."""
        self._report = report
        tasks = [
            asyncio.create_task(self._persist("follower", self._follow)),
            asyncio.create_task(self._persist(SEALER, self._seal)),
            asyncio.create_task(self._freeze()),
        ]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _persist(
        self, role: str, work: Callable[[Lease, psycopg.AsyncConnection], Awaitable[None]]
    ) -> None:
        """Take the lease, work, and when that ends in whatever way, say so and begin again."""
        failures = 0
        while True:
            pause = STAND_BY_SECONDS
            try:
                conn = await postgres.connect_async(
                    self._urls.keeper, Role.KEEPER, autocommit=True, limits=postgres.PATIENT
                )
                async with conn:
                    lease = await Lease.take(conn, role, self._holder)
                    if lease is None:
                        self._works(role)
                        await self._stand_by(role, conn)
                    else:
                        failures = 0
                        await work(lease, conn)
            except LogFrozen as frozen:
                # Not a crash: the state is known, and a trace would hide the code in it.
                LOGGER.critical("log frozen", code=frozen.code, index=frozen.index)
                self._works(role)
                pause = FROZEN_SECONDS
            except QuorumMissing:
                # The witnesses' module has told. The same checkpoint is signed and shown again.
                self._works(role)
                pause = PAUSES_SECONDS[-1]
            except (FollowerStopped, KeyFileError, TileConflict, DiskSilent) as stopped:
                # The pause is long enough for a host that stands by to take the lease.
                LOGGER.critical("stopped", role=role, error=str(stopped))
                self._works(role)
                pause = PAUSES_SECONDS[-1]
            except (psycopg.Error, LeaseLost, DurabilityUnknown, OSError) as error:
                pause = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)]
                failures += 1
                LOGGER.warning("again", role=role, error=type(error).__name__, in_seconds=pause)
            except Exception:
                # A record that was changed, a fault of ours: without this the task would end, and
                # a keeper without a sealer looks alive.
                LOGGER.critical("failed", role=role, exc_info=True)
                self._works(role)
                pause = PAUSES_SECONDS[-1]
            await asyncio.sleep(pause)

    async def _stand_by(self, role: str, conn: psycopg.AsyncConnection) -> None:
        """Somebody else works; what that one signs binds this machine, too."""
        if role == SEALER:
            mark = self._folder.mark
            origin = mark.read().origin
            keys = self._folder.log_keys(origin)
            store = self._folder.tiles
            await stand_by(conn, origin=origin, keys=keys, mark=mark, store=store)

    async def _follow(self, lease: Lease, conn: psycopg.AsyncConnection) -> None:
        if not await model.ensure(conn):
            LOGGER.info("read model rebuilt", reason="made by other rules")
            await model.rebuild(conn)
        follower = Follower(model.ReadModel(), guard=lease)
        await follower.catch_up(conn)
        self._works("follower")
        async with Watch(self._urls.keeper, CHANNEL, _SIZE, role=Role.KEEPER) as watch:
            await follower.run(conn, watch)

    async def _seal(self, lease: Lease, conn: psycopg.AsyncConnection) -> None:
        async with Reader(self._urls.keeper, role=Role.KEEPER, size=1) as reader:
            identity = await identify(reader)
        files = self._log_key_files()
        sealer = await Sealer.open(
            conn,
            lease,
            origin=identity.origin,
            keys=self._folder.log_keys(identity.origin),
            store=self._folder.tiles,
            mark=self._folder.mark,
            witnesses=witnesses_of(self._data, identity.origin, self._folder),
        )
        await sealer.seal_once()
        self._works("sealer")
        async with Watch(self._urls.keeper, CHANNEL, _SIZE, role=Role.KEEPER) as watch:
            task = asyncio.create_task(sealer.run(watch))
            try:
                while not task.done() and self._log_key_files() == files:
                    await asyncio.wait([task], timeout=STAND_BY_SECONDS)
                if task.done():
                    await task
            finally:
                # A rotation put another key beside the old one, or took one away: begin again.
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _freeze(self) -> None:
        """Look after closed partitions for ever; two keepers that do it hinder nobody."""
        while True:
            try:
                async with await postgres.connect_async(
                    self._urls.keeper, Role.KEEPER, autocommit=True
                ) as conn:
                    for part in await freeze_closed(conn):
                        LOGGER.info("closed partition", part=part)
            except psycopg.Error as error:
                LOGGER.warning("closed partitions not frozen", error=type(error).__name__)
            await asyncio.sleep(FREEZE_SECONDS)

    def _log_key_files(self) -> list[str]:
        return sorted(path.name for path in self._folder.keys.glob("log*.pem"))

    def _works(self, role: str) -> None:
        self._working.add(role)
        if self._report is not None and self._working == {"follower", "sealer"}:
            report, self._report = self._report, None
            report()
