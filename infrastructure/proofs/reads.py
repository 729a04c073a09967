"""Signed reads: how a caller shows who it is without ordering anything.

A read's signature is never evidence and never stored; it proves, for a short time and one ledger,
that the holder of a key asks for exactly this resource.
"""

import re
from dataclasses import dataclass

from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.signatures import (
    Headers,
    Profile,
    Signed,
    check_target,
    collect,
    parse_ledger,
    read_signature,
)

READ_TAG = "sijill-read-v1"
READ_LIFE_SECONDS = 3_600
PROFILE = Profile("@method", "@path", "@query", "sijill-ledger")

_WANTED = frozenset({"sijill-ledger", "signature-input", "signature"})
# RFC 3986 section 3.4, the percent sign always with its two digits.
_QUERY = re.compile(r"\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2}){0,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRead(Signed):
    """The head of a signed read; ``query`` stands without its question mark."""

    query: str


def parse_read(method: str, path: str, query: str, headers: Headers) -> SignedRead:
    """The head of a signed read; ``path`` and ``query`` as on the request line, not decoded.

    Raises:
        ProofError: ``signature_missing``, ``signature_malformed``, ``tag_unknown`` or
            ``order_malformed``.
    """
    found = collect(headers, _WANTED)
    parameters, signature = read_signature(found)
    if "sijill-ledger" not in found:
        raise ProofError("order_malformed", "sijill-ledger missing")
    # RFC 9421 section 2.2.7: an absent query is signed as a lone question mark.
    values = (method, path, f"?{query}", found["sijill-ledger"])
    return parse_read_base(PROFILE.build_base(values, parameters), signature)


def parse_read_base(base: str, signature: bytes) -> SignedRead:
    """Read the signature base of a read.

    Raises:
        ProofError: ``signature_malformed``, ``tag_unknown`` or ``order_malformed``.
    """
    (method, path, query, ledger), parameters = PROFILE.parse_base(base)
    if parameters.tag != READ_TAG:
        raise ProofError("tag_unknown", f"the tag of a read is {READ_TAG}")
    check_target(method, path)
    if not _QUERY.fullmatch(query):
        raise ProofError("order_malformed", "the query is not as RFC 3986 spells one")
    return SignedRead(
        method=method,
        path=path,
        ledger=parse_ledger(ledger),
        query=query[1:],
        created=parameters.created,
        expires=parameters.expires,
        keyid=parameters.keyid,
        tag=parameters.tag,
        base=base.encode("ascii"),
        signature=signature,
    )
