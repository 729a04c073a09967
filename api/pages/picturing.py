"""A photograph or a PDF of a document: the server reads the code in it, and says that it did.

Only where the browser cannot read codes itself, or its owner prefers it. The file is held in
memory, read in a process of its own (infrastructure/pictures) and forgotten.
"""

from collections.abc import AsyncGenerator, Iterable
from typing import Final

from fastapi import APIRouter
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from api import verify
from api.i18n import translate
from api.orders import read_body
from api.pages import carried
from api.pages.checking import answered
from api.pages.drawing import Language, Page, draw
from api.problems import STATUS, Problem
from api.services import Open, Services
from api.verify import Answer, Presented
from infrastructure import pictures
from infrastructure.pictures import Found, PictureError
from infrastructure.proofs import offline, qr
from infrastructure.proofs.qr import Reading
from infrastructure.proofs.verdict import Verdict, contradictory

router = APIRouter(route_class=Page)

# The file, its borders and the head of its part.
FORM_BYTES: Final = pictures.LIMIT_BYTES + 16 * 1024
# An empty fragment says no more than none: browsers keep its sign when they copy an address.
_ALONE: Final = frozenset({"", "#"})


class _InMemory(MultiPartParser):
    """A parser that leaves nothing on a disk."""

    spool_max_size = FORM_BYTES


@router.post("/{language:language}/read")
async def read(request: Request, services: Open, language: Language) -> Response:
    """The verdict on the code in a file."""
    # Taken before a byte of the body: bodies that come slowly hold no more than these places.
    address = request.client.host if request.client else ""
    async with services.limits.picture_body(address):
        data = await _file(request)
        if not data:
            status, lacking = (413, "file.large") if data is None else (422, "file.empty")
            return draw("start.html", language, path="/", status=status, lacking=lacking)
        try:
            # Not before the body is here: whoever sends it slowly keeps no process waiting.
            async with services.limits.picture_place().held():
                found = await pictures.read(data)
        except PictureError as error:
            if error.code == "busy":
                raise Problem("busy") from None
            return _unread(language, error.code)
    return await _judged(request, services, language, found)


async def _judged(request: Request, services: Services, language: str, found: Found) -> Response:
    """The verdict on what stands in a file."""
    if not found.texts:
        return _nothing(language, "file.nothing")
    if not offline.agree(
        found.texts, found.credentials, whole=found.whole, all_files=found.all_files
    ):
        answer = Answer(contradictory())
        return await answered(request, language, answer, services, read_by_server=True)
    # A code of ours that brings its credential goes before others that stand beside it.
    for text in found.texts:
        reading = offline.read(text)
        if isinstance(reading, Reading):
            return await _credential(request, services, language, reading, text)
    return await _code(request, services, language, found.texts)


async def _code(
    request: Request, services: Services, language: str, texts: Iterable[str]
) -> Response:
    """The verdict on the first code of ours that stands alone, else on a credential in pieces.

    A code whose credential does not read says nothing of the paper, whatever its record is.
    """
    places = [(text, place) for text in texts if (place := qr.place_in(text)) is not None]
    for _, place in places:
        if place.rest in _ALONE:
            answer = await verify.judge(request, services, Presented(code=place.code, fields={}))
            return await answered(request, language, answer, services, read_by_server=True)
    for text, place in places:
        read = offline.read(text)
        if place.rest.startswith("#") and isinstance(read, Verdict):
            return await answered(request, language, Answer(read), read_by_server=True)
    return _nothing(language, "file.foreign")


async def _credential(
    request: Request, services: Services, language: str, reading: Reading, text: str
) -> Response:
    """The verdict on a credential; the browser verifies it once more where it can."""
    judged = await carried.judged(request, services, reading.signed)
    said = reading.signed.credential
    paper = carried.shown(said, judged.answer, language) if judged.genuine else ()
    return await answered(
        request,
        language,
        judged.answer,
        services,
        read_by_server=True,
        # It goes back to the browser as it was read.
        payload=text.partition("#")[2],
        paper=paper,
    )


def _nothing(language: str, why: str) -> Response:
    words = [translate(language, f"page.{why}"), translate(language, f"page.{why}.advice")]
    return draw("start.html", language, path="/", notice=words)


def _unread(language: str, code: str) -> Response:
    words = [translate(language, f"problem.{code}.{part}") for part in ("detail", "advice")]
    return draw("start.html", language, path="/", status=STATUS[code], notice=words)


async def _file(request: Request) -> bytes | None:
    """The bytes of the file in a form; empty where none was chosen, None where it is too large.

    Raises:
        Problem: `content_type_unsupported`, `validation`.
    """
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem("content_type_unsupported")
    try:
        body = await read_body(request, FORM_BYTES)
    except Problem as problem:
        if problem.code == "body_too_large":
            return None
        raise

    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    parser = _InMemory(Headers({"content-type": kind}), once(), max_files=1, max_fields=4)
    try:
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeDecodeError):
        raise Problem("validation") from None
    sent = form.get("file")
    return await sent.read() if isinstance(sent, UploadFile) else b""
