"""What pages load, and photographs and PDFs that the server reads for whoever asks it to."""

import io
import json
import re
from types import SimpleNamespace
from typing import Any

import httpx2
import pypdfium2
import pytest
import segno
from PIL import Image
from starlette.requests import Request

from api.i18n import LANGUAGES, translate
from api.limits import Limits
from api.pages import files, picturing
from api.problems import Problem
from infrastructure import pictures
from infrastructure.pictures import PictureError
from tests.api import asking
from tests.api.talking import Wire
from tests.api.test_pages import look_of, reason_of
from tests.serving import Agency


def qr(text: str, kind: str = "png") -> bytes:
    """A QR code as a picture or a PDF."""
    out = io.BytesIO()
    segno.make(text, error="q").save(out, kind=kind, scale=6, border=4)
    return out.getvalue()


def sent(wire: Wire, data: bytes, language: str = "en", name: str = "paper") -> httpx2.Response:
    wire.served.settle()
    return wire.http.post(f"/{language}/read", files={"file": (name, data, "application/x-any")})


def blank(width: int, height: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("L", (width, height), 255).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["png", "pdf"])
@pytest.mark.parametrize(
    "written", ["HTTPS://SIJILL.EXAMPLE/V/{code}", "https://sijill.example/v/{code}", "{code}"]
)
def test_a_file_is_read_by_the_server_which_says_so(
    wire: Wire, agency: Agency, kind: str, written: str
) -> None:
    code = asking.issued(agency)

    page = sent(wire, qr(written.format(code=code), kind))

    assert page.status_code == 200
    assert (reason_of(page), look_of(page)) == ("in_force_paper_not_compared", "record")
    assert translate("en", "page.file.read_by_server") in page.text
    assert str(page.url).endswith("/en/read")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_that_is_too_large_is_told_beside_the_form(wire: Wire, language: str) -> None:
    page = sent(wire, b"\xff" * (pictures.LIMIT_BYTES + 20_000), language)

    assert page.status_code == 413
    assert translate(language, "page.file.large") in page.text
    assert 'aria-describedby="file-hint file-wrong"' in page.text


def test_a_photograph_in_colour_turned_and_transparent_is_read(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency)
    with Image.open(io.BytesIO(qr(f"HTTPS://SIJILL.EXAMPLE/V/{code}"))) as square:
        paper = Image.new("RGBA", (2400, 3200), (250, 248, 240, 0))
        paper.paste(square.convert("RGBA"), (1500, 2500))
    turned, flat = io.BytesIO(), io.BytesIO()
    paper.rotate(90, expand=True).save(turned, "PNG")
    paper.convert("RGB").save(flat, "JPEG", quality=70)

    for photograph in (turned, flat):
        assert reason_of(sent(wire, photograph.getvalue())) == "in_force_paper_not_compared"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_of_another_system_is_not_called_false(wire: Wire, language: str) -> None:
    page = sent(wire, qr("HC1:NCFOXN%TS3DHZN4HAF*PQFKKGTNA.Q/R8WRU2FCAH9"), language)

    assert page.status_code == 200
    assert translate(language, "page.file.foreign") in page.text
    assert "look-" not in page.text


@pytest.mark.parametrize(
    "data,status,told",
    [
        (blank(400, 400), 200, "page.file.nothing"),
        (blank(400, 400, "JPEG"), 200, "page.file.nothing"),
        (b"GIF89a", 422, "problem.picture_malformed"),
        (b"%PDF-1.7\nnot at all", 422, "problem.picture_malformed"),
        (blank(400, 400)[:-30], 422, "problem.picture_malformed"),
        # Fifty megapixels in a few kilobytes.
        (blank(8_000, 6_300), 413, "problem.picture_too_large"),
        (blank(30_000, 30_000), 413, "problem.picture_too_large"),
        (blank(8_000, 6_300, "JPEG"), 413, "problem.picture_too_large"),
    ],
    ids=["empty", "empty-jpeg", "gif", "no-pdf", "torn", "50mp", "900mp", "50mp-jpeg"],
)
def test_what_holds_no_code_is_told_in_words(
    wire: Wire, data: bytes, status: int, told: str
) -> None:
    page = sent(wire, data)

    assert page.status_code == status
    assert translate("en", f"{told}.advice") in page.text


@pytest.mark.anyio
async def test_a_file_that_was_not_read_in_time_may_be_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def late(_: bytes) -> None:
        raise PictureError("busy")

    async def sent_in(_: Request) -> bytes:
        return b"picture"

    services: Any = SimpleNamespace(limits=Limits())
    monkeypatch.setattr(picturing, "_file", sent_in)
    monkeypatch.setattr(pictures, "read", late)

    with pytest.raises(Problem, match="busy") as told:
        await picturing.read(Request({"type": "http"}), services, language="en")

    assert told.value.status == 503


def test_a_file_that_is_too_large_is_refused_before_it_is_read(wire: Wire) -> None:
    page = sent(wire, bytes(pictures.LIMIT_BYTES + 64 * 1024))

    assert page.status_code == 413
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_a_page_of_a_pdf_that_is_a_wall_is_not_drawn(wire: Wire) -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(14_000, 14_000)
    out = io.BytesIO()
    document.save(out)

    assert translate("en", "problem.picture_too_large.detail") in sent(wire, out.getvalue()).text


@pytest.mark.parametrize(
    "body,kind,status",
    [
        (b"", "multipart/form-data", 422),
        (b"--x\r\n", "multipart/form-data; boundary=x", 422),
        (b"junk", "multipart/form-data; boundary=x", 422),
        (b"code=x", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_form_without_a_file_is_refused_in_words(
    wire: Wire, body: bytes, kind: str, status: int
) -> None:
    page = wire.http.post("/en/read", content=body, headers={"Content-Type": kind})

    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_every_file_of_a_page_is_served_as_what_it_is_and_asked_for_again(wire: Wire) -> None:
    for name in files.names():
        answer = wire.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        # No script and no style names a host; fonts and pictures may say where they are from.
        named = re.search(r"(?i)https?://[a-z0-9]", answer.text)
        assert named is None or name.endswith((".svg", ".png", ".woff2")), name
        again = wire.get(f"/static/{name}", **{"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    assert {name.rpartition(".")[2] for name in files.names()} == {
        "css",
        "js",
        "svg",
        "png",
        "woff2",
    }


@pytest.mark.parametrize("name", ["fonts/LICENSE", "pages/..%2fdocs.js", "pages/nothing.js"])
def test_no_other_file_is_served(wire: Wire, name: str) -> None:
    assert wire.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_phone_can_install_the_page(wire: Wire, language: str) -> None:
    answer = wire.get(f"/{language}/manifest.webmanifest")

    manifest = json.loads(answer.text)
    assert answer.headers["content-type"] == "application/manifest+json"
    assert manifest["start_url"] == f"/{language}/"
    for icon in manifest["icons"]:
        assert wire.get(icon["src"]).headers["content-type"] == icon["type"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_scripts_say_what_the_catalogue_says(wire: Wire, language: str) -> None:
    texts = wire.get(f"/{language}/texts.json").json()

    assert texts["page.headline.expired"] == translate(language, "page.headline.expired")
    forms = {"ar": 6, "ckb": 2, "en": 2}
    assert len(texts["verdict.age.minutes"]) == forms[language]
    assert not any(code.startswith(("problem.", "cli.", "doctor.")) for code in texts)
