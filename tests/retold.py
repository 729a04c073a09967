"""Logs told again with something changed: by somebody in between, or by the operator itself.

`Between` serves what a real ledger answers, through a function that may change it. `Forgery` is the
ledger of the vector `log.json` written once more: digests, chain, tree and checkpoints are made
again with the log's own keys, so that only what is behind them can give it away.
"""

import json
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.acts import ACTS
from tests import stranger

Answer = Callable[[str], bytes | None]
BUSY = b"busy"
"""What `telling` answers with 503, and a moment to wait."""
VECTORS = Path(__file__).parent / "vectors"
VECTOR: dict[str, Any] = json.loads((VECTORS / "log.json").read_text(encoding="utf-8"))
PROGRAM = Path(__file__).parents[1] / "examples" / "check_log.py"
ORIGIN = "sijill.example/log"
CHECKPOINTS = {5: ["log"], 11: ["log", "log-2"]}


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *options], capture_output=True, text=True, check=False
    )


def check(url: str, *options: str, code: int = 0) -> dict[str, Any]:
    """What the program reports; its exit code is the expected one."""
    done = run("--url", url, "--output", "json", *options)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def found(report: dict[str, Any]) -> set[tuple[str, int | None]]:
    return {(one["code"], one["index"]) for one in report["findings"]}


