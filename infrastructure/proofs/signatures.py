"""HTTP message signatures, narrowed to what Sijill signs (RFC 9421).

RFC 9421 is a tool box: any components, any parameters, several signatures, several spellings of
one header. Each freedom is a way for two programs to disagree about what was signed, so this
profile has none: one signature, fixed components in fixed order, four parameters, and every header
in its canonical RFC 9651 spelling, which then stands letter for letter in the signature base.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import add
from typing import NamedTuple

from infrastructure.proofs.base64text import decode
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import SIGNATURE_BYTES, PublicKey

CLOCK_SKEW_SECONDS = 300
MICROSECONDS = 1_000_000

Headers = Iterable[tuple[str, str]]
"""Header lines in the order received; names in any case, values without surrounding space."""

_LABELLED = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=(.*)")
_METHOD = re.compile(r"[A-Z]{1,16}")
# Only characters that no proxy has a reason to escape or fold: a path has one spelling.
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]{1,128}){1,16}")
_LEDGER = re.compile(r"[0-9a-f]{64}")
_SECONDS = re.compile(r"(0|[1-9][0-9]{0,14})")
_BESIDE = ("content-encoding", "signature-input", "signature")
_PARAMETERS = {
    "created": _SECONDS,
    "expires": _SECONDS,
    # 32 bytes in base64url: the last character carries four bits, its low two are zero.
    "keyid": re.compile(r'"([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])"'),
    "tag": re.compile(r'"([a-z0-9-]{1,64})"'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What every signed request carries: who signed which bytes, and for how long.

    ``ledger`` is the 32-byte id of the ledger it is meant for; ``created`` and ``expires`` are
    seconds since 1970; ``keyid`` is an RFC 7638 thumbprint; ``base`` is the signature base of
    RFC 9421 section 2.5; ``signature`` has 64 bytes.
    """

    method: str
    path: str
    ledger: bytes
    created: int
    expires: int
    keyid: str
    tag: str
    base: bytes
    signature: bytes

    @property
    def not_before_us(self) -> int:
        """The earliest leaf time that this signature admits, in microseconds."""
        return (self.created - CLOCK_SKEW_SECONDS) * MICROSECONDS

    @property
    def not_after_us(self) -> int:
        """The latest leaf time that this signature admits, in microseconds."""
        return self.expires * MICROSECONDS

    def check_ledger(self, ledger: bytes) -> None:
        """Refuse with ``ledger_mismatch`` what was signed for another ledger."""
        if self.ledger != ledger:
            raise ProofError("ledger_mismatch", "signed for another ledger")

    def check_time(self, now_us: int, *, life_seconds: int) -> None:
        """Return when the signature is in its time at ``now_us`` and lives no longer than allowed.

        Raises:
            ProofError: ``order_too_long``, ``order_in_future`` or ``order_expired``.
        """
        self.check_life(life_seconds)
        if now_us < self.not_before_us:
            raise ProofError("order_in_future", f"created is over {CLOCK_SKEW_SECONDS} s ahead")
        if now_us > self.not_after_us:
            raise ProofError("order_expired", "expires has passed")

    def check_life(self, life_seconds: int) -> None:
        """Return when the signature lives no longer than allowed, whatever the time is.

        Raises:
            ProofError: ``order_too_long``.
        """
        if self.expires - self.created > life_seconds:
            raise ProofError("order_too_long", f"expires is at most created + {life_seconds}")

    def check_signature(self, key: PublicKey) -> None:
        """Return when ``key`` is the one named and its signature over the base is right.

        Raises:
            ProofError: ``signature_invalid``.
        """
        if key.thumbprint != self.keyid:
            raise ProofError("signature_invalid", "another key than keyid names")
        key.verify(self.signature, self.base)


class Parameters(NamedTuple):
    """The four parameters of a signature."""

    created: int
    expires: int
    keyid: str
    tag: str


def collect(headers: Headers, wanted: frozenset[str]) -> dict[str, str]:
    """The wanted headers by lower-case name; one that comes twice is ``order_malformed``."""
    found: dict[str, str] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        if name in wanted:
            if name in found:
                raise ProofError("order_malformed", f"{name} occurs twice")
            found[name] = value
    return found


