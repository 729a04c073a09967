"""A mirror over HTTP: an exported log answers as its ledger would, also when that is gone.

What `/log/` and `/v1/log/openings` answer is in the files; proofs are computed from them. A client,
a checker or another mirror that asks here need not trust this one more than the origin.
"""

import json
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.tiles import Tile
from sijill.export.layout import Exported, NotExported

PAGE_ITEMS = 200
OPENINGS_LIMIT = 1_000
NEWEST = {"Cache-Control": "public, max-age=1"}
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
_INTEGER = re.compile("0|[1-9][0-9]{0,15}")


class _NotHere(Exception):
    """What was asked for is not part of the copy, or not spelt as it must be."""


class Mirror:
    """The answers of a mirror, from the files of an exported log."""

    def __init__(self, exported: Exported) -> None:
        self._exported = exported

    def application(self) -> Starlette:
        """All resources of the log."""
        return Starlette(
            routes=[
                Route("/log/checkpoint", _answering(self._newest)),
                Route("/log/checkpoints", _answering(self._checkpoints)),
                Route("/log/checkpoint/{size}", _answering(self._at_size)),
                Route("/log/vkey", _answering(self._vkey)),
                Route("/log/tile/{name:path}", _answering(self._tile)),
                Route("/v1/ledger", _answering(self._ledger)),
                Route("/v1/log/openings", _answering(self._openings)),
                Route("/v1/proofs/inclusion", _answering(self._inclusion)),
                Route("/v1/proofs/consistency", _answering(self._consistency)),
            ]
        )

    def _newest(self, request: Request) -> Response:
        covers = _integer(request, "covers", -1)
        if covers < 0:
            note = self._exported.newest()
            if note is None:
                raise _NotHere
            return PlainTextResponse(note, headers=NEWEST)
        return self._first(covers)

    def _at_size(self, request: Request) -> Response:
        wanted = _number(request.path_params["size"])
        return self._first(wanted - 1, wanted)

    def _first(self, after: int, largest: int = merkle.MAX_SIZE) -> Response:
        item = next(self._exported.listed(after), None)
        if item is None or item["size"] > largest:
            raise _NotHere
        return PlainTextResponse(item["note"], headers=IMMUTABLE)

    def _checkpoints(self, request: Request) -> Response:
        after = _integer(request, "after", -1)
        limit = min(PAGE_ITEMS, _integer(request, "limit", PAGE_ITEMS))
        items = list(islice(self._exported.listed(after), limit))
        onwards = items[-1]["size"] if len(items) == limit and items else None
        return JSONResponse({"items": items, "next": onwards}, headers=NEWEST)

    def _vkey(self, _: Request) -> Response:
        said = self._exported.ledger()
        if not said:
            raise _NotHere
        return PlainTextResponse(f"{said['log_vkey']}\n", headers=NEWEST)

    def _ledger(self, _: Request) -> Response:
        said = self._exported.ledger()
        if not said:
            raise _NotHere
        return JSONResponse(said, headers=NEWEST)

    def _tile(self, request: Request) -> Response:
        tile = tiles.parse_path(f"tile/{request.path_params['name']}")
        end = (tile.n * tiles.WIDTH + tile.width) << tiles.HEIGHT * (tile.level or 0)
        if end > self._exported.size:
            raise _NotHere
        if tile.level is None:
            entries = self._exported.bundle(tile)
            data = None if entries is None else tiles.encode_bundle(entries)
        else:
            data = self._exported.tile(tile)
        if data is None:
            raise _NotHere
        return Response(data, media_type="application/octet-stream", headers=IMMUTABLE)

    def _openings(self, request: Request) -> Response:
        size = self._exported.size
        start = _integer(request, "from", 0)
        last = min(_integer(request, "to", size), size)
        stop = min(last, start + OPENINGS_LIMIT)
        items: list[Any] = []
        orders: dict[str, Any] = {}
        if start < stop:
            for item, order in self._exported.opened(start):
                if item["index"] >= stop:
                    break
                items.append(item)
                if order is not None:
                    orders[str(item["order"])] = order
        answer = {
            "from": start,
            "to": max(start, stop),
            "next": stop if start < stop < last else None,
            "openings": items,
            "orders": orders,
        }
        return JSONResponse(answer, headers=NEWEST)

    def _inclusion(self, request: Request) -> Response:
        size = _integer(request, "size", self._exported.size)
        index = _integer(request, "index", -1)
        get = self._hashes(size)
        proof = merkle.inclusion_proof(index=index, size=size, get=get)
        answer = {
            "index": index,
            "size": size,
            "leaf_hash": get(0, index).hex(),
            "root": self._root(size),
            "hashes": [one.hex() for one in proof],
        }
        return JSONResponse(answer, headers=NEWEST)

    def _consistency(self, request: Request) -> Response:
        old = _integer(request, "from", -1)
        new = _integer(request, "to", self._exported.size)
        proof = merkle.consistency_proof(old_size=old, new_size=new, get=self._hashes(new))
        answer = {
            "from": old,
            "to": new,
            "old_root": self._root(old),
            "new_root": self._root(new),
            "hashes": [one.hex() for one in proof],
        }
        return JSONResponse(answer, headers=NEWEST)

    def _root(self, size: int) -> str:
        get = self._hashes(size)
        parts = [get(level, n) for level, n in merkle.complete_subtrees(0, size)]
        return merkle.CompactRange(size, parts).root().hex()

    def _hashes(self, size: int) -> merkle.GetHash:
        if size > self._exported.size:
            raise _NotHere

        def read(tile: Tile) -> bytes:
            data = self._exported.tile(tile)
            if data is None:
                raise NotExported(tile.path)
            return data

        return tiles.hashes_from(read, size=size)


def _answering(answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
    """Read the files in a thread; what is not there, or not spelt as it must be, is a 404."""

    async def answering(request: Request) -> Response:
        try:
            return await anyio.to_thread.run_sync(answer, request)
        except (_NotHere, NotExported, ProofError):
            kind = {"type": "/problems/not_found", "code": "not_found"}
            problem = {**kind, "status": 404, "title": "Not in this mirror"}
            text = json.dumps(problem).encode()
            return Response(text, 404, media_type="application/problem+json")

    return answering


def _integer(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    return default if text is None else _number(text)


def _number(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _NotHere
    return int(text)
