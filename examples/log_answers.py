"""What an address answers about a log, read page by page; used by check_log.py.

Written from docs/reference/ledger-format.md alone, whose sections the comments name. It needs only
Python's standard library and `cryptography`, and ledger_format.py beside it. It only reads.
"""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from ledger_format import Note, base64url, need, thumbprint

READ_SECONDS = 300
TRIES = 6
"""Of one question, where the answer is *not now*: a ledger has few places for long answers."""
WAIT_SECONDS = 10
"""At most between two of them, whatever is asked for."""


class Answers:
    """One address, asked as anybody, or under a key for what is open to its agency."""

    def __init__(self, url: str, key: Path | None) -> None:
        self.url = urlsplit(url)
        self.key = load_pem_private_key(key.read_bytes(), None) if key else None

    def get(self, path: str, ledger: str = "") -> bytes:
        """One answer; signed where the ledger is named and there is a key."""
        status, later, body = self.asked(path, ledger)
        for _ in range(TRIES - 1):
            if status != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(min(int(later), WAIT_SECONDS) if later.isdecimal() else 1)
            status, later, body = self.asked(path, ledger)
        need(status != HTTPStatus.NOT_FOUND, "not_served", path)
        if status != HTTPStatus.OK:
            raise OSError(f"HTTP {status} for {path}")
        return body

    def asked(self, path: str, ledger: str) -> tuple[int, str, bytes]:
        """The status, after how many seconds to ask again, and the body."""
        kind = HTTPSConnection if self.url.scheme == "https" else HTTPConnection
        target = self.url.path.rstrip("/") + path
        headers = self.signed(target, ledger) if ledger and self.key else {}
        with closing(kind(self.url.netloc, timeout=60)) as connection:
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Retry-After", ""), answer.read()

    def checkpoints(self) -> list[Note]:
        """All published ones. The list first, because the newest grows meanwhile."""
        notes: list[Note] = []
        after: int | None = 0
        while after is not None:
            page = json.loads(self.get(f"/log/checkpoints?after={after}&limit=200"))
            for item in page["items"]:
                notes.append(Note(item["note"]))
                _, size, root = notes[-1].checkpoint()
                same = (size, root.hex()) == (item["size"], item["root"])
                need(same and size > after, "checkpoint_list", item)
                after = size
            grows = page["items"] and page["next"] == after
            need(page["next"] is None or grows, "checkpoint_list", page["next"])
            after = page["next"]
        return [*notes, Note(self.get("/log/checkpoint").decode())]

    def openings(
        self, size: int, ledger: str
    ) -> Iterator[tuple[int, dict[str, Any], dict[str, Any] | None]]:
        """Section 15: each event's opening and its order."""
        start: int | None = 0
        while start is not None:
            page = json.loads(self.get(f"/v1/log/openings?from={start}&to={size}", ledger))
            end = size if page["next"] is None else page["next"]
            indexes = [item["index"] for item in page["openings"]]
            need(indexes and indexes == list(range(start, end)), "openings_missing", indexes)
            for item in page["openings"]:
                yield item["index"], item, page["orders"].get(str(item.get("order")))
            start = page["next"]

    def signed(self, target: str, ledger: str) -> dict[str, str]:
        """Section 15: the fields of a signed read."""
        path, _, query = target.partition("?")
        now = int(time.time())
        parameters = (
            f'("@method" "@path" "@query" "sijill-ledger");created={now};'
            f'expires={now + READ_SECONDS};keyid="{thumbprint(self.jwk())}";tag="sijill-read-v1"'
        )
        base = (
            f'"@method": GET\n"@path": {path}\n"@query": ?{query}\n"sijill-ledger": {ledger}\n'
            f'"@signature-params": {parameters}'
        )
        signature = base64.b64encode(self.sign(base.encode())).decode()
        return {
            "Sijill-Ledger": ledger,
            "Signature-Input": f"read={parameters}",
            "Signature": f"read=:{signature}:",
        }

    def jwk(self) -> dict[str, str]:
        """Section 6: the public key."""
        if isinstance(self.key, Ed25519PrivateKey):
            x = self.key.public_key().public_bytes_raw()
            return {"crv": "Ed25519", "kty": "OKP", "x": base64url(x)}
        if not isinstance(self.key, ec.EllipticCurvePrivateKey):
            raise ValueError("the key is neither Ed25519 nor P-256")  # noqa: TRY004 - not a type
        point = self.key.public_key().public_numbers()
        x, y = (base64url(one.to_bytes(32, "big")) for one in (point.x, point.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}

    def sign(self, message: bytes) -> bytes:
        """Section 6: 64 bytes."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            signature = self.key.sign(message, ec.ECDSA(SHA256()))
            return b"".join(one.to_bytes(32, "big") for one in decode_dss_signature(signature))
        return self.key.sign(message) if isinstance(self.key, Ed25519PrivateKey) else b""
