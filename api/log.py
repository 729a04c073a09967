"""The log as anybody may read it: checkpoints, tiles, proofs, and openings as far as one may see.

`/log/` speaks C2SP (tlog-checkpoint, tlog-tiles), so that every client, mirror and witness of that
family can follow without knowing Sijill. Nothing is served beyond the newest published checkpoint:
what no signature covers is nobody's word yet. This module must not know how sealing works.
"""

import re
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from fastapi import APIRouter, Path, Query
from psycopg import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from api.contract import problems, told
from api.orders import caller
from api.paging import After, Limit, page
from api.policy import AUDIT, Caller, Part, RecordParties, is_declared, may_open, noun_of
from api.problems import Problem
from api.reading import archive
from api.services import Open, Services
from api.shapes.log import CheckpointPage, ConsistencyProof, InclusionProof, Openings
from api.threads import off_loop
from infrastructure.log import checkpoints
from infrastructure.log.checkpoints import CheckpointRow
from infrastructure.log.leaves import leaf_hashes, leaves
from infrastructure.log.openings import StoredOpening, StoredOrder, openings, orders
from infrastructure.log.tilestore import TreeReader
from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import parse_header
from infrastructure.proofs.tiles import Tile
from projections import agencies, authenticity, certificates, registers, transfers

router = APIRouter(tags=["log"], responses=problems(400, 404, 422))

OPENINGS_LIMIT = 1_000
OPENINGS_LIMIT_BYTES = 8 * 2**20
INTEGER_MAX = 2**53 - 1

NEWEST = {"Cache-Control": "public, max-age=1"}
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
OCTETS = "application/octet-stream"
# Records of one agency's registers: by unit and series others may have succeeded it.
_OF_REGISTERS = frozenset({"certificate", "register"})
_SIZE = re.compile("0|[1-9][0-9]{0,15}")

COVERING_SECONDS = 10.0
"""How long a request waits for the checkpoint that covers what was just recorded."""

Index = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="Log index of a leaf.")]
Size = Annotated[
    int | None,
    Query(ge=0, le=INTEGER_MAX, description="Tree size; default: the newest checkpoint's."),
]


@router.get(
    "/log/checkpoint", response_class=PlainTextResponse, responses=problems(400, 404, 422, 503)
)
async def newest_checkpoint(
    services: Open,
    covers: Annotated[
        int | None,
        Query(ge=0, le=INTEGER_MAX, description="The first checkpoint that covers this index."),
    ] = None,
) -> PlainTextResponse:
    """The newest checkpoint, a signed note; or the first one that covers an index.

    An index that was recorded a moment ago is waited for: a checkpoint follows within about a
    second. 404 for one that nobody has recorded.
    """
    if covers is not None and not await services.covered(covers, 0):
        # Asked of the database: another process may have appended just now.
        if covers >= (await services.reader.head()).size:
            raise Problem("index_unknown")
        if not await services.covered(covers, COVERING_SECONDS):
            raise Problem("checkpoint_pending")
    async with services.pool.connection() as conn:
        if covers is None:
            return _note(await checkpoints.newest(conn), NEWEST)
        found = await checkpoints.after(conn, covers, limit=1)
    return _note(found[0] if found else None, IMMUTABLE)


@router.get("/log/checkpoints", responses=told("One page of them.", CheckpointPage))
async def every_checkpoint(
    request: Request, services: Open, after: After = None, limit: Limit = 100
) -> JSONResponse:
    """Every checkpoint ever published, by size, the smallest first."""
    async with services.pool.connection() as conn:
        rows = await checkpoints.after(conn, -1 if after is None else after, limit=limit)
    items = [listed(row) for row in rows]
    return page(request, items, limit=limit, cursor="size")


@router.get("/log/checkpoint/{size}", response_class=PlainTextResponse)
async def checkpoint_of_size(
    services: Open, size: Annotated[str, Path(description="A tree size, in decimal digits.")]
) -> PlainTextResponse:
    """The checkpoint that was published at exactly this size."""
    # Read as text: an integer of the framework's own may have any number of digits.
    if not _SIZE.fullmatch(size) or int(size) > INTEGER_MAX:
        raise Problem("index_unknown")
    async with services.pool.connection() as conn:
        return _note(await checkpoints.at_size(conn, int(size)), IMMUTABLE)


@router.get("/log/vkey", response_class=PlainTextResponse)
async def verifier_key(services: Open) -> PlainTextResponse:
    """The verifier key under which checkpoints are signed, as C2SP signed-note spells keys."""
    keys = await anyio.to_thread.run_sync(services.log_keys)
    return PlainTextResponse(f"{keys[-1].verifier}\n", headers=NEWEST)


