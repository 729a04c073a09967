"""A paper's QR code in a real browser: verified on the device, with a network and without one."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, Page, expect

from api.i18n import LANGUAGES, translate
from infrastructure.proofs import jwk, qr
from sijill.client import credentials
from tests.api import asking
from tests.api.browsing import PROMISED_SECONDS, chromium, violations, visitor, watched
from tests.api.talking import Wire, awaited, colleague, revoke
from tests.infrastructure.documents.papers import photographed
from tests.processes import until
from tests.serving import SCOPES, Agency, act, enrolment

NAME = "حامل 0001"
DAY_SECONDS = 86_400


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


LISTED_SIZE = """async () => {
  const knowledge = await import('/static/pages/knowledge.js');
  await knowledge.refresh();
  const { root } = await knowledge.known();
  return (await knowledge.listed({ list: 0, index: 0 }, root)).size;
}"""


def address(
    wire: Wire, agency: Agency, code: str, key: jwk.PrivateKey | None = None, **changes: Any
) -> str:
    """What stands in the QR code of a certificate, on the served ledger's own address."""
    wire.served.settle()
    shown = asking.read(wire, agency, f"/v1/certificates/{code}").json()
    said = replace(credentials.describe(shown, agency.client.identity.ledger), **changes)
    data = qr.sign_fitting(said, key or agency.key)
    text = qr.encode_text(data, host=urlsplit(wire.served.url).netloc)
    return text[text.index("/V/") :]


def paper(wire: Wire, agency: Agency) -> tuple[str, str]:
    """A certificate's code, and where its QR code leads."""
    code = asking.issued(agency)
    return code, address(wire, agency, code)


def opened(page: Page, path: str) -> None:
    """Open an address, and wait for what the device says of it."""
    page.goto(path)
    page.wait_for_selector("html[data-checked]")


def reason(page: Page) -> str:
    return page.locator("#verdict").get_attribute("data-reason") or ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_camera_s_address_opens_a_verdict_made_on_the_device(
    wire: Wire, agency: Agency, browser: Browser, language: str
) -> None:
    code, path = paper(wire, agency)
    asked: list[str] = []
    with visitor(browser, url=wire.served.url, phone=True, locale=language) as page:
        page.on("request", lambda one: asked.append(one.url + (one.post_data or "")))

        opened(page, path)

        assert reason(page) == "in_force_credential_genuine"
        expect(page.locator("#headline")).to_have_text(
            translate(language, "page.headline.in_force_credential_genuine")
        )
        assert "look-good" in (page.locator("#verdict").get_attribute("class") or "")
        expect(page.locator("#paper-says")).to_contain_text(NAME)
        assert page.locator(".questions .answer-yes").count() == 3
        assert urlsplit(page.url).path == f"/{language}/v/{code}"
        assert violations(page) == []
        # The paper's values stay on the device.
        assert not any(part in one for one in asked for part in (path[-40:], NAME))


def test_a_key_on_p_256_signs_papers_too(wire: Wire, browser: Browser) -> None:
    agency = wire.served.agency()
    key = ec.generate_private_key(ec.SECP256R1())
    path = f"/v1/agencies/{agency.name}/keys"
    line = enrolment(agency.name, agency.name, key, SCOPES, "officer-p256")
    client = agency.client
    client.send(client.prepare(path, [line], cosigned=True))
    client.send(client.possess(path, line, key))
    there = address(wire, agency, asking.issued(agency), key)
    with visitor(browser, url=wire.served.url) as page:

        def said() -> str:
            page.goto("about:blank")
            opened(page, there)
            return reason(page)

        # A trust list is of a checkpoint, which a key of this moment may be ahead of.
        until(lambda: said() == "in_force_credential_genuine", "the key is never known")


def test_papers_that_lie_are_never_valid(
    wire: Wire, agency: Agency, stranger: Agency, browser: Browser
) -> None:
    code, path = paper(wire, agency)
    other, _ = paper(wire, agency)
    head, _, payload = path.partition("#")
    lies = {
        f"{head}#{payload[:-12]}": "unreadable",
        f"{head}#{payload[:60]}{'A' if payload[60] != 'A' else 'B'}{payload[61:]}": "",
        f"/V/{other}#{payload}": "unreadable",
        f"{head}#{payload}{'A' * 400}": "unreadable",
        f"{head}#HC1A6BFA70790T9WJWG": "unreadable",
        # Another body's key under this body's certificate.
        address(wire, agency, code, stranger.key): "not_valid",
        # Its own key's, but about another act than the register holds under this code.
        address(wire, agency, code, index=agency.issue()["index"]): "not_valid",
    }
    with visitor(browser, url=wire.served.url) as page:
        for lie, outcome in lies.items():
            page.goto("about:blank")
            opened(page, lie)
            found = page.locator("#verdict").get_attribute("data-outcome")
            assert found != "valid", lie
            assert found == outcome or not outcome, (lie, reason(page))
            expect(page.locator("#paper")).to_be_hidden()


