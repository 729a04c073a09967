"""The credential: what a printed certificate says, signed so that it verifies with no network.

A COSE_Sign1 (RFC 9052) over CWT claims (RFC 8392), small enough for a QR code. Everything in it is
in docs/reference/credential-format.md. It proves that a key signed these values; whether that key
was allowed to, and whether the certificate is still in force, is for :mod:`verdict` to judge.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, ParamSpec, TypeVar
from unicodedata import is_normalized

from infrastructure.proofs import cbor, codes, cwt, jwk
from infrastructure.proofs.base64text import decode_url
from infrastructure.proofs.errors import ProofError

_Given = ParamSpec("_Given")
_Read = TypeVar("_Read")

MAX_BYTES: Final = 1024
"""The longest COSE_Sign1 that is read; what fits a QR code is :mod:`qr`'s matter."""
KEY_ID_BYTES: Final = 8
LEDGER_BYTES: Final = 8
DIGEST_BYTES: Final = 32

WRITTEN: Final = {jwk.P256: cwt.ES256, jwk.ED25519: cwt.EDDSA}
"""What is written unless asked otherwise: readers that exist know the old identifiers."""

_ALG, _KID = 1, 4
_ISSUER, _EXPIRES, _NOT_BEFORE, _ISSUED_AT, _ID, _PRIVATE = 1, 4, 5, 6, 7, -65537
_TYPE, _NUMBER, _DATE, _FIELDS, _DOCUMENT, _STATUS, _INDEX, _LEDGER = range(1, 9)
_REQUIRED = {_ISSUER, _ISSUED_AT, _ID, _PRIVATE}
_OPTIONAL = {_EXPIRES, _NOT_BEFORE}
_PRIVATE_REQUIRED = {_TYPE, _NUMBER, _DATE, _FIELDS, _STATUS, _INDEX, _LEDGER}

