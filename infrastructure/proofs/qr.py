"""The QR code of a certificate: a web address whose fragment is the credential.

    HTTPS://HOST/V/CODE#PAYLOAD

Any telephone's camera opens it, and a page without scripts sees the code. The payload, base 32
(RFC 4648, no padding), stands in the fragment, which no browser sends to a server. All but the `#`
fits QR's alphanumeric mode, so the text is written as three segments (:mod:`symbol`, which draws).
"""

import re
import zlib
from base64 import b32decode, b32encode
from binascii import Error as Base32Error
from dataclasses import replace
from typing import Final, NamedTuple

from infrastructure.proofs import codes, credential, jwk
from infrastructure.proofs.errors import ProofError

MAX_PAYLOAD_BYTES: Final = 300
MAX_TEXT_CHARACTERS: Final = 640
MAX_HOST_CHARACTERS: Final = 64

_TOO_LONG = frozenset({"cbor_too_large", "qr_payload_too_large"})
_COSE_START = 0xD2
_ZLIB_START = 0x78
# Scheme and host may come back from a browser in lower case, and with the language of the page that
# it was led to; path and fragment never do.
_LANGUAGE = r"(?:/(?:ar|ckb|en))?"
_FORM = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
    rf"(?::[0-9]{{1,5}})?){_LANGUAGE}/[Vv]/(?P<code>[0-9A-Z]{{17}})(?:#(?P<payload>[A-Z2-7]*))?"
)
# However it is written, and whatever else is in it.
_PLACE = re.compile(
    rf"https?://[^/#?]{{1,255}}{_LANGUAGE}/v/(?P<code>[^/#?]{{1,64}})(?P<rest>(?:[#?/].*)?)",
    re.DOTALL | re.IGNORECASE,
)
_HOST = re.compile(r"[A-Z0-9](?:[A-Z0-9.-]*[A-Z0-9])?(?::[0-9]{1,5})?")
# Without transport security a page proves nothing; a demonstration on one machine has none.
_LOOPBACK = re.compile(r"(?:LOCALHOST|127\.0\.0\.1)(?::[0-9]{1,5})?")


class Reading(NamedTuple):
    """What a QR text says: the host it points to, the code in its path, and the credential."""

    host: str
    code: str
    data: bytes
    signed: credential.Signed


class Place(NamedTuple):
    """Where a text leads: a code in its stored spelling, and what stands behind it."""

    code: str
    rest: str


def encode_text(data: bytes, *, host: str) -> str:
    """The QR text of a credential's bytes; ``host`` is where its verification page is.

    Raises:
        ProofError: ``qr_host`` for a host that is none; ``qr_payload_too_large``; or what
            :func:`credential.decode` says of the bytes.
    """
    code = credential.decode(data).credential.code
    payload = b32encode(pack(data)).rstrip(b"=").decode()
    return f"{bare_text(code, host=host)}#{payload}"


def bare_text(code: str, *, host: str) -> str:
    """The address of a code's page: the QR text of a certificate that has no credential yet.

    Raises:
        ProofError: ``qr_host``.
    """
    host = host.upper()
    if len(host) > MAX_HOST_CHARACTERS or not _HOST.fullmatch(host):
        raise ProofError("qr_host", "a host name, and a port where it needs one")
    scheme = "HTTP" if _LOOPBACK.fullmatch(host) else "HTTPS"
    return f"{scheme}://{host}/V/{code}"


def code_in_bare(text: str) -> str | None:
    """The code in what :func:`bare_text` makes; None for anything else.

    An empty fragment says no more than none: browsers keep its sign when they copy an address.
    """
    match = _FORM.fullmatch(text)
    return None if match is None or match["payload"] else match["code"]


def place_in(text: str) -> Place | None:
    """What code a text is, or is the address of; None where it is neither.

    Whoever's address it is, and in whatever spelling; a text that is read is :func:`parse_text`'s.
    """
    match = _PLACE.fullmatch(text)
    try:
        code = codes.normalise(match["code"] if match else text)
    except ProofError:
        return None
    return Place(code, match["rest"] if match else "")


