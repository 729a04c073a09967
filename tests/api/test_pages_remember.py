"""A checkpoint that a visitor keeps: her browser proves the log against it at the next visit."""

from collections.abc import Iterator
from hashlib import sha256

import pytest
from playwright.sync_api import Browser, expect

from api.i18n import translate
from infrastructure.proofs import merkle
from tests.api import asking
from tests.api.browsing import chromium, visitor
from tests.api.talking import Wire
from tests.api.test_pages_paper import NO_ED25519
from tests.infrastructure.proofs.vectors import load
from tests.serving import Agency

KEEP = "kept => localStorage.setItem('sijill-checkpoint', JSON.stringify(kept))"
CONSISTENT = """async (cases) => {
  const r = await import('/static/pages/growing.js');
  const c = await import('/static/pages/credential.js');
  const answers = [];
  for (const [old, oldRoot, size, root, proof] of cases) {
    const one = { size: old, root: c.fromHex(oldRoot) };
    const two = { size, root: c.fromHex(root) };
    answers.push(await r.consistent(one, two, proof.map(c.fromHex)));
  }
  return answers;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it stands there."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()


def proof_of(old: int, hashes: list[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 9162, section 2.1.4.1."""
    if old == len(hashes):
        return [] if whole else [root_of(hashes)]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if old <= split:
        return [*proof_of(old, hashes[:split], whole=whole), root_of(hashes[split:])]
    return [*proof_of(old - split, hashes[split:], whole=False), root_of(hashes[:split])]


def test_proofs_are_judged_as_the_standard_says(wire: Wire, browser: Browser) -> None:
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(19)]
    cases, expected = [], []
    for size in range(1, len(leaves) + 1):
        for old in range(1, size + 1):
            roots = root_of(leaves[:old]).hex(), root_of(leaves[:size]).hex()
            proof = [one.hex() for one in proof_of(old, leaves[:size])]
            false = sha256(bytes.fromhex(roots[0])).hexdigest()
            cases += [
                [old, roots[0], size, roots[1], proof],
                [old, false, size, roots[1], proof],
                [old, roots[0], size, false, proof],
                [old, roots[0], size, roots[1], [*proof, false]],
            ]
            expected += [True, False, False, False]
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/log")
        assert page.evaluate(CONSISTENT, cases) == expected


def test_a_kept_checkpoint_is_proved_at_the_next_visit(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    index = agency.issue()["index"]
    wire.get(f"/log/checkpoint?covers={index}")
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/log")
        size = page.locator("#size").inner_text()
        page.click("#remember-button")
        kept = translate("en", "page.remember.kept", size=size)
        expect(page.locator("#remembered")).to_have_text(kept)

        later = agency.issue()["index"]
        wire.get(f"/log/checkpoint?covers={later}")
        page.goto("/en/log")

        proved = translate("en", "page.remember.consistent", size=size)
        expect(page.locator("#remembered")).to_have_text(proved)
        assert int(page.locator("#size").inner_text()) > int(size)


def test_a_log_that_was_rewritten_is_called_out(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    asking.issued(agency)
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/log")
        page.click("#remember-button")
        size = page.locator("#size").inner_text()
        later = agency.issue()["index"]
        wire.get(f"/log/checkpoint?covers={later}")
        # Another root than the kept one's: what a ledger that lies would have to answer.
        page.route(
            "**/v1/proofs/consistency*",
            lambda route: route.fulfill(json={"hashes": ["00" * 32, "11" * 32]}),
        )
        page.goto("/en/log")

        broken = translate("en", "page.remember.broken", size=size)
        expect(page.locator("#remembered")).to_have_text(broken)


def test_what_says_nothing_of_the_log_accuses_nobody(
    wire: Wire, agency: Agency, browser: Browser
) -> None:
    """A browser without Ed25519, and a portal's page where the keys should come from."""
    asking.issued(agency)
    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/")
        http = load("log")["http"]
        kept = {"note": http["/log/checkpoint/5"], "vkey": http["/v1/ledger"]["log_vkeys"][0]}
        page.evaluate(KEEP, kept)
        page.route("**/v1/ledger", lambda route: route.fulfill(body="<html>portal</html>"))
        with page.expect_response("**/v1/ledger"):
            page.goto("/en/log")
        page.wait_for_selector("html[data-warned]")
        expect(page.locator("#remembered")).to_have_text("")

    with visitor(browser, url=wire.served.url) as page:
        page.goto("/en/log")
        page.click("#remember-button")
        page.add_init_script(NO_ED25519)
        page.goto("/en/log")

        unable = translate("en", "page.remember.unable")
        expect(page.locator("#remembered")).to_have_text(unable)
        expect(page.locator("#remember-button")).to_be_hidden()
