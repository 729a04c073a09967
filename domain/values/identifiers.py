"""Identifiers: of streams, of keys, of units, and the check symbol of a public code."""

import hashlib
import json
import re
import secrets
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from uuid import UUID

_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REDUCTION = 0b100101
_SLUG_LENGTH = 48


def uuid7(time_us: int) -> UUID:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random bits."""
    milliseconds = (time_us // 1000) & (2**48 - 1)
    random_a, random_b = secrets.randbits(12), secrets.randbits(62)
    return UUID(int=milliseconds << 80 | 7 << 76 | random_a << 64 | 2 << 62 | random_b)


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 SHA-256 thumbprint, base64url, of a public Ed25519 (OKP) or P-256 (EC) JWK."""
    members = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("crv", "kty", "x")
    canonical = json.dumps({name: jwk[name] for name in members}, separators=(",", ":"))
    return base64url(hashlib.sha256(canonical.encode()).digest())


def slug(text: str) -> str:
    """An identifier made from a recorded name: `Group 1` becomes `group-1`, `EMPTY` `empty`.

    Raises:
        ValueError: nothing is left; a name without Latin letters needs an id chosen by people.
    """
    latin = unicodedata.normalize("NFKD", text).casefold()
    latin = "".join(character for character in latin if not unicodedata.combining(character))
    joined = re.sub(r"[^a-z0-9]+", "-", latin).strip("-")[:_SLUG_LENGTH].rstrip("-")
    if not joined:
        raise ValueError("no Latin letter or digit to make an identifier of")
    return joined


def code_balances(code: str) -> bool:
    """True when the check symbol of a public code fits (record format, section 7).

    Horner's rule for the sum of alpha^i d_i in GF(32), x^5 + x^2 + 1, alpha = x: zero unless a
    symbol is wrong or two neighbours changed places.
    """
    total = 0
    for symbol in reversed(code):
        total <<= 1
        if total & 32:
            total ^= _REDUCTION
        total ^= _SYMBOLS.index(symbol)
    return total == 0
