"""Attachments: uploads chunk by chunk, what a record has, and downloads, all of them streamed.

A chunk is acknowledged when its object is durable and noted; so an upload goes on after the last
acknowledged one, whoever was killed. A download is looked through before its first byte leaves:
what was altered or lost is a refusal, never half a file. Another's attachment and none at all are
answered alike.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api import contract, sweeping, uploading
from api.answers import NO_STORE
from api.attached import may_read, recorded, stream_of
from api.binding import upload_space
from api.contract import problems, told
from api.orders import caller, now_us
from api.policy import Caller
from api.problems import Problem
from api.services import Open, Services, UploadTurn
from api.shapes.attachments import Attachment as AttachmentShown
from api.shapes.attachments import AttachmentList, Upload
from infrastructure import vault
from infrastructure.attachments import records, sealing, stores
from infrastructure.attachments.errors import (
    AttachmentAltered,
    AttachmentComplete,
    AttachmentIncomplete,
    AttachmentMismatch,
    AttachmentTaken,
    AttachmentTooLarge,
    AttachmentUnknown,
    ChunkMalformed,
    ObjectMissing,
)
from infrastructure.attachments.records import Attachment
from infrastructure.proofs import uploads
from infrastructure.proofs.base64text import encode

router = APIRouter(prefix="/v1/attachments", tags=["attachments"])

UPLOAD_LIFE_US = 31 * 86_400 * 1_000_000
"""An order may wait thirty days for a second officer; what it attaches waits with it."""
MISSING_SHOWN = 1_000

_Id = Annotated[UUID, Path(description="The attachment's id, drawn by whoever uploads it.")]
_Number = Annotated[int, Path(ge=0, lt=2**20, description="The chunk's number, from 0.")]
_REFUSED = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
_OWN = problems(400, 401, 403, 404, 409, 422, 503)
_UPLOAD = told("Where the upload stands.", Upload)
_KEPT: dict[int | str, dict[str, Any]] = {204: {"description": "It is durable."}}
_GONE: dict[int | str, dict[str, Any]] = {204: {"description": "It is gone."}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": contract.OCTETS}
}


@router.put(
    "/{attachment}",
    summary="Announce an upload",
    **contract.of_upload(contract.ANNOUNCEMENT, _UPLOAD | _REFUSED),
)
async def announce(
    request: Request, services: Open, place: UploadTurn, attachment: _Id
) -> JSONResponse:
    """Say what will come: the file's SHA-256 and its size. The same again is answered the same."""
    limit = uploading.ANNOUNCEMENT_BYTES
    arrived = await uploading.arrive(
        request, services, place, content_type=uploads.JSON, limit_bytes=limit
    )
    said = uploading.announced(arrived.body)
    storage = services.storage
    if said.size > storage.limit_bytes:
        raise AttachmentTooLarge(mebibytes=storage.limit_bytes >> 20)
    digest = services.vault.lookup(upload_space(arrived.agency), said.digest)
    now = now_us()
    upload = Attachment(
        id=attachment,
        agency=arrived.agency,
        size=said.size,
        digest=digest,
        created=now,
        expires=now + UPLOAD_LIFE_US,
    )
    wrapped = services.vault.wrap(sealing.new_key())
    async with services.pool.connection() as connection:
        if not await records.begin(connection, upload, wrapped, storage.room_bytes):
            known = await records.find(connection, attachment)
            same = known and (known.agency, known.size, known.digest) == (
                upload.agency,
                upload.size,
                upload.digest,
            )
            if known is None or not same or known.expires < now:
                raise AttachmentTaken
            upload = known
        return JSONResponse(await _upload(connection, upload), headers=NO_STORE)