def read_signature(found: Mapping[str, str]) -> tuple[str, bytes]:
    """From ``signature-input`` and ``signature``: the signed parameters' text and the signature.

    Raises:
        ProofError: ``signature_missing`` or ``signature_malformed``.
    """
    if "signature-input" not in found or "signature" not in found:
        raise ProofError("signature_missing", "Signature-Input and Signature are required")
    given = _LABELLED.fullmatch(found["signature-input"])
    made = _LABELLED.fullmatch(found["signature"])
    if not given or not made or given[1] != made[1]:
        raise ProofError("signature_malformed", "one signature with one label")
    text = made[2]
    if len(text) < len("::") or text[0] != ":" or text[-1] != ":":
        raise ProofError("signature_malformed", "the signature is a byte sequence")
    signature = decode(text[1:-1], code="signature_malformed", size_bytes=SIGNATURE_BYTES)
    return given[2], signature


class Profile:
    """The components that one kind of request covers, in their order, and its signature base."""

    __slots__ = ("_fields", "_prefixes", "_wanted", "components", "covered")

    def __init__(self, *components: str) -> None:
        """``components`` are RFC 9421 component names, without parameters."""
        self.components = components
        self._fields = tuple(name for name in components if name[0] != "@")
        self._wanted = frozenset({*self._fields, *_BESIDE})
        names = " ".join(f'"{name}"' for name in components)
        self.covered = f"({names})"
        """The inner list as RFC 9651 serialises it."""
        self._prefixes = tuple(f'"{name}": ' for name in (*components, "@signature-params"))

    def read(self, method: str, path: str, headers: Headers, *, query: str) -> tuple[str, bytes]:
        """The signature base of a request with a body, and its signature, from its headers.

        Such a request has no query, and its body comes as it was signed.

        Raises:
            ProofError: ``signature_missing``, ``signature_malformed``,
                ``content_encoding_unsupported`` or ``order_malformed``.
        """
        found = collect(headers, self._wanted)
        parameters, signature = read_signature(found)
        if query:
            raise ProofError("order_malformed", "orders and uploads have no query")
        if "content-encoding" in found:
            raise ProofError("content_encoding_unsupported", "bodies are sent as they are signed")
        missing = [name for name in self._fields if name not in found]
        if missing:
            raise ProofError("order_malformed", f"{', '.join(missing)} missing")
        values = (method, path, *(found[name] for name in self._fields))
        return self.build_base(values, parameters), signature

    def build_base(self, values: Iterable[str], parameters: str) -> str:
        """The signature base: a line for each component, the parameters last (RFC 9421, 2.5)."""
        return "\n".join(map(add, self._prefixes, (*values, parameters)))

    def parse_base(self, base: str) -> tuple[list[str], Parameters]:
        """Undo :meth:`build_base`: the components' values and the parameters.

        Both a request on arrival and a base in evidence years later pass through here, so that the
        auditor judges by the rules that the service judged by.

        Raises:
            ProofError: ``signature_malformed``.
        """
        lines = base.split("\n")
        if len(lines) != len(self._prefixes) or not all(map(str.startswith, lines, self._prefixes)):
            raise ProofError("signature_malformed", f"a line for each of {self.covered}")
        values = list(map(str.removeprefix, lines, self._prefixes))
        return values, self._parse_parameters(values.pop())

    def _parse_parameters(self, text: str) -> Parameters:
        given, *parts = text.split(";")
        if given != self.covered:
            raise ProofError("signature_malformed", f"the covered components are {self.covered}")
        found: dict[str, str] = {}
        for part in parts:
            name, _, value = part.partition("=")
            match = _PARAMETERS[name].fullmatch(value) if name in _PARAMETERS else None
            if match:
                found[name] = match[1]
        if len(parts) != len(_PARAMETERS) or len(found) != len(_PARAMETERS):
            raise ProofError("signature_malformed", "created, expires, keyid and tag, once each")
        created, expires = int(found["created"]), int(found["expires"])
        if expires < created:
            raise ProofError("signature_malformed", "expires is not before created")
        return Parameters(created, expires, found["keyid"], found["tag"])


def check_target(method: str, path: str) -> None:
    """Refuse with ``order_malformed`` a method or path that has more than one spelling."""
    if not _METHOD.fullmatch(method):
        raise ProofError("order_malformed", "the method is upper-case letters")
    if not _PATH.fullmatch(path) or "/./" in f"{path}/" or "/../" in f"{path}/":
        raise ProofError("order_malformed", "path segments are made of A-Z a-z 0-9 . _ ~ -")


def parse_ledger(value: str) -> bytes:
    """The 32 bytes that ``Sijill-Ledger`` spells in lower-case hex; ``order_malformed``."""
    if not _LEDGER.fullmatch(value):
        raise ProofError("order_malformed", "sijill-ledger is 64 lower-case hex digits")
    return bytes.fromhex(value)
