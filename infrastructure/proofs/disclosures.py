"""Disclosures: values that a statement commits to without holding them.

A disclosure is the one of RFC 9901, section 4.2.1: base64url of the JSON array
``[salt, name, value]``; its digest, also base64url, is over that text. The record narrows it:
128-bit salts, string values, and claims kept by name, so that no second ``holder_name`` can hide
among the digests.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from secrets import token_bytes
from typing import NamedTuple

from infrastructure.proofs import canonical
from infrastructure.proofs.base64text import decode_url, encode_url
from infrastructure.proofs.errors import ProofError

SALT_BYTES = 16
LIMIT_BYTES = 16_384

_NAME = re.compile(r"[a-z0-9_]{1,64}")
# 16 bytes in base64url: the last character carries two bits, its low four are zero.
_SALT = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_PARTS = 3


class Disclosure(NamedTuple):
    """A disclosed claim; ``salt`` is its 22-character base64url text."""

    salt: str
    name: str
    value: str


def make(name: str, value: str, *, salt: bytes | None = None) -> tuple[str, str]:
    """A disclosure's text and its digest; the salt is 16 fresh random bytes unless given.

    Raises:
        ProofError: what :func:`parse` would say about the outcome.
    """
    salt_text = encode_url(token_bytes(SALT_BYTES) if salt is None else salt)
    _check_parts(salt_text, name)
    canonical.check_text(value)
    text = encode_url(canonical.dumps([salt_text, name, value]))
    _check_size(text)
    return text, digest(text)


def parse(text: str) -> Disclosure:
    """Read a disclosure. Its JSON may be spelt freely: the commitment is over the text as sent.

    Raises:
        ProofError: ``disclosure_malformed``, ``disclosure_too_large``, or a ``json_…`` code of
            :func:`canonical.parse_json`.
    """
    _check_size(text)
    data = decode_url(text, code="disclosure_malformed")
    parts = canonical.parse_json(data, limit_bytes=LIMIT_BYTES, limit_depth=1)
    if (
        type(parts) is not list
        or len(parts) != _PARTS
        or any(type(part) is not str for part in parts)
    ):
        raise ProofError("disclosure_malformed", "an array of salt, name and value, all strings")
    salt, name, value = parts
    _check_parts(salt, name)
    return Disclosure(salt, name, value)


def digest(text: str) -> str:
    """The 43-character base64url SHA-256 digest over a disclosure's text.

    Raises:
        ProofError: ``disclosure_malformed`` for text that is not ASCII.
    """
    if not text.isascii():
        raise ProofError("disclosure_malformed", "base64url is ASCII")
    return encode_url(sha256(text.encode("ascii")).digest())


def check_claims(
    claims: Mapping[str, object],
    disclosures: Sequence[str],
    opened: Sequence[Disclosure] | None = None,
) -> dict[str, str]:
    """The values by name, when every claim has exactly one disclosure and the names are equal.

    ``claims`` is a statement's object of name to digest; ``opened`` is what the disclosures say,
    where they were parsed already.

    Raises:
        ProofError: ``disclosure_missing``, ``disclosure_surplus`` (of a name that is not claimed,
            or twice), ``disclosure_mismatch`` (also where the claim is no digest at all), or what
            :func:`parse` says.
    """
    values: dict[str, str] = {}
    parsed = map(parse, disclosures) if opened is None else opened
    for text, disclosure in zip(disclosures, parsed, strict=True):
        if disclosure.name not in claims or disclosure.name in values:
            raise ProofError("disclosure_surplus", "one disclosure for each claim, no other")
        if digest(text) != claims[disclosure.name]:
            raise ProofError("disclosure_mismatch", "the claim commits to another disclosure")
        values[disclosure.name] = disclosure.value
    if len(values) != len(claims):
        raise ProofError("disclosure_missing", "every claim arrives with its disclosure")
    return values


def _check_size(text: str) -> None:
    if len(text) > LIMIT_BYTES:
        raise ProofError("disclosure_too_large", f"at most {LIMIT_BYTES} characters")


def _check_parts(salt: str, name: str) -> None:
    if not _SALT.fullmatch(salt):
        raise ProofError("disclosure_malformed", f"a salt is {SALT_BYTES} bytes in base64url")
    if not _NAME.fullmatch(name):
        raise ProofError("disclosure_malformed", "names are made of a-z, 0-9 and _")
