"""Keys, statements and requests that the tests of orders and evidence share."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import canonical
from infrastructure.proofs.signing import Head, SignedBody, envelope, sign_order

AGENCY_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OFFICER_KEY = derive_private_key(0x51A11, SECP256R1())
STRANGER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))

LEDGER = bytes(range(32))
CREATED = 1_795_305_600
EXPIRES = CREATED + 600
NOW_US = (CREATED + 5) * 1_000_000
PATH = "/v1/certificates/bulk"


def statement(number: int = 1, **members: Any) -> bytes:
    return canonical.dumps(
        {
            "act": "certificate.issue",
            "agency": "moj",
            "nonce": "bm9uY2Utbm9uY2Utbm9uYw",
            "number": str(number),
            **members,
        }
    )


def head(idempotency_key: str = "A" * 22, **other: Any) -> Head:
    given = {"path": PATH, "ledger": LEDGER, "created": CREATED, "expires": EXPIRES}
    return Head(idempotency_key=idempotency_key, **{**given, **other})


def single() -> SignedBody:
    return sign_order(AGENCY_KEY, head(), [envelope(statement())])
