"""The other side of :mod:`orders` and :mod:`reads`: preparing what an agency sends.

Everything made here is read back by the strict parsers before it is signed, so that a client never
signs what no ledger would accept. A prepared request is journaled and sent again as it is: a second
signing would be a second order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import token_urlsafe
from typing import NamedTuple

from infrastructure.proofs import canonical
from infrastructure.proofs.base64text import encode
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import SIGNATURE_BYTES, PrivateKey, PublicKey, public_of, sign
from infrastructure.proofs.orders import (
    APPROVAL_BODY,
    APPROVAL_TAG,
    JSON,
    LINE_LIMIT_BYTES,
    NDJSON,
    ORDER_TAG,
    PROFILE,
    SignedRequest,
    check_body,
    parse_signed_base,
)
from infrastructure.proofs.reads import PROFILE as READ_PROFILE
from infrastructure.proofs.reads import READ_TAG, parse_read_base
from infrastructure.proofs.signatures import Profile
from infrastructure.proofs.statements import statement_root
from infrastructure.proofs.uploads import PROFILE as UPLOAD_PROFILE
from infrastructure.proofs.uploads import UPLOAD_TAG, parse_upload_base

LABEL = "sijill"
_NO_SIGNATURE = bytes(SIGNATURE_BYTES)


class SignedBody(NamedTuple):
    """A request ready to send: its headers, its body, and how a ledger will read its head."""

    headers: dict[str, str]
    body: bytes
    request: SignedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where an order goes, for which ledger (32 bytes), under which key of its own, and when.

    ``created`` and ``expires`` are seconds since 1970.
    """

    path: str
    ledger: bytes
    idempotency_key: str
    created: int
    expires: int
    method: str = "POST"


class Cover(NamedTuple):
    """What ``Sijill-Statement`` says: the root over the statements and how many there are."""

    root: bytes
    lines: int
    atomic: bool = False

    def __str__(self) -> str:
        atomic = ";atomic" if self.atomic else ""
        return f"sha-256=:{encode(self.root)}:;lines={self.lines}{atomic}"


def new_idempotency_key() -> str:
    """32 fresh random bytes as base64url, 43 characters: one for each order."""
    return token_urlsafe(32)


def envelope(statement: bytes, disclosures: Sequence[str] = ()) -> bytes:
    """One line of an order, without its LF; the statement's bytes stand in it verbatim."""
    return b'{"disclosures":%b,"statement":%b}' % (canonical.dumps(list(disclosures)), statement)


def sign_order(
    private_key: PrivateKey,
    head: Head,
    lines: Sequence[bytes],
    *,
    content_type: str = JSON,
    atomic: bool = False,
    tag: str = ORDER_TAG,
) -> SignedBody:
    """Sign an order whose lines are envelopes (:func:`envelope`), one of them unless NDJSON.

    With ``tag=POSSESSION_TAG`` it is the proof that an enrolled key is possessed: the same lines
    and path as the enrolment order, signed by the new key under an idempotency key of its own.

    Raises:
        ProofError: what :func:`orders.parse_request` and :func:`orders.check_body` would say.
    """
    if content_type == JSON and len(lines) != 1:
        raise ProofError("lines_mismatch", f"{JSON} carries one line; use {NDJSON}")
    envelopes = (canonical.parse_envelope(raw, limit_bytes=LINE_LIMIT_BYTES) for raw in lines)
    digests = [canonical.statement_digest(line.statement) for line in envelopes]
    if content_type == NDJSON and any(b"\n" in raw for raw in lines):
        raise ProofError("lines_mismatch", "a line holds no LF of its own")
    body = lines[0] if content_type == JSON else b"".join(raw + b"\n" for raw in lines)
    cover = Cover(statement_root(digests), len(digests), atomic)
    return sign_body(private_key, head, cover, body=body, content_type=content_type, tag=tag)


def sign_body(
    private_key: PrivateKey,
    head: Head,
    cover: Cover,
    *,
    body: bytes,
    content_type: str,
    tag: str = ORDER_TAG,
) -> SignedBody:
    """Sign a body whose statements the caller has read already: ``cover`` is over them.

    Raises:
        ProofError: what :func:`orders.parse_request` would say; the lines are not looked at.
    """
    fields = {
        "Content-Type": content_type,
        "Content-Digest": f"sha-256=:{encode(sha256(body).digest())}:",
        "Idempotency-Key": f'"{head.idempotency_key}"',
        "Sijill-Ledger": head.ledger.hex(),
        "Sijill-Statement": str(cover),
    }
    parameters = _parameters(PROFILE, head.created, head.expires, public_of(private_key), tag)
    base = PROFILE.build_base((head.method, head.path, *fields.values()), parameters)
    unsigned = parse_signed_base(base, _NO_SIGNATURE)
    check_body(unsigned, body)
    signature = sign(private_key, unsigned.base)
    headers = {**fields, **_signature_headers(parameters, signature)}
    return SignedBody(headers, body, replace(unsigned, signature=signature))


def sign_approval(private_key: PrivateKey, head: Head, cover: Cover) -> SignedBody:
    """Countersign a pending order: ``cover`` is the order's own.

    Raises:
        ProofError: what :func:`orders.parse_request` would say.
    """
    return sign_body(
        private_key, head, cover, body=APPROVAL_BODY, content_type=JSON, tag=APPROVAL_TAG
    )


def sign_read(
    private_key: PrivateKey,
    *,
    path: str,
    ledger: bytes,
    created: int,
    expires: int,
    query: str = "",
    method: str = "GET",
) -> dict[str, str]:
    """The three headers of a signed read; ``path`` and ``query`` as on the request line.

    Raises:
        ProofError: what :func:`reads.parse_read` would say.
    """
    parameters = _parameters(READ_PROFILE, created, expires, public_of(private_key), READ_TAG)
    base = READ_PROFILE.build_base((method, path, f"?{query}", ledger.hex()), parameters)
    unsigned = parse_read_base(base, _NO_SIGNATURE)
    return {
        "Sijill-Ledger": ledger.hex(),
        **_signature_headers(parameters, sign(private_key, unsigned.base)),
    }


def sign_upload(
    private_key: PrivateKey,
    *,
    method: str,
    path: str,
    ledger: bytes,
    created: int,
    expires: int,
    content_type: str,
    body: bytes,
) -> dict[str, str]:
    """The headers of a signed upload of ``body``.

    Raises:
        ProofError: what :func:`uploads.parse_upload` would say.
    """
    fields = {
        "Content-Type": content_type,
        "Content-Digest": f"sha-256=:{encode(sha256(body).digest())}:",
        "Sijill-Ledger": ledger.hex(),
    }
    parameters = _parameters(UPLOAD_PROFILE, created, expires, public_of(private_key), UPLOAD_TAG)
    base = UPLOAD_PROFILE.build_base((method, path, *fields.values()), parameters)
    unsigned = parse_upload_base(base, _NO_SIGNATURE)
    return {**fields, **_signature_headers(parameters, sign(private_key, unsigned.base))}


def _parameters(profile: Profile, created: int, expires: int, key: PublicKey, tag: str) -> str:
    return (
        f"{profile.covered};created={created};expires={expires}"
        f';keyid="{key.thumbprint}";tag="{tag}"'
    )


def _signature_headers(parameters: str, signature: bytes) -> dict[str, str]:
    return {
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{encode(signature)}:",
    }
