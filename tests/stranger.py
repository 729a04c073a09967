"""A stranger's hands: what a ledger's formats ask for, written from their page and from RFCs.

Nothing here is shared with the package, so that a vector is judged twice. Only Python's standard
library and `cryptography` are used; inputs are trusted, because they are our own vectors.
"""

import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

COVERED = (
    "content-type",
    "content-digest",
    "idempotency-key",
    "sijill-ledger",
    "sijill-statement",
)


def canonical(value: Any) -> bytes:
    """RFC 8785 for values without floats and with ASCII names."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def unbase64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def statement_digest(statement: bytes) -> bytes:
    return sha256(b"\x00" + statement).digest()


def salted(label: str, salt: bytes, data: bytes) -> bytes:
    return sha256(label.encode() + b"\x00" + salt + data).digest()


def leaf(index: int, time: int, prev: bytes, header: bytes, body: bytes) -> bytes:
    return (
        f'{{"body":"{body.hex()}","header":"{header.hex()}","index":{index},'
        f'"prev":"{prev.hex()}","time":{time},"v":1}}'
    ).encode()


def root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, over hashes of leaves."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root(hashes[:split]) + root(hashes[split:])).digest()


def path(hashes: list[bytes], index: int) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if len(hashes) < 2:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*path(hashes[:split], index), root(hashes[split:])]
    return [*path(hashes[split:], index - split), root(hashes[:split])]


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638; a public JWK of ours has no members but the required ones."""
    return base64url(sha256(canonical(jwk)).digest())


def verify(jwk: dict[str, str], signature: bytes, message: bytes) -> None:
    """Raises InvalidSignature."""
    if jwk["kty"] == "OKP":
        Ed25519PublicKey.from_public_bytes(unbase64url(jwk["x"])).verify(signature, message)
        return
    x, y = (int.from_bytes(unbase64url(jwk[name]), "big") for name in "xy")
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))


def signature_base(request: dict[str, Any]) -> str:
    """RFC 9421 section 2.5 for a request whose headers are name and value pairs."""
    headers = {name.lower(): value for name, value in request["headers"]}
    lines = [f'"@method": {request["method"]}', f'"@path": {request["path"]}']
    lines += [f'"{name}": {headers[name]}' for name in COVERED]
    parameters = headers["signature-input"].partition("=")[2]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def signature_of(request: dict[str, Any]) -> bytes:
    headers = dict(request["headers"])
    value: str = headers["Signature"].partition("=:")[2].rstrip(":")
    return unbase64url(value.rstrip("=").translate(str.maketrans("+/", "-_")))


def evidence(requests: list[dict[str, Any]]) -> bytes:
    return canonical(
        [{"base": signature_base(one), "sig": base64url(signature_of(one))} for one in requests]
    )


@dataclass(frozen=True)
class NoteKey:
    """An Ed25519 key that signs C2SP notes."""

    name: str
    seed: bytes

    @property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def _id(self) -> bytes:
        public = self._private.public_key().public_bytes_raw()
        return sha256(self.name.encode() + b"\n\x01" + public).digest()[:4]

    @property
    def vkey(self) -> str:
        public = self._private.public_key().public_bytes_raw()
        material = base64(b"\x01" + public)
        return f"{self.name}+{self._id.hex()}+{material}"

    def line(self, text: str) -> str:
        blob = self._id + self._private.sign(text.encode())
        return f"— {self.name} {base64(blob)}\n"


def note(text: str, *keys: NoteKey) -> str:
    return text + "\n" + "".join(key.line(text) for key in keys)
