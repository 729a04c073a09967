"""What goes on the wire: statements, commitments, and signed requests that can be sent again."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rfc8785 import CanonicalizationError

from infrastructure.proofs import canonical, disclosures, signing
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.orders import LINE_LIMIT_BYTES, NDJSON

NONCE_BYTES = 16


def statement(act: str, agency: str, **members: Any) -> bytes:
    """The canonical bytes of a statement with a fresh nonce; members that are None are left out.

    Raises:
        ProofError: `json_number`, of a number that no statement can hold.
    """
    nonce = encode_url(secrets.token_bytes(NONCE_BYTES))
    known = {name: value for name, value in members.items() if value is not None}
    try:
        return canonical.dumps({"act": act, "agency": agency, "nonce": nonce, **known})
    except CanonicalizationError as error:
        raise ProofError("json_number", str(error)) from None


def commit(values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Commitments and disclosures for named values (record format, section 4).

    Raises:
        ProofError: a name or a value that no disclosure can carry; the detail begins with the name.
    """
    claims: dict[str, str] = {}
    texts: list[str] = []
    for name, value in values.items():
        try:
            text, digest = disclosures.make(name, value)
        except ProofError as error:
            raise ProofError(error.code, f"{name}: {error.detail}") from None
        claims[name] = digest
        texts.append(text)
    return claims, texts


def statement_digests(lines: Sequence[bytes]) -> list[bytes]:
    """The digests of the statements in envelopes, 32 bytes each.

    Raises:
        ProofError: an envelope that is malformed.
    """
    found = (canonical.parse_envelope(raw, limit_bytes=LINE_LIMIT_BYTES) for raw in lines)
    return [canonical.statement_digest(line.statement) for line in found]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A signed request as it will be sent, any number of times.

    Attributes:
        path: where it is posted.
        headers: its headers, the signature's among them.
        body: its body, byte for byte.
        statements: hex digests of the statements that it is about, in line order: what receipts
            must be for. An approval is about the statements of the order that it approves.
        marks: the sender's own names for its lines; kept in the journal and never sent.
    """

    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    statements: tuple[str, ...] = field(repr=False)
    marks: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        path: str,
        signed: signing.SignedBody,
        statements: Sequence[bytes],
        marks: Sequence[str],
    ) -> "Prepared":
        """A signed body, with the 32-byte digests of the statements that it is about."""
        digests = tuple(digest.hex() for digest in statements)
        return cls(path, signed.headers, signed.body, digests, tuple(marks))

    @property
    def key(self) -> str:
        """The idempotency key: the name of this request in the journal."""
        return self.headers["Idempotency-Key"].strip('"')

    @property
    def bulk(self) -> bool:
        """Whether it is answered line by line."""
        return self.headers["Content-Type"] == NDJSON

    @property
    def lines(self) -> list[bytes]:
        """The envelopes in the body, each without its LF."""
        if not self.bulk:
            return [self.body]
        return self.body.removesuffix(b"\n").split(b"\n")

    def encode(self) -> bytes:
        """The journal's form."""
        body = base64.b64encode(self.body).decode()
        value = {
            "path": self.path,
            "headers": self.headers,
            "body": body,
            "statements": self.statements,
            "marks": self.marks,
        }
        return json.dumps(value).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Prepared":
        """Read the journal's form."""
        value = json.loads(data)
        return cls(
            value["path"],
            value["headers"],
            base64.b64decode(value["body"]),
            tuple(value["statements"]),
            tuple(value["marks"]),
        )
