"""Talking to a served ledger below the client: any header, any byte, and the answer as it comes.

The client signs only what a ledger would accept. What a ledger must refuse is made here.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar

import httpx2
import pytest

from infrastructure.proofs import canonical, signing
from infrastructure.proofs.base64text import encode
from infrastructure.proofs.jwk import PrivateKey, public_of, sign
from infrastructure.proofs.orders import JSON, LINE_LIMIT_BYTES, NDJSON, ORDER_TAG, PROFILE
from infrastructure.proofs.statements import statement_root
from sijill.client import Client, Prepared, Refused
from tests.clock import now_seconds
from tests.serving import Agency, Served, act, issuance

LIFE_SECONDS = 600
PATIENCE_SECONDS = 30.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class Wire:
    """One address, without patience and without belief."""

    http: httpx2.Client
    served: Served

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> httpx2.Response:
        return self.http.post(path, headers=dict(headers), content=body)

    def send(self, prepared: Prepared, **headers: str) -> httpx2.Response:
        """Send what a client prepared."""
        return self.post(prepared.path, {**prepared.headers, **headers}, prepared.body)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.http.get(path, headers=headers)

    def verdict(self, code: str, **headers: str) -> dict[str, Any]:
        """The verdict on a code that rests on everything recorded by now."""
        self.served.settle()
        answer = self.get(f"/v1/verify/{code}", **headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@dataclass(frozen=True, kw_only=True)
class Forged:
    """An order whose parts are chosen one by one, and whose signature is right all the same."""

    key: PrivateKey
    ledger: bytes
    path: str = "/v1/certificates"
    body: bytes = b""
    root: bytes | None = None
    lines: int = 1
    content_type: str = JSON
    created: int = field(default_factory=now_seconds)
    life: int = LIFE_SECONDS
    tag: str = ORDER_TAG
    idempotency_key: str = field(default_factory=signing.new_idempotency_key)
    keyid: str | None = None
    atomic: bool = False

    @property
    def headers(self) -> dict[str, str]:
        root = roots_of(self.body) if self.root is None else self.root
        cover = signing.Cover(root, self.lines, self.atomic)
        fields = {
            "Content-Type": self.content_type,
            "Content-Digest": f"sha-256=:{encode(sha256(self.body).digest())}:",
            "Idempotency-Key": f'"{self.idempotency_key}"',
            "Sijill-Ledger": self.ledger.hex(),
            "Sijill-Statement": str(cover),
        }
        keyid = self.keyid or public_of(self.key).thumbprint
        parameters = (
            f"{PROFILE.covered};created={self.created};expires={self.created + self.life}"
            f';keyid="{keyid}";tag="{self.tag}"'
        )
        base = PROFILE.build_base(("POST", self.path, *fields.values()), parameters)
        signature = encode(sign(self.key, base.encode()))
        return {
            **fields,
            "Signature-Input": f"sijill={parameters}",
            "Signature": f"sijill=:{signature}:",
        }


def roots_of(body: bytes) -> bytes:
    """The statement root of a body, or of nothing where no parser would find a statement."""
    pieces = body.splitlines() if body.endswith(b"\n") else [body]
    try:
        digests = [
            canonical.statement_digest(
                canonical.parse_envelope(piece, limit_bytes=LINE_LIMIT_BYTES).statement
            )
            for piece in pieces
        ]
    except ValueError:
        return sha256(body).digest()
    return statement_root(digests)


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"]


def refused(call: Callable[[], Any]) -> tuple[int, str]:
    """Status and code of what the client was refused with."""
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.status, caught.value.code


def lines_of(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The lines of a bulk's answer."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == NDJSON
    return [json.loads(line) for line in answer.text.splitlines()]


def codes_of(lines: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """The refusal code of each line, None where it was recorded or accepted."""
    return [line["problem"]["code"] if "problem" in line else None for line in lines]


def awaited(ask: Callable[[], _T], *, until: Callable[[_T], bool]) -> _T:
    """Ask until the answer is the awaited one; what follows an append follows within a moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer


def on(client: Client, name: str, code: str, place: str, **members: Any) -> dict[str, Any]:
    """Order an act on a certificate; `place` is the sub-resource that it is posted to."""
    return act(
        client, f"/v1/certificates/{code}/{place}", f"certificate.{name}", code=code, **members
    )


def revoke(agency: Agency, code: str, **members: Any) -> dict[str, Any]:
    """The agency withdraws a certificate."""
    asked = {"reason": "right_withdrawn", **members}
    return on(agency.client, "revoke", code, "revocation", **asked)


def forged(agency: Agency, line: bytes | None = None, **changes: Any) -> Forged:
    """An issuance of the agency, right in everything that is not changed."""
    body = issuance(agency.name) if line is None else line
    ledger = agency.client.identity.ledger
    return Forged(**{"key": agency.key, "ledger": ledger, "body": body, **changes})


def told(wire: Wire, order: Forged) -> tuple[int, str]:
    return refusal(wire.post(order.path, order.headers, order.body))


def colleague(agency: Agency, officer: str, scopes: list[str] | None = None) -> Agency:
    """The agency as another officer of it, with a key of her own."""
    key = agency.officer(scopes, officer).key
    assert key is not None
    return Agency(agency.served, agency.name, key)


def thumbprint(agency: Agency) -> str:
    """The name of the key that the agency signs with here."""
    return public_of(agency.key).thumbprint


def degree(agency: str, **changes: Any) -> bytes:
    """The line of an issuance that a second officer must sign."""
    values = {
        "holder_name": "حامل 0001",
        "qualification": "بكالوريوس هندسة",
        "graduation_year": "2026",
        "supported_fact": None,
    }
    return issuance(
        agency, type="degree", values=values, valid_until=now_seconds() + 86_400, **changes
    )
