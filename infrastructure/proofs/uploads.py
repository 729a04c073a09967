"""Signed uploads: bytes that an agency sends before any record names them.

An upload's signature is never evidence and never stored. It covers the digest of what is sent, so
that nobody on the way changes a byte, and no idempotency key: to send a chunk again is harmless.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from infrastructure.proofs.base64text import decode
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.signatures import (
    Headers,
    Profile,
    Signed,
    check_target,
    parse_ledger,
)

UPLOAD_TAG = "sijill-upload-v1"
UPLOAD_LIFE_SECONDS = 3_600
JSON = "application/json"
OCTETS = "application/octet-stream"

FIELDS = ("content-type", "content-digest", "sijill-ledger")
PROFILE = Profile("@method", "@path", *FIELDS)

_METHODS = frozenset({"PUT", "POST", "DELETE"})
_CONTENT_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUpload(Signed):
    """The head of a signed upload; ``content_digest`` is 32 bytes."""

    content_type: str
    content_digest: bytes

    def check_body(self, body: bytes) -> None:
        """Refuse with ``content_digest_mismatch`` what is not the body that was signed."""
        if sha256(body).digest() != self.content_digest:
            raise ProofError("content_digest_mismatch", "the body is not the one that was digested")


def parse_upload(method: str, path: str, headers: Headers, *, query: str = "") -> SignedUpload:
    """The head of a signed upload; ``path`` as on the request line, not decoded.

    Raises:
        ProofError: ``signature_missing``, ``signature_malformed``, ``tag_unknown``,
            ``content_type_unsupported``, ``content_encoding_unsupported`` or ``order_malformed``.
    """
    return parse_upload_base(*PROFILE.read(method, path, headers, query=query))


def parse_upload_base(base: str, signature: bytes) -> SignedUpload:
    """Read the signature base of an upload.

    Raises:
        ProofError: as :func:`parse_upload`.
    """
    (method, path, content_type, content_digest, ledger), parameters = PROFILE.parse_base(base)
    if parameters.tag != UPLOAD_TAG:
        raise ProofError("tag_unknown", f"the tag of an upload is {UPLOAD_TAG}")
    if content_type not in {JSON, OCTETS}:
        raise ProofError("content_type_unsupported", f"exactly {JSON} or {OCTETS}")
    check_target(method, path)
    match = _CONTENT_DIGEST.fullmatch(content_digest)
    if match is None or method not in _METHODS:
        raise ProofError("order_malformed", "content-digest or method not in its one spelling")
    return SignedUpload(
        method=method,
        path=path,
        ledger=parse_ledger(ledger),
        created=parameters.created,
        expires=parameters.expires,
        keyid=parameters.keyid,
        tag=parameters.tag,
        base=base.encode("ascii"),
        signature=signature,
        content_type=content_type,
        content_digest=decode(match[1], code="order_malformed", size_bytes=_HASH_BYTES),
    )
