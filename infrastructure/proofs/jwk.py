"""Public keys: how they are written, named and used.

A key is an RFC 7517 JWK with exactly its public members: Ed25519 (RFC 8037) or P-256 (RFC 7518,
section 6.2). Its name everywhere is its RFC 7638 SHA-256 thumbprint. Signatures are 64 bytes:
RFC 8032 for Ed25519, r || s for P-256 (RFC 9421, section 3.3.4).

Keys that cannot serve as a name for one signer are refused: for a point of small order there are
fixed signatures that verify over any message, and a second encoding of a point would be a second
name for the same key. P-256 signatures with a high s are accepted, because hardware keys and
OpenSSL produce them half of the time; nothing in the record identifies an order by its signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from infrastructure.proofs.base64text import decode_url, encode_url
from infrastructure.proofs.errors import ProofError

ED25519 = "Ed25519"
P256 = "P-256"
COORDINATE_BYTES = 32
SIGNATURE_BYTES = 64

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey

_ECDSA_SHA256 = ECDSA(SHA256())
_KEY_TYPES = {ED25519: "OKP", P256: "EC"}
_MEMBERS = {ED25519: {"kty", "crv", "x"}, P256: {"kty", "crv", "x", "y"}}
_P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_ED25519_PRIME = 2**255 - 19
_ED25519_D = -121665 * pow(121666, -1, _ED25519_PRIME) % _ED25519_PRIME
_ORDER_EIGHT_Y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# The eight points whose order divides the cofactor share these five y coordinates (order 1, 2, 4
# and twice 8); the sign of x only tells the two of a pair apart.
_SMALL_ORDER_Y = frozenset(
    {1, _ED25519_PRIME - 1, 0, _ORDER_EIGHT_Y, _ED25519_PRIME - _ORDER_EIGHT_Y}
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that passed every check of :func:`parse_jwk`; equal when the thumbprint is."""

    algorithm: str = field(compare=False)
    thumbprint: str
    x: str = field(compare=False)
    y: str | None = field(compare=False)
    _key: Ed25519PublicKey | EllipticCurvePublicKey = field(compare=False, repr=False)

    @property
    def jwk(self) -> dict[str, str]:
        """The JWK: ``kty``, ``crv``, ``x`` and, for P-256, ``y``."""
        members = {"crv": self.algorithm, "kty": _KEY_TYPES[self.algorithm], "x": self.x}
        if self.y is not None:
            members["y"] = self.y
        return members

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return when ``signature`` (64 bytes) is this key's over ``message``.

        Raises:
            ProofError: ``signature_invalid``.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise ProofError("signature_invalid", f"a signature has {SIGNATURE_BYTES} bytes")
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(_der(signature), message, _ECDSA_SHA256)
        except InvalidSignature:
            raise ProofError("signature_invalid", "not this key's over these bytes") from None


def parse_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """The key in ``jwk``, a decoded JSON object.

    Raises:
        ProofError: ``jwk_malformed``, ``jwk_unsupported`` (another type or curve), ``jwk_private``
            (a private key was shown: it must be thrown away), ``key_not_canonical`` (a second
            encoding of a point), ``key_small_order`` or ``key_off_curve``.
    """
    if "d" in jwk:
        raise ProofError("jwk_private", "a private key was sent where a public one belongs")
    curve = jwk.get("crv")
    if not isinstance(curve, str) or curve not in _KEY_TYPES or jwk.get("kty") != _KEY_TYPES[curve]:
        raise ProofError("jwk_unsupported", "keys are OKP Ed25519 or EC P-256")
    x, y = jwk.get("x"), jwk.get("y")
    if jwk.keys() != _MEMBERS[curve] or not isinstance(x, str) or not isinstance(y, str | None):
        raise ProofError("jwk_malformed", f"exactly {sorted(_MEMBERS[curve])}, each a string")
    return _load(curve, x, y)


