"""A paper: what a template is given, and what comes of it, the same bytes for the same paper.

It must not know any noun: titles, labels and values are texts, and whoever composes a paper has
asked who may see them. Fonts come from this package, so that no machine makes another paper of it.
"""

import datetime as dt
import json
import re
import threading
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import typst

from infrastructure.documents.symbol import symbol
from infrastructure.pictures import EVIDENCE_BYTES

FORMATS: Final = ("pdf", "png", "svg")
PDF_STANDARD: Final = "a-3a"
"""PDF/A-3, level A: tagged for readers that speak, with files in it."""
PPI: Final = 150
MODULE_MM: Final = 0.508
"""Three dots at 150 dpi: scanners of a scanned or photocopied page still find every module."""
SMALLEST_QR_MM: Final = 30.0
MAX_FIELD_CHARACTERS: Final = 2_000
MAX_FIELDS: Final = 64
TEMPLATE_BYTES: Final = 262_144

_READS: Final = b"#let paper = json(bytes(sys.inputs.paper))"
"""How a template reads what it is given, as the one that comes with the program does."""
_NO_GLYPH: Final = "could not be displayed with font"
"""What the compiler says of a letter that no font has; before it stands the letter."""
_UNUSUAL: Final = re.compile("[^\x00-\u024f\u0600-\u06ff\u2000-\u206f]")
"""A letter that the fonts may lack: only for a PDF does the compiler say that it does."""
_compiling = threading.Lock()
"""A compiler that is asked while it works refuses, and a second one holds every font again."""

Names = dict[str, str]
"""A text in Arabic, Sorani and English."""


class PaperError(Exception):
    """No paper: `code` is stable; `detail` is for whoever wrote the template, without values."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Field:
    """One row: its name in three languages and its value as it was recorded."""

    names: Names
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Everything that a template may show. Days are ISO; `made` is the day of the act in the log.

    `qr_text` is what the QR code says; `credential` and `evidence` (a bundle) are embedded in a
    PDF. With a bundle, which is of some checkpoint, the same certificate has other bytes each time.
    """

    code: str
    title: Names
    issuer: Names
    number: str
    date: str
    valid_from: str | None
    valid_until: str | None
    edition: int
    original: int
    made: dt.date
    fields: tuple[Field, ...]
    words: dict[str, Names]
    qr_text: str
    credential: bytes | None
    evidence: bytes | None = None

    def told(self) -> str:
        """The JSON object that a template reads from `sys.inputs.paper`.

        Raises:
            PaperError: a paper of such a length is none; ``evidence_too_large``: no reader of a
                PDF takes so much evidence from it.
            ProofError: ``qr_too_dense``: its QR code could not be read from paper.
        """
        long = any(len(one.value) > MAX_FIELD_CHARACTERS for one in self.fields)
        if long or len(self.fields) > MAX_FIELDS:
            raise PaperError("paper_unusable", "too many or too long fields")
        if self.evidence is not None and len(self.evidence) > EVIDENCE_BYTES:
            raise PaperError("evidence_too_large", f"at most {EVIDENCE_BYTES} bytes")
        said: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        said["fields"] = [{"names": one.names, "value": one.value} for one in self.fields]
        said["made"] = {part: getattr(self.made, part) for part in ("year", "month", "day")}
        said["credential"] = None if self.credential is None else list(self.credential)
        said["evidence"] = None if self.evidence is None else self.evidence.decode()
        said["qr"] = self._qr()
        # So large that the code still fits beside the symbol.
        said["code_size"] = 19 if said["qr"]["side_mm"] < 40 else 15  # noqa: PLR2004 - see above
        del said["qr_text"]
        return json.dumps(said, ensure_ascii=False)

    def _qr(self) -> dict[str, Any]:
        drawn = symbol(self.qr_text)
        side = max(SMALLEST_QR_MM, round(drawn.modules * MODULE_MM, 2))
        address = self.qr_text.partition("#")[0]
        return {"svg": drawn.svg(), "side_mm": side, "alt": address}


def render(paper: Paper, form: str, *, template: bytes | None = None) -> list[bytes]:
    """The paper as `pdf` (one file), `png` or `svg` (a file for each page).

    Raises:
        PaperError: the template is none, or comes to no end with this paper; ``text_unprintable``:
            no font has a letter of a value.
        ProofError: ``qr_too_dense``.
    """
    if form not in FORMATS:
        raise ValueError(form)
    source = _builtin() if template is None else template
    if len(source) > TEMPLATE_BYTES:
        raise PaperError("template_unusable", f"at most {TEMPLATE_BYTES} bytes")
    moment = dt.datetime.combine(paper.made, dt.time(), tzinfo=dt.UTC)
    standards: Any = {"pdf_standards": [PDF_STANDARD]} if form == "pdf" else {}
    told = paper.told()
    if form != "pdf" and template is None and _UNUSUAL.search(told):
        render(paper, "pdf")
    given = _given(source, told)
    try:
        with _compiling:
            made = _compiler().compile(
                **given,
                format=form,  # type: ignore[arg-type]  # one of FORMATS
                ppi=PPI,
                timestamp=moment,
                **standards,
            )
    except RuntimeError as error:
        said = getattr(error, "message", str(error))
        if _NO_GLYPH in said:
            raise PaperError("text_unprintable") from None
        # What the compiler quotes otherwise is the template's own source.
        raise PaperError("template_unusable", said) from None
    pages = made if isinstance(made, list) else [made]
    return [page for page in pages if page is not None]


def whole(paper: Paper, form: str, *, template: bytes | None = None) -> bytes:
    """All of the paper in one file.

    Raises:
        PaperError: ``document_of_pages``: as a picture it would end before its code; or what
            :func:`render` says.
        ProofError: ``qr_too_dense``.
    """
    pages = render(paper, form, template=template)
    if len(pages) != 1:
        raise PaperError("document_of_pages", f"{len(pages)} pages")
    return pages[0]


def _given(source: bytes, told: str) -> dict[str, Any]:
    """A template and its paper, which is written into the line that reads it, where there is one.

    With other inputs everything is laid out anew; with another line, only what rests on it.
    """
    if source.count(_READS) != 1:
        return {"input": source, "sys_inputs": {"paper": told}}
    # What is JSON twice has no escapes but those of backslash and quote, which Typst shares.
    literal = json.dumps(told, ensure_ascii=False).encode()
    line = b"#let paper = json(bytes(" + literal + b"))"
    return {"input": source.replace(_READS, line), "sys_inputs": {}}


@lru_cache(maxsize=1)
def _builtin() -> bytes:
    return (files(__package__) / "templates" / "certificate.typ").read_bytes()


@lru_cache(maxsize=1)
def _compiler() -> typst.Compiler:
    """One compiler; it sees no file but fonts, so that a template reads nothing of this machine."""
    with as_file(files(__package__) / "fonts") as fonts:
        found = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[Path(fonts)]
        )
    return typst.Compiler(root=_nowhere(), font_paths=found)


@lru_cache(maxsize=1)
def _nowhere() -> Path:
    """An empty folder of this package's: the root that a template may read from."""
    with as_file(files(__package__) / "empty") as folder:
        return Path(folder)
