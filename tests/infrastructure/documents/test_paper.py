"""Papers: the same bytes, every letter, readable codes, right text; PDF/A-3 as far as seen here.

There is no validator of PDF/A among the tools that the tests use. What is checked by hand is named
in each test: a file that fails one of these is no PDF/A-3; one that passes all may still not be.
"""

import dataclasses
import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from fontTools.ttLib import TTFont

from api.i18n import LANGUAGES, texts
from domain.catalogue import TYPES
from infrastructure.documents import paper as papers
from infrastructure.documents.paper import Field, Paper, PaperError, render, whole
from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.documents.papers import (
    HOST,
    ISSUER,
    VALUES,
    is_sound,
    objects_of,
    paper,
    picture_of,
    read_by_zbar,
    read_by_zxing,
    run,
    signed,
    text_of,
)
from tests.letters import LETTERS

FONTS = files("infrastructure.documents") / "fonts"
ARABIC = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيًٌٍَُِّْٰ"
OTHERS = "0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹.,:;/-–—()«»،؛؟%·ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture(scope="module")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "extract.pdf"
    path.write_bytes(render(paper(), "pdf")[0])
    return path


@pytest.fixture(scope="module")
def objects(pdf: Path) -> dict[str, Any]:
    return objects_of(pdf)


@pytest.mark.parametrize("form", papers.FORMATS)
def test_the_same_paper_has_the_same_bytes(form: str) -> None:
    first = render(paper(), form)
    code = (
        "import hashlib, sys; from infrastructure.documents.paper import render; "
        "from tests.infrastructure.documents.papers import paper; "
        "sys.stdout.write(hashlib.sha256(render(paper(), sys.argv[1])[0]).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, form], capture_output=True, check=True, text=True
    )
    assert other.stdout == hashlib.sha256(first[0]).hexdigest()
    assert render(paper(number="1"), form) != first


@pytest.mark.parametrize("reads", ["#let paper = json(bytes(sys.inputs.paper))", ""])
def test_no_value_ends_the_line_that_it_is_written_into(tmp_path: Path, reads: str) -> None:
    odd = 'A"))#panic("x")\\u{41}\\" \\\\ $x$ *b* // c'
    line = reads or "#let paper = (json(bytes(sys.inputs.paper)))"
    own = f"""{line}
#set text(font: "IBM Plex Sans Arabic", dir: ltr)
#for one in paper.fields [#one.value]"""
    path = tmp_path / "odd.pdf"
    given = paper(values={"birth_place": odd})
    path.write_bytes(render(given, "pdf", template=_pdf_a(own.encode()))[0])

    assert odd in text_of(path)


def test_what_was_set_before_leaves_nothing_in_a_paper() -> None:
    first = render(paper(), "pdf")
    for other in ({"number": "1"}, {"edition": 2}, {"values": {"holder_name": "آخر"}}):
        assert render(paper(**other), "pdf") != first
    assert render(paper(), "pdf") == first


@pytest.mark.parametrize("name", ["Amiri-Regular", "Amiri-Bold"])
def test_the_fonts_have_every_letter(name: str) -> None:
    """Of three languages, of all that the program itself prints, and of numbers in any script."""
    known = set(map(chr, _font(name).getBestCmap()))
    printed = {letter for one in TYPES.values() for text in _names(one) for letter in text}
    for language in LANGUAGES:
        for text in texts(language, "paper.").values():
            printed |= set(text)

    assert (set(ARABIC) | LETTERS | set(OTHERS) | printed) - known == set()


def test_the_font_of_codes_has_what_codes_are_made_of() -> None:
    for name in ("IBMPlexSansArabic-Regular", "IBMPlexSansArabic-SemiBold"):
        known = set(map(chr, _font(name).getBestCmap()))
        assert set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-·'.,:/|") <= known


def _font(name: str) -> TTFont:
    return TTFont(str(FONTS / f"{name}.ttf"))


def _names(kind: Any) -> list[str]:
    named = [kind.names, *(field.names for field in kind.fields)]
    return [text for names in named for text in names.model_dump().values()]


def test_every_font_lies_beside_its_licence() -> None:
    names = {path.name for path in FONTS.iterdir()}
    families = {name.partition("-")[0] for name in names if name.endswith(".ttf")}

    assert {name for name in names if not name.endswith(".ttf")} == {
        f"{family}-LICENSE.txt" for family in families
    }
    for family in families:
        assert "SIL Open Font License" in (FONTS / f"{family}-LICENSE.txt").read_text()


