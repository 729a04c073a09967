"""Orders: the signed requests by which agencies act (record format, section 5).

This module reads a request's head, judges its body and cuts it into lines. It must not know which
keys exist, which acts there are, or what time it is; callers bring those.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from infrastructure.proofs import canonical, disclosures
from infrastructure.proofs.base64text import decode
from infrastructure.proofs.disclosures import Disclosure
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.signatures import (
    Headers,
    Profile,
    Signed,
    check_target,
    parse_ledger,
)
from infrastructure.proofs.statements import statement_root

ORDER_TAG = "sijill-order-v1"
APPROVAL_TAG = "sijill-approval-v1"
POSSESSION_TAG = "sijill-possession-v1"
TAGS = frozenset({ORDER_TAG, APPROVAL_TAG, POSSESSION_TAG})

JSON = "application/json"
NDJSON = "application/x-ndjson"

ORDER_LIFE_SECONDS = 3_600
COSIGNED_LIFE_SECONDS = 30 * 86_400
LINES_LIMIT = 10_000
BODY_LIMIT_BYTES = 16 * 2**20
LINE_LIMIT_BYTES = 262_144
APPROVAL_BODY = b"{}"
GENESIS_PATH = "/v1/ledger"

FIELDS = (
    "content-type",
    "content-digest",
    "idempotency-key",
    "sijill-ledger",
    "sijill-statement",
)
PROFILE = Profile("@method", "@path", *FIELDS)

_HASH_BYTES = 32
_DIGEST = r"sha-256=:([A-Za-z0-9+/]{43}=):"
_CONTENT_DIGEST = re.compile(_DIGEST)
_STATEMENT = re.compile(_DIGEST + r";lines=([1-9][0-9]{0,4})(;atomic)?")
_APPROVAL_PATH = re.compile(r"/v1/orders/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/approval")
_IDEMPOTENCY_KEY = re.compile(r'"([A-Za-z0-9_-]{22,64})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest(Signed):
    """The head of an order, approval or possession proof: all that its signature covers.

    ``content_digest`` and ``root`` are 32 bytes; ``root`` is over the lines' statements; ``lines``
    is 1 to 10,000; ``atomic`` means all or none.
    """

    content_type: str
    content_digest: bytes
    idempotency_key: str
    root: bytes
    lines: int
    atomic: bool

    @property
    def request_digest(self) -> bytes:
        """What an idempotency key is bound to: SHA-256 of method LF path LF root."""
        return sha256(f"{self.method}\n{self.path}\n".encode("ascii") + self.root).digest()


@dataclass(frozen=True)
class Line:
    """One line of an order: statement bytes, their digest, how they read, and what came along."""

    statement: bytes
    digest: bytes
    parsed: dict[str, Any]
    disclosures: list[str]
    raw: bytes

    @cached_property
    def opened(self) -> tuple[Disclosure, ...]:
        """What the disclosures say.

        Raises:
            ProofError: as :func:`disclosures.parse`.
        """
        return tuple(map(disclosures.parse, self.disclosures))


def parse_request(method: str, path: str, headers: Headers, *, query: str = "") -> SignedRequest:
    """The head of a signed request, every header in the one spelling that the profile allows.

    ``path`` is the path as it stood on the request line, not decoded. No signature is verified
    here: the key must first be found by ``keyid``.

    Raises:
        ProofError: ``signature_missing``, ``signature_malformed``, ``tag_unknown``,
            ``content_type_unsupported``, ``content_encoding_unsupported`` or ``order_malformed``.
    """
    return parse_signed_base(*PROFILE.read(method, path, headers, query=query))


def parse_signed_base(base: str, signature: bytes) -> SignedRequest:
    """Read an order's signature base, on arrival or from evidence.

    Raises:
        ProofError: ``signature_malformed``, ``tag_unknown``, ``content_type_unsupported`` or
            ``order_malformed``.
    """
    values, parameters = PROFILE.parse_base(base)
    method, path, content_type, content_digest, idempotency_key, ledger, statement = values
    if parameters.tag not in TAGS:
        raise ProofError("tag_unknown", f"tags are {', '.join(sorted(TAGS))}")
    if content_type not in {JSON, NDJSON}:
        raise ProofError("content_type_unsupported", f"exactly {JSON} or {NDJSON}")
    check_target(method, path)
    digest = _match(_CONTENT_DIGEST, content_digest, "content-digest")
    key = _match(_IDEMPOTENCY_KEY, idempotency_key, "idempotency-key")
    covers = _match(_STATEMENT, statement, "sijill-statement")
    lines = int(covers[2])
    if lines > LINES_LIMIT:
        raise ProofError("order_malformed", f"an order has at most {LINES_LIMIT} lines")
    return SignedRequest(
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
        content_digest=decode(digest[1], code="order_malformed", size_bytes=_HASH_BYTES),
        idempotency_key=key[1],
        root=decode(covers[1], code="order_malformed", size_bytes=_HASH_BYTES),
        lines=lines,
        atomic=covers[3] is not None,
    )


def check_body(request: SignedRequest, body: bytes) -> None:
    """Return when ``body`` is the one that was signed; an approval's is ``{}``.

    Raises:
        ProofError: ``body_too_large``, ``content_digest_mismatch`` or ``order_malformed``.
    """
    if len(body) > BODY_LIMIT_BYTES:
        raise ProofError("body_too_large", f"at most {BODY_LIMIT_BYTES} bytes")
    if sha256(body).digest() != request.content_digest:
        raise ProofError("content_digest_mismatch", "the body is not the one that was digested")
    if request.tag == APPROVAL_TAG and (body != APPROVAL_BODY or request.content_type != JSON):
        raise ProofError("order_malformed", "the body of an approval is {}")


def is_approval(request: SignedRequest, *, genesis: bool = False) -> bool:
    """Whether a signature in evidence says yes to a pending order, or to the ledger's opening."""
    said = (request.tag, request.method, request.content_type, request.content_digest)
    right = said == (APPROVAL_TAG, "POST", JSON, sha256(APPROVAL_BODY).digest())
    if genesis:
        return right and request.path == GENESIS_PATH
    return right and _APPROVAL_PATH.fullmatch(request.path) is not None


