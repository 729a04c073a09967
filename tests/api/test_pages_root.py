"""The root of trust on a device: pinned once, walked on from, and another one refused in words."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from api.i18n import LANGUAGES, translate
from tests.api import asking
from tests.api.browsing import chromium, violations, visitor
from tests.api.talking import Wire, awaited, revoke
from tests.infrastructure.proofs.vectors import load
from tests.serving import Agency

HTTP = load("log")["http"]
LEDGER = HTTP["/v1/ledger"]
OPENINGS = HTTP["/v1/log/openings"]["openings"]
MERKLE = load("merkle")
OTHER_KEY = load("log")["log_keys"]["receipts"]["vkey"].replace("/receipts", "")

VECTORS = """async ([roots, cases]) => {
  const g = await import('/static/pages/growing.js');
  const c = await import('/static/pages/credential.js');
  const tree = (size) => ({ size, root: c.fromHex(roots[size]) });
  const answers = [];
  for (const one of cases) {
    const [old, head] = [tree(one.old_size), tree(one.new_size)];
    answers.push(await g.consistent(old, head, one.proof.map(c.fromHex)));
  }
  return answers;
}"""

FOLLOWED = """async ([known, told, openings]) => {
  const g = await import('/static/pages/growing.js');
  const opening = async (index) => openings.find((one) => one.index === index) ?? {};
  try {
    await g.followed(known, told, opening);
    return 'followed';
  } catch (error) {
    return error.code ?? String(error);
  }
}"""

KEPT = """async (name) => {
  const kept = await caches.open('sijill-knowledge-1');
  return (await (await kept.match('/kept/' + name)).json()).value;
}"""


REFUSED = """async () => (await import('/static/pages/knowledge.js')).refused()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(wire: Wire, browser: Browser) -> Iterator[Page]:
    with visitor(browser, url=wire.served.url) as opened:
        opened.goto("/en/")
        yield opened


def test_consistency_is_judged_as_the_vectors_say(page: Page) -> None:
    cases = MERKLE["consistency"]
    torn = [{**one, "proof": one["proof"][:-1]} for one in cases if one["proof"]]
    long = [{**one, "proof": [*one["proof"], "00" * 32]} for one in cases]

    answers = page.evaluate(VECTORS, [MERKLE["roots"], [*cases, *torn, *long]])

    assert answers == [True] * len(cases) + [False] * (len(torn) + len(long))


def followed(page: Page, known: str, told: dict[str, Any], openings: list[Any]) -> str:
    return str(page.evaluate(FOLLOWED, [known, told, openings]))


def test_a_new_log_key_is_followed_as_the_vectors_say(page: Page) -> None:
    first, second = LEDGER["log_vkeys"]
    unproven = [one for one in OPENINGS if one["index"] != LEDGER["log_key_indexes"][1]]
    stranger = {**LEDGER, "log_vkeys": [first, OTHER_KEY], "log_vkey": OTHER_KEY}

    assert followed(page, first, LEDGER, OPENINGS) == "followed"
    assert followed(page, second, LEDGER, OPENINGS) == "followed"
    assert followed(page, OTHER_KEY, LEDGER, OPENINGS) == "log_key_unknown"
    assert followed(page, first, LEDGER, unproven) == "log_key_unknown"
    assert followed(page, first, stranger, OPENINGS) == "log_key_unknown"
    another = {**LEDGER, "ledger": "00" * 32}
    assert followed(page, first, another, OPENINGS) == "log_key_unknown"


def fetched(page: Page, language: str = "en") -> None:
    """Have the device learn what it can, and wait for what it says of it."""
    page.goto(f"/{language}/offline")
    page.wait_for_selector("html[data-ages]")
    page.click("#offline-get")
    expect(page.locator("#offline-get")).to_be_enabled(timeout=30_000)


def fulfilling(answer: dict[str, Any]) -> Any:
    """Somebody between here and there who answers so."""
    return lambda route: route.fulfill(**answer)


def telling(wire: Wire, **changes: Any) -> Any:
    """An address that answers otherwise about its ledger.

    What it changes is asked beforehand: a handler that asks while the page moves on is still
    at it when its road is taken away, and then answers a request that is no longer its own.
    """
    return fulfilling({"json": {**wire.get("/v1/ledger").json(), **changes}})


@pytest.mark.parametrize(
    "changes",
    [
        {"ledger": "ab" * 32},
        {"receipts_vkey": LEDGER["receipts_vkey"]},
        {"log_vkeys": [OTHER_KEY], "log_vkey": OTHER_KEY, "log_key_indexes": [0]},
    ],
    ids=["ledger", "receipts", "log"],
)
def test_another_ledger_is_refused_in_words_and_nothing_is_taken_over(
    wire: Wire, browser: Browser, changes: dict[str, Any]
) -> None:
    with visitor(browser, url=wire.served.url) as page:
        fetched(page)
        before = page.evaluate(KEPT, "root")
        expect(page.locator("#refused")).to_be_hidden()

        page.route("**/v1/ledger", telling(wire, **changes))
        fetched(page)

        expect(page.locator("#offline-says")).to_have_text(translate("en", "page.refused"))
        assert page.evaluate(KEPT, "root") == before
        # On every page, until the known ledger answers again.
        for language in LANGUAGES:
            page.goto(f"/{language}/")
            expect(page.locator("#refused")).to_have_text(translate(language, "page.refused"))
            expect(page.locator("#refused")).to_be_visible()
        assert violations(page) == []

        page.unroute_all(behavior="wait")
        fetched(page)
        page.goto("/en/")
        page.wait_for_selector("html[data-warned]")
        expect(page.locator("#refused")).to_be_hidden()


