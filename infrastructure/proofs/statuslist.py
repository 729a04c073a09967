"""Token Status Lists (draft-ietf-oauth-status-list-21): the state of a million codes in 256 KiB.

A list holds two bits for each place; a certificate's place is drawn at its issuance. What a list
says is a function of the log, so an auditor makes it again; when it was true is what the key of
the status lists signs. That key stands in no event. A note by the log's key names it for a while,
and every list carries that note: whoever knows the log's key can check a list, and needs nobody.

A list that is unsigned, of another ledger or another number, or old says nothing about anything.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import base64text, cbor, cwt, jwk, note
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.verdict import CodeState

DRAFT: Final = "draft-ietf-oauth-status-list-21"
CWT: Final = "application/statuslist+cwt"
JWT: Final = "application/statuslist+jwt"

BITS: Final = 2
PLACES: Final = 2**20
"""Places of one list, used or not: a stranger cannot tell them apart."""
LIST_BYTES: Final = PLACES * BITS // 8

MAX_LIST_BYTES: Final = 2**20
"""What the draft's own largest example unfolds to; four times one of ours."""
MAX_TOKEN_BYTES: Final = LIST_BYTES + 2**16
"""Of one of our lists: what does not compress at all, and what is said about it."""
TTL_SECONDS: Final = 60
LIFE_SECONDS: Final = 86_400
"""After a day a list says nothing; a type may ask for less (`max_status_age_seconds`)."""
SKEW_SECONDS: Final = 300

DELEGATION: Final = "sijill-status-key/v1"
KEY_SUFFIX: Final = "/status"
_ISSUER, _SUBJECT, _EXPIRES, _ISSUED = 1, 2, 4, 6
_TTL, _STATUS_LIST = 65534, 65533
_OURS = "sijill"
_DELEGATION_FORM = re.compile(
    f"{DELEGATION}\n([0-9a-f]{{64}})\n([^\n]{{1,400}})\n(0|[1-9][0-9]{{0,14}})\n"
)
_BITS_ALLOWED = frozenset({1, 2, 4, 8})


class Status(IntEnum):
    """What two bits say. 3 is left to applications by the draft: here another took its place."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2
    SUPERSEDED = 3


STATUS_OF: Final[dict[CodeState, Status]] = {
    CodeState.IN_FORCE: Status.VALID,
    CodeState.REVOKED: Status.INVALID,
    CodeState.ORIGINAL_REVOKED: Status.INVALID,
    CodeState.VOIDED: Status.INVALID,
    CodeState.SUSPENDED: Status.SUSPENDED,
    CodeState.SUPERSEDED: Status.SUPERSEDED,
    CodeState.REPLACED: Status.SUPERSEDED,
}
"""Validity by date is not a status: a reader judges it, and an expired document stays expired."""


@dataclass(frozen=True, slots=True)
class StatusList:
    """The uncompressed list: `bits` for each place, the first place in the lowest bits."""

    bits: int
    data: bytes
    packed: bytes | None = field(default=None, compare=False, repr=False)
    """Its smaller compressed form, where that was worth the time."""

    @classmethod
    def of(cls, places: Mapping[int, int]) -> "StatusList":
        """Our list in which these places say something else than *valid*."""
        data = bytearray(LIST_BYTES)
        for index, status in places.items():
            data[index >> 2] |= Status(status) << (index & 3) * BITS
        return cls(BITS, bytes(data))

    def status(self, index: int) -> int:
        """What the list says of a place.

        Raises:
            ProofError: ``status_index_unknown``: the list has no such place.
        """
        each = 8 // self.bits
        if not 0 <= index < len(self.data) * each:
            raise ProofError("status_index_unknown", "the list has no such place")
        return self.data[index // each] >> index % each * self.bits & (1 << self.bits) - 1

    def compressed(self) -> bytes:
        """ZLIB. Runs of one byte are nearly all that there is to find: nothing else is looked for.

        The default strategy saves a tenth, and takes fifty times as long: see `settled`.
        """
        if self.packed is not None:
            return self.packed
        deflater = zlib.compressobj(9, strategy=zlib.Z_RLE)
        return deflater.compress(self.data) + deflater.flush()

    def settled(self) -> "StatusList":
        """The same list, as small as ZLIB makes it: for one that is handed out again and again."""
        return replace(self, packed=zlib.compress(self.data, 9))

    @classmethod
    def unfold(cls, bits: Any, compressed: bytes) -> "StatusList":
        """Undo `compressed`, never past `MAX_LIST_BYTES`.

        Raises:
            ProofError: ``status_list_malformed``.
        """
        if type(bits) is not int or bits not in _BITS_ALLOWED:
            raise ProofError("status_list_malformed", "1, 2, 4 or 8 bits")
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(compressed, MAX_LIST_BYTES + 1)
        except zlib.error:
            raise ProofError("status_list_malformed", "not ZLIB") from None
        if len(data) > MAX_LIST_BYTES:
            raise ProofError("status_list_malformed", f"at most {MAX_LIST_BYTES} bytes")
        if not inflater.eof or inflater.unused_data:
            raise ProofError("status_list_malformed", "one whole ZLIB stream")
        return cls(bits, data)


@dataclass(frozen=True, slots=True)
class Delegation:
    """The log's word that a key signs its status lists, until a time in seconds since 1970."""

    ledger: bytes
    key: note.VerifierKey
    until: int

    def sign(self, log_keys: list[note.SignerKey]) -> bytes:
        """The note by the log's keys; it parses as no checkpoint, whose second line is a size."""
        text = f"{DELEGATION}\n{self.ledger.hex()}\n{self.key.encode()}\n{self.until}\n"
        return note.sign(text, log_keys)

    @classmethod
    def open(cls, data: bytes, log_key: note.VerifierKey) -> "Delegation":
        """Read a note that the log's present key signed.

        One of an earlier key's counts no more: rotating that key is what calls a note back.

        Raises:
            ProofError: ``status_list_unsigned``.
        """
        try:
            return cls.parse(note.open_note(data, [log_key]).text)
        except ProofError as error:
            raise ProofError("status_list_unsigned", str(error)) from None

    @classmethod
    def parse(cls, text: str) -> "Delegation":
        """Read the four lines.

        Raises:
            ProofError: ``status_list_unsigned``, ``vkey_malformed`` or a ``key_…`` code.
        """
        match = _DELEGATION_FORM.fullmatch(text)
        if match is None:
            raise ProofError("status_list_unsigned", "not the four lines of a status key")
        key = note.VerifierKey.parse(match[2])
        if not key.name.endswith(KEY_SUFFIX):
            raise ProofError("status_list_unsigned", f"the key's name ends in {KEY_SUFFIX}")
        return cls(bytes.fromhex(match[1]), key, int(match[3]))


