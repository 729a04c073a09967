"""What a PDF brings along is read beside its picture; whether both are one is told."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pypdfium2
import pytest

from api.papers import compose
from infrastructure import pictures
from infrastructure.documents.paper import PaperError, render
from infrastructure.pictures import CREDENTIAL, EVIDENCE, EVIDENCE_BYTES, Found
from infrastructure.pictures.child import FILES_MAXIMUM, PAGES_MAXIMUM
from infrastructure.proofs import credential, offline, qr
from tests.infrastructure.documents.papers import (
    CODE,
    HOST,
    paper,
    photographed,
    refiled,
    run,
    signed,
    told,
)
from tests.infrastructure.proofs.samples import AGENCY_KEY


def read(pdf: bytes) -> Found:
    return asyncio.run(pictures.read(pdf))


def agrees(pdf: bytes) -> bool:
    found = read(pdf)
    return offline.agree(
        found.texts, found.credentials, whole=found.whole, all_files=found.all_files
    )


def another() -> bytes:
    """A credential that the same key signed, for the same code, about another holder."""
    said = credential.decode(signed()).credential
    return credential.sign(replace(said, fields={**said.fields, 0: "غيرها"}), AGENCY_KEY)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return render(paper(), "pdf")[0]


@pytest.fixture(scope="module")
def false_picture() -> bytes:
    """As printed by somebody else, with the genuine attachment."""
    forged = render(compose(told(), host=HOST, credential=another()), "pdf")[0]
    return refiled(forged, {CREDENTIAL: signed()}, drop=CREDENTIAL)


def test_picture_and_attachment_of_a_paper_are_one(pdf: bytes) -> None:
    found = read(pdf)

    assert found.credentials == (signed(),)
    assert found.texts == (qr.encode_text(signed(), host=HOST),)
    assert found.evidence is None
    assert agrees(pdf)


def test_a_changed_picture_is_noticed(false_picture: bytes) -> None:
    found = read(false_picture)

    assert qr.parse_text(found.texts[0]).data == another()
    assert found.credentials == (signed(),)
    assert not agrees(false_picture)


@pytest.mark.parametrize("held", [another(), b"", b"\xd2", bytes(2_000)])
def test_a_changed_attachment_is_noticed(pdf: bytes, held: bytes) -> None:
    assert not agrees(refiled(pdf, {CREDENTIAL: held}, drop=CREDENTIAL))


def test_a_picture_without_its_credential_is_noticed() -> None:
    bare = render(paper(bare=True), "pdf")[0]

    assert agrees(bare)
    assert not agrees(refiled(bare, {CREDENTIAL: signed()}))


def test_without_an_attachment_the_picture_stands_alone(pdf: bytes) -> None:
    assert agrees(refiled(pdf, drop=CREDENTIAL))
    assert agrees(refiled(pdf, {"other.txt": b"a note"}, drop=CREDENTIAL))


def test_evidence_is_read_too(pdf: bytes) -> None:
    given = render(replace(paper(), evidence=b'{"bundle":1}'), "pdf")[0]

    assert read(given).evidence == b'{"bundle":1}'
    assert agrees(given)
    assert given != pdf


def test_too_much_evidence_is_not_embedded_and_says_nothing(pdf: bytes) -> None:
    with pytest.raises(PaperError, match="evidence_too_large"):
        render(replace(paper(), evidence=b"0" * (EVIDENCE_BYTES + 1)), "pdf")

    assert read(refiled(pdf, {EVIDENCE: b"0" * EVIDENCE_BYTES})).evidence == b"0" * EVIDENCE_BYTES
    for made in (b"0" * (EVIDENCE_BYTES + 1), b"0" * 3 * EVIDENCE_BYTES):
        found = read(refiled(pdf, {EVIDENCE: made}))
        assert found.evidence is None
        assert found.credentials == (signed(),)


def merged(*pdfs: bytes, attached: Sequence[bytes]) -> bytes:
    """Their pages one after the other, with these credentials, as qpdf joins files."""
    whole = pypdfium2.PdfDocument.new()
    for one in pdfs:
        whole.import_pages(pypdfium2.PdfDocument(one))
    with TemporaryDirectory() as folder:
        before, after = Path(folder) / "pages.pdf", Path(folder) / "whole.pdf"
        whole.save(before)
        adding: list[str | Path] = []
        for number, data in enumerate(attached):
            held = Path(folder) / f"{number}"
            held.write_bytes(data)
            named = (f"--key={number:02}", f"--filename={CREDENTIAL}")
            adding += ["--add-attachment", held, *named, "--"]
        run("qpdf", before, *adding, after)
        return after.read_bytes()


def page(text: str) -> bytes:
    """A page with a QR code of somebody's."""
    out = BytesIO()
    photographed(text).convert("RGB").save(out, "PDF")
    return out.getvalue()


