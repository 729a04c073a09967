"""What tests of attestations order: documents in doubt, questions sent twice, what was cut off."""

from datetime import datetime, timedelta
from typing import Any

from domain.values import BAGHDAD
from infrastructure.proofs import codes, signing
from infrastructure.proofs.jwk import public_of
from sijill.client import Client
from sijill.client.prepared import commit, statement
from tests.serving import Agency, act, issuance


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
    due = (datetime.now(BAGHDAD).date() + timedelta(days=5)).isoformat()
    said = {"request": request, "due_date": due, "code": code}
    line = signing.envelope(statement("authenticity.request", agency.name, **said))
    return agency.client.prepare("/v1/authenticity-requests", [line]), request


def issued_in_doubt(agency: Agency) -> str:
    """The code of a certificate that a key signed which was stolen by then."""
    officer = agency.officer()
    assert officer.key is not None
    thumbprint = public_of(officer.key).thumbprint
    issued = officer.send(officer.prepare("/v1/certificates", [issuance(agency.name)]))
    path = f"/v1/keys/{thumbprint}/compromise"
    members = {"key": thumbprint, "as_of": issued["index"], "reason": "stolen"}
    act(agency.client, path, "key.compromise", **members)
    return str(issued["code"])


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
