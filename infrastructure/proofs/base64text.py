"""Base64 as the record spells it: one text for one sequence of bytes, nothing else is read.

The standard library's decoders skip foreign characters or leave padding bits unjudged, so that
several texts mean the same bytes; a digest over such a text would not name one thing. RFC 4648,
sections 3.5 (canonical encoding), 4 (base64) and 5 (base64url, here always without padding).
"""

from base64 import b64decode, b64encode, urlsafe_b64encode

from infrastructure.proofs.errors import ProofError


def encode(data: bytes) -> str:
    """Padded base64 with the standard alphabet, as RFC 9651 byte sequences use it."""
    return b64encode(data).decode("ascii")


def encode_url(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str, *, code: str, size_bytes: int | None = None) -> bytes:
    """The bytes that :func:`encode` spells as ``text``; ``ProofError(code)`` for anything else."""
    data = _decode(text, b"+/", code)
    if text != encode(data):
        raise ProofError(code, "the text is not the one spelling of its bytes")
    _check_size(data, size_bytes, code)
    return data


def decode_url(text: str, *, code: str, size_bytes: int | None = None) -> bytes:
    """The bytes that :func:`encode_url` spells as ``text``; ``ProofError(code)`` otherwise."""
    data = _decode(text + "=" * (-len(text) % 4), b"-_", code)
    if text != encode_url(data):
        raise ProofError(code, "the text is not the one spelling of its bytes")
    _check_size(data, size_bytes, code)
    return data


def _decode(text: str, altchars: bytes, code: str) -> bytes:
    try:
        return b64decode(text, altchars=altchars, validate=True)
    except ValueError:
        raise ProofError(code, "base64 is expected") from None


def _check_size(data: bytes, size_bytes: int | None, code: str) -> None:
    if size_bytes is not None and len(data) != size_bytes:
        raise ProofError(code, f"{size_bytes} bytes are expected")