@router.get(
    "/log/tile/{name:path}",
    response_class=Response,
    responses={200: {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def tile_of_the_log(request: Request, services: Open, name: str) -> Response:
    """A hash tile or a bundle of leaves, full or partial: `<level|entries>/<number>[.p/<width>]`.

    404 for whatever the newest checkpoint does not cover, and for every spelling but the one.
    """
    tile = _tile(request, name)
    # Hash i of a tile at level l covers 256**l leaves; a bundle counts leaves themselves.
    end = (tile.n * tiles.WIDTH + tile.width) << tiles.HEIGHT * (tile.level or 0)
    async with archive(services, end) as conn:
        newest = await checkpoints.newest(conn)
        if newest is None or end > newest.size:
            raise Problem("not_found")
        if tile.level is None:
            entries = await leaves(conn, end - tile.width, end)
            data = tiles.encode_bundle([leaf.encode() for leaf in entries])
        else:
            data = await tree_of(services, conn).tile(tile)
    return Response(data, media_type=OCTETS, headers=IMMUTABLE)


@router.get("/v1/proofs/inclusion", responses=told("The proof.", InclusionProof))
async def inclusion(services: Open, index: Index, size: Size = None) -> JSONResponse:
    """That a tree of `size` leaves holds the leaf at `index`: hashes from its sibling upwards."""
    async with archive(services, size) as conn:
        covered = await _covered(conn, size)
        if size is None and index >= covered:
            raise Problem("index_unknown")
        tree = tree_of(services, conn)
        proof = await tree.inclusion_proof(index=index, size=covered)
        number, before = divmod(index, tiles.WIDTH)
        hashes = await tree.tile(Tile(0, number, before + 1))
        answer = {
            "index": index,
            "size": covered,
            "leaf_hash": hashes[-merkle.HASH_BYTES :].hex(),
            "root": (await tree.root(covered)).hex(),
            "hashes": [sibling.hex() for sibling in proof],
        }
    return JSONResponse(answer, headers=NEWEST if size is None else IMMUTABLE)


@router.get("/v1/proofs/consistency", responses=told("The proof.", ConsistencyProof))
async def consistency(
    services: Open,
    old_size: Annotated[int, Query(alias="from", ge=0, le=INTEGER_MAX)],
    new_size: Annotated[Size, Query(alias="to")] = None,
) -> JSONResponse:
    """That the tree of `to` leaves only adds to the tree of `from` leaves."""
    async with archive(services, new_size) as conn:
        covered = await _covered(conn, new_size)
        tree = tree_of(services, conn)
        proof = await tree.consistency_proof(old_size=old_size, new_size=covered)
        answer = {
            "from": old_size,
            "to": covered,
            "old_root": (await tree.root(old_size)).hex(),
            "new_root": (await tree.root(covered)).hex(),
            "hashes": [one.hex() for one in proof],
        }
    return JSONResponse(answer, headers=NEWEST if new_size is None else IMMUTABLE)


@router.get(
    "/v1/log/openings",
    responses=told("As much of it as one answer holds.", Openings) | problems(400, 401, 403),
)
async def open_leaves(
    request: Request,
    services: Open,
    start: Annotated[int, Query(alias="from", ge=0, le=INTEGER_MAX)] = 0,
    end: Annotated[int | None, Query(alias="to", ge=0, le=INTEGER_MAX)] = None,
) -> JSONResponse:
    """What the caller may see behind the leaves `from` up to but without `to`.

    At most 1,000 at a time, or 8 MiB; `next` is where to go on, null at the end. `header`, `body`
    and `evidence` are base64 of the very bytes that are digested, salts and digests hex. A member
    that the caller may not see, or that is not stored, is absent. `orders` holds each order once,
    by the index of its first event: its evidence, and all its statements' digests in line order.
    """
    who = await caller(request, services)
    async with services.limits.evidence_place().held(), archive(services, end) as conn:
        covered = await _covered(conn, None)
        last = min(covered if end is None else end, covered)
        stop = min(last, start + OPENINGS_LIMIT)
        found = await openings(conn, start, stop, limit_bytes=OPENINGS_LIMIT_BYTES)
        if found and len(found) < stop - start:
            stop = found[-1].index + 1
        others = await parties_of(conn, who, found)
        items = await off_loop(partial(_items, who, found, others), lines=len(found))
        wanted = {item["order"] for item in items if "order" in item}
        known = await orders(conn, wanted)
    answer = {
        "from": start,
        "to": max(start, stop),
        "next": stop if start < stop < last else None,
        "openings": items,
        "orders": {str(first): order_of(order) for first, order in known.items()},
    }
    told_ = partial(JSONResponse, answer, headers={"Cache-Control": "no-store"})
    return await off_loop(told_, lines=len(items))


def _items(
    who: Caller, found: Sequence[StoredOpening], others: Mapping[int, frozenset[str]]
) -> list[dict[str, Any]]:
    return [opened(who, one, others.get(one.index, frozenset())) for one in found]


def listed(row: CheckpointRow) -> dict[str, Any]:
    """One published checkpoint as it is listed."""
    return {
        "size": row.size,
        "root": row.root.hex(),
        "time": row.time,
        "note": (row.note or b"").decode(),
    }


async def parties_of(
    conn: AsyncConnection[Any], who: Caller, found: Sequence[StoredOpening]
) -> dict[int, frozenset[str]]:
    """Whom the events concern besides the agency that acted, by their indexes.

    Whoever answers for a body that is no more, or for the series of a record, reads as that body.
    """
    if who.agency is None or AUDIT in who.scopes:
        return {}
    asked = {one.index: _stream(one) for one in found if noun_of(one.type) == "authenticity"}
    known = await authenticity.parties_of(conn, set(asked.values())) if asked else {}
    parties = {index: known.get(stream, frozenset()) for index, stream in asked.items()}
    letters = [one.index for one in found if noun_of(one.type) == "transfer"]
    if letters:
        parties |= await transfers.parties_of(conn, letters)
    mine = set(await transfers.stood_for(conn, who.agency))
    held = {one.index: _stream(one) for one in found if noun_of(one.type) in _OF_REGISTERS}
    owners, own = await _read_as_own(conn, who.agency, set(held.values())) if held else ({}, set())
    for one in found:
        others = parties.get(one.index, frozenset())
        # What a body did in a series that went to another is read by who has that series.
        kept = {owners[held[one.index]]} if held.get(one.index) in owners else set()
        if mine & ({one.agency, *others} - kept) or held.get(one.index) in own:
            parties[one.index] = others | {who.agency}
    return parties


async def _read_as_own(
    conn: AsyncConnection[Any], agency: str, streams: Collection[UUID]
) -> tuple[dict[UUID, str], set[UUID]]:
    """Whose these records are, and those of a series that is or has become the agency's."""
    homes = await certificates.homes(conn, streams) | await registers.homes(conn, streams)
    gone = set(await transfers.succeeded(conn))
    heirs = {home: home.agency for home in set(homes.values()) if home.agency not in gone}
    for home in set(homes.values()) - heirs.keys():
        heirs[home] = await agencies.responsible(conn, *home) or home.agency
    own = {stream for stream, home in homes.items() if agency in (home.agency, heirs[home])}
    return {stream: home.agency for stream, home in homes.items()}, own


def _stream(opening: StoredOpening) -> UUID:
    return parse_header(opening.header).stream


def opened(
    who: Caller, opening: StoredOpening, others: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """One opening as far as the caller may see it; `others` are parties besides who acted."""
    noun = noun_of(opening.type)
    parties = RecordParties(opening.agency, others)
    item: dict[str, Any] = {"index": opening.index}
    if may_open(who, noun, Part.HEADER, parties):
        item["header"] = b64encode(opening.header).decode()
        item["header_salt"] = opening.header_salt.hex()
    if may_open(who, noun, Part.BODY, parties) or is_declared(opening.type):
        item["body"] = b64encode(opening.body).decode()
        item["body_salt"] = opening.body_salt.hex()
    if may_open(who, noun, Part.EVIDENCE, parties):
        item["order"] = opening.order_index
    return item


def order_of(order: StoredOrder) -> Mapping[str, str | Sequence[str]]:
    """One order as openings show it."""
    return {
        "evidence": b64encode(order.evidence).decode(),
        "statements": [digest.hex() for digest in order.statements],
    }


def _note(row: CheckpointRow | None, headers: Mapping[str, str]) -> PlainTextResponse:
    if row is None or row.note is None:
        raise Problem("index_unknown")
    return PlainTextResponse(row.note, headers=dict(headers))


def _tile(request: Request, name: str) -> Tile:
    """The tile that a path names in its one spelling; an escaped path would be a second one."""
    raw: bytes = request.scope.get("raw_path") or b""
    if b"%" in raw:
        raise Problem("not_found")
    try:
        return tiles.parse_path(f"tile/{name}")
    except ProofError as error:
        raise Problem("not_found") from error


async def _covered(conn: AsyncConnection[Any], size: int | None) -> int:
    """A tree size that a published checkpoint covers: the given one, else the newest.

    Raises:
        Problem: `index_unknown`.
    """
    newest = await checkpoints.newest(conn)
    if newest is None or (size is not None and size > newest.size):
        raise Problem("index_unknown")
    return newest.size if size is None else size


def tree_of(services: Services, conn: AsyncConnection[Any]) -> TreeReader:
    """The tree as it is served, below the newest checkpoint."""

    async def stored(start: int, end: int) -> bytes:
        return await leaf_hashes(conn, start, end)

    return TreeReader(services.tiles, stored)