def sign(private_key: PrivateKey, message: bytes) -> bytes:
    """The 64-byte signature of ``message``; ``jwk_unsupported`` for a curve other than P-256."""
    if isinstance(private_key, Ed25519PrivateKey):
        return private_key.sign(message)
    _require_p256(private_key)
    r, s = decode_dss_signature(private_key.sign(message, _ECDSA_SHA256))
    return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")


def public_of(private_key: PrivateKey) -> PublicKey:
    """The public half of a private key; ``jwk_unsupported`` for a curve other than P-256."""
    if isinstance(private_key, Ed25519PrivateKey):
        return _load(ED25519, encode_url(private_key.public_key().public_bytes_raw()), None)
    _require_p256(private_key)
    numbers = private_key.public_key().public_numbers()
    x, y = (encode_url(n.to_bytes(COORDINATE_BYTES, "big")) for n in (numbers.x, numbers.y))
    return _load(P256, x, y)


def _require_p256(private_key: EllipticCurvePrivateKey) -> None:
    if not isinstance(private_key.curve, SECP256R1):
        raise ProofError("jwk_unsupported", "elliptic-curve keys are on P-256")


@lru_cache(maxsize=8192)
def _load(curve: str, x: str, y: str | None) -> PublicKey:
    """Check a point once and keep its OpenSSL key; every order of an agency asks for it again."""
    x_bytes = decode_url(x, code="jwk_malformed", size_bytes=COORDINATE_BYTES)
    if y is None:
        _check_edwards_point(x_bytes)
        # RFC 7638 section 3: required members only, sorted, no white space. The values are
        # base64url, so no character needs an escape.
        name = f'{{"crv":"{curve}","kty":"OKP","x":"{x}"}}'
        return PublicKey(
            curve, _thumbprint(name), x, y, Ed25519PublicKey.from_public_bytes(x_bytes)
        )
    y_bytes = decode_url(y, code="jwk_malformed", size_bytes=COORDINATE_BYTES)
    name = f'{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}'
    return PublicKey(curve, _thumbprint(name), x, y, _weierstrass_key(x_bytes, y_bytes))


def _thumbprint(name: str) -> str:
    return encode_url(sha256(name.encode("ascii")).digest())


def _check_edwards_point(encoded: bytes) -> None:
    """Refuse what OpenSSL would take: it judges a point only when it verifies, and not its order.

    RFC 8032, section 5.1.3: the lowest 255 bits are y, the highest is the sign of x, and
    x^2 = (y^2 - 1) / (d y^2 + 1) must have a root.
    """
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= _ED25519_PRIME:
        raise ProofError("key_not_canonical", "y is not below the field's prime")
    if y in _SMALL_ORDER_Y:
        # Also the only points with x = 0, where a set sign would be a second encoding.
        raise ProofError("key_small_order", "fixed signatures verify under this point")
    square = y * y
    # The quotient u/v and the product u*v are squares together, which spares the inversion.
    residue = (square - 1) * (_ED25519_D * square + 1) % _ED25519_PRIME
    if pow(residue, (_ED25519_PRIME - 1) // 2, _ED25519_PRIME) != 1:
        raise ProofError("key_off_curve", "no point of Ed25519 has this y")


def _weierstrass_key(x_bytes: bytes, y_bytes: bytes) -> EllipticCurvePublicKey:
    x, y = int.from_bytes(x_bytes, "big"), int.from_bytes(y_bytes, "big")
    if x >= _P256_PRIME or y >= _P256_PRIME:
        raise ProofError("key_not_canonical", "a coordinate is not below the field's prime")
    try:
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    except ValueError:
        raise ProofError("key_off_curve", "the point is not on P-256") from None


def _der(signature: bytes) -> bytes:
    r = int.from_bytes(signature[:COORDINATE_BYTES], "big")
    s = int.from_bytes(signature[COORDINATE_BYTES:], "big")
    if not (1 <= r < _P256_ORDER and 1 <= s < _P256_ORDER):
        raise ProofError("signature_invalid", "r and s are between 1 and the group's order")
    return encode_dss_signature(r, s)
