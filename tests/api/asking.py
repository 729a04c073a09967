"""Questions to a served ledger, and the longer sentences of agencies that tests ask about."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import codes, signing
from infrastructure.proofs.jwk import PrivateKey
from sijill.client import commit, statement
from tests.api.talking import Wire, colleague, on, thumbprint
from tests.clock import now_seconds
from tests.serving import Agency, Served, act

DAY = 86_400
LETTER = {"holder_name": "حامل 0001", "supported_fact": "تأييد سكن", "holder_secret": "s-1"}


def signed_headers(agency: Agency, path: str, query: str = "", method: str = "GET") -> Any:
    """The headers of a signed read by the agency's key."""
    now = now_seconds()
    return signing.sign_read(
        agency.key,
        method=method,
        path=path,
        query=query,
        ledger=agency.client.identity.ledger,
        created=now,
        expires=now + 60,
    )


def read(wire: Wire, reader: Agency, path: str, **query: str | int) -> httpx2.Response:
    """A signed read as it is answered, on everything that is recorded by now."""
    text = urlencode(query)
    headers = signed_headers(reader, path, text)
    wire.served.settle()
    return wire.get(f"{path}?{text}" if text else path, **headers)


def present(wire: Wire, code: str, **body: Any) -> httpx2.Response:
    """Present a paper: what stands on it, beside its code."""
    wire.served.settle()
    return wire.http.post("/v1/verify", json={"code": code, **body})


def issued(agency: Agency, **changes: Any) -> str:
    """The code of what the agency has just issued."""
    return str(agency.issue(**changes)["code"])


def listed(wire: Wire, reader: Agency, **query: Any) -> list[str]:
    """The codes that a search by the agency answers."""
    answer = read(wire, reader, "/v1/certificates", **query)
    assert answer.status_code == 200, answer.text
    return [item["code"] for item in answer.json()["items"]]


def search(wire: Wire, agency: Agency, field: str, value: str, **more: Any) -> httpx2.Response:
    """A search by a value, on everything that is recorded by now."""
    path = "/v1/certificates/search"
    headers = signed_headers(agency, path, method="POST")
    body = {"field": field, "value": value, **more}
    wire.served.settle()
    return wire.http.post(path, json=body, headers=headers)


def openings(wire: Wire, reader: Agency, size: int) -> Iterator[dict[str, Any]]:
    """All that a reader may open of the first `size` leaves, page after page."""
    start: int | None = 0
    while start is not None:
        page = read(wire, reader, "/v1/log/openings", **{"from": start, "to": size}).json()
        yield from page["openings"]
        start = page["next"]


def auditor(served: Served) -> Agency:
    """An agency that may see everything."""
    return served.agency(scopes=["administer", "audit"])


def remake(
    agency: Agency, name: str, code: str, place: str, values: dict[str, str], **members: Any
) -> dict[str, Any]:
    """Order an act that makes a new code of a certificate: correct, original or replace."""
    claims, texts = commit(values)
    members = {"code": code, "new_code": codes.generate(), "claims": claims, **members}
    line = signing.envelope(statement(f"certificate.{name}", agency.name, **members), texts)
    client = agency.client
    path = f"/v1/certificates/{code}/{place}"
    return dict(client.send(client.prepare(path, [line], cosigned="valid_until" in members)))


def correct(agency: Agency, code: str, **members: Any) -> str:
    """Make the next edition; its code."""
    members = {"reason": "clerical_error", "language": "ar", **members}
    return str(remake(agency, "correct", code, "correction", LETTER, **members)["code"])


def original(agency: Agency, code: str) -> str:
    """Make a further original; its code."""
    return str(remake(agency, "original", code, "originals", {"holder_secret": "s-2"})["code"])


def replace(agency: Agency, code: str) -> str:
    """Replace a lost original; the new one's code."""
    values = {"holder_secret": "s-3"}
    return str(remake(agency, "replace", code, "replacement", values, reason="lost")["code"])


def supersede(agency: Agency, code: str) -> str:
    """Let a new certificate take its place; the new one's code."""
    by = str(agency.issue()["code"])
    on(agency.client, "supersede", code, "supersession", by=by, reason="renewed")
    return by


def compromised(agency: Agency) -> str:
    """The code of what an officer issued whose key was declared compromised from there on."""
    officer = colleague(agency, f"officer-{new_name()}")
    issued = officer.issue()
    name = thumbprint(officer)
    members = {"key": name, "as_of": issued["index"], "reason": "stolen"}
    act(agency.client, f"/v1/keys/{name}/compromise", "key.compromise", **members)
    return str(issued["code"])


def new_name() -> str:
    """A name that nothing else has."""
    return codes.generate().lower()


def new_key() -> PrivateKey:
    """A key that nobody knows."""
    return Ed25519PrivateKey.generate()


def annul(agency: Agency, other: Agency, code: str) -> None:
    """Two officers of the agency undo a revocation."""
    members = {"reason": "revoked_in_error", "valid_until": now_seconds() + DAY}
    order = on(agency.client, "annul_revocation", code, "revocation/annulment", **members)
    other.client.approve(order["order"])


def retire(agency: Agency, leaving: Agency) -> None:
    """An officer of the agency leaves."""
    name = thumbprint(leaving)
    members = {"key": name, "reason": "officer_left"}
    act(agency.client, f"/v1/keys/{name}/retirement", "key.retire", **members)


def countersignature(signer: Agency, path: str, cover: signing.Cover) -> dict[str, str]:
    """The headers of an approval or refusal over this cover."""
    now = now_seconds()
    head = signing.Head(
        path=path,
        ledger=signer.client.identity.ledger,
        idempotency_key=signing.new_idempotency_key(),
        created=now,
        expires=now + 600,
    )
    return signing.sign_approval(signer.key, head, cover).headers
