"""Uploads and the log: what a record has never goes, what goes no record gets; room is kept to."""

import asyncio
import os
import time
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection, Connection

from infrastructure.attachments import records
from infrastructure.attachments.errors import UploadsFull
from infrastructure.attachments.records import LEAST_BYTES, SPACE, Attachment
from infrastructure.log.batch import Appended, AppendRequest
from infrastructure.log.refusals import ClaimTaken
from infrastructure.postgres import Role, Urls, connect, connect_async
from tests.infrastructure.log.making import a_request, a_stream, an_event, now_us, once

pytestmark = pytest.mark.anyio
HOUR = 3_600_000_000
ROOM = 1 << 30
PATIENCE_SECONDS = 60.0


async def connection(database: Urls) -> AsyncConnection[Any]:
    return await connect_async(database.service, Role.SERVICE, autocommit=True)


def an_upload(size: int = 10, *, lives_us: int = HOUR) -> Attachment:
    now = now_us()
    return Attachment(
        id=uuid4(),
        agency="moj",
        size=size,
        digest=os.urandom(32),
        created=now,
        expires=now + lives_us,
    )


async def completed(conn: AsyncConnection[Any], *, lives_us: int = HOUR) -> tuple[UUID, bytes]:
    """An upload of which everything is here: its id and its address."""
    upload = an_upload(lives_us=lives_us)
    name = sha256(upload.id.bytes).digest()
    assert await records.begin(conn, upload, b"wrapped", ROOM)
    assert await records.put_chunk(conn, upload.id, 0, name) == (True, None)
    assert await records.complete(conn, upload.id, [name], name)
    return upload.id, name


async def begun(conn: AsyncConnection[Any], *, lives_us: int) -> UUID:
    """An upload of which nothing is here yet: its id."""
    upload = an_upload(lives_us=lives_us)
    assert await records.begin(conn, upload, b"wrapped", ROOM)
    return upload.id


def taking(address: bytes) -> AppendRequest:
    """What the desk makes ready once it has found an upload."""
    stream = a_stream()
    return a_request(None, an_event(stream), claims=[(SPACE, address.hex(), stream)])


async def test_a_record_gets_no_upload_that_went_while_it_was_made_ready(
    database: Urls, service: Connection[Any]
) -> None:
    async with await connection(database) as conn:
        upload, address = await completed(conn)
        ready = taking(address)

        assert await records.dropped(conn, now_us(), upload) == [upload]
        await records.forget(conn, upload)

        (refused,) = once(service, ready)
        assert isinstance(refused, ClaimTaken)
        assert refused.space == SPACE
        # For the desk another upload may do; for whoever checks, nothing is bound by this claim.
        assert list(records.bound(service)) == []


async def test_not_all_that_is_over_goes_while_the_log_waits(database: Urls) -> None:
    async with await connection(database) as conn:
        over = {(await begun(conn, lives_us=-HOUR)) for _ in range(501)}
        wanted = await begun(conn, lives_us=HOUR)

        first = await records.dropped(conn, now_us(), wanted)
        assert len(first) == 500
        assert wanted in first
        for one in first:
            await records.forget(conn, one)
        assert set(await records.dropped(conn, now_us())) == over - set(first)
        for one in over - set(first):
            await records.forget(conn, one)


async def test_what_expires_is_told_from_what_a_record_has(
    database: Urls, service: Connection[Any]
) -> None:
    async with await connection(database) as conn:
        taken, address = await completed(conn, lives_us=-1)
        left, other = await completed(conn, lives_us=-1)
        (recorded,) = once(service, taking(address))
        assert isinstance(recorded, Appended)

        assert await records.dropped(conn, now_us()) == [left]
        assert await records.dropped(conn, now_us(), taken) == [left]

        kept = await records.find(conn, taken)
        assert kept is not None
        assert kept.index == recorded.index
        assert [(one.id, one.key) for one in records.bound(service)] == [(taken, address.hex())]
        (refused,) = once(service, taking(other))
        assert isinstance(refused, ClaimTaken)


async def test_an_upload_that_is_completed_while_it_goes_is_taken_by_nobody(
    database: Urls, service: Connection[Any], admin: Connection[Any]
) -> None:
    """Whoever lets it go looks at the row when it is its turn, not when it began to wait."""
    upload = an_upload()
    name = sha256(upload.id.bytes).digest()
    async with await connection(database) as conn:
        assert await records.begin(conn, upload, b"wrapped", ROOM)
        await records.put_chunk(conn, upload.id, 0, name)
        with connect(database.service, Role.SERVICE) as completing:
            held = "SELECT ledger.complete_upload(%s, %s, %s)"
            completing.execute(held, (upload.id, [name], name))
            dropping = asyncio.create_task(records.dropped(conn, now_us(), upload.id))
            await _until_somebody_waits(admin)
            completing.commit()
        assert await dropping == [upload.id]
    (refused,) = once(service, taking(name))
    assert isinstance(refused, ClaimTaken)


async def _until_somebody_waits(admin: Connection[Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    asked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while (admin.execute(asked).fetchone() or (0,))[0] == 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_of_chunks_that_are_sent_at_once_all_but_one_are_told_to_go(database: Urls) -> None:
    """Each is sealed anew: an object that is told to nobody would stay for ever, uncounted."""
    several = 12
    upload = an_upload()
    names = {os.urandom(32) for _ in range(several)}
    async with await connection(database) as conn:
        assert await records.begin(conn, upload, b"wrapped", ROOM)

        async def put(name: bytes) -> bytes | None:
            async with await connection(database) as own:
                is_open, before = await records.put_chunk(own, upload.id, 0, name)
            assert is_open
            return before

        told = await asyncio.gather(*(put(name) for name in names))
        left = set((await records.names(conn, upload.id)).values())

    assert len(left) == 1
    assert left | {one for one in told if one is not None} == names


async def test_the_smallest_uploads_fill_the_room_as_well(database: Urls) -> None:
    async with await connection(database) as conn:
        for _ in range(3):
            assert await records.begin(conn, an_upload(1), b"wrapped", 3 * LEAST_BYTES)
        with pytest.raises(UploadsFull):
            await records.begin(conn, an_upload(1), b"wrapped", 3 * LEAST_BYTES)


async def test_uploads_that_begin_at_once_share_one_room(database: Urls) -> None:
    async def begin() -> bool:
        async with await connection(database) as own:
            try:
                return await records.begin(own, an_upload(), b"wrapped", 4 * LEAST_BYTES)
            except UploadsFull:
                return False

    begun = await asyncio.gather(*(begin() for _ in range(10)))

    assert sum(begun) == 4
