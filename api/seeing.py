"""Who sees what of a letter: its parties, whoever answers for one of them, and auditors.

To everybody else a letter does not exist: whoever asks is answered as for a name that nobody drew.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from api.i18n import negotiate
from api.orders import caller
from api.policy import AUDIT
from api.problems import Problem
from api.services import Services
from domain.errors import TransferUnknown
from projections import freshness, transfers
from projections.rows import Connection
from projections.transfers import Consignment, Letter, Step


@dataclass(frozen=True, slots=True)
class Seen:
    """What a caller asked for, and by whose eyes.

    `mine` are the caller and whom it answers for; an auditor sees every event, whoever acted.
    `lost` are the caller's consignments where all were taken back unopened: it sees no other, and
    nothing of what came after, so `index` is not later than that.
    `open` says whether what the letter says may be read: an event proves itself without it, so an
    auditor need not, and who was sent what was taken back unopened may not.
    """

    mine: list[str]
    auditor: bool
    open: bool
    letter: Letter
    consignment: Consignment | None
    language: str
    index: int
    lost: list[str] | None

    @property
    def sender(self) -> bool:
        """Whether the caller sees what its sender sees."""
        return self.auditor or self.letter.agency in self.mine

    @property
    def inside(self) -> bool:
        """Whether the caller sees what stays inside the receiving agency."""
        one = self.consignment
        return self.auditor or (one is not None and one.addressee in self.mine)

    @property
    def only(self) -> list[str] | None:
        """Whose other consignments are no business of the caller's; an original has one chain."""
        if self.lost is not None:
            return self.lost
        if self.consignment is None or self.letter.holder is not None or self.sender:
            return None
        return [self.consignment.name]

    def reads(self, step: Step) -> bool:
        """Whether the caller may read what a note says that it sees."""
        return step.agency in self.mine or (self.open and not self.auditor)


@asynccontextmanager
async def look(
    request: Request, services: Services, name: str, at: int | None = None
) -> AsyncIterator[tuple[Connection, Seen]]:
    """The consignment, else the letter, of that name, for whoever may see it.

    Raises:
        TransferUnknown: it is not there, or the caller is no party.
    """
    await services.caught_up()
    async with services.pool.connection() as connection:
        yield connection, await _seen(request, services, connection, name, at)


async def index_of(connection: Connection, at: int | None) -> int:
    """The index that an answer rests on.

    Raises:
        Problem: `index_unknown`.
    """
    status = await freshness.status(connection)
    if at is not None and at > status.index:
        raise Problem("index_unknown", index=at)
    return status.index if at is None else at


async def _seen(
    request: Request, services: Services, connection: Connection, name: str, at: int | None
) -> Seen:
    who = await caller(request, services, required=True)
    unknown = TransferUnknown(id=name.partition("|")[2])
    index = await index_of(connection, at)
    if "\x00" in name:
        raise unknown
    one, letter, stream = await _named(connection, name, index)
    mine = await transfers.stood_for(connection, who.agency or "")
    auditor = AUDIT in who.scopes
    party = await transfers.is_party(connection, mine, stream)
    if not (party or auditor):
        raise unknown
    lost = None if auditor else await transfers.taken_back(connection, mine, letter.name)
    if lost is not None and lost[1] < index:
        index = lost[1]
        one, letter, stream = await _named(connection, name, index)
    may_open = party and await transfers.may_read_values(connection, mine, letter.log_index)
    language = negotiate(request.headers.get("accept-language", ""))
    names = lost and lost[0]
    return Seen(mine, auditor, may_open, letter, one, language, index, names)


async def _named(
    connection: Connection, name: str, index: int
) -> tuple[Consignment | None, Letter, UUID]:
    """The consignment of that name after an event, if it is one, its letter and its stream."""
    found = await transfers.consignment(connection, name, at=index)
    if found is not None:
        return found.consignment, found.letter, found.consignment.stream
    alone = await transfers.letter(connection, name, at=index)
    if alone is None:
        raise TransferUnknown(id=name.partition("|")[2])
    return None, alone, alone.stream
