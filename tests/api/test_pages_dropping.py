"""A file that is dropped on the start page, or pasted, is read as a chosen one is."""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from api.i18n import LANGUAGES, translate
from tests.api import asking
from tests.api.browsing import chromium, violations, visitor
from tests.api.talking import Wire
from tests.api.test_pages_files import qr
from tests.serving import Agency

HANDED = """([kind, encoded, name, type]) => {
  const bytes = Uint8Array.from(atob(encoded), (sign) => sign.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, { type }));
  const how = { bubbles: true, cancelable: true };
  if (kind === 'paste') {
    window.dispatchEvent(new ClipboardEvent('paste', { ...how, clipboardData: data }));
    return;
  }
  const at = document.getElementById('drop');
  for (const step of ['dragenter', 'dragover', 'drop']) {
    at.dispatchEvent(new DragEvent(step, { ...how, dataTransfer: data }));
  }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def ready(page: Page) -> None:
    """The page shows the place only once its scripts take what is handed over."""
    expect(page.locator("#drop")).to_be_visible(timeout=30_000)


def hand(page: Page, kind: str, data: bytes, name: str, media: str) -> None:
    ready(page)
    encoded = base64.b64encode(data).decode()
    page.evaluate(HANDED, [kind, encoded, name, media])


@pytest.mark.parametrize(
    "kind,form,media",
    [
        ("drop", "png", "image/png"),
        ("drop", "pdf", "application/pdf"),
        ("paste", "png", "image/png"),
    ],
)
def test_a_file_that_is_handed_over_is_read(
    wire: Wire, agency: Agency, browser: Browser, kind: str, form: str, media: str
) -> None:
    code = asking.issued(agency)
    data = qr(f"HTTPS://SIJILL.EXAMPLE/V/{code}", form)
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/")
        hand(page, kind, data, f"paper.{form}", media)

        page.wait_for_selector("#verdict[data-reason=in_force_paper_not_compared]")
        expect(page.locator("#verdict")).to_contain_text(
            translate("en", "page.file.read_by_server")
        )


WATCHED = """() => {
  document.getElementById('file').form.requestSubmit = () => { window.sent = true; };
}"""

PASTED = """([encoded, where, words]) => {
  const bytes = Uint8Array.from(atob(encoded), (sign) => sign.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], 'cell.png', { type: 'image/png' }));
  if (words) data.setData('text/plain', words);
  const how = { bubbles: true, cancelable: true, clipboardData: data };
  document.querySelector(where).dispatchEvent(new ClipboardEvent('paste', how));
}"""


@pytest.mark.parametrize("where,words", [("#code", "A1B2"), ("body", "A1B2"), ("#code", "")])
def test_words_that_are_pasted_hand_no_picture_over(
    wire: Wire, browser: Browser, where: str, words: str
) -> None:
    """A cell of a spreadsheet comes as text and as a picture of itself."""
    encoded = base64.b64encode(qr("https://example.org/")).decode()
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/")
        ready(page)
        page.evaluate(WATCHED)
        page.evaluate(PASTED, [encoded, where, words])
        assert page.evaluate("window.sent ?? false") is False
        # What is pasted beside any field, and is nothing but a picture, still goes.
        page.evaluate(PASTED, [encoded, "body", ""])
        assert page.evaluate("window.sent") is True


def test_what_is_no_document_is_told_in_words(wire: Wire, browser: Browser) -> None:
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/")
        hand(page, "drop", b"a note", "note.txt", "text/plain")

        expect(page.locator("[role=alert]:visible")).to_contain_text(
            translate("en", "problem.picture_malformed.detail")
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_keyboard_reaches_the_same_place(wire: Wire, browser: Browser, language: str) -> None:
    """What is dropped and what is chosen go into one input; without scripts it stands alone."""
    with visitor(browser, url=wire.served.url) as page:
        page.goto(f"/{language}/")
        expect(page.locator("#drop")).to_have_text(translate(language, "page.file.drop"))
        page.focus("#code")
        reached = []
        for _ in range(8):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || ''"))
        assert "file" in reached
        assert violations(page) == []
    with visitor(browser, url=wire.served.url, scripts=False) as page:
        page.goto(f"/{language}/")
        expect(page.locator("#drop")).to_be_hidden()
        expect(page.locator("#file")).to_be_visible()