def key_name(origin: str) -> str:
    """Name of the key that signs the status lists of the log `origin`."""
    return origin + KEY_SUFFIX


def uri_of(origin: str, number: int) -> str:
    """What a list is called, wherever it is served: its ``sub``, and the ``uri`` of a credential.

    An origin is an address without its scheme (C2SP).
    """
    return f"{aggregation_uri(origin)}/{number}"


def aggregation_uri(origin: str) -> str:
    """Where the list of all lists is."""
    return f"https://{origin}/v1/status-lists"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusToken:
    """A status list with what was signed about it.

    `size` is the size of the log that the list is a function of; times are seconds since 1970.
    """

    origin: str
    uri: str
    ledger: bytes
    size: int
    issued: int
    expires: int
    ttl: int
    list: StatusList

    def require_fresh(self, now: int, *, max_age_seconds: int) -> None:
        """Return when the list may be believed at `now`.

        Raises:
            ProofError: ``status_list_old`` or ``status_list_in_future``.
        """
        if now < self.issued - SKEW_SECONDS:
            raise ProofError("status_list_in_future", "issued later than now")
        if now >= self.expires or now - self.issued > max_age_seconds:
            raise ProofError("status_list_old", "a newer list is needed")


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs status lists: the key, and the note by which the log's key names it."""

    origin: str
    ledger: bytes
    key: note.SignerKey
    delegation: bytes

    def token(self, number: int, listed: StatusList, *, size: int, issued: int) -> StatusToken:
        """The token of a list, not signed yet."""
        return StatusToken(
            origin=self.origin,
            uri=uri_of(self.origin, number),
            ledger=self.ledger,
            size=size,
            issued=issued,
            expires=issued + LIFE_SECONDS,
            ttl=TTL_SECONDS,
            list=listed,
        )

    def cwt(self, token: StatusToken) -> bytes:
        """The token as the draft's section 5.2 has it."""
        listed: dict[cbor.Value, cbor.Value] = {
            "bits": token.list.bits,
            "lst": token.list.compressed(),
            "aggregation_uri": aggregation_uri(token.origin),
        }
        claims: dict[cbor.Value, cbor.Value] = {
            _ISSUER: token.origin,
            _SUBJECT: token.uri,
            _EXPIRES: token.expires,
            _ISSUED: token.issued,
            _STATUS_LIST: listed,
            _TTL: token.ttl,
            _OURS: {
                "key": self.delegation.decode(),
                "size": token.size,
                "ledger": token.ledger,
            },
        }
        head: dict[cbor.Value, cbor.Value] = {
            cwt.ALGORITHM: -8,
            cwt.KID: self._kid.encode(),
            cwt.TYPE: CWT,
        }
        protected, payload = cbor.dumps(head), cbor.dumps(claims)
        return cwt.encode(protected, {}, payload, self._sign(cwt.signed_bytes(protected, payload)))

    def jwt(self, token: StatusToken) -> bytes:
        """The token as the draft's section 5.1 has it."""
        claims = {
            "iss": token.origin,
            "sub": token.uri,
            "iat": token.issued,
            "exp": token.expires,
            "ttl": token.ttl,
            "status_list": {
                "bits": token.list.bits,
                "lst": base64text.encode_url(token.list.compressed()),
                "aggregation_uri": aggregation_uri(token.origin),
            },
            _OURS: {
                "ledger": token.ledger.hex(),
                "size": token.size,
                "key": self.delegation.decode(),
            },
        }
        head = {"alg": "EdDSA", "kid": self._kid, "typ": JWT.removeprefix("application/")}
        signed = ".".join(base64text.encode_url(json.dumps(one).encode()) for one in (head, claims))
        return f"{signed}.{base64text.encode_url(self._sign(signed.encode()))}".encode()

    @property
    def _kid(self) -> str:
        return f"{self.key.name}+{self.key.verifier.key_id.hex()}"

    def _sign(self, message: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.key.seed).sign(message)


