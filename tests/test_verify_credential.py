"""The examples for verifiers by program, against the vectors: none of them uses the project."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.api.browsing import chromium, visitor
from tests.documents import ROOT
from tests.infrastructure.proofs.vectors import load, why

EXAMPLES = ROOT / "examples"
VECTORS = [load("credentials/verdicts"), load("credentials/successions")]
CASES = [
    (vectors["trust"], case)
    for vectors in VECTORS
    for case in vectors["cases"]
    if case["expect"]["outcome"] != "unreadable"
]
NAMES = [why(case) for _, case in CASES]
REFUSED = {"issuer_unknown", "issuer_not_known_yet", "credential_forged"}
KEY_FELL = {"issuer_key_compromised", "log_proof_needed"}


def signed(case: dict[str, Any]) -> bool:
    """Whether somebody signed it whom the list knows, and whose key never fell."""
    told = case["expect"]["reason"]
    fell = case["expect"]["issuer"] == "key_compromised"
    unknown = case["why"] == "a trust list past its end that does not know the key"
    return told not in REFUSED | KEY_FELL and not fell and not unknown


@pytest.mark.parametrize("trust,case", CASES, ids=NAMES)
def test_in_python(trust: dict[str, Any], case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text(json.dumps(trust))
    program = [sys.executable, str(EXAMPLES / "verify_credential.py")]

    ran = subprocess.run(
        [*program, str(tmp_path / "trust.json"), case["text"]],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ran.returncode == 0) == signed(case), ran.stderr


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Say nothing."""


@pytest.fixture(scope="module")
def examples() -> Iterator[str]:
    """Where the browser finds the examples: an address of this machine, which it trusts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(EXAMPLES)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_in_a_browser(examples: str) -> None:
    asked = [(trust, case["text"]) for trust, case in CASES]
    script = """async (asked) => {
      const { verify } = await import("./verify_credential.mjs");
      const one = ([trust, text]) => verify(trust, text).then(() => true, () => false);
      return Promise.all(asked.map(one));
    }"""
    with chromium() as browser, visitor(browser, url=examples) as page:
        page.goto("/verify_credential.py")
        told = page.evaluate(script, asked)

    assert dict(zip(NAMES, told, strict=True)) == {why(case): signed(case) for _, case in CASES}
