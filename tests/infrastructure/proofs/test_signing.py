"""What we sign, http-message-signatures verifies, and the other way round."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import orders, reads
from infrastructure.proofs.base64text import encode
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import PrivateKey, public_of
from infrastructure.proofs.signing import (
    Cover,
    envelope,
    new_idempotency_key,
    sign_order,
    sign_read,
)
from infrastructure.proofs.statements import statement_root
from tests.infrastructure.proofs.samples import (
    AGENCY_KEY,
    CREATED,
    EXPIRES,
    LEDGER,
    OFFICER_KEY,
    PATH,
    head,
    statement,
)

ALGORITHMS = {"Ed25519": algorithms.ED25519, "P-256": algorithms.ECDSA_P256_SHA256}
KEYS = [AGENCY_KEY, OFFICER_KEY]


@dataclass
class Message:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class AnyTimeVerifier(HTTPMessageVerifier):
    """Times are ours to judge; the library would hold them against today's clock."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        assert max_age is None
        assert sig_input.params["expires"] == EXPIRES


def resolver(key: PrivateKey) -> MappingKeyResolver:
    name = public_of(key).thumbprint
    return MappingKeyResolver(public_keys={name: key.public_key()}, private_keys={name: key})


def verify_by_library(message: Message, key: PrivateKey, tag: str) -> dict[str, str]:
    verifier = AnyTimeVerifier(
        signature_algorithm=ALGORITHMS[public_of(key).algorithm], key_resolver=resolver(key)
    )
    (result,) = verifier.verify(message, max_age=None, expect_tag=tag)
    return result.covered_components


def sign_by_library(message: Message, key: PrivateKey, tag: str, covered: Any) -> None:
    signer = HTTPMessageSigner(
        signature_algorithm=ALGORITHMS[public_of(key).algorithm], key_resolver=resolver(key)
    )
    signer.sign(
        message,
        key_id=public_of(key).thumbprint,
        created=datetime.fromtimestamp(CREATED, UTC),
        expires=datetime.fromtimestamp(CREATED, UTC) + timedelta(seconds=EXPIRES - CREATED),
        label="other-label",
        tag=tag,
        include_alg=False,
        covered_component_ids=covered,
        use_existing_digest="content-digest" in message.headers,
    )


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("tag", [orders.ORDER_TAG, orders.POSSESSION_TAG])
def test_the_library_verifies_our_orders(key: PrivateKey, tag: str) -> None:
    lines = [envelope(statement(number)) for number in range(3)]
    signed = sign_order(key, head(), lines, content_type=orders.NDJSON, atomic=True, tag=tag)
    message = Message("POST", f"https://ledger.example{PATH}", dict(signed.headers))
    covered = verify_by_library(message, key, tag)
    assert "\n".join(f"{k}: {v}" for k, v in covered.items()).encode() == signed.request.base
    message.headers["Sijill-Ledger"] = bytes(32).hex()
    with pytest.raises(InvalidSignature):
        verify_by_library(message, key, tag)


@pytest.mark.parametrize("key", KEYS)
def test_we_verify_orders_that_the_library_signed(key: PrivateKey) -> None:
    body = envelope(statement())
    root = sha256(b"\0" + statement()).digest()
    message = Message(
        "POST",
        f"https://ledger.example{PATH}",
        {
            "content-type": "application/json",
            "content-digest": f"sha-256=:{encode(sha256(body).digest())}:",
            "idempotency-key": f'"{new_idempotency_key()}"',
            "sijill-ledger": LEDGER.hex(),
            "sijill-statement": f"sha-256=:{encode(root)}:;lines=1",
        },
    )
    sign_by_library(message, key, orders.ORDER_TAG, orders.PROFILE.components)
    request = orders.parse_request("POST", PATH, message.headers.items())
    request.check_signature(public_of(key))
    orders.check_body(request, body)
    assert orders.parse_lines(request, body)[0].statement == statement()
    assert (request.created, request.expires) == (CREATED, EXPIRES)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("query", ["", "from=1&to=2"])
def test_reads_pass_both_ways(key: PrivateKey, query: str) -> None:
    url = "https://ledger.example/v1/certificates" + (f"?{query}" if query else "")
    ours = sign_read(
        key,
        path="/v1/certificates",
        query=query,
        ledger=LEDGER,
        created=CREATED,
        expires=EXPIRES,
    )
    verify_by_library(Message("GET", url, ours), key, reads.READ_TAG)
    theirs = Message("GET", url, {"sijill-ledger": LEDGER.hex()})
    sign_by_library(theirs, key, reads.READ_TAG, reads.PROFILE.components)
    read = reads.parse_read("GET", "/v1/certificates", query, theirs.headers.items())
    read.check_signature(public_of(key))


@given(
    count=st.integers(1, 12),
    atomic=st.booleans(),
    idempotency_key=st.from_regex(r"[A-Za-z0-9_-]{22,64}", fullmatch=True),
    created=st.integers(0, 10**12),
    life=st.integers(0, 10**7),
)
def test_what_is_signed_is_read_back(
    *, count: int, atomic: bool, idempotency_key: str, created: int, life: int
) -> None:
    lines = [envelope(statement(number), ["disclosure"]) for number in range(count)]
    signed = sign_order(
        AGENCY_KEY,
        head(idempotency_key, created=created, expires=created + life),
        lines,
        content_type=orders.NDJSON,
        atomic=atomic,
    )
    request = orders.parse_request("POST", PATH, signed.headers.items())
    assert request == signed.request
    request.check_signature(public_of(AGENCY_KEY))
    orders.check_body(request, signed.body)
    read = orders.parse_lines(request, signed.body)
    assert [line.raw for line in read] == lines
    assert statement_root([line.digest for line in read]) == request.root
    assert (
        str(Cover(request.root, request.lines, request.atomic))
        == (signed.headers["Sijill-Statement"])
    )


def test_nothing_outside_the_profile_is_signed() -> None:
    good = envelope(statement())
    for code, attempt in unsound(good):
        with pytest.raises(ProofError) as caught:
            attempt()
        assert caught.value.code == code


def unsound(good: bytes) -> Iterator[tuple[str, Any]]:
    def order(lines: list[bytes], ndjson: str = orders.NDJSON, **other: Any) -> Any:
        return lambda: sign_order(AGENCY_KEY, head(**other), lines, content_type=ndjson)

    yield "lines_mismatch", order([good, good], orders.JSON)
    yield "lines_mismatch", order([], orders.JSON)
    yield "lines_mismatch", order([good + b"\n"])
    yield "order_malformed", order([])
    yield "order_malformed", order([good] * 10_001)
    yield "order_malformed", order([good], idempotency_key="short")
    yield "order_malformed", order([good], path="/v1/a%62")
    yield "order_malformed", order([good], ledger=b"x")
    yield "signature_malformed", order([good], expires=CREATED - 1)
    yield "json_not_canonical", order([good.replace(b'"act":', b'"act": ')])
    yield "content_type_unsupported", order([good], "text/plain")
    yield "body_too_large", order([good.replace(b"[]", b'["%b"]' % (b"x" * 200_000))] * 100)


def test_idempotency_keys_are_fresh_and_fit_the_profile() -> None:
    keys = {new_idempotency_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", key) for key in keys)