def open_token(
    data: bytes,
    *,
    origin: str,
    number: int,
    ledger: bytes,
    log_key: note.VerifierKey,
) -> StatusToken:
    """The list of this number, of this ledger, that a key signed which the log's key names.

    `log_key` is the newest of the log's keys that the reader knows.
    How old it may be is for the caller to say: :meth:`StatusToken.require_fresh`.

    Raises:
        ProofError: ``cbor_…``, ``cwt_malformed``, ``status_list_malformed``,
            ``status_list_unsigned`` (by no key that the log's names), ``status_list_foreign``
            (another list or ledger).
    """
    signed = cwt.parse(data, limit_bytes=MAX_TOKEN_BYTES)
    if signed.protected.get(cwt.TYPE) != CWT:
        raise ProofError("status_list_malformed", f"of type {CWT}")
    claims = cwt.loads(signed.payload, limit_bytes=MAX_TOKEN_BYTES)
    token, named = _read(claims)
    delegation = Delegation.open(named.encode(), log_key)
    try:
        signed.check_signature(_public(delegation.key))
    except ProofError as error:
        raise ProofError("status_list_unsigned", str(error)) from None
    _require_from(delegation, token, origin)
    if token.ledger != ledger or token.origin != origin or token.uri != uri_of(origin, number):
        raise ProofError("status_list_foreign", "another list than the one asked for")
    return token


def _require_from(delegation: Delegation, token: StatusToken, origin: str) -> None:
    if delegation.ledger != token.ledger or delegation.key.name != key_name(origin):
        raise ProofError("status_list_foreign", "the key is for another ledger")
    if token.issued > delegation.until:
        raise ProofError("status_list_unsigned", "the key's time was over")


def _read(claims: Any) -> tuple[StatusToken, str]:
    """The claims of one of our tokens, and the note that names its key."""
    try:
        ours = claims[_OURS]
        token = StatusToken(
            origin=_of(str, claims[_ISSUER]),
            uri=_of(str, claims[_SUBJECT]),
            ledger=_of(bytes, ours["ledger"]),
            size=_of(int, ours["size"]),
            issued=_of(int, claims[_ISSUED]),
            expires=_of(int, claims[_EXPIRES]),
            ttl=_of(int, claims[_TTL]),
            list=listed(claims[_STATUS_LIST]),
        )
        return token, _of(str, ours["key"])
    except (KeyError, TypeError, IndexError):
        raise ProofError("status_list_malformed", "a claim is missing") from None


def listed(found: Any) -> StatusList:
    """The list in a decoded `StatusList` structure of CBOR (draft, section 4.3).

    Raises:
        ProofError: ``status_list_malformed``.
    """
    if type(found) is not dict or type(found.get("lst")) is not bytes:
        raise ProofError("status_list_malformed", "a map of bits and lst is expected")
    return StatusList.unfold(found.get("bits"), found["lst"])


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _public(key: note.VerifierKey) -> jwk.PublicKey:
    x = base64text.encode_url(key.public)
    return jwk.parse_jwk({"kty": "OKP", "crv": jwk.ED25519, "x": x})