WEBSITE = "https://ministry.example/services?from=paper"


def test_a_stranger_s_code_on_the_first_page_says_nothing(pdf: bytes) -> None:
    file = merged(page(WEBSITE), pdf, attached=[signed()])

    assert read(file).texts == (WEBSITE, qr.encode_text(signed(), host=HOST))
    assert agrees(file)
    assert not agrees(merged(page(WEBSITE), pdf, attached=[another()]))


def test_two_papers_in_one_file_are_no_contradiction(pdf: bytes) -> None:
    other = render(compose(told(), host=HOST, credential=another()), "pdf")[0]

    for attached in ([signed(), another()], [another(), signed()], [signed()]):
        assert agrees(merged(pdf, other, attached=attached))
    # The one that is judged is the first.
    assert not agrees(merged(pdf, other, attached=[another()]))
    assert not agrees(merged(pdf, pdf, attached=[signed(), another()]))


def test_more_papers_in_one_file_than_pages_are_read_are_no_contradiction(pdf: bytes) -> None:
    said = credential.decode(signed()).credential
    others = [
        credential.sign(replace(said, fields={0: f"حامل {number}"}), AGENCY_KEY)
        for number in range(9)
    ]
    held = [*others, signed()]
    papers = [render(compose(told(), host=HOST, credential=one), "pdf")[0] for one in others]
    blank = merged(*[page(WEBSITE)] * 4, attached=[])

    for joined in (papers[:5], papers, [blank, papers[0]]):
        assert agrees(merged(pdf, *joined, attached=held[-len(joined) - 1 :]))
    # The first one's own is missing, or what was read to its end has another's.
    assert not agrees(merged(pdf, *papers[:5], attached=others))
    assert not agrees(merged(pdf, *papers[:4], attached=held))


def test_more_embedded_files_than_are_looked_at_are_no_contradiction(pdf: bytes) -> None:
    blank = merged(*[page(WEBSITE)] * PAGES_MAXIMUM, attached=[])
    others = [bytes([number]) for number in range(FILES_MAXIMUM)]
    long = merged(pdf, blank, attached=[*others, signed()])

    assert signed() not in read(long).credentials
    assert agrees(long)
    # All of them were looked at, and the first page's is missing.
    assert not agrees(merged(pdf, blank, attached=others))
    # A file that was read to its last page shows none of these.
    assert not agrees(merged(pdf, attached=[*others, signed()]))


def test_what_is_no_code_of_a_ledger_contradicts_no_attachment() -> None:
    for text in (WEBSITE, "HC1:NCFOXN", "https://other.example/v/123"):
        assert agrees(merged(page(text), attached=[b"of another system"]))
    for text in (CODE, f"https://other.example/v/{CODE.lower()}", f"HTTPS://A.B/V/{CODE}#JUNK"):
        assert not agrees(merged(page(text), attached=[signed()]))


def test_a_page_too_large_behind_a_code_takes_nothing_from_it(pdf: bytes) -> None:
    document = pypdfium2.PdfDocument(pdf)
    document.new_page(14_000, 14_000)
    out = BytesIO()
    document.save(out)

    assert agrees(out.getvalue())