def test_a_key_beside_the_known_one_is_not_taken_over(wire: Wire, browser: Browser) -> None:
    """The known key is still named, and another put behind it that nothing vouches for."""
    with visitor(browser, url=wire.served.url) as page:
        fetched(page)
        [known] = page.evaluate(KEPT, "root")["log_vkeys"]
        forged = {"log_vkeys": [known, OTHER_KEY], "log_vkey": OTHER_KEY}
        page.route("**/v1/ledger", telling(wire, **forged, log_key_indexes=[0, 1]))
        fetched(page)

        expect(page.locator("#offline-says")).to_have_text(translate("en", "page.refused"))
        assert page.evaluate(KEPT, "root")["log_vkeys"] == [known]


def test_a_trust_list_of_a_tree_that_does_not_go_on_is_refused(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    with visitor(browser, url=wire.served.url) as page:
        fetched(page)
        before = page.evaluate(KEPT, "seen")
        index = agency.issue()["index"]
        wire.get(f"/log/checkpoint?covers={index}")

        page.route(
            "**/v1/proofs/consistency*",
            lambda route: route.fulfill(json={"hashes": ["00" * 32, "11" * 32]}),
        )
        fetched(page)

        expect(page.locator("#offline-says")).to_have_text(translate("en", "page.refused"))
        assert page.evaluate(KEPT, "seen") == before

        page.unroute_all(behavior="wait")
        fetched(page)
        assert page.evaluate(KEPT, "seen")["size"] > before["size"]


def test_what_is_no_answer_of_a_ledger_raises_no_alarm(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    """A proxy that refuses, a portal that asks for a password, a door that is a minute behind."""
    with visitor(browser, url=wire.served.url) as page:
        fetched(page)
        old = wire.get("/v1/trust").json()
        wire.get(f"/log/checkpoint?covers={agency.issue()['index']}")
        for address, answer in (
            ("**/v1/proofs/consistency*", {"status": 403, "body": "no"}),
            ("**/v1/proofs/consistency*", {"status": 429, "json": {"code": "rate_limited"}}),
            ("**/v1/proofs/consistency*", {"status": 200, "body": "<html>portal</html>"}),
            ("**/v1/proofs/consistency*", {"status": 200, "json": {}}),
            ("**/v1/ledger", {"status": 200, "json": {}}),
            ("**/v1/trust", {"status": 200, "json": {}}),
        ):
            page.route(address, fulfilling(answer))
            fetched(page)
            assert page.evaluate(REFUSED) is None, answer
            page.unroute_all(behavior="wait")

        fetched(page)
        newer = page.evaluate(KEPT, "trust")
        assert newer["content"]["size"] > old["content"]["size"]
        page.route("**/v1/trust", lambda route: route.fulfill(json=old))
        fetched(page)
        assert page.evaluate(REFUSED) is None
        assert page.evaluate(KEPT, "trust") == newer


def test_a_status_list_never_walks_back(wire: Wire, agency: Agency, browser: Browser) -> None:
    path = "/v1/status-lists/0"
    asked = {"Accept": "application/statuslist+jwt"}

    def signed() -> str:
        return wire.get(path, **asked).text

    with visitor(browser, url=wire.served.url) as page:
        old = signed()
        code = asking.issued(agency)
        wire.served.settle()
        # A list whose content has changed is signed anew.
        revoke(agency, code)
        newer = awaited(signed, until=lambda token: token != old)
        page.route(f"**{path}", lambda route: route.fulfill(body=newer))
        fetched(page)
        assert page.evaluate(KEPT, "status/0") == newer
        page.unroute_all(behavior="wait")

        page.route(f"**{path}", lambda route: route.fulfill(body=old))
        fetched(page)

        expect(page.locator("#offline-says")).to_have_text("")
        assert page.evaluate(KEPT, "status/0") == newer


def test_a_warning_ends_on_any_page_where_the_known_ledger_answers(
    wire: Wire, browser: Browser
) -> None:
    with visitor(browser, url=wire.served.url) as page:
        fetched(page)
        page.route("**/v1/ledger", telling(wire, ledger="ab" * 32))
        fetched(page)
        assert page.evaluate(REFUSED) == "ledger_foreign"
        page.unroute_all(behavior="wait")
        page.goto("/en/")
        page.wait_for_selector("html[data-warned]")

        expect(page.locator("#refused")).to_be_hidden()
        assert page.evaluate(REFUSED) is None


def test_a_kept_checkpoint_of_another_key_is_called_out(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    asking.issued(agency)
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/log")
        size = page.locator("#size").inner_text()
        checkpoint = HTTP["/log/checkpoint/5"]
        kept = {"note": checkpoint, "vkey": LEDGER["log_vkeys"][0]}
        page.evaluate("kept => localStorage.setItem('sijill-checkpoint', JSON.stringify(kept))",
                      kept)  # fmt: skip
        page.goto("/en/log")

        said = translate("en", "page.remember.key", size="5")
        expect(page.locator("#remembered")).to_have_text(said)
        assert int(size) > 0
