"""Evidence: the signatures that ordered an event, kept so that anybody can judge them again.

An event's header commits to its evidence, and the evidence holds the exact bytes that each key
signed. So a stranger with the public keys decides, years later and without the service, whether
the keys named in the header really ordered this statement, for this ledger, at that time. What is
*not* decided here: whether those keys were enrolled, unexpired and entitled; that needs the
registry's events (:mod:`fsck`).
"""

import json
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from hashlib import sha256

from infrastructure.proofs import canonical
from infrastructure.proofs.base64text import decode_url, encode_url
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import SIGNATURE_BYTES, PublicKey
from infrastructure.proofs.orders import (
    COSIGNED_LIFE_SECONDS,
    ORDER_LIFE_SECONDS,
    ORDER_TAG,
    SignedRequest,
    parse_signed_base,
)
from infrastructure.proofs.statements import verify_statement_path

SIGNATURES_LIMIT = 32
LIMIT_BYTES = 65_536

# RFC 8785 for ASCII strings under names already in order, at the speed of the common encoder.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

FindKey = Callable[[str], PublicKey]
"""The public key with a thumbprint; raises ``ProofError("key_unknown")`` for a stranger's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the record says about an event that its evidence must bear out.

    ``evidence``, ``keys`` and ``line`` are the header's (the digest as 32 bytes), ``time_us`` is
    the leaf's; ``statement`` is the statement's digest (:func:`canonical.statement_digest`) and
    ``path`` its audit path in the order, empty for an order of one line.
    """

    evidence: bytes
    keys: tuple[str, ...]
    line: int
    time_us: int
    statement: bytes
    path: tuple[bytes, ...] = ()


def encode_evidence(signed: Sequence[SignedRequest]) -> bytes:
    """The evidence bytes: the order first, then approvals and possession proofs as they came."""
    entries = [
        {"base": one.base.decode("ascii"), "sig": encode_url(one.signature)} for one in signed
    ]
    return _ENCODER.encode(entries).encode("ascii")


def evidence_digest(evidence: bytes) -> bytes:
    """SHA-256 of the evidence bytes, which the header's ``evidence`` spells in hex."""
    return sha256(evidence).digest()


def parse_evidence(evidence: bytes) -> tuple[SignedRequest, ...]:
    """Read evidence as strictly as its requests were read on arrival. No signature is verified.

    Raises:
        ProofError: ``evidence_malformed``, or what :mod:`canonical` and
            :func:`orders.parse_signed_base` say about a part of it.
    """
    entries = canonical.parse_json(evidence, limit_bytes=LIMIT_BYTES, line_feeds=True)
    if type(entries) is not list or not 1 <= len(entries) <= SIGNATURES_LIMIT:
        raise ProofError("evidence_malformed", f"an array of 1 to {SIGNATURES_LIMIT} signatures")
    signed = tuple(_parse_entry(entry) for entry in entries)
    if encode_evidence(signed) != evidence:
        raise ProofError("json_not_canonical", "the evidence is not its own RFC 8785 form")
    return signed


def verify_evidence(
    evidence: bytes, recorded: Recorded, *, ledger: bytes, find_key: FindKey
) -> tuple[SignedRequest, ...]:
    """Return the signed requests of an event whose evidence bears out what is recorded of it.

    ``ledger`` is the ledger's id, 64 zeros' worth of bytes for event 0. For the key of a possession
    proof, ``find_key`` answers with the key in the enrolment's statement. The caller still compares
    the first request's path with the act's, and a possession proof's key with the one enrolled.

    Raises:
        ProofError: ``evidence_digest_mismatch`` (not the bytes the header commits to),
            ``evidence_malformed`` and the parsers' codes, ``evidence_keys_mismatch`` (other keys or
            another order than the header's), ``evidence_not_an_order`` (the order does not come
            first, or alone), ``evidence_disagrees`` (signatures over different orders),
            ``ledger_mismatch``, ``statement_mismatch`` (this statement was not ordered),
            ``order_too_long``, ``order_in_future``, ``order_expired`` (out of time at the leaf),
            ``key_unknown`` or ``signature_invalid``.
    """
    if evidence_digest(evidence) != recorded.evidence:
        raise ProofError("evidence_digest_mismatch", "the header commits to other evidence")
    return verify_signed(parse_evidence(evidence), recorded, ledger=ledger, find_key=find_key)


def verify_signed(
    signed: tuple[SignedRequest, ...],
    recorded: Recorded,
    *,
    ledger: bytes,
    find_key: FindKey,
    verified: Container[str] = (),
) -> tuple[SignedRequest, ...]:
    """As :func:`verify_evidence`, for evidence that was read and compared with its digest.

    ``verified`` names keys whose signatures in it were found right before.
    """
    _check_keys(signed, recorded.keys)
    check_agreement(signed)
    signed[0].check_ledger(ledger)
    _check_statement(signed[0], recorded)
    cosigned = len(signed) > 1
    for one in signed:
        one.check_time(
            recorded.time_us,
            life_seconds=COSIGNED_LIFE_SECONDS if cosigned else ORDER_LIFE_SECONDS,
        )
        key = find_key(one.keyid)
        if one.keyid not in verified:
            one.check_signature(key)
    return signed


def check_agreement(signed: Sequence[SignedRequest]) -> None:
    """Return when one order comes first and the others are over its statements and ledger.

    Raises:
        ProofError: ``evidence_not_an_order`` or ``evidence_disagrees``.
    """
    order = signed[0]
    if [one.tag == ORDER_TAG for one in signed] != [True] + [False] * (len(signed) - 1):
        raise ProofError("evidence_not_an_order", "the order comes first, and only once")
    what = (order.ledger, order.root, order.lines, order.atomic)
    if any((one.ledger, one.root, one.lines, one.atomic) != what for one in signed):
        raise ProofError("evidence_disagrees", "the signatures are over different orders")


def _parse_entry(entry: object) -> SignedRequest:
    if not isinstance(entry, dict) or entry.keys() != {"base", "sig"}:
        raise ProofError("evidence_malformed", "each signature has base and sig")
    base, sig = entry["base"], entry["sig"]
    if not isinstance(base, str) or not isinstance(sig, str):
        raise ProofError("evidence_malformed", "base and sig are strings")
    signature = decode_url(sig, code="evidence_malformed", size_bytes=SIGNATURE_BYTES)
    return parse_signed_base(base, signature)


def _check_keys(signed: Sequence[SignedRequest], keys: Sequence[str]) -> None:
    """The header's keys are the evidence's, in its order, and no key signs twice."""
    if tuple(one.keyid for one in signed) != tuple(keys):
        raise ProofError("evidence_keys_mismatch", "the header names other keys")
    if len(set(keys)) != len(signed):
        raise ProofError("evidence_keys_mismatch", "one key cannot countersign itself")


def _check_statement(order: SignedRequest, recorded: Recorded) -> None:
    try:
        verify_statement_path(
            recorded.statement,
            line=recorded.line,
            lines=order.lines,
            path=recorded.path,
            root=order.root,
        )
    except ProofError as error:
        raise ProofError("statement_mismatch", error.detail) from None
