"""What the database knows of attachments: uploads, their chunks, and the record that has each.

An upload is its agency's until a record's statement commits to its digest; the append then takes
the claim that binds it, and before that `offer` has put the file's key under the record's. A key
that was offered and never bound opens nothing: the record does not exist.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, Connection
from psycopg.rows import class_row, dict_row

from infrastructure.attachments.errors import UploadsFull
from infrastructure.log.queries import load

SPACE: Final = "attachment"
"""The space of the claims that bind: the key is the address in hex."""
_SQL = load("infrastructure.attachments", "attachments.sql")
PAGE_ROWS: Final = 500
LEAST_BYTES: Final = 64 * 1024
"""No upload counts for less: a file of one byte takes rows and an object, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One attachment. Times are microseconds UTC.

    `address` is there once it is complete; `stream`, `index` and `claim` once a record has it.
    `draft_key` is its key under the vault's, `record_wrapped` the same under its record's.
    """

    id: UUID
    agency: str
    size: int
    digest: bytes = field(repr=False)
    created: int
    expires: int
    address: bytes | None = None
    dropped: bool = False
    draft_key: bytes | None = field(default=None, repr=False)
    stream: UUID | None = None
    index: int | None = None
    claim: str | None = None
    record_wrapped: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """A complete upload that no record has: its address, and its key under the vault's."""

    id: UUID
    address: bytes
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a claim says of an attachment, for whoever checks: members are None where rows lack."""

    index: int
    stream: UUID
    key: str
    id: UUID | None
    size: int | None
    claim: str | None
    record_wrapped: bytes | None = field(repr=False)
    erased: bool


async def begin(
    conn: AsyncConnection[Any], upload: Attachment, wrapped: bytes, room_bytes: int
) -> bool:
    """Note a new upload and its key; False when its id is known already.

    Raises:
        UploadsFull: its agency has no room left; nothing is noted.
    """
    async with conn.transaction():
        row = {name: getattr(upload, name) for name in Attachment.__dataclass_fields__}
        # One at a time for each agency: uploads that begin together do not see each other.
        await conn.execute(_SQL["lock_agency"], row)
        if (await conn.execute(_SQL["insert"], row)).rowcount == 0:
            return False
        async with conn.cursor(row_factory=dict_row) as cursor:
            asked = {**row, "least": LEAST_BYTES}
            taken = await (await cursor.execute(_SQL["open_bytes"], asked)).fetchone()
        if taken and taken["size"] + max(upload.size, LEAST_BYTES) > room_bytes:
            raise UploadsFull(mebibytes=room_bytes >> 20)
        await conn.execute(_SQL["insert_key"], {"id": upload.id, "wrapped": wrapped})
    return True


async def find(conn: AsyncConnection[Any], attachment: UUID) -> Attachment | None:
    """One attachment, or None; what is dropped is not there."""
    async with conn.cursor(row_factory=class_row(Attachment)) as cursor:
        row = await (await cursor.execute(_SQL["find"], {"id": attachment})).fetchone()
    return None if row is None or row.dropped else row


async def of_stream(
    conn: AsyncConnection[Any], stream: UUID, limit: int = PAGE_ROWS
) -> list[Attachment]:
    """The attachments of a record, in the order in which they were recorded."""
    async with conn.cursor(row_factory=class_row(Attachment)) as cursor:
        parameters = {"stream": stream, "limit": limit}
        rows = await (await cursor.execute(_SQL["of_stream"], parameters)).fetchall()
    return [row for row in rows if not row.dropped]


async def names(conn: AsyncConnection[Any], attachment: UUID) -> dict[int, bytes]:
    """The names of the objects that are there, by the number of the chunk."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_SQL["chunks"], {"id": attachment})).fetchall()
    return {row["number"]: bytes(row["name"]) for row in rows}


async def put_chunk(
    conn: AsyncConnection[Any], attachment: UUID, number: int, name: bytes
) -> tuple[bool, bytes | None]:
    """Note where a chunk lies: whether the upload is open, and the object that lay there before."""
    parameters = {"id": attachment, "number": number, "name": name}
    async with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        # One after another: of two that are sent at once, each would think itself the first, and
        # an object that nobody names would stay in the store.
        await cursor.execute(_SQL["lock_upload"], parameters)
        held = await (await cursor.execute(_SQL["chunk"], parameters)).fetchone()
        row = await (await cursor.execute(_SQL["put_chunk"], parameters)).fetchone()
    before = None if held is None or held["name"] == name else bytes(held["name"])
    return bool(row and row["open"]), before


async def complete(
    conn: AsyncConnection[Any], attachment: UUID, found: Sequence[bytes], address: bytes
) -> bool:
    """Close an upload that has these objects; False where it has others by now."""
    parameters = {"id": attachment, "names": list(found), "address": address}
    async with conn.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(_SQL["complete"], parameters)).fetchone()
    return bool(row and row["done"])


def ready(conn: Connection[Any], agency: str, digest: bytes, until: int) -> list[Ready]:
    """An agency's complete uploads of a file that no record has and that last beyond a moment."""
    parameters = {"agency": agency, "digest": digest, "until": until}
    with conn.cursor(row_factory=class_row(Ready)) as cursor:
        return cursor.execute(_SQL["ready"], parameters).fetchall()


def offer(
    conn: Connection[Any], attachment: UUID, stream: UUID, claim: str, wrapped: bytes
) -> None:
    """Put a file's key under that of a record which is about to take it."""
    parameters = {"id": attachment, "stream": stream, "claim": claim, "wrapped": wrapped}
    conn.execute(_SQL["offer"], parameters)


async def dropped(
    conn: AsyncConnection[Any], sure_us: int, wanted: UUID | None = None
) -> list[UUID]:
    """End what was over then (and one that its agency drops): all whose objects are to be deleted.

    What is ended does not come back: `sure_us` is what `clocks.SureTime` says.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SQL["drop"], {"now": sure_us, "wanted": wanted})
        return [row["id"] async for row in cursor]


async def forget(conn: AsyncConnection[Any], attachment: UUID) -> None:
    """Forget what was dropped, once its objects are gone."""
    await conn.execute(_SQL["forget"], {"id": attachment})


def bound(conn: Connection[Any], start: int = 0) -> Iterator[Bound]:
    """Every claim from an index on that binds an attachment, in the order of the log, by pages."""
    # No key is less than the empty one.
    last: dict[str, Any] = {"index": start, "key": "", "limit": PAGE_ROWS}
    while True:
        with conn.cursor(row_factory=class_row(Bound)) as cursor:
            page = cursor.execute(_SQL["bound"], last).fetchall()
        yield from page
        if len(page) < PAGE_ROWS:
            return
        last |= {"index": page[-1].index, "key": page[-1].key}


def names_sync(conn: Connection[Any], attachment: UUID) -> dict[int, bytes]:
    """As `names`, for threads."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["chunks"], {"id": attachment}).fetchall()
    return {row["number"]: bytes(row["name"]) for row in rows}


def unnamed(conn: Connection[Any], names: Sequence[bytes]) -> list[bytes]:
    """Those of these objects that no upload and no record has."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["unnamed"], {"names": list(names)}).fetchall()
    return [bytes(row["name"]) for row in rows]