def test_a_withdrawal_shows_on_an_open_paper_within_two_seconds(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code, path = paper(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        opened(page, path)
        assert reason(page) == "in_force_credential_genuine"

        shown = watched(page)
        revoke(agency, code)
        acknowledged = time.time()

        page.wait_for_selector('#verdict[data-reason="revoked"]')
        assert shown() - acknowledged <= PROMISED_SECONDS
        expect(page.locator("#headline")).to_have_text("Record revoked")
        expect(page.locator("#paper-says")).to_contain_text(NAME)


def test_a_withdrawal_shows_where_the_device_knows_no_keys(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code, path = paper(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        page.route("**/v1/trust*", lambda route: route.abort())
        opened(page, path)
        assert reason(page) == "in_force_paper_not_compared"

        revoke(agency, code)

        page.wait_for_selector('#verdict[data-reason="revoked"]')


def test_a_withdrawal_shows_though_the_first_answer_never_came(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    code, path = paper(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        page.route("**/v1/verify/*", lambda route: route.abort())
        opened(page, path)
        expect(page.locator("#ages")).to_be_visible()
        revoke(agency, code)
        page.unroute_all(behavior="wait")

        page.wait_for_selector('#verdict[data-reason="revoked"]')
        expect(page.locator("#ages")).to_be_hidden()


def test_after_the_first_visit_papers_are_checked_with_no_network(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    issued = agency.issue()
    path = address(wire, agency, issued["code"])
    gone, gone_path = paper(wire, agency)
    # A list whose content has changed is signed anew, for the log as it is then.
    withdrawn = revoke(agency, gone)["index"]
    # Learned before the network goes: the worker, the pages, the lists.
    with visitor(browser, url=wire.served.url, locale="ckb") as page:
        page.goto("/ckb/offline")
        page.wait_for_selector("html[data-ages]")
        page.evaluate("navigator.serviceWorker.ready")
        page.wait_for_function("async () => (await caches.keys()).some(n => n.includes('pages-'))")
        awaited(lambda: page.evaluate(LISTED_SIZE), until=lambda size: size > withdrawn)
        page.click("#offline-get")
        none = translate("ckb", "page.offline.none")
        expect(page.locator("#trust-age")).not_to_have_text(none)
        expect(page.locator("#status-age")).not_to_have_text(none)
        assert violations(page) == []

        page.context.set_offline(True)
        opened(page, path)

        assert reason(page) == "in_force_credential_genuine"
        expect(page.locator("#paper-says")).to_contain_text(NAME)
        expect(page.locator("#ages")).to_contain_text(translate("ckb", "page.offline.now"))
        expect(page.locator("html")).to_have_attribute("lang", "ckb")
        assert violations(page) == []

        # A bare code, and what nobody kept: said in words, and never *in force*.
        page.goto("about:blank")
        opened(page, path.partition("#")[0])
        assert reason(page) == "store_unavailable"

        # Two days later the lists are older than the type allows.
        page.goto("about:blank")
        page.clock.set_fixed_time(time.time() + 2 * DAY_SECONDS)
        opened(page, path)
        assert reason(page) == "genuine_force_not_checked"
        assert "look-unsure" in (page.locator("#verdict").get_attribute("class") or "")
        # As on the command line: what was withdrawn hardly ever comes back.
        page.goto("about:blank")
        opened(page, gone_path)
        assert reason(page) == "revoked"


NO_ED25519 = """(() => {
  const able = crypto.subtle.importKey.bind(crypto.subtle);
  crypto.subtle.importKey = async (form, key, how, ...more) => {
    if (how.name === 'Ed25519') throw new DOMException('', 'NotSupportedError');
    return able(form, key, how, ...more);
  };
})()"""


def pictured(page: Page, path: str, file: Path) -> None:
    """Hand the server a photograph of a paper, and wait for what the device says of it."""
    photographed(f"HTTPS://SIJILL.EXAMPLE{path}", scale=6).save(file)
    page.goto("/en/")
    page.set_input_files("#file", file)
    page.click("#by-file button")
    page.wait_for_selector("html[data-checked]")


def asked_again(page: Page) -> None:
    """Wait until the page has done with one more answer of the register."""
    for _ in range(2):
        with page.expect_response("**/v1/verify/*"):
            pass


def test_what_the_server_found_in_a_paper_stays_where_the_device_cannot_judge(
    wire: Wire, agency: Agency, browser: Browser, tmp_path: Path
) -> None:
    code, path = paper(wire, agency)
    forged = address(wire, agency, code, index=agency.issue()["index"])
    with visitor(browser, url=wire.served.url) as page:
        page.add_init_script(NO_ED25519)
        pictured(page, forged, tmp_path / "forged.png")
        asked_again(page)
        assert reason(page) == "credential_forged"
        expect(page.locator("#changed")).to_be_hidden()

        pictured(page, path, tmp_path / "genuine.png")
        asked_again(page)
        assert reason(page) == "in_force_credential_genuine"

        revoke(agency, code)
        page.wait_for_selector('#verdict[data-reason="revoked"]')


def stolen(wire: Wire, agency: Agency) -> tuple[Callable[[], object], str, str]:
    """A theft to be declared; where papers lead that the thief altered before, and had expire."""
    officer = colleague(agency, f"officer-{asking.new_name()}")
    code = asking.issued(officer)
    name = jwk.public_of(officer.key).thumbprint
    as_of = agency.issue()["index"]
    said: dict[str, Any] = {"fields": {0: "غيره"}}
    altered = address(wire, officer, code, **said)
    over = address(wire, officer, code, **said, expiry_date="2026-01-31")
    members = {"key": name, "as_of": as_of, "reason": "stolen"}

    def declared() -> object:
        act(agency.client, f"/v1/keys/{name}/compromise", "key.compromise", **members)
        return awaited(
            lambda: {
                one["thumbprint"]: one for one in wire.get("/v1/trust").json()["content"]["keys"]
            },
            until=lambda keys: keys[name].get("void_from") is not None,
        )

    return declared, altered, over


def test_online_a_key_is_judged_by_the_list_of_now(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    declared, altered, over = stolen(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/")
        page.evaluate("async () => (await import('/static/pages/knowledge.js')).refresh()")
        declared()
        page.clock.set_fixed_time(time.time() + 120)

        # What the device keeps knows nothing of the theft.
        page.route("**/v1/trust*", lambda route: route.abort())
        opened(page, altered)
        assert reason(page) == "trust_list_old"

        page.unroute_all(behavior="wait")
        for path in (altered, over):
            page.goto("about:blank")
            opened(page, path)
            assert reason(page) == "log_proof_needed"


@pytest.mark.parametrize("place", ["HTTPS://SIJILL.EXAMPLE/V/", "https://sijill.example/ckb/v/"])
def test_a_camera_that_reads_leads_to_the_verdict(
    wire: Wire, agency: Agency, browser: Browser, place: str
) -> None:
    _, path = paper(wire, agency)
    text = path.replace("/V/", place)
    with visitor(browser, url=wire.served.url, permissions=["camera"]) as page:
        # Debian's Chromium has no reader of its own; phones have.
        page.add_init_script(
            "window.BarcodeDetector = class {"
            " static async getSupportedFormats() { return ['qr_code']; }"
            f" async detect() {{ return [{{ rawValue: {text!r} }}]; }} }};"
            "navigator.mediaDevices.getUserMedia = async () =>"
            " document.createElement('canvas').captureStream();"
            "HTMLMediaElement.prototype.play = async () => {};"
        )
        page.goto("/en/")
        page.click("#camera-button")
        page.wait_for_selector("#verdict[data-reason=in_force_credential_genuine]")


def test_a_photograph_that_the_server_reads_is_verified_on_the_device(
    wire: Wire, agency: Agency, browser: Browser, tmp_path: Path
) -> None:
    _, path = paper(wire, agency)
    with visitor(browser, url=wire.served.url) as page:
        pictured(page, path, tmp_path / "paper.png")

        assert reason(page) == "in_force_credential_genuine"
        expect(page.locator("#paper-says")).to_contain_text(NAME)
        said = translate("en", "page.file.read_by_server")
        expect(page.locator("#verdict")).to_contain_text(said)
        assert NAME not in page.url
