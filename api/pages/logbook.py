"""The log for whoever wants to see it: newest checkpoint, one entry, the proof that it stands.

What an entry says is shown as far as anybody may know it; the interface for programs decides that.
"""

import base64
import json
import re
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import log
from api.pages import forms
from api.pages.drawing import Language, Page, draw, named
from api.problems import Problem
from api.services import Open, Services
from domain.values import baghdad_day
from infrastructure.log import checkpoints
from infrastructure.log.checkpoints import CheckpointRow
from infrastructure.log.leaves import leaves
from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from projections import agencies

router = APIRouter(route_class=Page)

_INDEX = re.compile(r"[0-9]{1,16}")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


@router.get("/{language:language}/log")
async def newest(services: Open, language: Language) -> Response:
    """The newest checkpoint, and the search."""
    return await _overview(services, language)


@router.post("/{language:language}/log")
async def find(request: Request, services: Open, language: Language) -> Response:
    """An entry by its index, or by the code of a certificate."""
    asked = (await forms.read(request)).get("q", "")
    index = await _index_of(services, asked)
    if index is None:
        return await _overview(services, language, status=404)
    return RedirectResponse(f"/{language}/log/{index}", HTTPStatus.SEE_OTHER)


@router.get("/{language:language}/log/{index}")
async def entry(request: Request, services: Open, language: Language, index: str) -> Response:
    """One entry, with its proof."""
    if not _INDEX.fullmatch(index) or int(index) > log.INTEGER_MAX:
        raise Problem("index_unknown")
    place = int(index)
    async with services.pool.connection() as connection:
        row = await checkpoints.newest(connection)
        if row is None or place >= row.size:
            raise Problem("index_unknown")
        [leaf] = await leaves(connection, place, place + 1)
    proof = json.loads(bytes((await log.inclusion(services, place, row.size)).body))
    said = json.loads(bytes((await log.open_leaves(request, services, place, place + 1)).body))
    header = _header(said["openings"])
    return draw(
        "entry.html",
        language,
        path=f"/log/{place}",
        index=place,
        leaf=leaf,
        leaf_text=leaf.encode().decode(),
        proof=proof,
        header=header,
        header_text=json.dumps(header, ensure_ascii=False, indent=2) if header else "",
        agency=await _agency(services, header, language, leaf.time),
        checkpoint=row,
    )


async def _overview(services: Services, language: str, status: int = 200) -> Response:
    async with services.pool.connection() as connection:
        row = await checkpoints.newest(connection)
    keys = await log.verifier_key(services)
    return draw(
        "log.html",
        language,
        path="/log",
        status=status,
        checkpoint=row,
        root=base64.b64encode(row.root).decode() if row else "",
        note=_note(row),
        origin=services.origin,
        verifier=bytes(keys.body).decode().strip(),
        nothing=status == HTTPStatus.NOT_FOUND,
    )


def _note(row: CheckpointRow | None) -> str:
    return (row.note or b"").decode() if row else ""


async def _index_of(services: Services, asked: str) -> int | None:
    digits = asked.translate(_DIGITS)
    if _INDEX.fullmatch(digits):
        index = int(digits)
        return index if index < services.sealed.position else None
    try:
        code = codes.normalise(asked)
    except ProofError:
        return None
    found = await services.codes.by_code(code)
    return found.facts.issue_index if found.facts else None


def _header(openings: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The header, where anybody may see it."""
    for opening in openings:
        if "header" in opening:
            header: dict[str, Any] = json.loads(base64.b64decode(opening["header"]))
            return header
    return None


async def _agency(
    services: Services, header: dict[str, Any] | None, language: str, time: int
) -> str | None:
    """The name of the body that ordered an entry; its id where it has no name yet."""
    if header is None:
        return None
    name = str(header.get("agency", ""))
    try:
        async with services.pool.connection() as connection:
            found = await agencies.show(connection, name)
    except (psycopg.Error, LookupError):
        found = None
    day = baghdad_day(time).isoformat()
    return named(language, found.names_on(day)) if found else name
