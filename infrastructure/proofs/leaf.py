"""The leaf: what the tree hashes, and the header and body that it commits to.

A leaf tells a stranger only when something was recorded and that it was. Who did what stands in
the header, what was signed in the body; each is hashed with a salt of its own, so either can be
shown without the other and neither can be guessed. Record format, sections 1 and 2.
"""

import re
from binascii import unhexlify
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from infrastructure.proofs import canonical
from infrastructure.proofs.errors import ProofError

VERSION: Final = 1
DIGEST_BYTES: Final = 32
SALT_BYTES: Final = 16
INTEGER_BOUND: Final = 2**53
"""Every integer of the record is below this, so that every JSON parser reads it exactly."""
FIRST_PREV: Final = bytes(DIGEST_BYTES)
"""``prev`` of index 0, which has no predecessor."""

MAX_LEAF_BYTES: Final = 280
MAX_HEADER_BYTES: Final = 2048
MAX_KEYS: Final = 32
MAX_BODY_BYTES: Final = canonical.STATEMENT_LIMIT_BYTES + 8192
"""A statement of the largest size and, beside it, two notes of a log-key rotation."""

HEADER_LABEL: Final = b"sijill/header/v1\x00"
BODY_LABEL: Final = b"sijill/body/v1\x00"

_INTEGER = r"(0|[1-9][0-9]{0,15})"
_DIGEST = r"([0-9a-f]{64})"
_UUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
# 43 base64url characters hold two bits more than 32 bytes need; these endings leave them zero.
_THUMBPRINT = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_AGENCY = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
_TYPE = r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]{0,3}"

_LEAF_FORM = re.compile(
    rf'\{{"body":"{_DIGEST}","header":"{_DIGEST}","index":{_INTEGER},"prev":"{_DIGEST}",'
    rf'"time":{_INTEGER},"v":1\}}'.encode()
)
_OTHER_VERSION = re.compile(rb'\{.*,"v":(?!1\})(?:0|[1-9][0-9]*)\}', re.DOTALL)
_HEADER_FORM = re.compile(
    rf'\{{"agency":"({_AGENCY})","evidence":"{_DIGEST}",'
    rf'"keys":\["({_THUMBPRINT}(?:","{_THUMBPRINT})*)"\],'
    rf'"line":{_INTEGER},"stream":"{_UUID}","type":"({_TYPE})","version":{_INTEGER}\}}'
)
_AGENCY_FORM = re.compile(_AGENCY)
_TYPE_FORM = re.compile(_TYPE)
_THUMBPRINT_FORM = re.compile(_THUMBPRINT)
_MAX_TYPE_CHARACTERS = 128

_STRING = rb'"(?:[^"\\\x00-\x1f]|\\.)*+"'
_NOTES_FORM = re.compile(rb'\{"notes":(\[' + _STRING + rb"," + _STRING + rb'\]),"statement":')
_STATUS_FORM = re.compile(
    rf',"status":\{{"index":{_INTEGER},"list":{_INTEGER}\}}\}}\Z'.encode(),
)
_PLAIN_START = b'{"statement":'
_STATUS_TAIL_BYTES = len(',"status":{"index":,"list":}}') + 2 * 16


@dataclass(frozen=True, slots=True)
class Leaf:
    """One line of the ledger. ``prev``, ``header`` and ``body`` are digests of 32 bytes.

    ``time`` is microseconds since 1970 in UTC; ``prev`` is the hash of the leaf before this one.
    """

    index: int
    time: int
    prev: bytes
    header: bytes
    body: bytes

    def __post_init__(self) -> None:
        """Refuse with ``leaf_malformed`` what the template could not carry."""
        if not (0 <= self.index < INTEGER_BOUND and 0 <= self.time < INTEGER_BOUND):
            raise ProofError("leaf_malformed", "index and time are between 0 and 2^53-1")
        if not len(self.prev) == len(self.header) == len(self.body) == DIGEST_BYTES:
            raise ProofError("leaf_malformed", "digests have 32 bytes")

    def encode(self) -> bytes:
        """The frozen ASCII template; RFC 8785 by construction."""
        return (
            f'{{"body":"{self.body.hex()}","header":"{self.header.hex()}","index":{self.index},'
            f'"prev":"{self.prev.hex()}","time":{self.time},"v":1}}'
        ).encode()

    def hash(self) -> bytes:
        """The leaf hash of RFC 6962: link of the chain and leaf of the tree at once."""
        return sha256(b"\x00" + self.encode()).digest()


