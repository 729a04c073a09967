"""The pages in a real browser: without scripts, for everybody, in both lights, and up to date."""

import time
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from api.i18n import LANGUAGES, translate
from api.pages import results
from infrastructure.proofs import codes
from infrastructure.proofs.verdict import OUTCOME_OF
from tests.api import asking
from tests.api.browsing import PROMISED_SECONDS, chromium, violations, visitor, watched
from tests.api.talking import Wire, revoke
from tests.serving import Agency


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_everybody_can_use_the_pages(
    wire: Wire, agency: Agency, browser: Browser, language: str, scheme: Literal["light", "dark"]
) -> None:
    code, withdrawn = asking.issued(agency), asking.issued(agency)
    over = asking.issued(agency, effective_date="2026-01-01", expiry_date="2026-02-01")
    revoke(agency, withdrawn)
    wire.served.settle()
    paths = [
        "/",
        f"/v/{code}",
        f"/v/{over}",
        f"/v/{withdrawn}",
        f"/v/{codes.generate()}",
        "/v/nothing",
        "/log",
        "/log/0",
        "/log/999999999",
    ]
    phone = scheme == "light"
    with visitor(browser, url=wire.served.url, scheme=scheme, phone=phone) as page:
        for path in paths:
            page.goto(f"/{language}{path}")
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert violations(page) == [], path
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_document_is_checked_without_scripts(
    wire: Wire, agency: Agency, browser: Browser, language: str
) -> None:
    code = asking.issued(agency)
    wire.served.settle()
    with visitor(browser, url=wire.served.url, scripts=False, locale=language) as page:
        page.goto(f"/{language}/")
        page.fill("#code", codes.for_people(code).lower())
        page.click("#by-code button")
        headline = page.locator("#headline")
        expect(headline).to_have_text(
            translate(language, "page.headline.in_force_paper_not_compared")
        )
        page.fill("#field-holder_name", "حامل 0001")
        page.click("#compare button")
        expect(headline).to_have_text(translate(language, "page.headline.in_force_fields_match"))
        assert page.url == f"{wire.served.url}/{language}/v/{code}"


def test_the_address_in_a_qr_code_opens_in_the_readers_language(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code = asking.issued(agency)
    wire.served.settle()
    with visitor(browser, url=wire.served.url, scripts=False, locale="ckb") as page:
        page.goto(f"/V/{code}#ABC234")
        assert page.url == f"{wire.served.url}/ckb/v/{code}#ABC234"


def test_a_withdrawal_shows_within_two_seconds(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code = asking.issued(agency)
    wire.served.settle()
    with visitor(browser, url=wire.served.url) as page:
        page.goto(f"/en/v/{code}")
        expect(page.locator("#headline")).to_have_text("Record in force; paper not compared")
        page.wait_for_selector("html[data-checked]")

        shown = watched(page)
        revoke(agency, code)
        acknowledged = time.time()
        page.wait_for_selector('#verdict[data-reason="revoked"]')

        # The promise (ARCHITECTURE.md, *honest verdicts*), by the page's own clock.
        assert shown() - acknowledged <= PROMISED_SECONDS
        expect(page.locator("#headline")).to_have_text("Record revoked")
        expect(page.locator("#changed")).to_be_visible()
        assert "look-bad" in (page.locator("#verdict").get_attribute("class") or "")
        assert page.title().startswith("Record revoked")


def test_a_withdrawal_shows_also_where_a_paper_was_compared(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code = asking.issued(agency)
    wire.served.settle()
    with visitor(browser, url=wire.served.url) as page:
        page.goto(f"/en/v/{code}")
        page.fill("#field-holder_name", "حامل 0001")
        page.click("#compare button")
        expect(page.locator("#headline")).to_have_text("In force, and what you entered matches")

        revoke(agency, code)

        page.wait_for_selector('#verdict[data-reason="revoked"]')
        # What was compared stays compared.
        line = page.locator('[data-question="unchanged"]')
        expect(line).to_have_class("answer-yes")


def test_scripts_and_server_draw_verdicts_alike(wire: Wire, browser: Browser) -> None:
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/")
        for reason, outcome in OUTCOME_OF.items():
            drawn = page.evaluate(
                "async ([o, r]) => (await import('/static/pages/drawing.js')).look(o, r)",
                [outcome.value, reason.value],
            )
            assert drawn == results.look(outcome, reason), reason
        words = {
            **dict.fromkeys(("matches", "signed", "authorised", "in_force"), "yes"),
            **dict.fromkeys(("not_compared", "could_not_compare", "unknown"), "open"),
            **dict.fromkeys(("differs", "key_compromised", "not_entitled"), "no"),
            **dict.fromkeys(("revoked", "suspended", "superseded", "expired", "not_yet"), "no"),
        }
        for word, answer in words.items():
            drawn = page.evaluate(
                "async w => (await import('/static/pages/drawing.js')).answered(w)", word
            )
            assert drawn == results.answered(word) == answer, word
