"""What tests of attestations order: documents in doubt, questions sent twice, what was cut off."""

import json
from base64 import b64decode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from domain.values import BAGHDAD
from infrastructure.proofs import codes, signing, tiles
from infrastructure.proofs.jwk import public_of
from sijill.client import Client
from sijill.client.prepared import commit, statement
from tests.serving import Agency, Served, act, enrolment, issuance


def due() -> str:
    """A day that a question may be due on."""
    return (datetime.now(BAGHDAD).date() + timedelta(days=5)).isoformat()


def enrol_attester(operator: Any, authority: Any, key: Any) -> None:
    """The ceremony by which the operator's key beside the service may attest."""
    line = enrolment("ndc", "ndc", key, ["attest", "issue"], "attester-1")
    path = "/v1/agencies/ndc/keys"
    order = operator.send(operator.prepare(path, [line], cosigned=True))
    operator.send(operator.possess(path, line, key))
    authority.approve(order["order"])


def cut_off(attester: Client, request: str, number: int, finding: str) -> str:
    """What an attestation that ended after its first append leaves; the certificate's code."""
    values = {
        "document_reference": request,
        "finding": finding,
        "holder_name": None,
        "supported_fact": None,
    }
    text = issuance(
        "ndc",
        type="authenticity",
        unit="attestation",
        series="online",
        number=str(number),
        year=datetime.now(BAGHDAD).year,
        date=datetime.now(BAGHDAD).date().isoformat(),
        values=values,
    )
    return str(attester.send(attester.prepare("/v1/certificates", [text]))["code"])


def asking(agency: Agency, code: str) -> tuple[Any, str]:
    """An order that asks about a code, to be sent more than once, and the request's code."""
    request = codes.generate()
    said = {"request": request, "due_date": due(), "code": code}
    line = signing.envelope(statement("authenticity.request", agency.name, **said))
    return agency.client.prepare("/v1/authenticity-requests", [line]), request


def issued_in_doubt(agency: Agency) -> str:
    """The code of a certificate that a key signed which was stolen by then."""
    officer = agency.officer()
    issued = officer.send(officer.prepare("/v1/certificates", [issuance(agency.name)]))
    stolen(agency, officer, issued["index"])
    return str(issued["code"])


def stolen(agency: Agency, officer: Client, as_of: int) -> None:
    """The agency declares that from an index on an officer's key was another's."""
    assert officer.key is not None
    thumbprint = public_of(officer.key).thumbprint
    path = f"/v1/keys/{thumbprint}/compromise"
    members = {"key": thumbprint, "as_of": as_of, "reason": "stolen"}
    act(agency.client, path, "key.compromise", **members)


def correct(agency: Agency, code: str) -> str:
    """The next edition of a support letter; its code."""
    new = codes.generate()
    claims, texts = commit(
        {"holder_name": "حامل 0002", "supported_fact": "تأييد", "holder_secret": "s"}
    )
    said = {"code": code, "new_code": new, "reason": "clerical_error", "language": "ar"}
    line = signing.envelope(
        statement("certificate.correct", agency.name, claims=claims, **said), texts
    )
    agency.client.send(agency.client.prepare(f"/v1/certificates/{code}/correction", [line]))
    return new


def prove(served: Served, event: dict[str, Any]) -> None:
    """The event's bytes are what the leaf commits to that the signed tree holds."""
    anybody, index = served.anybody(), event["index"]
    anybody.text(f"/log/checkpoint?covers={index}")
    size = anybody.checkpoint().size
    bundle = anybody._http.get(f"/log/tile/entries/000.p/{size}").content
    text = tiles.parse_bundle(bundle, width=size)[index]
    said = json.loads(text)
    for part in ("header", "body"):
        salt, data = bytes.fromhex(event[f"{part}_salt"]), b64decode(event[part])
        label = f"sijill/{part}/v1".encode()
        assert said[part] == sha256(label + b"\x00" + salt + data).hexdigest()
    proof = anybody.get("/v1/proofs/inclusion", index=index, size=size)
    assert proof["leaf_hash"] == sha256(b"\x00" + text).hexdigest()