_EPOCH = date(1970, 1, 1)
_DAY_SECONDS = 86_400
_BAGHDAD_SECONDS = 3 * 3600
"""Days turn at Asia/Baghdad: three hours before UTC, with no summer time since 2008."""
_FIRST_DAY, _LAST_DAY = date(1800, 1, 1), date(2199, 12, 31)
_MAX_INTEGER = 2**53 - 1
_MAX_PLACES = 64
_AGENCY = re.compile("[a-z][a-z0-9-]{1,47}")
_TYPE_ID = re.compile("[a-z][a-z0-9_]{1,47}")
_PARTS = 4
# Controls, line separators and whatever turns the direction of reading: what a statement refuses,
# but as a fixed list, because every release of Unicode has other ideas of what is assigned.
_REFUSED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a credential says. Days are ISO `YYYY-MM-DD` of Asia/Baghdad.

    `fields` are the printed values by their place in the type's list of fields, from 0. `index` is
    where the log holds the act that made this original, `issued_at` its time in seconds UTC, and
    `ledger` the beginning of the ledger's id in hex. A signer can write what it likes here; only
    the log proves it.
    """

    agency: str
    code: str
    type: str
    number: str
    date: str
    fields: Mapping[int, str]
    status_list: int
    status_index: int
    index: int
    issued_at: int
    ledger: str
    effective_date: str | None = None
    expiry_date: str | None = None
    document: str | None = None

    @property
    def counts_from(self) -> str:
        """The first day of its validity."""
        return self.effective_date or self.date


@dataclass(frozen=True, slots=True)
class Signed:
    """A credential as it was decoded: its claims are not to be believed before :meth:`verify`."""

    credential: Credential
    algorithm: int
    key_id: bytes
    signature: bytes = field(repr=False)
    signed_bytes: bytes = field(repr=False)

    def verify(self, keys: Iterable[jwk.PublicKey]) -> jwk.PublicKey:
        """The one of ``keys`` that signed.

        The key id is a hint of eight bytes: every key that it fits is tried.

        Raises:
            ProofError: ``credential_key_unknown`` where it fits none of them;
                ``signature_invalid`` where none of those that it fits signed these bytes.
        """
        fitting = [key for key in keys if key_id(key) == self.key_id]
        if not fitting:
            raise ProofError("credential_key_unknown", "no key of this id")
        for key in fitting:
            if key.algorithm == cwt.ALGORITHMS[self.algorithm]:
                try:
                    key.verify(self.signature, self.signed_bytes)
                except ProofError:
                    continue
                return key
        raise ProofError("signature_invalid", "not by a key of this id")


def key_id(key: jwk.PublicKey) -> bytes:
    """How a credential names its key: the first eight bytes of the RFC 7638 thumbprint."""
    return decode_url(key.thumbprint, code="jwk_malformed")[:KEY_ID_BYTES]


def sign(credential: Credential, key: jwk.PrivateKey, *, algorithm: int | None = None) -> bytes:
    """The credential's bytes.

    Raises:
        ProofError: what :func:`decode` would say of it; ``credential_malformed`` for an algorithm
            that is not the key's.
    """
    public = jwk.public_of(key)
    alg = WRITTEN[public.algorithm] if algorithm is None else algorithm
    if cwt.ALGORITHMS.get(alg) != public.algorithm:
        raise ProofError("credential_malformed", "the algorithm is not the key's")
    protected = cbor.dumps({_ALG: alg, _KID: key_id(public)})
    claims = _claims(credential)
    _read(claims)
    payload = cbor.dumps(claims)
    signature = jwk.sign(key, cwt.signed_bytes(protected, payload))
    data = cwt.encode(protected, {}, payload, signature)
    if len(data) > MAX_BYTES:
        raise ProofError("cbor_too_large", f"at most {MAX_BYTES} bytes")
    return data


def decode(data: bytes) -> Signed:
    """Read a credential; nothing of it is verified yet.

    Raises:
        ProofError: ``cbor_too_large``, ``cbor_malformed`` or ``credential_malformed``;
            ``credential_foreign`` for a sound COSE_Sign1 that is not one of ours (another country's
            system, another kind of token). The detail begins with the member that it is about.
    """
    protected, payload, signature = _sign1(cbor.loads(data, limit_bytes=MAX_BYTES))
    algorithm, kid = _protected(_of("protected", cbor.loads, protected, limit_bytes=MAX_BYTES))
    credential = _read(_of("payload", cbor.loads, payload, limit_bytes=MAX_BYTES))
    return Signed(credential, algorithm, kid, signature, cwt.signed_bytes(protected, payload))


def _sign1(value: cbor.Value) -> tuple[bytes, bytes, bytes]:
    if not isinstance(value, cbor.Tagged) or value.tag != cwt.SIGN1_TAG:
        raise ProofError("credential_malformed", "a tagged COSE_Sign1 expected")
    match value.value:
        case [bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]:
            if unprotected or len(signature) != jwk.SIGNATURE_BYTES:
                raise ProofError("credential_foreign", "no unprotected headers, 64-byte signatures")
            return protected, payload, signature
    raise ProofError("credential_malformed", f"an array of {_PARTS}")


def _protected(value: cbor.Value) -> tuple[int, bytes]:
    match value:
        case {1: int(algorithm), 4: bytes(kid), **others}:
            if not others and algorithm in cwt.ALGORITHMS and len(kid) == KEY_ID_BYTES:
                return algorithm, kid
    raise ProofError("credential_foreign", "exactly an algorithm that we know and a key id")


def _claims(said: Credential) -> dict[cbor.Value, cbor.Value]:
    private: dict[cbor.Value, cbor.Value] = {
        _TYPE: said.type,
        _NUMBER: said.number,
        _DATE: _of("date", _days, said.date),
        _FIELDS: dict(said.fields),
        _STATUS: [said.status_list, said.status_index],
        _INDEX: said.index,
        _LEDGER: _of("ledger", _hex, said.ledger),
    }
    if said.document is not None:
        private[_DOCUMENT] = _of("document", _hex, said.document)
    claims: dict[cbor.Value, cbor.Value] = {
        _ISSUER: said.agency,
        _ISSUED_AT: said.issued_at,
        _ID: _of("code", codes.to_bytes, said.code),
        _PRIVATE: private,
    }
    if said.expiry_date is not None:
        claims[_EXPIRES] = _of("expiry_date", _midnight, said.expiry_date) + _DAY_SECONDS
    if said.effective_date not in (None, said.date):
        claims[_NOT_BEFORE] = _of("effective_date", _midnight, said.counts_from)
    return claims


def _read(value: cbor.Value) -> Credential:
    if not isinstance(value, dict) or _PRIVATE not in value:
        raise ProofError("credential_foreign", "claims, ours among them")
    private = value[_PRIVATE]
    names = value.keys()
    if not isinstance(private, dict) or not _REQUIRED <= names <= _REQUIRED | _OPTIONAL:
        raise ProofError("credential_malformed", "exactly the claims of the format")
    if not _PRIVATE_REQUIRED <= private.keys() <= _PRIVATE_REQUIRED | {_DOCUMENT}:
        raise ProofError("credential_malformed", "exactly the private claims of the format")
    status_list, status_index = _of("status", _status, private[_STATUS])
    day = _of("date", _day, private[_DATE])
    begins = _of("effective_date", _day_of, value[_NOT_BEFORE]) if _NOT_BEFORE in value else None
    if begins == day:
        raise ProofError("credential_malformed", "effective_date: only where it is not the date")
    ends, document = value.get(_EXPIRES), private.get(_DOCUMENT)
    return Credential(
        agency=_of("agency", _matching, _AGENCY, value[_ISSUER]),
        code=_of("code", _code, value[_ID]),
        type=_of("type", _matching, _TYPE_ID, private[_TYPE]),
        number=_of("number", _text, private[_NUMBER]),
        date=day,
        fields=_of("fields", _fields, private[_FIELDS]),
        status_list=status_list,
        status_index=status_index,
        index=_of("index", _integer, private[_INDEX]),
        issued_at=_of("issued_at", _integer, value[_ISSUED_AT]),
        ledger=_of("ledger", _bytes, private[_LEDGER], LEDGER_BYTES).hex(),
        effective_date=begins,
        expiry_date=_of("expiry_date", _day_of, ends, before=1) if _EXPIRES in value else None,
        document=(
            _of("document", _bytes, document, DIGEST_BYTES).hex() if _DOCUMENT in private else None
        ),
    )


def _of(
    member: str, read: Callable[_Given, _Read], /, *given: _Given.args, **more: _Given.kwargs
) -> _Read:
    """What is read of one member. What is wrong with it is told with its name.

    Raises:
        ProofError: as `read`.
    """
    try:
        return read(*given, **more)
    except ProofError as error:
        raise ProofError(error.code, f"{member}: {error.detail}") from None


def _code(value: Any) -> str:
    return codes.from_bytes(_bytes(value, codes.CODE_BYTES))


def _fields(value: Any) -> dict[int, str]:
    if not isinstance(value, dict):
        raise ProofError("credential_malformed", "fields by their place")
    return {
        _integer(place, most=_MAX_PLACES - 1): _of(str(place), _text, said)
        for place, said in value.items()
    }


def _status(value: Any) -> tuple[int, int]:
    match value:
        case [number, place]:
            return _integer(number), _integer(place)
    raise ProofError("credential_malformed", "a status list and a place in it")


def _integer(value: Any, *, most: int = _MAX_INTEGER) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ProofError("credential_malformed", f"an integer of 0 to {most}")
    return value


def _bytes(value: Any, count: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != count:
        raise ProofError("credential_malformed", f"{count} bytes")
    return value


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ProofError("credential_malformed", "hex expected") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ProofError("credential_malformed", "text expected")
    if _REFUSED.search(value) or not is_normalized("NFC", value):
        raise ProofError("credential_text", "an invisible or turning character, or not NFC")
    return value


def _matching(form: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ProofError("credential_malformed", "an identifier expected")
    return value


def _days(day: str) -> int:
    try:
        return (date.fromisoformat(day) - _EPOCH).days
    except ValueError:
        raise ProofError("credential_malformed", "a day expected") from None


def _day(days: Any) -> str:
    first, last = (_FIRST_DAY - _EPOCH).days, (_LAST_DAY - _EPOCH).days
    if type(days) is not int or not first <= days <= last:
        raise ProofError("credential_malformed", "a day of 1800 to 2199")
    return (_EPOCH + timedelta(days=days)).isoformat()


def _midnight(day: str) -> int:
    return _days(day) * _DAY_SECONDS - _BAGHDAD_SECONDS


def _day_of(moment: Any, *, before: int = 0) -> str:
    """The day that begins at a moment, or so many days before it."""
    if type(moment) is not int or (moment + _BAGHDAD_SECONDS) % _DAY_SECONDS:
        raise ProofError("credential_malformed", "a midnight of Baghdad expected")
    return _day((moment + _BAGHDAD_SECONDS) // _DAY_SECONDS - before)
