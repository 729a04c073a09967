"""The QR symbol of a text, as it is drawn: level Q, no denser than paper and telephones bear.

The encoder is zxing's, in C++. It writes what fits the alphanumeric mode in that mode and the `#`
alone as a byte, as the format's page wants; a test holds its sizes against three segments.
"""

from functools import cache
from typing import Final, NamedTuple

import zxingcpp

from infrastructure.proofs.errors import ProofError

LEVEL: Final = "Q"
MAX_VERSION: Final = 20
QUIET_MODULES: Final = 4
"""Empty modules on every side, as ISO/IEC 18004 asks."""
MIN_MODULE_MM: Final = 0.35
"""What a telephone reads from an office printer's paper at arm's length: 4 dots at 300 dpi."""
_SMALLEST: Final = 17
_EACH_VERSION: Final = 4
_LIGHT: Final = b"\xff"


class Symbol(NamedTuple):
    """A QR symbol; `rows` are its modules without the quiet zone, a byte each: 0 is dark."""

    text: str
    rows: tuple[bytes, ...]

    @property
    def version(self) -> int:
        """1 to 40; the field report measured 16 for a typical certificate."""
        return (len(self.rows) - _SMALLEST) // _EACH_VERSION

    @property
    def modules(self) -> int:
        """Modules on a side, with the quiet zone."""
        return len(self.rows) + 2 * QUIET_MODULES

    @property
    def smallest_mm(self) -> float:
        """The side, with the quiet zone, below which telephones do not read it from paper."""
        return round(self.modules * MIN_MODULE_MM, 1)

    def svg(self) -> str:
        """The drawing, quiet zone included, of no size of its own: a stroke for each dark run.

        Strokes begin where the one before them ended: of all that a paper is made from this text is
        the longest, and whoever sets it reads it anew for each.
        """
        strokes: list[str] = []
        for place, row in enumerate(self.rows, QUIET_MODULES):
            strokes.append(f"M{QUIET_MODULES} {place}.5")
            light = 0
            for dark in row.split(_LIGHT):
                if dark:
                    strokes.append(_stroke(light, len(dark)))
                    light = 0
                light += 1
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.modules} {self.modules}">'
            f'<path d="{"".join(strokes)}" stroke="#000"/></svg>'
        )


@cache
def _stroke(light: int, dark: int) -> str:
    """So many dark modules after so many light ones."""
    return f"m{light} 0h{dark}" if light else f"h{dark}"


def symbol(text: str, *, side_mm: float | None = None) -> Symbol:
    """The QR symbol of a text, as it is to be printed ``side_mm`` wide (quiet zone too).

    Raises:
        ProofError: ``qr_too_dense`` above version 20; ``qr_too_small`` where a module would be
            printed smaller than 0.35 mm. Both say how many millimetres it takes.
    """
    try:
        code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=LEVEL)
    except ValueError:
        raise ProofError("qr_too_dense", "more than any QR code holds") from None
    drawn = code.to_image(scale=1, add_quiet_zones=False)
    side = drawn.shape[0]
    pixels = bytes(memoryview(drawn))  # type: ignore[arg-type]  # a buffer; its types do not say so
    made = Symbol(text, tuple(pixels[at : at + side] for at in range(0, side * side, side)))
    if made.version > MAX_VERSION:
        detail = f"version {made.version}, at most {MAX_VERSION}; {made.smallest_mm} mm"
        raise ProofError("qr_too_dense", detail)
    if side_mm is not None and side_mm < made.smallest_mm:
        raise ProofError("qr_too_small", f"at least {made.smallest_mm} mm with its quiet zone")
    return made
