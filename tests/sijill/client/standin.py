"""A ledger made of a few lines: for the client's distrust, which a real ledger gives no reason for.

It answers through httpx2's own mock transport, records each order once, and signs as a ledger does.
`twist` changes an answer on its way out; `fail` makes the next requests fail.
"""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.problems import MEDIA_TYPE
from infrastructure.proofs import canonical, checkpoint, leaf, merkle, note, receipts, signing
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.orders import (
    APPROVAL_TAG,
    NDJSON,
    check_body,
    parse_lines,
    parse_request,
)
from infrastructure.proofs.receipts import Receipt
from sijill.client import Client, Patience, Prepared, statement

ORIGIN = "stand.in/ledger"
LEDGER = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
TRIES = 3
REVOKE = "/v1/certificates/7Q0A0000000000000/revocation"
BULK = "/v1/certificates/bulk"

Answer = dict[str, Any]
Fault = httpx2.Response | Exception


def problem(code: str, status: int, **headers: str) -> httpx2.Response:
    """A refusal as a ledger sends it."""
    said = {"type": f"/problems/{code}", "code": code, "status": status}
    body = {**said, "title": code, "detail": "", "advice": ""}
    typed = {"content-type": MEDIA_TYPE, **headers}
    return httpx2.Response(status, content=json.dumps(body), headers=typed)


def refused_lines(*codes: str) -> httpx2.Response:
    """A list of which a ledger recorded nothing, refused line by line."""
    found = [
        {"line": number, "problem": problem(code, 401).json()} for number, code in enumerate(codes)
    ]
    content = b"".join(json.dumps(one).encode() + b"\n" for one in found)
    return httpx2.Response(200, content=content, headers={"content-type": NDJSON})