@router.put(
    "/{attachment}/chunks/{number}",
    summary="Upload one chunk",
    status_code=204,
    **contract.of_upload(contract.OCTETS, _KEPT | _REFUSED),
)
async def put_chunk(
    request: Request, services: Open, place: UploadTurn, attachment: _Id, number: _Number
) -> Response:
    """One mebibyte of the file, or what is left of it. The same again is answered the same."""
    arrived = await uploading.arrive(
        request,
        services,
        place,
        content_type=uploads.OCTETS,
        limit_bytes=sealing.CHUNK_BYTES,
    )
    async with services.pool.connection() as connection:
        upload = await uploading.own(connection, attachment, arrived.agency)
    if upload.address is not None or upload.draft_key is None:
        raise AttachmentComplete
    if number >= sealing.chunks(upload.size):
        raise ChunkMalformed
    if len(arrived.body) != sealing.chunk_size(upload.size, number):
        raise ChunkMalformed
    key = services.vault.unwrap(upload.draft_key)
    name = await stores.off_loop(
        partial(_keep, services.storage.objects, key, upload, number, arrived.body)
    )
    async with services.pool.connection() as connection:
        is_open, before = await records.put_chunk(connection, attachment, number, name)
        if is_open and before is not None:
            # A record that this database has lost may have it: then it stays, named or not.
            await sweeping.check_may_delete(services, connection)
    # Each object is sealed anew, so the one that is named no more, or never was, is nobody else's.
    unnamed = before if is_open else name
    if unnamed is not None:
        await stores.off_loop(partial(services.storage.objects.delete, unnamed.hex()))
    if not is_open:
        raise AttachmentComplete
    return Response(status_code=204, headers=NO_STORE)


def _keep(
    objects: stores.ObjectStore, key: bytes, upload: Attachment, number: int, data: bytes
) -> bytes:
    sealed = sealing.seal(key, upload.id, upload.size, number, data)
    name = sealing.name_of(sealed)
    objects.put(name.hex(), sealed)
    return name


@router.post(
    "/{attachment}/completion",
    summary="Complete an upload",
    **contract.of_upload(contract.NOTHING, _UPLOAD | _REFUSED),
)
async def complete(
    request: Request, services: Open, place: UploadTurn, attachment: _Id
) -> JSONResponse:
    """Have what was stored read back and compared with the digest that was announced."""
    arrived = await uploading.arrive(
        request, services, place, content_type=uploads.JSON, limit_bytes=len(b"{}")
    )
    if arrived.body != b"{}":
        raise Problem("validation", errors=[{"pointer": "", "code": "object_expected"}])
    async with services.pool.connection() as connection:
        upload = await uploading.own(connection, attachment, arrived.agency)
        found = await records.names(connection, attachment)
    if upload.address is None:
        if len(found) != sealing.chunks(upload.size) or upload.draft_key is None:
            raise AttachmentIncomplete
        names = list(found.values())
        digest = sha256()
        key = services.vault.unwrap(upload.draft_key)
        async for data in _pieces(services, key, upload, names):
            digest.update(data)
        space = upload_space(upload.agency)
        if services.vault.lookup(space, digest.hexdigest()) != upload.digest:
            raise AttachmentMismatch
        async with services.pool.connection() as connection:
            address = sealing.address_of(names)
            if not await records.complete(connection, attachment, names, address):
                raise AttachmentIncomplete
    async with services.pool.connection() as connection:
        upload = await uploading.own(connection, attachment, arrived.agency)
        return JSONResponse(await _upload(connection, upload), headers=NO_STORE)


@router.delete(
    "/{attachment}",
    summary="Drop an upload",
    status_code=204,
    **contract.of_upload(contract.OCTETS, _GONE | _REFUSED),
)
async def drop(request: Request, services: Open, place: UploadTurn, attachment: _Id) -> Response:
    """Let an upload go that no record has; the body is empty."""
    arrived = await uploading.arrive(
        request, services, place, content_type=uploads.OCTETS, limit_bytes=0
    )
    async with services.pool.connection() as connection:
        upload = await uploading.own(connection, attachment, arrived.agency)
    if upload.stream is not None:
        raise AttachmentComplete
    await sweeping.drop(services, attachment)
    async with services.pool.connection() as connection:
        # A record has taken it since, and then it stays.
        if await records.find(connection, attachment) is not None:
            raise AttachmentComplete
    return Response(status_code=204, headers=NO_STORE)


@router.get(
    "",
    summary="What a record has attached",
    responses=told("All of it.", AttachmentList) | _OWN,
)
async def listed(
    request: Request,
    services: Open,
    code: Annotated[
        str | None,
        Query(max_length=64, description="The public code of a certificate, or of a request."),
    ] = None,
    index: Annotated[
        int | None,
        Query(ge=0, le=2**53 - 1, description="Or the log index of any event of the record."),
    ] = None,
) -> JSONResponse:
    """The files that the acts on one record commit to, oldest first, for whoever may read it."""
    who = await caller(request, services, required=True)
    if (code is None) == (index is None):
        raise Problem("validation", errors=[{"pointer": "/query/code", "code": "missing"}])
    stream, unknown = await stream_of(services, code, index)
    await services.caught_up()
    async with services.pool.connection() as connection:
        if stream is None or not await may_read(services, connection, who, stream, index):
            raise unknown
        found = await records.of_stream(connection, stream)
        items = [await recorded(services, connection, one) for one in found]
    return JSONResponse({"items": items}, headers=NO_STORE)