def parse_text(text: str) -> Reading:
    """Read a QR text; nothing of its credential is verified yet.

    Raises:
        ProofError: ``qr_too_large``; ``qr_foreign`` for what is not such an address;
            ``qr_malformed`` for a payload that is damaged; ``qr_code_mismatch`` where the code in
            the path is not the credential's; or what :func:`credential.decode` says.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ProofError("qr_too_large", f"at most {MAX_TEXT_CHARACTERS} characters")
    match = _FORM.fullmatch(text)
    if match is None or not match["payload"]:
        raise ProofError("qr_foreign", "HTTPS://HOST/V/CODE#PAYLOAD expected")
    host = match["host"].upper()
    if match["scheme"].upper() == "HTTP" and not _LOOPBACK.fullmatch(host):
        raise ProofError("qr_foreign", "an address without transport security")
    data = unpack(_base32(match["payload"]))
    signed = credential.decode(data)
    if signed.credential.code != match["code"]:
        raise ProofError("qr_code_mismatch", "path and credential name different codes")
    return Reading(host, match["code"], data, signed)


def sign_fitting(
    said: credential.Credential, key: jwk.PrivateKey, *, algorithm: int | None = None
) -> bytes:
    """The bytes of a credential that fits a QR code, fields left out from the end until it does.

    Raises:
        ProofError: ``qr_payload_too_large`` where it does not even without fields; or what
            :func:`credential.sign` says.
    """
    places = sorted(said.fields)
    for count in range(len(places), -1, -1):
        fields = {place: said.fields[place] for place in places[:count]}
        try:
            data = credential.sign(replace(said, fields=fields), key, algorithm=algorithm)
            pack(data)
        except ProofError as error:
            # What is longer than any reader takes does not fit either.
            if error.code not in _TOO_LONG:
                raise
        else:
            return data
    raise ProofError("qr_payload_too_large", f"at most {MAX_PAYLOAD_BYTES} bytes")


def pack(data: bytes) -> bytes:
    """A credential's bytes as the QR code carries them: compressed where that is smaller.

    Raises:
        ProofError: ``qr_payload_too_large``.
    """
    packed = min(data, zlib.compress(data, 9), key=len)
    if len(packed) > MAX_PAYLOAD_BYTES:
        raise ProofError("qr_payload_too_large", f"at most {MAX_PAYLOAD_BYTES} bytes")
    return packed


def unpack(payload: bytes) -> bytes:
    """The credential's bytes in what :func:`pack` gives.

    Raises:
        ProofError: ``qr_payload_too_large``, also of what it would inflate to; ``qr_malformed``.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ProofError("qr_payload_too_large", f"at most {MAX_PAYLOAD_BYTES} bytes")
    if payload[:1] == bytes([_COSE_START]):
        return payload
    if payload[:1] != bytes([_ZLIB_START]):
        raise ProofError("qr_malformed", "neither COSE_Sign1 nor zlib")
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(payload, credential.MAX_BYTES + 1)
    except zlib.error:
        raise ProofError("qr_malformed", "not zlib") from None
    if len(data) > credential.MAX_BYTES:
        raise ProofError("qr_payload_too_large", f"at most {credential.MAX_BYTES} bytes inflated")
    if not inflater.eof or inflater.unused_data:
        raise ProofError("qr_malformed", "a zlib stream that ends where the payload does")
    if len(data) <= len(payload):
        raise ProofError("qr_malformed", "compressed only where that is smaller")
    return data


def _base32(text: str) -> bytes:
    try:
        data = b32decode(text + "=" * (-len(text) % 8))
    except Base32Error:
        raise ProofError("qr_malformed", "base 32 expected") from None
    if b32encode(data).rstrip(b"=").decode() != text:
        raise ProofError("qr_malformed", "not the one spelling of its bytes")
    return data
