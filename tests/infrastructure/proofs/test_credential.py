"""Credentials against vectors that cbor2 and cryptography computed, and against the library cwt."""

from dataclasses import replace
from typing import Any

import cbor2
import cwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import cbor, codes, credential, jwk, qr
from infrastructure.proofs.base64text import decode_url
from infrastructure.proofs.credential import Credential
from infrastructure.proofs.cwt import EDDSA
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.vectors import load, why

ACCEPTED = load("credentials/accepted")["cases"]
REFUSED = load("credentials/refused")["cases"]
KEYS: dict[str, jwk.PrivateKey] = {
    "P-256": generate_private_key(SECP256R1()),
    "Ed25519": Ed25519PrivateKey.generate(),
}


def said(vector: dict[str, Any]) -> Credential:
    members = dict(vector)
    status = members.pop("status")
    fields = {int(place): text for place, text in members.pop("fields").items()}
    return Credential(
        fields=fields, status_list=status["list"], status_index=status["index"], **members
    )


SAMPLE = said(ACCEPTED[0]["credential"])

days = st.dates(min_value=credential._FIRST_DAY, max_value=credential._LAST_DAY).map(str)
words = st.text(
    st.sampled_from("ابتثجحخدذرزسشصضطظعغفقكلمنهويەڕڵۆێگچپژ ABCabc0123٠١٢/-.\u200c"), min_size=1
)
integers = st.integers(0, 2**53 - 1)
credentials = st.builds(
    Credential,
    agency=st.from_regex("[a-z][a-z0-9-]{1,20}", fullmatch=True),
    code=st.binary(min_size=10, max_size=10).map(codes.from_bytes),
    type=st.from_regex("[a-z][a-z0-9_]{1,20}", fullmatch=True),
    number=words,
    date=days,
    fields=st.dictionaries(st.integers(0, 63), words, max_size=4),
    status_list=integers,
    status_index=integers,
    index=integers,
    issued_at=integers,
    ledger=st.binary(min_size=8, max_size=8).map(bytes.hex),
    effective_date=st.none() | days,
    expiry_date=st.none() | days,
    document=st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@pytest.mark.parametrize("case", ACCEPTED, ids=why)
def test_what_the_vectors_hold_is_read_and_verified(case: dict[str, Any]) -> None:
    reading = qr.parse_text(case["text"])
    signed = reading.signed

    assert reading.data == bytes.fromhex(case["cose_sign1"])
    assert signed.credential == said(case["credential"])
    assert signed.algorithm == case["algorithm"]
    assert signed.signed_bytes == bytes.fromhex(case["to_be_signed"])
    assert signed.verify([jwk.parse_jwk(case["jwk"])]).jwk == case["jwk"]


@pytest.mark.parametrize("case", ACCEPTED, ids=why)
def test_what_the_vectors_hold_is_written(case: dict[str, Any]) -> None:
    key = KEYS[case["jwk"]["crv"]]
    data = credential.sign(said(case["credential"]), key, algorithm=case["algorithm"])
    _, _, payload, _ = cbor2.loads(data).value

    assert payload == bytes.fromhex(case["claims"])
    packed = qr.unpack(qr.pack(bytes.fromhex(case["cose_sign1"])))
    assert packed == bytes.fromhex(case["cose_sign1"])
    assert qr.encode_text(packed, host="sijill.example") == case["text"]


@pytest.mark.parametrize("case", REFUSED, ids=why)
def test_what_the_vectors_refuse_is_refused_by_its_code(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refused:
        read_case(case)

    assert refused.value.code == case["code"]


def read_case(case: dict[str, Any]) -> None:
    if "text" in case:
        qr.parse_text(case["text"])
        return
    signed = credential.decode(bytes.fromhex(case["cose_sign1"]))
    signed.verify([jwk.parse_jwk(case["jwk"])])


@pytest.mark.parametrize("curve,algorithm", [("P-256", -7), ("P-256", -9), ("Ed25519", -8)])
def test_a_library_that_is_not_ours_verifies_it(curve: str, algorithm: int) -> None:
    data = credential.sign(SAMPLE, KEYS[curve], algorithm=algorithm)
    public = jwk.public_of(KEYS[curve])
    x = decode_url(public.x, code="x")
    kind = {1: 1, -1: 6} if public.y is None else {1: 2, -1: 1, -3: decode_url(public.y, code="y")}
    key = cwt.COSEKey.new({**kind, 2: credential.key_id(public), 3: algorithm, -2: x})

    claims = cwt.decode(data, key)

    assert claims[1] == SAMPLE.agency
    assert claims[7] == codes.to_bytes(SAMPLE.code)


@given(said=credentials, curve=st.sampled_from(sorted(KEYS)))
def test_whatever_is_signed_reads_the_same(said: Credential, curve: str) -> None:
    try:
        data = credential.sign(said, KEYS[curve])
    except ProofError:
        # Too long, or with no day left before 2200 or after 1800 for the moment that is written.
        return
    signed = credential.decode(data)

    begins = None if said.effective_date == said.date else said.effective_date
    assert signed.credential == replace(said, effective_date=begins)
    public = [jwk.public_of(key) for key in KEYS.values()]
    assert signed.verify(public).algorithm == curve
    assert cbor2.dumps(cbor2.loads(data), canonical=True) == data


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_no_flipped_bit_verifies(at: int, bit: int) -> None:
    data = bytearray.fromhex(ACCEPTED[0]["cose_sign1"])
    data[at % len(data)] ^= 1 << bit

    with pytest.raises(ProofError):
        credential.decode(bytes(data)).verify([jwk.parse_jwk(ACCEPTED[0]["jwk"])])


@given(st.binary(max_size=200))
def test_cbor_that_is_read_has_one_spelling(data: bytes) -> None:
    try:
        value = cbor.loads(data, limit_bytes=200)
    except ProofError:
        return
    assert cbor.dumps(value) == data


@pytest.mark.parametrize("value", [True, None, 1.5, 2**64, "\ud800", object()])
def test_cbor_writes_no_other_types(value: Any) -> None:
    with pytest.raises(ProofError):
        cbor.dumps(value)


@pytest.mark.parametrize(
    "member,changes,code",
    [
        ("agency", {"agency": "Moj"}, "credential_malformed"),
        ("code", {"code": "x"}, "code_malformed"),
        ("type", {"type": "a b"}, "credential_malformed"),
        ("number", {"number": ""}, "credential_malformed"),
        ("number", {"number": "\ud800"}, "credential_text"),
        ("date", {"date": "1799-12-31"}, "credential_malformed"),
        ("date", {"date": "never"}, "credential_malformed"),
        ("fields: 3", {"fields": {0: "x", 3: "\u202e"}}, "credential_text"),
        ("fields", {"fields": {64: "x"}}, "credential_malformed"),
        ("status", {"status_index": -1}, "credential_malformed"),
        ("index", {"index": 2**64}, "credential_malformed"),
        ("issued_at", {"issued_at": -1}, "credential_malformed"),
        ("ledger", {"ledger": "00"}, "credential_malformed"),
        ("ledger", {"ledger": "x"}, "credential_malformed"),
        ("effective_date", {"effective_date": "2200-01-01"}, "credential_malformed"),
        ("expiry_date", {"expiry_date": "x"}, "credential_malformed"),
        ("document", {"document": "00"}, "credential_malformed"),
    ],
)
def test_what_is_wrong_with_a_member_is_told_with_its_name(
    member: str, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(ProofError) as refused:
        credential.sign(replace(SAMPLE, **changes), KEYS["Ed25519"])

    assert refused.value.code == code
    assert refused.value.detail.startswith(f"{member}: ")


def test_a_credential_that_no_reader_would_take_is_not_signed() -> None:
    with pytest.raises(ProofError, match="cbor_too_large"):
        credential.sign(replace(SAMPLE, fields={0: "x" * 1024}), KEYS["Ed25519"])


@pytest.mark.parametrize("part,at", [("protected", 0), ("payload", 2)])
def test_what_is_wrong_with_a_part_is_told_with_its_name(part: str, at: int) -> None:
    sealed = cbor.loads(credential.sign(SAMPLE, KEYS["Ed25519"]), limit_bytes=1024)
    assert isinstance(sealed, cbor.Tagged)
    assert isinstance(sealed.value, list)
    parts = list(sealed.value)
    parts[at] = b"\xff"

    with pytest.raises(ProofError, match=f"cbor_malformed: {part}: "):
        credential.decode(cbor.dumps(cbor.Tagged(sealed.tag, parts)))


def test_an_algorithm_belongs_to_one_kind_of_key() -> None:
    with pytest.raises(ProofError, match="the algorithm is not the key's"):
        credential.sign(SAMPLE, KEYS["P-256"], algorithm=EDDSA)
