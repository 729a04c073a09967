"""What the handlers work with: opened once per process by the composition root."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, cast

import psycopg
from fastapi import Depends
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request

from api.desk import Desk
from api.limits import Limits, Place
from api.orders import KeyRing, now_us
from api.patience import Patience
from api.policy import Caller
from api.problems import Problem
from api.shelves import Kept, Shelves
from domain.errors import KeyUnknown
from domain.foundation import Foundation, LogKey
from domain.ledger import Directory, Ledger
from infrastructure.attachments.stores import Storage
from infrastructure.holidays import WorkingDays
from infrastructure.log import clocks
from infrastructure.log.clocks import SureTime
from infrastructure.log.committer import Committer
from infrastructure.log.reader import Reader
from infrastructure.log.refusals import ClockUnsafe
from infrastructure.log.tilestore import TileStore
from infrastructure.log.watch import Watch
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.statuslist import Signer
from infrastructure.vault import Vault
from projections.certificates import Gathering
from projections.replica import Replica

if TYPE_CHECKING:
    from api.attesting import Attester

CATCH_UP_SECONDS = 1.0


@dataclass(slots=True)
class Services:
    """The open ledger.

    `ledger_id` is the leaf hash of index 0; `receipts` signs receipts and verdicts only. `pool` is
    the primary's; which reads `replica` may answer is told in `api.reading`. `log`,
    `sealed` and `applied` watch the size of the log, of the newest checkpoint and of the read
    model. `status_lists` gives what signs them, where a key for that is here. `promised` is how
    many events the log key had signed for when this process began. By `sure` things end for good.
    Synchronous members (`ledger`, `directory`, `desk`) are for threads.
    """

    origin: str
    ledger_id: bytes
    founders: frozenset[str]
    receipts_vkey: str
    receipts: SignerKey
    ledger: Ledger
    directory: Directory
    desk: Desk
    vault: Vault
    reader: Reader
    committer: Committer
    pool: AsyncConnectionPool[Any]
    codes: Gathering
    replica: Replica | None
    tiles: TileStore
    storage: Storage
    working_days: WorkingDays
    log: Watch
    sealed: Watch
    applied: Watch
    closing: AsyncExitStack
    promised: int = 0
    attester: "Attester | None" = None
    status_lists: Callable[[], Signer | None] = lambda: None
    shelves: Shelves = field(default_factory=Shelves)
    trust: Kept = field(default_factory=Kept)
    keys: KeyRing = field(default_factory=KeyRing)
    limits: Limits = field(default_factory=Limits)
    for_checkpoints: Patience = field(default_factory=Patience)
    for_read_model: Patience = field(default_factory=Patience)
    sure: SureTime = field(default_factory=SureTime)

    @property
    def size(self) -> int:
        """The size of the log as far as this process has heard."""
        return self.log.position

    @property
    def missing(self) -> int:
        """How many events the database has lost that were signed for, or seen by this process.

        Then it was restored to an earlier day, or a standby was promoted that lacked the end:
        revocations may be among what is missing.
        """
        return max(self.log.lost, self.promised - self.log.position, 0)

    def saw(self, size: int) -> None:
        """Note that the log has at least this size; our own append tells before any notice."""
        self.log.heard(size)

    async def covered(self, index: int, timeout_seconds: float) -> bool:
        """Whether a checkpoint covers an index before the time is over; at once where many wait."""
        return await self.for_checkpoints.reach(self.sealed, index + 1, timeout_seconds)

    async def followed(self, size: int, timeout_seconds: float) -> bool:
        """Whether the read model holds so many events before the time is over, as `covered`."""
        return await self.for_read_model.reach(self.applied, size, timeout_seconds)

    async def caught_up(self) -> bool:
        """Wait a moment for the read model, so that a reader finds what it has just written.

        False where it may lack that still: then nothing can be said to be unknown.
        """
        return await self.followed(self.size, CATCH_UP_SECONDS)

    def jwk(self, thumbprint: str) -> Mapping[str, Any] | None:
        """The enrolled public key of a thumbprint, whatever its standing; for threads."""
        try:
            return self.ledger.key(thumbprint, self.directory).jwk
        except KeyUnknown:
            return None

    def log_keys(self) -> list[LogKey]:
        """Every verifier key that the log ever had, the present one last; for threads."""
        stream = self.directory.find("ledger", "foundation")
        if stream is None:
            return []
        return list(cast("Foundation", self.ledger.repository.get(stream)).log_keys)

    def caller_of(self, thumbprint: str) -> Caller:
        """Who signs with a key that may sign now; for threads.

        Raises:
            Refusal: the key may not.
        """
        key = self.ledger.live_key(thumbprint, self.directory, now_us())
        return Caller(key.agency, frozenset(key.scopes))

    async def doubt(self, read_us: int) -> Exception | None:
        """Why nothing can be refused by this clock; None where the database agrees with it.

        `read_us` is what was judged by, a moment ago: the clock may have been set right since.
        """
        try:
            async with self.pool.connection() as connection:
                wrong = await clocks.disagree(connection, read_us, now_us())
        except psycopg.OperationalError:
            return Problem("store_unavailable")
        return ClockUnsafe() if wrong else None

    async def close(self) -> None:
        """Drain the committer, then let the connections go."""
        await self.closing.aclose()


def services_of(request: Request) -> Services:
    """FastAPI dependency: the services of this process."""
    services: Services = request.app.state.services
    return services


Open = Annotated[Services, Depends(services_of)]


async def _place(services: Open) -> AsyncIterator[Place]:
    place = services.limits.place()
    try:
        yield place
    finally:
        place.free()


async def _upload_place(services: Open) -> AsyncIterator[Place]:
    place = services.limits.upload_place()
    try:
        yield place
    finally:
        place.free()


async def _stream_place(services: Open) -> AsyncIterator[Place]:
    place = services.limits.stream_place()
    try:
        yield place
    finally:
        place.free()


UploadTurn = Annotated[Place, Depends(_upload_place)]
"""A place for one chunk of an attachment."""

StreamTurn = Annotated[Place, Depends(_stream_place)]
"""A place for one stream of events, held until it has ended."""

InTurn = Annotated[Place, Depends(_place)]
"""A place for a large body, held until the last byte of the answer has left."""
