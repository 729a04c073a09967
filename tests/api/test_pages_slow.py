"""A slow road brings a device its lists all the same; one that brings nothing more is left."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api.i18n import translate
from tests.api.browsing import chromium, visitor
from tests.api.talking import Wire
from tests.api.test_pages_paper import opened, paper, reason
from tests.serving import Agency

TRUST = "/v1/trust"
PIECES, PAUSE_SECONDS = 12, 0.4
# The half minute of a page becomes two seconds: less than the whole list takes, more than a piece.
SHORTER = """(() => {
  const short = (ms) => ms === 30000 ? 2000 : ms;
  const [after, within] = [setTimeout, AbortSignal.timeout.bind(AbortSignal)];
  window.setTimeout = (call, ms, ...more) => after(call, short(ms), ...more);
  AbortSignal.timeout = (ms) => within(short(ms));
})()"""
# Nor does a page wait for a list as long as somebody would who looks at it.
IMPATIENT = """(() => {
  const after = setTimeout;
  window.setTimeout = (call, ms, ...more) => after(call, ms === 5000 ? 50 : ms, ...more);
})()"""
# As if the list had been fetched two minutes ago.
AGED = """async () => {
  const store = await caches.open('sijill-knowledge-1');
  const kept = await (await store.match('/kept/trust')).json();
  await store.put('/kept/trust', new Response(JSON.stringify({ ...kept, at: kept.at - 120 })));
}"""
FETCH = """async () => {
  const knowledge = await import('/static/pages/knowledge.js');
  const long = new Promise((resolve) => setTimeout(() => resolve('waits on'), 20000));
  const fetched = knowledge.refresh().then(() => 'fetched', (error) => error.name);
  return Promise.race([fetched, long]);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@contextmanager
def slow_road(body: bytes, *, pieces: int) -> Iterator[str]:
    """The address of this body in pieces; where not all of them are sent, it hangs then."""
    over = threading.Event()
    size = -(-len(body) // PIECES)

    class Dripping(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for number in range(pieces):
                self.wfile.write(body[number * size : (number + 1) * size])
                over.wait(PAUSE_SECONDS)
            if pieces < PIECES:
                over.wait()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{TRUST}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def fetched(page: Page, road: str) -> str:
    """How a page's fetching ends, where the trust list comes by this road."""
    page.add_init_script(SHORTER)
    page.goto("/en/")
    page.route(f"**{TRUST}", lambda route: route.continue_(url=road))
    return str(page.evaluate(FETCH))


@pytest.mark.parametrize("pieces, end", [(PIECES, "fetched"), (PIECES // 2, "AbortError")])
def test_a_list_that_comes_slowly_is_waited_for_while_it_comes(
    wire: Wire, browser: Browser, pieces: int, end: str
) -> None:
    body = wire.served.anybody().text(TRUST)
    with (
        slow_road(body, pieces=pieces) as road,
        visitor(browser, url=wire.served.url) as page,
    ):
        assert fetched(page, road) == end


def test_a_paper_is_judged_again_by_a_list_that_nobody_waited_for(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    _, path = paper(wire, agency)
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    with visitor(browser, url=wire.served.url) as page:
        opened(page, path)
        assert reason(page) == "in_force_credential_genuine"
        # What it fetches in the background is here.
        page.wait_for_selector("html[data-warned]")
        page.evaluate(AGED)
        page.add_init_script(IMPATIENT)
        page.route(f"**{TRUST}", keep)
        page.reload()

        # Not past its end: it was only not fetched just now.
        expect(page.locator("#headline")).to_have_text(translate("en", "page.trust_coming"))
        assert reason(page) == "trust_list_old"
        for road in held:
            road.continue_()
        page.wait_for_selector("#verdict[data-reason=in_force_credential_genuine]")
        expect(page.locator("#paper")).to_be_visible()