def parse_leaf(data: bytes) -> Leaf:
    """The leaf in these bytes, which must be exactly what ``encode`` writes.

    Raises:
        ProofError: ``leaf_malformed``, or ``leaf_version_unknown`` where a checker must stop
            because a newer format begins.
    """
    match = _LEAF_FORM.fullmatch(data)
    if match is None:
        # The bound is this version's: nobody knows how long the leaves of another are.
        if _OTHER_VERSION.fullmatch(data):
            raise ProofError("leaf_version_unknown", "this program reads version 1")
        raise ProofError("leaf_malformed", f"not the template of at most {MAX_LEAF_BYTES} bytes")
    # The form has one spelling for each leaf.
    body, header, index, prev, time = match.groups()
    return Leaf(
        index=int(index),
        time=int(time),
        prev=unhexlify(prev),
        header=unhexlify(header),
        body=unhexlify(body),
    )


def header_digest(salt: bytes, data: bytes) -> bytes:
    """SHA-256(label || 0x00 || salt || header bytes); ``salt_malformed`` unless 16 bytes."""
    return _salted(HEADER_LABEL, salt, data)


def body_digest(salt: bytes, data: bytes) -> bytes:
    """SHA-256(label || 0x00 || salt || body bytes); ``salt_malformed`` unless 16 bytes."""
    return _salted(BODY_LABEL, salt, data)


def _salted(label: bytes, salt: bytes, data: bytes) -> bytes:
    # A salt of another length would let salt and data trade bytes under one digest.
    if len(salt) != SALT_BYTES:
        raise ProofError("salt_malformed", "a salt has 16 bytes")
    return sha256(label + salt + data).digest()


@dataclass(frozen=True, slots=True)
class Header:
    """Who did what kind of act on which stream, by which evidence.

    ``evidence`` is the SHA-256 of the evidence, 32 bytes. ``keys`` are RFC 7638 thumbprints in the
    order of the evidence. ``line`` counts from 0 within the order, ``version`` from 1 within the
    stream. ``type`` is the event's topic, such as ``sijill.certificate.revoked.v1``.
    """

    agency: str
    evidence: bytes
    keys: tuple[str, ...]
    line: int
    stream: UUID
    type: str
    version: int

    def __post_init__(self) -> None:
        """Refuse with ``header_malformed`` what the format does not allow."""
        if not _AGENCY_FORM.fullmatch(self.agency):
            raise ProofError("header_malformed", "agency")
        if not _TYPE_FORM.fullmatch(self.type) or len(self.type) > _MAX_TYPE_CHARACTERS:
            raise ProofError("header_malformed", "type")
        if len(self.evidence) != DIGEST_BYTES:
            raise ProofError("header_malformed", "evidence has 32 bytes")
        if not (0 <= self.line < INTEGER_BOUND and 1 <= self.version < INTEGER_BOUND):
            raise ProofError("header_malformed", "line counts from 0, version from 1")
        # One key twice would let one officer pass for two.
        if not 0 < len(self.keys) == len(set(self.keys)) <= MAX_KEYS:
            raise ProofError("header_malformed", f"1 to {MAX_KEYS} different keys")
        if not all(map(_THUMBPRINT_FORM.fullmatch, self.keys)):
            raise ProofError("header_malformed", "keys are base64url SHA-256 thumbprints")

    def encode(self) -> bytes:
        """Canonical JSON (RFC 8785): no member can hold a character that needs escaping."""
        keys = '","'.join(self.keys)
        return (
            f'{{"agency":"{self.agency}","evidence":"{self.evidence.hex()}","keys":["{keys}"],'
            f'"line":{self.line},"stream":"{self.stream}","type":"{self.type}",'
            f'"version":{self.version}}}'
        ).encode()


