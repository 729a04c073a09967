"""QR symbols: what is printed is read by zxing, and what could not be read is not printed."""

import re
from typing import Any

import pytest
import segno
import zxingcpp

from infrastructure.documents.symbol import QUIET_MODULES, symbol
from infrastructure.proofs import credential, qr
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.documents.papers import photographed
from tests.infrastructure.proofs.test_credential import ACCEPTED, KEYS, SAMPLE

TEXT = ACCEPTED[0]["text"]


def in_segments(text: str) -> segno.QRCode:
    """Another program's symbol: alphanumeric, a byte, alphanumeric."""
    head, _, payload = text.partition("#")
    parts: Any = [head, "#", payload]
    return segno.make_qr(parts, error="Q", boost_error=False)


def test_a_typical_arabic_certificate_stays_at_version_17() -> None:
    text = qr.encode_text(credential.sign(SAMPLE, KEYS["P-256"]), host="sijill.gov.iq")

    made = symbol(text)

    assert made.version <= 17
    assert made.modules == 17 + 4 * made.version + 8
    assert made.smallest_mm == pytest.approx(made.modules * 0.35, abs=0.05)


@pytest.mark.parametrize("case", ACCEPTED[:3], ids=lambda case: case["why"])
def test_a_printed_symbol_is_read_at_level_q(case: dict[str, str]) -> None:
    [found] = zxingcpp.read_barcodes(photographed(case["text"], scale=3))

    assert (found.text, found.ec_level) == (case["text"], "Q")


@pytest.mark.parametrize("length", [*range(8, 420, 3)])
def test_it_is_written_in_three_segments(length: int) -> None:
    """At every length the symbol is as small as one of three segments, and no smaller."""
    head = TEXT.partition("#")[0]
    text = f"{head}#{'ABCDEFGHIJ234567' * 30}"[: len(head) + 1 + length]

    assert symbol(text).version == in_segments(text).version


def test_three_segments_are_smaller_than_one() -> None:
    assert symbol(TEXT).version < int(segno.make_qr(TEXT, error="Q").version)


def test_the_same_text_has_the_same_symbol() -> None:
    assert symbol(TEXT) == symbol(TEXT)
    assert symbol(TEXT).svg() == symbol(TEXT).svg()


def test_the_drawing_has_every_dark_module_and_a_quiet_zone() -> None:
    made = symbol(TEXT)
    dark = {
        (column + QUIET_MODULES, place + QUIET_MODULES)
        for place, row in enumerate(made.rows)
        for column, module in enumerate(row)
        if module == 0
    }

    drawn = drawn_by(made.svg().partition('d="')[2].partition('"')[0])

    assert drawn == dark
    edge = range(QUIET_MODULES, made.modules - QUIET_MODULES)
    assert all(column in edge and place in edge for column, place in drawn)


def drawn_by(path: str) -> set[tuple[int, int]]:
    """The modules that the strokes of an SVG path cover: moves, relative moves and dark runs."""
    drawn, at, place = set(), 0, 0.0
    for move, numbers in re.findall(r"([Mmh])([0-9. ]+)", path):
        across, *down = map(float, numbers.split())
        if move == "M":
            at, [place] = int(across), down
        elif move == "m":
            assert down == [0]
            at += int(across)
        else:
            drawn |= {(at + step, int(place)) for step in range(int(across))}
            at += int(across)
    return drawn


def test_a_symbol_too_small_to_be_read_is_refused_with_its_millimetres() -> None:
    least = symbol(TEXT).smallest_mm

    assert symbol(TEXT, side_mm=least)
    with pytest.raises(ProofError, match=f"at least {least} mm"):
        symbol(TEXT, side_mm=least - 0.1)


def test_a_symbol_too_dense_to_be_read_is_refused() -> None:
    with pytest.raises(ProofError, match=r"qr_too_dense: version 2[0-9], at most 20; [0-9.]+ mm"):
        symbol(f"{TEXT}{'A' * 250}")
    with pytest.raises(ProofError, match="qr_too_dense"):
        symbol("A" * 5000)
