"""Pending orders: what waits, outside the log, for the signatures that its act asks for.

A pending order is the signed request as it arrived, its body sealed under a key of its own, and the
signatures collected so far. It must not know which signatures an act needs. Closing an order, in
whatever way, destroys the key of its body: once appended, the values live in the record's vault.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from domain.errors import Refusal
from infrastructure.log.queries import load

_SQL = load("infrastructure.log", "pending.sql")


class PendingFull(Refusal, code="pending_full"):
    """So much of the agency's waits already that it must complete or refuse some of it first."""

    retry_after_seconds = 3_600


@dataclass(frozen=True, slots=True)
class Room:
    """How much of one agency may wait at once: any key of it may park what lives for weeks."""

    orders: int = 1_000
    size_bytes: int = 256 << 20


ROOM = Room()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingOrder:
    """One order as stored. Times are microseconds UTC; `wrapped` is None once it is closed.

    `asked` are the agencies whose signatures were missing when it arrived, `codes` the
    certificates that its lines name.
    """

    id: UUID
    agency: str
    asked: list[str]
    idempotency_key: str
    request_digest: bytes
    act: str
    method: str
    path: str
    codes: list[str]
    root: bytes
    lines: int
    atomic: bool
    content_type: str
    sealed_body: bytes = field(repr=False)
    created: int
    not_after: int
    state: str = "open"
    reason: str | None = None
    first_index: int | None = None
    wrapped: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Whose an order is, who was asked to sign it, and the bytes of its body."""

    agency: str
    asked: list[str]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSignature:
    """One signature under a pending order; `created` and `expires` are seconds UTC."""

    base: bytes
    sig: bytes
    keyid: str
    tag: str
    agency: str
    idempotency_key: str
    created: int
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSummary:
    """One row of the list of orders; nothing of the body."""

    id: UUID
    agency: str
    act: str
    path: str
    lines: int
    created: int
    not_after: int
    state: str
    reason: str | None
    first_index: int | None


async def insert(
    conn: AsyncConnection[Any], order: PendingOrder, first: PendingSignature, room: Room = ROOM
) -> bool:
    """Store a new order with its first signature; False when its key is pending already.

    Raises:
        PendingFull: the agency has no room left; nothing is stored.
    """
    async with conn.transaction():
        row = {name: getattr(order, name) for name in PendingOrder.__dataclass_fields__}
        # One at a time for each agency: orders that arrive together do not see each other.
        await conn.execute(_SQL["lock_agency"], row)
        cursor = await conn.execute(_SQL["insert"], row)
        if cursor.rowcount == 0:
            return False
        async with conn.cursor(row_factory=class_row(Room)) as waiting:
            taken = await (await waiting.execute(_SQL["taken"], row)).fetchone()
        if taken and (taken.orders > room.orders or taken.size_bytes > room.size_bytes):
            raise PendingFull(orders=room.orders, mebibytes=room.size_bytes >> 20)
        await conn.execute(_SQL["insert_key"], row)
        await add_signature(conn, order.id, first, position=0)
    return True


async def add_signature(
    conn: AsyncConnection[Any], order: UUID, signature: PendingSignature, *, position: int
) -> bool:
    """Add a signature to an open order that has `position` of them.

    False when it has others by now, or is closed: whoever judged what it lacks judges anew. So an
    order that was found complete gets no more, and what is stored then is its evidence.
    """
    row = {name: getattr(signature, name) for name in PendingSignature.__dataclass_fields__}
    cursor = await conn.execute(
        _SQL["insert_signature"], {"id": order, "position": position, **row}
    )
    return cursor.rowcount == 1


async def find(conn: AsyncConnection[Any], order: UUID) -> PendingOrder | None:
    """One order, or None."""
    async with conn.cursor(row_factory=class_row(PendingOrder)) as cursor:
        return await (await cursor.execute(_SQL["find"], {"id": order})).fetchone()


async def outline(conn: AsyncConnection[Any], order: UUID) -> Outline | None:
    """How large an order is and whom it concerns, before `find` brings all of it along."""
    async with conn.cursor(row_factory=class_row(Outline)) as cursor:
        return await (await cursor.execute(_SQL["outline"], {"id": order})).fetchone()


async def find_by_key(conn: AsyncConnection[Any], agency: str, idempotency_key: str) -> UUID | None:
    """The order that an agency stored under this key, in whatever state, or None."""
    parameters = {"agency": agency, "idempotency_key": idempotency_key}
    return await _one_id(conn, "find_by_key", parameters)


async def find_by_root(
    conn: AsyncConnection[Any], path: str, root: bytes, now_us: int
) -> UUID | None:
    """The newest open order over these statements on this path, else a recorded one, or None."""
    return await _one_id(conn, "find_by_root", {"path": path, "root": root, "now": now_us})


async def signatures(conn: AsyncConnection[Any], order: UUID) -> list[PendingSignature]:
    """The signatures in order of arrival, the order's own first."""
    async with conn.cursor(row_factory=class_row(PendingSignature)) as cursor:
        return await (await cursor.execute(_SQL["signatures"], {"id": order})).fetchall()


async def close(conn: AsyncConnection[Any], order: UUID, first_index: int) -> None:
    """Close a recorded order and destroy the key of its body."""
    async with conn.transaction():
        await conn.execute(_SQL["close"], {"id": order, "first_index": first_index})
        await conn.execute(_SQL["forget_key"], {"id": order})


async def refuse(conn: AsyncConnection[Any], order: UUID, reason: str) -> str | None:
    """Close an open order for good, unless it is recorded; the state that it has then.

    What this has refused is never recorded, whatever is under way at the same moment.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SQL["refuse"], {"id": order, "reason": reason})
        row = await cursor.fetchone()
    return row["state"] if row else None


async def expire(conn: AsyncConnection[Any], sure_us: int) -> None:
    """Close every order whose time was over then: nobody else would, and its values would stay.

    What is closed here does not come back: `sure_us` is what `clocks.SureTime` says.
    """
    await conn.execute(_SQL["expire"], {"now": sure_us})


async def close_erased(conn: AsyncConnection[Any]) -> None:
    """Close orders that name an erased certificate.

    The erasure itself has closed all but those that arrived at the same moment.
    """
    await conn.execute(_SQL["close_erased"])


async def listed(
    conn: AsyncConnection[Any],
    *,
    agency: str,
    everything: bool,
    state: str | None,
    after: UUID | None,
    limit: int,
) -> list[PendingSummary]:
    """Orders that an agency made or is asked to sign (all with `everything`), newest first."""
    parameters = {
        "agency": agency,
        "everything": everything,
        "state": state,
        "after": after,
        "limit": limit,
    }
    async with conn.cursor(row_factory=class_row(PendingSummary)) as cursor:
        return await (await cursor.execute(_SQL["listed"], parameters)).fetchall()


async def _one_id(conn: AsyncConnection[Any], name: str, parameters: dict[str, Any]) -> UUID | None:
    async with conn.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(_SQL[name], parameters)).fetchone()
    return row["id"] if row else None