@dataclass
class StandIn:
    """The ledger, and everything that was ever asked of it."""

    ledger: bytes = LEDGER
    origin: str = ORIGIN
    log_seed: bytes = bytes([1]) * 32
    receipts_seed: bytes = bytes([2]) * 32
    leaves: list[bytes] = field(default_factory=lambda: [LEDGER])
    recorded: dict[tuple[str, int], tuple[int, bytes]] = field(default_factory=dict)
    asked: list[httpx2.Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    twist: Callable[[Answer], Any] = lambda answer: answer
    lose_answers: int = 0
    pending: dict[str, Answer] = field(default_factory=dict)
    rotations: dict[int, bytes] = field(default_factory=dict)
    log_keys: list[tuple[int, str]] = field(default_factory=list)

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self.handle)

    @property
    def posts(self) -> list[httpx2.Request]:
        return [one for one in self.asked if one.method == "POST"]

    @property
    def log_key(self) -> note.SignerKey:
        return note.SignerKey(self.origin, self.log_seed)

    @property
    def receipts_key(self) -> note.SignerKey:
        return note.SignerKey(receipts.key_name(self.origin), self.receipts_seed)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if request.url.path == "/v1/ledger":
            return self._json(self.identity())
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        return self._post(request) if request.method == "POST" else self._get(request)

    def _get(self, request: httpx2.Request) -> httpx2.Response:
        match request.url.path:
            case "/log/checkpoint":
                return httpx2.Response(200, content=self.checkpoint())
            case "/v1/log/openings":
                body = self.rotations.get(int(request.url.params["from"]))
                items = [] if body is None else [{"body": base64.b64encode(body).decode()}]
                return self._json({"openings": items})
            case "/v1/proofs/consistency":
                return self._json(self._consistency(request.url.params))
            case "/v1/proofs/inclusion":
                return self._json(self._inclusion(request.url.params))
            case path if path.removeprefix("/v1/orders/") in self.pending:
                return self._json(self._order(request))
            case _:
                return problem("not_found", 404)

    def identity(self) -> Answer:
        return {
            "ledger": self.ledger.hex(),
            "origin": self.origin,
            "format_version": 1,
            "log_vkey": self.log_key.verifier.encode(),
            "log_vkeys": [key for _, key in self._keys()],
            "log_key_indexes": [index for index, _ in self._keys()],
            "receipts_vkey": self.receipts_key.verifier.encode(),
        }

    def _keys(self) -> list[tuple[int, str]]:
        return [*self.log_keys, (max(self.rotations, default=0), self.log_key.verifier.encode())]

    def rotate(self, seed: bytes, *signers: note.SignerKey) -> None:
        """Take another log key; the notes are by these signers, else by the old and the new key."""
        old, new = self.log_key, note.SignerKey(self.origin, seed)
        said = statement("ledger.rotate_key", "ndc", log_key=new.verifier.encode())
        word = receipts.Rotation(self.ledger, canonical.statement_digest(said))
        notes = [receipts.sign_rotation(word, key).decode() for key in signers or (old, new)]
        self.log_keys = self._keys()
        self.rotations[len(self.leaves)] = leaf.encode_body(said, {"notes": notes})
        self.grow(1)
        self.log_seed = seed

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.leaves.append(merkle.leaf_hash(len(self.leaves).to_bytes(4, "big")))

    def checkpoint(self, size: int | None = None) -> bytes:
        leaves = self.leaves[:size]
        head = Checkpoint(self.origin, len(leaves), merkle.root(leaves))
        return checkpoint.sign(head, [self.log_key])

    def receipt(self, index: int, leaf_hash: bytes, digest: bytes) -> str:
        word = Receipt(self.ledger, index, leaf_hash, digest)
        return receipts.sign(word, self.receipts_key).decode()

    def _post(self, request: httpx2.Request) -> httpx2.Response:
        body = request.read()
        head = parse_request("POST", request.url.path, request.headers.multi_items())
        check_body(head, body)
        if head.tag == APPROVAL_TAG:
            state = "refused" if request.url.path.endswith("/refusal") else "open"
            return self._json({"order": "none", "state": state})
        answers = []
        for number, line in enumerate(parse_lines(head, body)):
            known = self.recorded.get((head.idempotency_key, number))
            if known is None:
                index = len(self.leaves)
                self.grow(1)
                self.recorded[head.idempotency_key, number] = (index, self.leaves[index])
            index, leaf_hash = self.recorded[head.idempotency_key, number]
            answer = {
                "index": index,
                "leaf_hash": leaf_hash.hex(),
                "time": 1_795_000_000_000_000 + index,
                "receipt": self.receipt(index, leaf_hash, line.digest),
                "replayed": known is not None,
            }
            answers.append(answer)
        if self.lose_answers:
            self.lose_answers -= 1
            raise httpx2.ReadError("the line went dead")
        if head.content_type != NDJSON:
            return self._json(self.twist(answers[0]), status=201)
        lines = [{"line": number, **answer} for number, answer in enumerate(answers)]
        return self._lines(self.twist({"lines": lines})["lines"])

    def _order(self, request: httpx2.Request) -> Answer:
        shown = self.pending[request.url.path.removeprefix("/v1/orders/")]
        start = int(request.url.params.get("from", 0))
        return {**shown, "statements": shown["statements"][start : start + 100]}

    def _consistency(self, query: httpx2.QueryParams) -> Answer:
        old, new = int(query["from"]), int(query["to"])
        proof = merkle.consistency_proof(old_size=old, new_size=new, get=self._subtree)
        return {"hashes": [one.hex() for one in proof]}

    def _inclusion(self, query: httpx2.QueryParams) -> Answer:
        index, size = int(query["index"]), int(query["size"])
        proof = merkle.inclusion_proof(index=index, size=size, get=self._subtree)
        return {"hashes": [one.hex() for one in proof]}

    def _subtree(self, level: int, n: int) -> bytes:
        return merkle.root(self.leaves[n << level : (n + 1) << level])

    @staticmethod
    def _json(answer: Any, status: int = 200) -> httpx2.Response:
        return httpx2.Response(status, json=answer)

    @staticmethod
    def _lines(answers: Iterable[Answer]) -> httpx2.Response:
        content = b"".join(json.dumps(one).encode() + b"\n" for one in answers)
        return httpx2.Response(200, content=content, headers={"content-type": NDJSON})


def connect(ledger: StandIn, state: Path | None) -> Client:
    return Client(
        "http://ledger.test",
        agency="moj",
        key=KEY,
        state=state,
        patience=Patience(tries=TRIES, pause_seconds=0.1),
        transport=ledger.transport,
    )


def line(number: int = 1) -> bytes:
    return signing.envelope(statement("certificate.revoke", "moj", number=number))


def journal(client: Client) -> list[Prepared]:
    assert client.state is not None
    return client.state.journaled()


def suspects(client: Client) -> list[bytes]:
    assert client.state is not None
    return [path.read_bytes() for path in (client.state.folder / "suspect").iterdir()]
