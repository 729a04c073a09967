"""Making credentials: what the agency's own certificate says, signed by the agency's own key.

The private key never leaves the agency: the ledger is sent the signed bytes, sealed like any value.
"""

from collections.abc import Mapping
from typing import Any

from domain.catalogue import CREDENTIAL, DOCUMENT, certificate_type
from infrastructure.proofs import jwk, qr
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.credential import LEDGER_BYTES, Credential
from sijill.client.drafts import Draft
from sijill.client.prepared import commit, statement

ACT = "certificate.credential"
_MICROSECONDS = 1_000_000


def describe(shown: Mapping[str, Any], ledger: bytes) -> Credential:
    """What the credential of a certificate says, as its agency is shown it by `asked_code`.

    Of the values only those that its type declares printable are in it, and no empty one: the
    format has no place for it, and a paper shows nothing of it.

    Raises:
        TypeUnknown: a newer ledger knows a type that this client does not.
    """
    code = shown["asked_code"]
    original = next(one for one in shown["originals"] if one["code"] == code)
    values = shown["values"]
    fields = enumerate(certificate_type(shown["type"]).fields)
    return Credential(
        agency=shown["agency"],
        code=code,
        type=shown["type"],
        number=shown["number"],
        date=shown["date"],
        fields={n: values[one.id] for n, one in fields if one.printable and values.get(one.id)},
        status_list=original["status"]["list"],
        status_index=original["status"]["index"],
        index=original["issue_index"],
        issued_at=original["issue_time"] // _MICROSECONDS,
        ledger=ledger[:LEDGER_BYTES].hex(),
        effective_date=original["effective_date"],
        expiry_date=original["expiry_date"],
        document=values.get(DOCUMENT),
    )


def draft(data: bytes, *, agency: str, code: str, key: jwk.PublicKey) -> Draft:
    """The act that records a credential which that key signed."""
    claims, texts = commit({CREDENTIAL: encode_url(data)})
    said = statement(ACT, agency, code=code, key=key.thumbprint, claims=claims)
    return Draft("/v1/certificates/credentials", said, tuple(texts), code)


def sign(shown: Mapping[str, Any], ledger: bytes, key: jwk.PrivateKey) -> bytes:
    """The credential of a certificate as shown, small enough for a QR code."""
    return qr.sign_fitting(describe(shown, ledger), key)