@pytest.mark.parametrize("asked", [paper(), paper(bare=True)], ids=["credential", "bare"])
def test_the_code_is_read_from_a_drawing_of_150_dpi(tmp_path: Path, asked: Paper) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(render(asked, "pdf")[0])
    picture = picture_of(path)

    assert read_by_zbar(picture) == asked.qr_text
    assert read_by_zxing(picture) == asked.qr_text


def test_the_png_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "paper.png"
    path.write_bytes(render(paper(), "png")[0])

    assert read_by_zxing(path) == read_by_zbar(path) == paper().qr_text


def test_what_is_copied_out_is_what_stands_there(pdf: Path) -> None:
    text = text_of(pdf)
    kind = TYPES["civil_status_extract"]
    expected = [
        *ISSUER.values(),
        *kind.names.model_dump().values(),
        *(value for name, value in VALUES.items() if name != "mother_name"),
        *(field.names.ar for field in kind.fields if field.id in VALUES and field.printable),
        "جمهورية العراق",
        "رمز التحقق",
        "2026-11-01",
        "2027-01-01",
        paper().code,
        HOST,
    ]

    # Where a line of Arabic holds numbers, poppler moves the spaces about: letters are compared.
    found = _letters(text)
    assert [one for one in expected if _letters(one) not in found] == []
    assert "not printable" not in text


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text)


def test_it_has_an_output_intent_and_says_that_it_is_pdf_a_3(
    pdf: Path, objects: dict[str, Any]
) -> None:
    """ISO 19005-3, 6.2.3 and 6.6.4: `/GTS_PDFA1`, and part and conformance in plain metadata."""
    root = _root(objects)
    [intent] = _at(objects, root["/OutputIntents"])
    metadata = objects[f"obj:{root['/Metadata']}"]

    assert _at(objects, intent)["/S"] == "/GTS_PDFA1"
    assert "/DestOutputProfile" in _at(objects, intent)
    assert "/Filter" not in metadata
    raw = pdf.read_bytes()
    assert re.search(rb"pdfaid:part>3<|pdfaid:part=\"3\"", raw)
    assert re.search(rb"pdfaid:conformance>A<|pdfaid:conformance=\"A\"", raw)


def test_it_is_tagged_and_says_its_language(objects: dict[str, Any]) -> None:
    """6.7: level A needs a structure tree, marked content and a natural language."""
    root = _root(objects)

    assert _at(objects, root["/MarkInfo"])["/Marked"] is True
    assert "/StructTreeRoot" in root
    assert root["/Lang"].startswith("u:ar")


def test_the_credential_is_an_associated_file(pdf: Path, objects: dict[str, Any]) -> None:
    """6.8: a MIME type, a relationship, a name, and a place in the catalogue's `/AF`."""
    [associated] = _at(objects, _root(objects)["/AF"])
    described = _at(objects, associated)
    held = objects[f"obj:{_at(objects, described['/EF'])['/F']}"]

    assert described["/AFRelationship"] == "/Data"
    assert described["/F"] == described["/UF"] == "u:credential.cose"
    assert held["/Subtype"] == "/application/cose"
    assert "/ModDate" in held["/Params"]
    out = pdf.with_name("out.cose")
    run("pdfdetach", "-save", "1", "-o", out, pdf)
    assert out.read_bytes() == signed()


def test_every_font_is_embedded_and_maps_to_unicode(pdf: Path) -> None:
    """6.2.11: embedded programs; level A: `/ToUnicode`."""
    rows = [line.split() for line in run("pdffonts", pdf).splitlines()[2:]]

    assert rows
    assert all(row[-5:-2] == ["yes", "yes", "yes"] for row in rows)
    assert {row[0].partition("+")[2] for row in rows} == {
        "Amiri-Regular",
        "Amiri-Bold",
        "IBMPlexSansArabic-Regular",
        "IBMPlexSansArabic-SemiBold",
    }


def test_nothing_in_it_is_forbidden(pdf: Path, objects: dict[str, Any]) -> None:
    """6.1.3, 6.1.7, 6.5, 6.6.1: an id, no encryption, no LZW, no scripts or launches; sound."""
    trailer = objects["trailer"]
    text = repr(objects)

    assert "/ID" in trailer
    assert "/Encrypt" not in trailer
    for word in ("/LZWDecode", "/JavaScript", "/Launch", "/OpenAction", "/XFA", "/URI"):
        assert word not in text
    assert is_sound(pdf)


