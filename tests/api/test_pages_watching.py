"""A verdict that stays open: asked about again, lost and found, and never greener than is known."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api.i18n import translate
from tests.api import asking
from tests.api.browsing import chromium, visitor
from tests.api.talking import Wire, revoke
from tests.api.test_pages_paper import address, opened, paper, reason
from tests.serving import Agency

VERDICTS = "**/v1/verify/*"
LOST = translate("en", "page.connection_lost", time="|").partition("|")[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def hanging(route: Route) -> None:
    """A road that swallows what is asked and never answers."""


def test_check_again_loads_a_paper_s_own_address_anew(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    _, path = paper(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        opened(page, path)
        page.evaluate("window.before = true")

        with page.expect_event("load"):
            page.click("#again")

        page.wait_for_selector("html[data-checked]")
        assert page.evaluate("window.before") is None
        assert reason(page) == "in_force_credential_genuine"


def test_a_register_that_hangs_is_told_like_one_that_is_cut_off(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    _, path = paper(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        opened(page, path)
        page.route(VERDICTS, hanging)

        expect(page.locator("#changed")).to_contain_text(LOST)


def test_a_forged_paper_is_called_that_though_a_status_list_hangs(
    wire: Wire, agency: Agency, stranger: Agency, browser: Browser
) -> None:
    code = asking.issued(agency)
    forged = address(wire, agency, code, stranger.key)
    with visitor(browser, url=wire.served.url) as page:
        page.route("**/v1/status-lists/*", hanging)
        page.goto(forged)

        page.wait_for_selector("#verdict[data-outcome=not_valid]")


def test_keys_that_did_not_come_are_asked_for_again(
    wire: Wire, agency: Agency, stranger: Agency, browser: Browser
) -> None:
    code = asking.issued(agency)
    failed: list[Route] = []

    def once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route)
            route.fulfill(status=503)

    with visitor(browser, url=wire.served.url) as page:
        page.route("**/v1/trust", once)
        page.goto(address(wire, agency, code, stranger.key))

        page.wait_for_selector("#verdict[data-outcome=not_valid]")
    assert failed


@pytest.mark.parametrize("forged", [False, True], ids=["genuine", "forged"])
def test_keys_that_come_late_are_judged_by_and_nobody_waits_for_them(
    wire: Wire, agency: Agency, stranger: Agency, browser: Browser, *, forged: bool
) -> None:
    code = asking.issued(agency)
    path = address(wire, agency, code, stranger.key if forged else None)
    late: list[Route] = []

    def held(route: Route) -> None:
        late.append(route)

    with visitor(browser, url=wire.served.url) as page:
        page.route("**/v1/trust", held)
        opened(page, path)
        assert reason(page) == "in_force_paper_not_compared"
        revoke(agency, code)
        page.wait_for_selector("#verdict[data-reason=revoked]")

        for route in late:
            route.continue_()

        if forged:
            page.wait_for_selector("#verdict[data-outcome=not_valid]")
            expect(page.locator("#paper")).to_be_hidden()
        else:
            expect(page.locator("#paper")).to_be_visible()
            assert reason(page) == "revoked"


def test_the_way_past_the_header_keeps_the_paper(
    wire: Wire, agency: Agency, stranger: Agency, browser: Browser
) -> None:
    code = asking.issued(agency)
    forged = address(wire, agency, code, stranger.key)
    with visitor(browser, url=wire.served.url) as page:
        opened(page, forged)
        there = page.url

        page.focus(".skip")
        page.keyboard.press("Enter")

        expect(page.locator("#content")).to_be_focused()
        page.wait_for_load_state("networkidle")
        assert page.url == there
        assert page.locator("#verdict").get_attribute("data-outcome") == "not_valid"


def lost(page: Page) -> None:
    """Cut the page off from the register until it says so."""
    page.route(VERDICTS, lambda route: route.abort())
    expect(page.locator("#changed")).to_contain_text(LOST)


def test_a_connection_that_is_back_is_no_longer_called_lost(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code, path = paper(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        opened(page, path)
        lost(page)
        page.unroute_all(behavior="wait")
        expect(page.locator("#changed")).to_be_hidden()
        assert reason(page) == "in_force_credential_genuine"

        # What the line told before, it tells again.
        revoke(agency, code)
        changed = translate("en", "page.changed")
        expect(page.locator("#changed")).to_have_text(changed)
        lost(page)
        page.unroute_all(behavior="wait")
        expect(page.locator("#changed")).to_have_text(changed)


def test_a_kept_page_says_no_time_at_which_nothing_was_checked(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code = asking.issued(agency)
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/offline")
        page.evaluate("navigator.serviceWorker.ready")
        page.wait_for_function("async () => (await caches.keys()).some(n => n.includes('pages-'))")
        page.context.set_offline(True)
        opened(page, f"/en/v/{code}")

        expect(page.locator("#checked")).to_have_text("")