def parse_lines(request: SignedRequest, body: bytes) -> list[Line]:
    """Cut a checked body into its lines, whose statements must hash to the signed root.

    Raises:
        ProofError: ``lines_mismatch``, ``statement_mismatch``, or what
            :func:`canonical.parse_envelope` says, the line's number (from 0) in the detail.
    """
    # Counted before it is cut: sixteen million empty lines take ten times their own size.
    sent = 1 if request.content_type == JSON else body.count(b"\n")
    if sent != request.lines:
        raise ProofError("lines_mismatch", f"{request.lines} lines signed, {sent} sent")
    pieces = [body] if request.content_type == JSON else body.split(b"\n")
    if request.content_type == NDJSON and pieces.pop():
        raise ProofError("lines_mismatch", "every line ends in LF")
    lines = [_parse_line(raw, number) for number, raw in enumerate(pieces)]
    if statement_root([line.digest for line in lines]) != request.root:
        raise ProofError("statement_mismatch", "the statements do not hash to the signed root")
    return lines


def _parse_line(raw: bytes, number: int) -> Line:
    try:
        envelope = canonical.parse_envelope(raw, limit_bytes=LINE_LIMIT_BYTES)
    except ProofError as error:
        raise ProofError(error.code, f"line {number}: {error.detail}") from None
    digest = canonical.statement_digest(envelope.statement)
    return Line(envelope.statement, digest, envelope.parsed, envelope.disclosures, raw)


def _match(pattern: re.Pattern[str], value: str, name: str) -> re.Match[str]:
    match = pattern.fullmatch(value)
    if match is None:
        raise ProofError("order_malformed", f"{name} is not in its one spelling")
    return match