def _root(objects: dict[str, Any]) -> dict[str, Any]:
    return dict(objects[f"obj:{objects['trailer']['/Root']}"])


def _at(objects: dict[str, Any], value: Any) -> Any:
    """What a reference points to."""
    if isinstance(value, str) and value.endswith(" R"):
        return objects[f"obj:{value}"]
    return value


def test_long_papers_go_on_and_end_with_the_code(tmp_path: Path) -> None:
    names = {"ar": "حقل", "ckb": "خانە", "en": "Field"}
    more = tuple(Field(names, f"{'نص طويل ' * 40}{n}") for n in range(30))
    long = dataclasses.replace(paper(), fields=more)
    path = tmp_path / "long.pdf"
    path.write_bytes(render(long, "pdf")[0])
    pages = render(long, "svg")

    assert len(pages) > 1
    assert long.code in text_of(path)
    assert whole(long, "pdf") == path.read_bytes()
    for form in ("png", "svg"):
        with pytest.raises(PaperError, match="document_of_pages"):
            whole(long, form)
        assert whole(paper(), form) == render(paper(), form)[0]


def test_a_paper_of_any_length_is_none() -> None:
    names = {"ar": "حقل", "ckb": "خانە", "en": "Field"}
    for fields in ((Field(names, "ا" * 2_001),), (Field(names, "ا"),) * 65):
        with pytest.raises(PaperError, match="paper_unusable"):
            render(dataclasses.replace(paper(), fields=fields), "pdf")


def test_values_are_text_and_never_markup(tmp_path: Path) -> None:
    hostile = '#read("/etc/passwd") *bold* $x$ \\u{41} "quoted"'
    path = tmp_path / "hostile.pdf"
    path.write_bytes(render(paper(values={**VALUES, "birth_place": hostile}), "pdf")[0])

    text = text_of(path)
    assert "*bold*" in text
    assert "/etc/passwd" in text
    assert "root:" not in text


def test_an_agency_has_a_template_of_its_own(tmp_path: Path) -> None:
    own = b"#let paper = json(bytes(sys.inputs.paper))\n#paper.number #paper.fields.first().value"
    path = tmp_path / "own.pdf"
    path.write_bytes(render(paper(), "pdf", template=_pdf_a(own))[0])

    assert VALUES["holder_name"] in text_of(path)


def _pdf_a(template: bytes) -> bytes:
    """What PDF/A asks of any document, and then this."""
    title = b'#set document(title: "t", date: datetime(year: 2026, month: 11, day: 1))\n'
    return title + b'#set text(font: "Amiri", lang: "ar")\n' + template


@pytest.mark.parametrize(
    "template",
    [
        b"#unknown",
        b"#(",
        b"\xff",
        b'#read("/etc/hostname")',
        b'#read("paper.py")',
        b'#import "@preview/cetz:0.3.0"',
        b"#while true {}",
        b"#let f(x) = f(x)\n#f(1)",
        b"a" * (papers.TEMPLATE_BYTES + 1),
    ],
)
def test_a_template_that_does_not_do_is_refused(template: bytes) -> None:
    with pytest.raises(PaperError, match="template_unusable"):
        render(paper(), "pdf", template=template)


def test_papers_are_made_at_once() -> None:
    asked = [paper(number=f"{number}") for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda one: render(one, "svg"), asked))

    assert made == [render(one, "svg") for one in asked]


@pytest.mark.parametrize("name", ["Иванов", "Παπαδόπουλος", "张伟", "דוד", "😀"])
def test_letters_that_no_font_has_are_refused_and_not_repeated(name: str) -> None:
    for form in papers.FORMATS:
        with pytest.raises(PaperError) as refusal:
            render(paper(values={**VALUES, "holder_name": name}), form)

        assert refusal.value.code == "text_unprintable"
        assert refusal.value.detail == ""


def test_a_code_that_nobody_could_read_is_not_printed() -> None:
    with pytest.raises(ProofError, match="qr_too_dense"):
        render(dataclasses.replace(paper(), qr_text=f"HTTPS://A/V/B#{'a' * 620}"), "pdf")


def test_there_are_three_forms() -> None:
    with pytest.raises(ValueError, match="html"):
        render(paper(), "html")


def test_a_paper_takes_no_other_certificate_s_credential() -> None:
    with pytest.raises(ProofError) as refusal:
        paper(code=codes.from_bytes(bytes(range(1, 11))))

    assert refusal.value.code == "qr_code_mismatch"
