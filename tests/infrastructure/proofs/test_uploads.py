"""Signed uploads against their vector, and what is refused."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import signing, uploads
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.jwk import public_of
from tests.infrastructure.proofs.vectors import load, why

VECTOR = load("upload")
KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTOR["key"]["seed"]))


@pytest.mark.parametrize("case", VECTOR["requests"], ids=why)
def test_an_upload_is_signed_and_read_as_in_the_vector(case: dict[str, Any]) -> None:
    body = bytes.fromhex(case["body"])

    headers = signing.sign_upload(
        KEY,
        method=case["method"],
        path=case["path"],
        ledger=bytes.fromhex(case["headers"]["Sijill-Ledger"]),
        created=1_795_305_600,
        expires=1_795_305_900,
        content_type=case["headers"]["Content-Type"],
        body=body,
    )
    head = uploads.parse_upload(case["method"], case["path"], headers.items())

    assert headers == case["headers"]
    assert head.base.decode() == case["base"]
    head.check_signature(public_of(KEY))
    head.check_body(body)


CHANGES = [
    ({"Content-Encoding": "gzip"}, {}, "content_encoding_unsupported"),
    ({"Content-Type": "text/plain"}, {}, "content_type_unsupported"),
    ({"Content-Digest": "md5=:AAAA:"}, {}, "order_malformed"),
    ({"Sijill-Ledger": "00"}, {}, "order_malformed"),
    ({}, {"query": "a=1"}, "order_malformed"),
    ({}, {"method": "GET"}, "order_malformed"),
    ({}, {"path": "/v1/../x"}, "order_malformed"),
]


@pytest.mark.parametrize("changed,target,code", CHANGES)
def test_another_spelling_is_refused(
    changed: dict[str, str], target: dict[str, str], code: str
) -> None:
    case = VECTOR["requests"][0]
    method, path = target.get("method", case["method"]), target.get("path", case["path"])
    headers = {**case["headers"], **changed}

    with pytest.raises(ProofError) as refused:
        uploads.parse_upload(method, path, headers.items(), query=target.get("query", ""))

    assert refused.value.code == code


def test_an_order_is_no_upload() -> None:
    case = VECTOR["requests"][0]
    text = case["headers"]["Signature-Input"].replace("sijill-upload-v1", "sijill-order-v1")

    headers = {**case["headers"], "Signature-Input": text}

    with pytest.raises(ProofError) as refused:
        uploads.parse_upload(case["method"], case["path"], headers.items())

    assert refused.value.code == "tag_unknown"


def test_another_body_is_refused() -> None:
    case = VECTOR["requests"][1]
    head = uploads.parse_upload(case["method"], case["path"], case["headers"].items())

    with pytest.raises(ProofError) as refused:
        head.check_body(b"abd")

    assert refused.value.code == "content_digest_mismatch"
