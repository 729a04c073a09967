"""The composition root: opens everything that a process of the service works with."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg.rows import tuple_row

from api import verify
from api.attesting import Attester
from api.desk import Desk
from api.services import Services
from api.sweeping import sweep_uploads
from domain.ledger import Ledger
from infrastructure import postgres
from infrastructure.keyfiles import KeyFileError, load_private_key
from infrastructure.log import checkpoints, pending
from infrastructure.log.committer import Committer
from infrastructure.log.reader import CHANNEL, ClaimDirectory, Reader
from infrastructure.log.watch import POLL_SECONDS, Watch
from infrastructure.postgres import Role, Urls
from projections import freshness, replica
from projections.certificates import Gathering, asking
from projections.replica import Replica
from sijill import delegating
from sijill.folder import FOUNDERS, Folder
from sijill.identity import Identity, identity_of
from sijill.rotation import rotate
from sijill.settings import Settings

LOGGER = structlog.get_logger("bootstrap")
READ_CONNECTIONS = 8
LOAD_THREADS = 8
REGISTRY_INTERVAL_SECONDS = 0.5
EXPIRY_INTERVAL_SECONDS = 60.0

_SEALED = "SELECT coalesce(max(size), 0) FROM ledger.checkpoints WHERE note IS NOT NULL"
_APPLIED = "SELECT index + 1 FROM read.model"
_REGISTRY_STREAMS = """
SELECT DISTINCT stream FROM ledger.events
WHERE index >= %s AND index < %s AND type NOT LIKE 'sijill.certificate.%%'
"""


class Seen(NamedTuple):
    """A log as it was last looked at: its size, and how often it had fallen by then."""

    size: int
    falls: int


def connection_strings(data: Path) -> Urls:
    """Where the database is: named from outside, or the running embedded server of the folder."""
    settings = Settings(data=data)
    return settings.external() or settings.embedded().urls()


async def identify(reader: Reader) -> Identity:
    """Read the ledger's identity.

    Raises:
        NotFounded: there is none.
    """
    return identity_of(await reader.events(0, 1))


async def open_services(data: Path) -> Services:
    """Open the ledger for an HTTP worker.

    Raises:
        NotFounded, psycopg.Error, KeyFileError: it cannot be served, and why.
    """
    urls = connection_strings(data)
    folder = Folder(data)
    vault = folder.vault()
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(Reader(urls.service))
        identity = await identify(reader)
        pool = postgres.async_pool(
            urls.service, Role.SERVICE, size=READ_CONNECTIONS, autocommit=True
        )
        await pool.open(wait=True)
        stack.push_async_callback(pool.close)
        ledger = Ledger(
            {
                "PERSISTENCE_MODULE": "infrastructure.log.recorder:LedgerFactory",
                "SIJILL_DATABASE_URL": urls.service,
                "SIJILL_READERS": str(LOAD_THREADS),
            }
        )
        stack.callback(ledger.close)
        factory: Any = ledger.factory
        watches = [
            await stack.enter_async_context(Watch(urls.service, channel, query, role=Role.SERVICE))
            for channel, query in (
                (CHANNEL, replica.END),
                (checkpoints.CHANNEL, _SEALED),
                (freshness.CHANNEL, _APPLIED),
            )
        ]
        attester = _attester(folder)
        stack.callback(attester.stop)
        services = Services(
            origin=identity.origin,
            ledger_id=identity.ledger,
            founders=frozenset(identity.founders),
            receipts_vkey=identity.receipts_vkey,
            receipts=folder.receipts_key(identity.origin),
            ledger=ledger,
            directory=ClaimDirectory(factory.pool),
            desk=Desk(
                vault,
                factory.pool,
                # The services hold the desk that asks them: found when a rotation comes.
                rotate(folder, identity.origin, identity.ledger, lambda: services.log_keys()),  # noqa: PLW0108 - bound later
            ),
            vault=vault,
            reader=reader,
            committer=await stack.enter_async_context(
                Committer(urls.service, promised=partial(promised, folder))
            ),
            pool=pool,
            codes=Gathering(asking(pool, wait_seconds=verify.WAIT_SECONDS)),
            replica=await _open_replica(data, watches[0], stack),
            tiles=folder.tiles,
            storage=Settings(data=data).storage(),
            working_days=Settings(data=data).working_days(),
            log=watches[0],
            sealed=watches[1],
            applied=watches[2],
            closing=AsyncExitStack(),
            promised=promised(folder),
            attester=attester,
            status_lists=delegating.Renewing(folder, identity.origin, identity.ledger),
        )
        task = asyncio.create_task(forget_registry_changes(services), name="registry")
        stack.callback(task.cancel)
        closing = asyncio.create_task(close_expired_orders(services), name="expiry")
        stack.callback(closing.cancel)
        tidying = asyncio.create_task(sweep_uploads(services), name="uploads")
        stack.callback(tidying.cancel)
        services.closing = stack.pop_all()
        return services


async def _open_replica(data: Path, log: Watch, stack: AsyncExitStack) -> Replica | None:
    url = Settings(data=data).replica()
    if url is None:
        return None
    opened = Replica(url, log, size=READ_CONNECTIONS)
    await opened.open()
    stack.push_async_callback(opened.close)
    return opened


def promised(folder: Folder) -> int:
    """How many events the log key may have signed for; what is wrong with the mark the sealer says.

    A lost file is no reason to stop recording, nor is one that cannot be read now.
    """
    try:
        return folder.mark.read().size
    except (KeyFileError, OSError):
        return 0


def _attester(folder: Folder) -> Attester:
    """The operator as who attests, with the key that it may put here at any time."""
    path = folder.key("attest")
    return Attester(FOUNDERS[0], lambda: load_private_key(path) if path.exists() else None)


async def forget_registry_changes(services: Services) -> None:
    """Drop cached agencies and keys when the log says that they changed, whoever changed them.

    A write would find out by its guards; a signed read has none.
    """
    seen = Seen(services.log.position, services.log.falls)
    while True:
        await services.log.reach(seen.size + 1, POLL_SECONDS)
        try:
            seen = await forget_changes(services, seen)
        except Exception as error:  # noqa: BLE001 - whatever it is, what changes next is to be read
            LOGGER.warning("registry changes not read", error=type(error).__name__)
        await asyncio.sleep(REGISTRY_INTERVAL_SECONDS)


async def forget_changes(services: Services, seen: Seen) -> Seen:
    """Forget what changed since the log was seen so, and return how it is seen now.

    Where a fail-over has lost its end, what was read may never have been: all of it is forgotten,
    though the log may be as long again by now.

    Raises:
        psycopg.Error: it cannot be told what changed.
    """
    now = Seen(services.log.position, services.log.falls)
    if now.falls != seen.falls:
        services.ledger.forget_everything()
    elif now.size > seen.size:
        async with services.pool.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(_REGISTRY_STREAMS, (seen.size, now.size))
            services.ledger.forget([row[0] async for row in cursor])
    return now


async def close_expired_orders(services: Services) -> None:
    """Close what is over, for ever: values go when nobody asks, too."""
    while True:
        try:
            await close_what_is_over(services)
        except psycopg.Error as error:
            LOGGER.warning("expired orders not closed", error=type(error).__name__)
        await asyncio.sleep(EXPIRY_INTERVAL_SECONDS)


async def close_what_is_over(services: Services) -> None:
    """Close orders that wait past their time, or name what was erased.

    Raises:
        psycopg.Error: not all of it could be closed.
    """
    async with services.pool.connection() as connection:
        await pending.expire(connection, await services.sure.past(connection))
        await pending.close_erased(connection)
