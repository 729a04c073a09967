"""The process that reads one picture: bytes on standard input, JSON on standard output.

Whatever a hostile picture does to the libraries here, it does to a process that has nothing. What
it may use is bounded before a byte is read.
"""

import io
import json
import os
import resource
import sys
import warnings
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from infrastructure.pictures import (
    CREDENTIAL,
    CREDENTIAL_BYTES,
    EVIDENCE,
    EVIDENCE_BYTES,
    LIMIT_BYTES,
)

MEMORY_BYTES = 512 * 2**20
CPU_SECONDS = 10
"""What a picture is judged by: its own work, however busy the machine is otherwise."""
NICENESS = 10
"""Whoever waits for a picture waits for it longer than for a verdict on a code."""
PIXELS_MAXIMUM = 40_000_000
"""More than phones take by themselves; a code of some centimetres needs one in a hundred of it."""

# What a larger picture is made smaller to: a code that fills a twentieth of it is still read.
READ_SIDE_PIXELS = 3_000
# So much of a transparent picture has its colours and its transparency unfolded at a time.
BAND_PIXELS = 1_000_000
PAGES_MAXIMUM = 5
FILES_MAXIMUM = 32
FILE_BYTES = {CREDENTIAL: CREDENTIAL_BYTES, EVIDENCE: EVIDENCE_BYTES}
NAMED_ALIKE_MAXIMUM = {CREDENTIAL: FILES_MAXIMUM, EVIDENCE: 2}
"""Of several papers in one file the first one's credential may be the last."""
PAGE_SIDE_POINTS = 2_400
DOTS_PER_INCH = 200
POINTS_PER_INCH = 72
TEXTS_MAXIMUM = 8
TEXT_CHARACTERS = 4_400


class Refused(Exception):
    """Its one argument is the code of a `PictureError`."""


def main() -> None:
    """Read, answer, end."""
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    os.nice(NICENESS)
    data = sys.stdin.buffer.read(LIMIT_BYTES + 1)
    try:
        answer: dict[str, object] = found_in(data)
    except Refused as refused:
        answer = {"error": refused.args[0]}
    except MemoryError:
        answer = {"error": "picture_too_large"}
    except Exception:  # noqa: BLE001 - whatever a library calls it, it is no picture that can be read
        answer = {"error": "picture_malformed"}
    sys.stdout.write(json.dumps(answer))


def found_in(data: bytes) -> dict[str, object]:
    """What the QR codes say, each text once, and the embedded files that concern us, by name.

    Raises:
        Refused: `picture_malformed` or `picture_too_large`. Others: what the libraries raise.
    """
    if len(data) > LIMIT_BYTES:
        raise Refused("picture_too_large")
    files: dict[str, list[str]] = {name: [] for name in FILE_BYTES}
    if data[:1024].find(b"%PDF-") < 0:
        texts, whole = _texts(iter([_picture(data)]))
        return {"texts": texts, "files": files, "whole": whole, "all_files": True}
    import pypdfium2  # noqa: PLC0415 - nothing is loaded before it is bounded

    document = pypdfium2.PdfDocument(data)
    for name, held in _files(document):
        if len(files[name]) < NAMED_ALIKE_MAXIMUM[name]:
            files[name].append(b64encode(held).decode())
    texts, whole = _texts(_pages(document))
    return {
        "texts": texts,
        "files": files,
        "whole": whole and len(document) <= PAGES_MAXIMUM,
        "all_files": document.count_attachments() <= FILES_MAXIMUM,
    }


def _texts(pages: Iterator[object]) -> tuple[list[str], bool]:
    """What stands on every page, and whether that is all of it.

    A stranger's code on the first says nothing of the others.
    """
    found: dict[str, None] = {}
    whole = True
    try:
        for page in pages:
            for text in _codes(page):
                found.setdefault(text[:TEXT_CHARACTERS])
    except Refused:
        if not found:
            raise
        whole = False
    return list(found)[:TEXTS_MAXIMUM], whole and len(found) <= TEXTS_MAXIMUM


def _picture(data: bytes) -> object:
    """A photograph in grey, no larger than need be; its size is known before it is decoded."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - nothing is loaded before it is bounded

    Image.MAX_IMAGE_PIXELS = PIXELS_MAXIMUM
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("picture_too_large") from None
    if picture.width * picture.height > PIXELS_MAXIMUM:
        raise Refused("picture_too_large")
    side = (READ_SIDE_PIXELS, READ_SIDE_PIXELS)
    picture.draft("L", side)
    layered = picture.mode in ("RGBA", "LA", "PA", "P")
    grey = _on_white(picture) if layered else picture.convert("L")
    grey.thumbnail(side)
    return ImageOps.exif_transpose(grey)


def _on_white(picture: Any) -> Any:
    """A transparent picture in grey, band by band: its code would be read against black."""
    from PIL import Image  # noqa: PLC0415 - as above

    grey = Image.new("L", picture.size)
    rows = max(BAND_PIXELS // picture.width, 1)
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        layers = picture.crop((0, top, picture.width, bottom)).convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        grey.paste(Image.alpha_composite(white, layers).convert("L"), (0, top))
    return grey


def _files(document: Any) -> Iterator[tuple[str, bytes]]:
    """The embedded files of the names that count; one that cannot be read is empty.

    Evidence that is larger than it may be says nothing: a paper is what it is without it.
    """
    import pypdfium2  # noqa: PLC0415 - as above

    for place in range(min(document.count_attachments(), FILES_MAXIMUM)):
        attached = document.get_attachment(place)
        name = attached.get_name()
        if name not in FILE_BYTES:
            continue
        try:
            held = bytes(attached.get_data())
        except pypdfium2.PdfiumError:
            held = b""
        fits = len(held) <= FILE_BYTES[name]
        if fits or name != EVIDENCE:
            yield name, held if fits else b""


def _pages(document: Any) -> Iterator[object]:
    for number in range(min(len(document), PAGES_MAXIMUM)):
        page = document[number]
        if max(page.get_size()) > PAGE_SIDE_POINTS:
            raise Refused("picture_too_large")
        scale = DOTS_PER_INCH / POINTS_PER_INCH
        yield page.render(scale=scale, grayscale=True).to_pil()


def _codes(picture: object) -> Iterator[str]:
    import zxingcpp  # noqa: PLC0415 - as above

    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    for code in zxingcpp.read_barcodes(picture, formats=formats):
        if code.valid and code.text:
            yield code.text
