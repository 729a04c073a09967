"""A real browser over the pages: Debian's Chromium, driven, and kept off every other machine."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    # Whatever a page wanted from elsewhere would be an error.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PROMISED_SECONDS = 2.0
"""An acknowledged withdrawal shows everywhere within so long, or *could not check* does."""
PATIENCE_MS = 60_000
"""A busy machine is slow at what a page does by itself; how long is no question of these tests."""
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 900}
_AXE = Path(__file__).parent / "axe" / "axe.min.js"
# WCAG 2.2, levels A and AA, with everything that it took over; and what axe holds to be good.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; whoever uses it opens contexts of her own."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no browser (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(
    browser: Browser,
    *,
    url: str,
    scripts: bool = True,
    scheme: Literal["light", "dark"] = "light",
    phone: bool = False,
    **more: Any,
) -> Iterator[Page]:
    """Somebody with a fresh browser, whose console has nothing to complain about in the end."""
    context: BrowserContext = browser.new_context(
        base_url=url,
        java_script_enabled=scripts,
        color_scheme=scheme,
        viewport=PHONE if phone else DESK,  # type: ignore[arg-type] # a plain dictionary of the same two members
        **more,
    )
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda line: said.append(line.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("response", lambda answer: said.extend(_missing(answer)))
        try:
            yield page
        except Exception:
            # What the console said is what its test needs to know.
            print(*said, sep="\n")  # noqa: T201 - pytest shows it with the failure
            raise
        # What a page is itself answered with, and a network that is cut, its test knows.
        complaints = [line for line in said if not line.startswith("Failed to load resource")]
        assert complaints == [], complaints
    finally:
        context.close()


def _missing(answer: Response) -> list[str]:
    """The address of what a page loads and does not get."""
    missing = answer.status >= 400 and answer.request.resource_type not in {"document", "fetch"}
    return [f"{answer.status} {answer.url}"] if missing else []


@cache
def _axe() -> str:
    return _AXE.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands, each with where."""
    page.evaluate(_axe())
    options = json.dumps({"runOnly": {"type": "tag", "values": _RULES}})
    found = page.evaluate(f"axe.run(document, {options})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def watched(page: Page) -> Callable[[], float]:
    """When (seconds since 1970) an open page began to show the verdict that it shows now."""
    page.evaluate(
        "() => { const verdict = document.getElementById('verdict');"
        " new MutationObserver((_, watching) => { window.changedAt = Date.now();"
        " watching.disconnect(); })"
        ".observe(verdict, { attributeFilter: ['data-reason'] }); }"
    )
    return lambda: float(page.evaluate("window.changedAt")) / 1000
