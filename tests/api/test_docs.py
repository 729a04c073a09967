"""The contract for people: one page of files of our own, drawn by a browser without complaint."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.api.talking import Wire, refusal
from tests.conforming import CONTRACT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but this machine: whatever the page wanted from elsewhere would be an error.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
)
PARTS = ("docs.js", "swagger-ui-bundle.js", "swagger-ui.css")


def test_the_page_loads_nothing_but_its_own_files(wire: Wire) -> None:
    page = wire.get("/docs")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert set(loaded) == {"data:,", *(f"/docs/{part}" for part in PARTS)}
    assert "://" not in page.text
    # No script and no handler in the page itself: the policy would not let it run.
    assert re.findall(r"<script(?![^>]*src=)|\son\w+=|javascript:|style=", page.text) == []


@pytest.mark.parametrize(
    "part,kind",
    [
        ("docs.js", "text/javascript"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
    ],
)
def test_its_files_are_served_as_what_they_are(wire: Wire, part: str, kind: str) -> None:
    answer = wire.get(f"/docs/{part}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.content) > 100
    if part.endswith(".css"):
        assert "@import" not in answer.text
        loaded = re.findall(r"url\(\s*[\"']?(.{5})", answer.text)
        assert set(loaded) == {"data:"}


def test_our_own_script_names_no_address_and_sends_nothing(wire: Wire) -> None:
    script = wire.get("/docs/docs.js").text

    assert "://" not in script
    assert 'url: "/openapi.json"' in script
    assert "validatorUrl: null" in script


@pytest.mark.parametrize("path", ["/docs", *(f"/docs/{part}" for part in PARTS)])
def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_out(wire: Wire, path: str) -> None:
    directives = {}
    for directive in wire.get(path).headers["content-security-policy"].split(";"):
        name, *sources = directive.split()
        directives[name] = sources

    assert directives["default-src"] == ["'none'"]
    assert directives["script-src"] == ["'self'"]
    assert directives["connect-src"] == ["'self'"]
    assert directives["frame-ancestors"] == ["'none'"]
    assert directives["form-action"] == ["'none'"]
    allowed = {source for named in directives.values() for source in named}
    assert allowed <= {"'self'", "'none'", "'unsafe-inline'", "data:"}
    assert "'unsafe-inline'" not in directives["script-src"]


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2fdocs.html", "%2e%2e/app.py", "swagger-ui%2fLICENSE", "%00"]
)
def test_no_other_file_is_served(wire: Wire, name: str) -> None:
    assert refusal(wire.get(f"/docs/{name}")) == (404, "not_found")


def test_every_other_answer_forbids_everything_to_a_browser(wire: Wire) -> None:
    for path in ("/openapi.json", "/v1/agencies", "/v1/verify/x", "/nowhere", "/metrics"):
        headers = wire.get(path).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"


def drawn(folder: Path, address: str) -> tuple[str, list[str]]:
    """The page as a browser has drawn it, and what its console said meanwhile."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no browser (Debian: apt-get install chromium)")
    done = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={folder / 'browser'}", "--dump-dom", address],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_a_browser_draws_the_contract_and_complains_about_nothing(
    wire: Wire, tmp_path: Path
) -> None:
    tags = set().union(*map(tags_of, CONTRACT["paths"].values()))

    page, said = drawn(tmp_path, f"{wire.served.url}/docs")

    assert said == []
    assert set(re.findall(r'data-tag="([^"]+)"', page)) == tags
    assert CONTRACT["info"]["title"] in page
    addresses = re.findall(r'(?:src|href)="((?:https?:)?//[^"]+)"', page)
    own = urlsplit(wire.served.url).netloc
    assert [one for one in addresses if urlsplit(one).netloc != own] == []


def tags_of(operations: dict[str, Any]) -> set[str]:
    return {tag for operation in operations.values() for tag in operation["tags"]}


def test_a_group_of_the_contract_is_opened_by_its_address(wire: Wire, tmp_path: Path) -> None:
    page, said = drawn(tmp_path, f"{wire.served.url}/docs#/reports")

    assert said == []
    assert set(re.findall(r'data-path="([^"]+)"', page)) == {
        path for path, operations in CONTRACT["paths"].items() if tags_of(operations) == {"reports"}
    }


def test_a_browser_says_so_when_a_policy_is_broken(tmp_path: Path) -> None:
    """The guard of the tests above: what they hope not to see would be seen."""
    page = tmp_path / "page.html"
    page.write_text(
        "<meta http-equiv=content-security-policy content=\"script-src 'none'\">"
        "<script>document.title = 'run'</script>"
    )

    _, said = drawn(tmp_path, page.as_uri())

    assert said