def parse_header(data: bytes) -> Header:
    """The header in these bytes, which must be exactly what ``encode`` writes.

    Raises:
        ProofError: ``header_malformed``; an unknown member is one of its reasons.
    """
    if len(data) > MAX_HEADER_BYTES or not data.isascii():
        raise ProofError("header_malformed", f"at most {MAX_HEADER_BYTES} bytes of ASCII")
    match = _HEADER_FORM.fullmatch(data.decode("ascii"))
    if match is None:
        raise ProofError("header_malformed", "not exactly the seven members")
    agency, evidence, keys, line, stream, topic, version = match.groups()
    header = Header(
        agency=agency,
        evidence=bytes.fromhex(evidence),
        keys=tuple(keys.split('","')),
        line=int(line),
        stream=UUID(stream),
        type=topic,
        version=int(version),
    )
    if header.encode() != data:
        raise ProofError("header_malformed", "not its canonical spelling")
    return header


@dataclass(frozen=True, slots=True)
class Body:
    """What an agency signed, and beside it what the server chose.

    ``statement`` holds the signed bytes verbatim and ``parsed`` what they say. ``chosen`` is empty
    or holds ``status`` (``{"index": n, "list": n}``) or ``notes`` (two signed notes).
    """

    statement: bytes
    parsed: dict[str, Any]
    chosen: dict[str, Any]


def encode_body(statement: bytes, chosen: dict[str, Any] | None = None) -> bytes:
    """Body bytes around a statement that is already canonical; members sorted by name.

    Raises:
        ProofError: ``body_malformed`` when ``chosen`` holds anything but what :class:`Body` names.
    """
    start, end = _PLAIN_START, b"}"
    for name, value in (chosen or {}).items():
        if name == "status" and _is_status(value):
            end = f',"status":{{"index":{value["index"]},"list":{value["list"]}}}}}'.encode()
        elif name == "notes" and _is_notes(value):
            start = b'{"notes":' + canonical.dumps(value) + b',"statement":'
        else:
            raise ProofError("body_malformed", "beside the statement: status or notes")
    return start + statement + end


def split_body(data: bytes) -> Body:
    """The statement in these bytes, verbatim, and what stands beside it.

    The body is cut, not re-encoded, so that what is checked against a signature are the very bytes
    that were stored; the statement is then parsed as strictly as on its arrival, which also proves
    that the cut went through nothing but the body's own level.

    Raises:
        ProofError: ``body_malformed``, or what :func:`canonical.parse` says of the statement.
    """
    if len(data) > MAX_BODY_BYTES:
        raise ProofError("body_malformed", f"at most {MAX_BODY_BYTES} bytes")
    chosen: dict[str, Any] = {}
    start, end = len(_PLAIN_START), len(data) - 1
    if notes := _NOTES_FORM.match(data):
        start = notes.end()
        chosen["notes"] = canonical.parse_json(
            notes[1], limit_bytes=MAX_BODY_BYTES, line_feeds=True
        )
    if status := _STATUS_FORM.search(data, max(start, len(data) - _STATUS_TAIL_BYTES)):
        end = status.start()
        chosen["status"] = {"index": int(status[1]), "list": int(status[2])}
    statement = data[start:end]
    if encode_body(statement, chosen) != data:
        raise ProofError("body_malformed", "not a statement with status or notes beside it")
    parsed = canonical.parse(statement, limit_bytes=canonical.STATEMENT_LIMIT_BYTES)
    return Body(statement, parsed, chosen)


def _is_status(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() == {"index", "list"}
        and all(type(part) is int and 0 <= part < INTEGER_BOUND for part in value.values())
    )


def _is_notes(value: Any) -> bool:
    return type(value) is list and [type(note) for note in value] == [str, str]
