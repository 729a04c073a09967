"""Papers for tests, and what independent programs say of them: poppler, qpdf, zbar and zxing."""

import datetime as dt
import json
import shutil
import subprocess
import unicodedata
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from api.papers import Told, compose
from infrastructure.documents.paper import Paper
from infrastructure.documents.symbol import QUIET_MODULES, symbol
from infrastructure.proofs import codes, credential
from tests.infrastructure.proofs.samples import AGENCY_KEY

CODE = codes.from_bytes(bytes(range(10)))
VALUES = {
    "holder_name": "زينب عبد الكريم حسين الجبوري",
    "national_number": "199012345678",
    "birth_date": "1990-05-17",
    "birth_place": "هەولێر، گەڕەکی ڕۆژهەڵات",
    "registry_page": "سجل ١٢ / صحيفة ٣٤٥",
    "mother_name": "not printable",
}
ISSUER = {"ar": "وزارة الداخلية", "ckb": "وەزارەتی ناوخۆ", "en": "Ministry of Interior"}
HOST = "sijill.example"
PACKAGES = {"qpdf": "qpdf", "zbarimg": "zbar-tools"}
"""Where a program comes from; what is not named is poppler's."""
# What poppler puts around runs that read from right to left.
_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e"))


def told(**changes: Any) -> Told:
    """A civil status extract."""
    moment = dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC)
    said: dict[str, Any] = {
        "code": CODE,
        "type": "civil_status_extract",
        "issuer": ISSUER,
        "number": "م.و/٤٥٦",
        "date": "2026-11-01",
        "effective_date": "2026-11-01",
        "expiry_date": "2027-01-01",
        "edition": 1,
        "original": 1,
        "issue_time": int(moment.timestamp()) * 1_000_000,
        "values": VALUES,
    }
    return Told(**{**said, **changes})


def signed() -> bytes:
    """The credential of that extract."""
    said = credential.Credential(
        agency="moi",
        code=CODE,
        type="civil_status_extract",
        number="م.و/٤٥٦",
        date="2026-11-01",
        fields={0: VALUES["holder_name"], 1: VALUES["national_number"]},
        status_list=3,
        status_index=777_777,
        index=1_700_000,
        issued_at=1_793_523_600,
        ledger="00" * 8,
        expiry_date="2027-01-01",
    )
    return credential.sign(said, AGENCY_KEY)


def paper(*, bare: bool = False, **changes: Any) -> Paper:
    """Its paper; `bare` has no credential."""
    return compose(told(**changes), host=HOST, credential=None if bare else signed())


def run(program: str, *arguments: str | Path) -> str:
    """What a program of the distribution says; it may find fault, and then says so."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(
            f"no {program} (Debian: apt-get install {PACKAGES.get(program, 'poppler-utils')})"
        )
    ran = subprocess.run([found, *arguments], capture_output=True, check=False)
    return (ran.stdout + ran.stderr).decode()


def text_of(pdf: Path) -> str:
    """The text as it is copied out, without what says where it turns."""
    said = run("pdftotext", "-enc", "UTF-8", pdf, "-")
    return unicodedata.normalize("NFC", said.translate(_MARKS))


def picture_of(pdf: Path, dpi: int = 150) -> Path:
    """The first page, drawn by poppler."""
    stem = pdf.with_suffix("")
    run("pdftoppm", "-r", str(dpi), "-png", "-singlefile", pdf, stem)
    return stem.with_suffix(".png")


def read_by_zbar(picture: Path) -> str:
    return run("zbarimg", "--quiet", "--raw", "--nodbus", picture).strip()


def read_by_zxing(picture: Path) -> str:
    with Image.open(picture) as image:
        [found] = zxingcpp.read_barcodes(image)
    return str(found.text)


def objects_of(pdf: Path) -> dict[str, Any]:
    """Every object of a PDF, by its name in qpdf's JSON, the streams unfolded."""
    said = run("qpdf", "--json=2", "--json-stream-data=none", pdf)
    found: dict[str, Any] = json.loads(said)["qpdf"][1]
    return {
        name: one["stream"]["dict"] if "stream" in one else one["value"]
        for name, one in found.items()
    }


def is_sound(pdf: Path) -> bool:
    return "No syntax or stream encoding errors found" in run("qpdf", "--check", pdf)


def refiled(
    pdf: bytes, held: Mapping[str, bytes] | None = None, *, drop: str | None = None
) -> bytes:
    """The PDF with an embedded file taken out, and others put in."""
    document = pypdfium2.PdfDocument(pdf)
    names = [document.get_attachment(n).get_name() for n in range(document.count_attachments())]
    if drop is not None:
        document.del_attachment(names.index(drop))
    for name, data in (held or {}).items():
        document.new_attachment(name).set_data(data)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def photographed(text: str, *, scale: int = 4) -> Image.Image:
    """The QR symbol of a text with its quiet zone, a module so many pixels wide."""
    drawn = symbol(text)
    side, inner = drawn.modules, len(drawn.rows)
    picture = Image.new("L", (side, side), 255)
    picture.paste(
        Image.frombytes("L", (inner, inner), b"".join(drawn.rows)), (QUIET_MODULES, QUIET_MODULES)
    )
    return picture.resize((side * scale, side * scale), Image.Resampling.NEAREST)
