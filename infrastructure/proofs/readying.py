"""What can be said of one event by itself: its parts read and hashed, its signatures verified.

None of it depends on the events before, but for the public keys, which never change once they are
enrolled. So it can be done ahead of the walk and by many at once. What does not come out is left to
the walk, which does the same again and says what is wrong.
"""

import copyreg
import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.evidence import evidence_digest, parse_evidence
from infrastructure.proofs.jwk import parse_jwk
from infrastructure.proofs.leaf import (
    Body,
    Header,
    body_digest,
    header_digest,
    parse_header,
    split_body,
)
from infrastructure.proofs.orders import SignedRequest

_KEYS: Final = re.compile(rb'"keys":\["([^\]]*)"\]')

Jwks = Mapping[str, Mapping[str, str]]
"""Public keys by thumbprint, as far as the walk knew them."""


class Parts(NamedTuple):
    """What lies behind a leaf: the digests that it commits to, and what was opened.

    ``evidence`` is None for a line whose order came with a line before it.
    """

    header_digest: bytes
    body_digest: bytes
    header: bytes
    header_salt: bytes
    body: bytes | None
    body_salt: bytes
    evidence: bytes | None


class Read(NamedTuple):
    """An event whose parts are good: what they say, and the keys whose signatures are right."""

    header: Header
    body: Body | None
    signed: tuple[SignedRequest, ...] | None
    verified: frozenset[str]


def keys_in(header: bytes) -> list[str]:
    """The thumbprints that a header names, read loosely: a guess at what will be needed."""
    found = _KEYS.search(header)
    return found[1].decode("ascii", "replace").split('","') if found else []


def read(parts: Parts, keys: Jwks) -> Read | None:
    """Read one event; None where anything is not as it must be."""
    try:
        if header_digest(parts.header_salt, parts.header) != parts.header_digest:
            return None
        header = parse_header(parts.header)
        body = None
        if parts.body is not None:
            if body_digest(parts.body_salt, parts.body) != parts.body_digest:
                return None
            body = split_body(parts.body)
        if parts.evidence is None:
            return Read(header, body, None, frozenset())
        if evidence_digest(parts.evidence) != header.evidence:
            return Read(header, body, None, frozenset())
        signed = parse_evidence(parts.evidence)
        verified = []
        for one in signed:
            if one.keyid in keys:
                one.check_signature(parse_jwk(keys[one.keyid]))
                verified.append(one.keyid)
        return Read(header, body, signed, frozenset(verified))
    except ProofError:
        return None


_SET: Final[dict[type[Any], tuple[Callable[[Any, Any], None], ...]]] = {
    kind: tuple(getattr(kind, name).__set__ for name in kind.__dataclass_fields__)
    for kind in (Header, Body, SignedRequest)
}
"""What sets each field, past the refusal of a frozen class to be changed."""


def _sent(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """How one of these goes to another process: by its parts, which were judged when it was made.

    The way that dataclasses have for it costs more than reading their bytes again.
    """
    parts = attrgetter(*kind.__dataclass_fields__)
    return lambda one: (_again, (kind, *parts(one)))


def _again(kind: type[Any], *parts: Any) -> Any:
    one = object.__new__(kind)
    for put, part in zip(_SET[kind], parts, strict=True):
        put(one, part)
    return one


def _uuid(data: bytes) -> UUID:
    return UUID(bytes=data)


for _kind in _SET:
    copyreg.pickle(_kind, _sent(_kind))
copyreg.pickle(UUID, lambda one: (_uuid, (one.bytes,)))