@contextmanager
def telling(answer: Answer) -> Iterator[str]:
    """An address on this machine where `answer` says what a path holds; None is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(self.path)
            self.send_response({None: 404, BUSY: 503}.get(body, 200))
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Forgery:
    """The vector's ledger, to be changed and then told with every digest made anew."""

    def __init__(self) -> None:
        openings = VECTOR["audit"]["/v1/log/openings"]
        self.leaves: list[dict[str, Any]] = [json.loads(leaf) for leaf in VECTOR["leaves"]]
        self.headers = [json.loads(b64decode(one["header"])) for one in openings["openings"]]
        self.bodies = [json.loads(b64decode(one["body"])) for one in openings["openings"]]
        self.salts = [
            [bytes.fromhex(one[f"{part}_salt"]) for part in ("header", "body")]
            for one in openings["openings"]
        ]
        self.order_of = [one["order"] for one in openings["openings"]]
        self.evidence = {
            int(first): json.loads(b64decode(order["evidence"]))
            for first, order in openings["orders"].items()
        }
        self.statements = {
            int(first): order["statements"] for first, order in openings["orders"].items()
        }
        self.hidden: set[tuple[int, str]] = set()

    def resign(self, first: int, number: int, key: str, *changes: tuple[str, str]) -> None:
        """Change a signature base of an order's evidence and sign it anew with an agency's key."""
        entry = self.evidence[first][number]
        for old, new in changes:
            assert entry["base"].count(old) >= 1
            entry["base"] = entry["base"].replace(old, new)
        private = Ed25519PrivateKey.from_private_bytes(
            bytes.fromhex(VECTOR["keys"][key]["private"])
        )
        entry["sig"] = stranger.base64url(private.sign(entry["base"].encode()))

    def order_again(self, index: int, *keys: str) -> None:
        """Have the statement of a single order signed as it stands now, by these keys in order."""
        digest = stranger.statement_digest(stranger.canonical(self.bodies[index]["statement"]))
        old = stranger.base64(bytes.fromhex(self.statements[index][0]))
        self.statements[index] = [digest.hex()]
        for number, key in enumerate(keys):
            self.resign(index, number, key, (old, stranger.base64(digest)))

    def add(self, key: str, act: str, stream: int, agency: str, **members: Any) -> None:
        """One more event at the end, on a stream of this number, ordered under one key."""
        index, row = len(self.headers), ACTS[act].ACT
        mark = f"{index:022}"
        said = {"act": act, "agency": agency, "nonce": mark[:-1] + "A", **members}
        name = f"01a2008e-0000-7000-8000-{stream:012}"
        digest = stranger.statement_digest(stranger.canonical(said))
        time = self.leaves[-1]["time"] + 1_000_000
        thumbprint = stranger.thumbprint(VECTOR["keys"][key]["jwk"])
        base = self.evidence[3][0]["base"]
        for pattern, text in (
            ('(?<="@path": ).*', row.path.format_map(said)),
            ('(?<="idempotency-key": ).*', f'"{mark}"'),
            ("(?<=sha-256=:)[^:]*(?=:;lines)", stranger.base64(digest)),
            ("(?<=;created=)[0-9]+", f"{time // 1_000_000}"),
            ("(?<=;expires=)[0-9]+", f"{time // 1_000_000 + 600}"),
            ('(?<=;keyid=")[^"]+', thumbprint),
        ):
            base = re.sub(pattern, text, base, count=1)
        self.headers.append(
            {
                "agency": agency,
                "evidence": "",
                "keys": [thumbprint],
                "line": 0,
                "stream": name,
                "type": row.event,
                "version": 1 + sum(one["stream"] == name for one in self.headers),
            }
        )
        self.leaves.append({**self.leaves[-1], "index": index, "time": time})
        self.bodies.append({"statement": said})
        self.salts.append([bytes(16), bytes(16)])
        self.order_of.append(index)
        self.statements[index] = [digest.hex()]
        self.evidence[index] = [{"base": base, "sig": ""}]
        self.resign(index, 0, key)

    @property
    def answer(self) -> Answer:
        """What it answers, sealed as it stands now."""
        hashes: list[bytes] = []
        texts, openings = [], []
        for index, header in enumerate(self.headers):
            evidence = stranger.canonical(self.evidence[self.order_of[index]])
            header["evidence"] = sha256(evidence).hexdigest()
            parts = [stranger.canonical(part) for part in (header, self.bodies[index])]
            digests = [
                stranger.salted(label, salt, data)
                for label, salt, data in zip(
                    ("sijill/header/v1", "sijill/body/v1"), self.salts[index], parts, strict=True
                )
            ]
            prev = hashes[-1] if hashes else bytes(32)
            leaf = self.leaves[index]
            texts.append(stranger.leaf(leaf["index"], leaf["time"], prev, *digests))
            hashes.append(sha256(b"\0" + texts[-1]).digest())
            openings.append(self._opening(index, parts))
        return self._answers(hashes, texts, openings).get

    def _opening(self, index: int, parts: list[bytes]) -> dict[str, Any]:
        item: dict[str, Any] = {"index": index, "order": self.order_of[index]}
        for name, salt, data in zip(("header", "body"), self.salts[index], parts, strict=True):
            item |= {name: b64encode(data).decode(), f"{name}_salt": salt.hex()}
        return {name: item[name] for name in item if (index, name) not in self.hidden}

    def _answers(
        self, hashes: list[bytes], texts: list[bytes], openings: list[dict[str, Any]]
    ) -> dict[str, bytes]:
        size = len(hashes)
        notes = {
            covered: stranger.note(
                f"{ORIGIN}\n{covered}\n{stranger.base64(stranger.root(hashes[:covered]))}\n",
                *(note_key(name) for name in names),
            )
            for covered, names in {**CHECKPOINTS, size: CHECKPOINTS[11]}.items()
        }
        listed = [
            {"size": one, "root": stranger.root(hashes[:one]).hex(), "time": one, "note": note}
            for one, note in notes.items()
        ]
        orders = {
            str(first): {
                "evidence": b64encode(stranger.canonical(evidence)).decode(),
                "statements": self.statements[first],
            }
            for first, evidence in self.evidence.items()
        }
        page = {"from": 0, "to": size, "next": None, "openings": openings, "orders": orders}
        return {
            "/log/checkpoints?after=0&limit=200": encode({"items": listed, "next": None}),
            "/log/checkpoint": notes[size].encode(),
            f"/log/tile/0/000.p/{size}": b"".join(hashes),
            f"/log/tile/entries/000.p/{size}": b"".join(
                len(text).to_bytes(2) + text for text in texts
            ),
            f"/v1/log/openings?from=0&to={size}": encode(page),
        }


def note_key(name: str) -> stranger.NoteKey:
    """A key of the vector's log."""
    key = VECTOR["log_keys"][name]
    return stranger.NoteKey(key["name"], bytes.fromhex(key["seed"]))


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


def flipped(data: bytes, at: int) -> bytes:
    """The same bytes but one bit."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