@router.get(
    "/{attachment}",
    summary="Where an upload stands, or what a record has",
    responses=told("What there is.", Upload, AttachmentShown) | _OWN,
)
async def show(request: Request, services: Open, attachment: _Id) -> JSONResponse:
    """For the agency that uploads it, and once a record has it for whoever may read that."""
    who = await caller(request, services, required=True)
    async with services.pool.connection() as connection:
        found = await _visible(services, connection, who, attachment)
        is_recorded = found.stream is not None
        shown = recorded(services, connection, found) if is_recorded else _upload(connection, found)
        return JSONResponse(await shown, headers=NO_STORE)


@router.get(
    "/{attachment}/content",
    summary="Download an attachment",
    response_class=Response,
    responses=_FILE | _OWN,
)
async def download(
    request: Request, services: Open, place: UploadTurn, attachment: _Id
) -> Response:
    """The file, checked against what the log commits to before the first byte leaves."""
    who = await caller(request, services, required=True)
    await place.take(who.agency or "")
    async with services.pool.connection() as connection:
        found = await _visible(services, connection, who, attachment)
        if found.stream is None or found.record_wrapped is None:
            raise AttachmentUnknown
        shown = await recorded(services, connection, found)
        names = list((await records.names(connection, attachment)).values())
        record = await vault.record_key_async(connection, found.stream)
    if sealing.address_of(names) != found.address or "sha256" not in shown:
        raise AttachmentAltered
    key = services.vault.unwrap_under(record, found.record_wrapped)
    digest = sha256()
    async for data in _pieces(services, key, found, names):
        digest.update(data)
    if digest.hexdigest() != shown["sha256"]:
        raise AttachmentAltered
    headers = {
        **NO_STORE,
        "Content-Length": str(found.size),
        "Content-Disposition": "attachment",
        "Repr-Digest": f"sha-256=:{encode(digest.digest())}:",
    }
    pieces = _pieces(services, key, found, names)
    return StreamingResponse(pieces, media_type=uploads.OCTETS, headers=headers)


async def _pieces(
    services: Services, key: bytes, found: Attachment, names: Sequence[bytes]
) -> AsyncIterator[bytes]:
    """The file, one chunk in memory at a time; each is what was sealed, or there is none."""
    for number, name in enumerate(names):
        work = partial(_open_chunk, services.storage.objects, key, found, number, name)
        yield await stores.off_loop(work)


def _open_chunk(
    objects: stores.ObjectStore, key: bytes, found: Attachment, number: int, name: bytes
) -> bytes:
    sealed = objects.get(name.hex())
    if sealed is None:
        raise ObjectMissing
    if sealing.name_of(sealed) != name:
        raise AttachmentAltered
    try:
        return sealing.unseal(key, found.id, found.size, number, sealed)
    except vault.SealBroken:
        raise AttachmentAltered from None


async def _visible(
    services: Services, connection: Any, who: Caller, attachment: UUID
) -> Attachment:
    found = await records.find(connection, attachment)
    if found is None:
        raise AttachmentUnknown
    if found.stream is None:
        return await uploading.own(connection, attachment, who.agency or "")
    if not await may_read(services, connection, who, found.stream, found.index):
        raise AttachmentUnknown
    return found


async def _upload(connection: Any, upload: Attachment) -> dict[str, Any]:
    whole = sealing.chunks(upload.size)
    here = await records.names(connection, upload.id)
    missing = (number for number in range(whole) if number not in here)
    return {
        "attachment": str(upload.id),
        "state": "open" if upload.address is None else "complete",
        "size": upload.size,
        "chunk_bytes": sealing.CHUNK_BYTES,
        "chunks": whole,
        "missing": [number for number, _ in zip(missing, range(MISSING_SHOWN), strict=False)],
        "expires": upload.expires,
    }
