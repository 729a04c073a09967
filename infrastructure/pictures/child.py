"""The process that reads one picture: bytes on standard input, JSON on standard output.

Whatever a hostile picture does to the libraries here, it does to a process that has nothing. What
it may use is bounded before a byte is read.
"""

import io
import json
import resource
import sys
import warnings
from collections.abc import Iterator

from infrastructure.pictures import LIMIT_BYTES

MEMORY_BYTES = 1_500 * 2**20
CPU_SECONDS = 10
PIXELS_MAXIMUM = 40_000_000
"""More than phones take by themselves; a code of some centimetres needs one in a hundred of it."""

# What a larger picture is made smaller to: a code that fills a twentieth of it is still read.
READ_SIDE_PIXELS = 3_000
PAGES_MAXIMUM = 5
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
    data = sys.stdin.buffer.read(LIMIT_BYTES + 1)
    try:
        answer: dict[str, object] = {"texts": texts_in(data)}
    except Refused as refused:
        answer = {"error": refused.args[0]}
    except MemoryError:
        answer = {"error": "picture_too_large"}
    except Exception:  # noqa: BLE001 - whatever a library calls it, it is no picture that can be read
        answer = {"error": "picture_malformed"}
    sys.stdout.write(json.dumps(answer))


def texts_in(data: bytes) -> list[str]:
    """What the QR codes say, each text once.

    Raises:
        Refused: `picture_malformed` or `picture_too_large`. Others: what the libraries raise.
    """
    if len(data) > LIMIT_BYTES:
        raise Refused("picture_too_large")
    pages = _pages(data) if data[:1024].find(b"%PDF-") >= 0 else iter([_picture(data)])
    found: dict[str, None] = {}
    for page in pages:
        for text in _codes(page):
            found.setdefault(text[:TEXT_CHARACTERS])
        if found:
            break
    return list(found)[:TEXTS_MAXIMUM]


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
    if picture.mode in ("RGBA", "LA", "PA", "P"):
        # A transparent code would be read against black.
        layers = picture.convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        picture = Image.alpha_composite(white, layers)  # type: ignore[assignment] # an Image is all that is asked of it
    grey = picture.convert("L")
    grey.thumbnail(side)
    return ImageOps.exif_transpose(grey)


def _pages(data: bytes) -> Iterator[object]:
    import pypdfium2  # type: ignore[import-untyped] # noqa: PLC0415 - it brings no types; as above

    document = pypdfium2.PdfDocument(data)
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
