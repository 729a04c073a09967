from hashlib import sha256
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.proofs import jwk
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.canonical import dumps
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.samples import AGENCY_KEY, OFFICER_KEY, STRANGER_KEY

PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, PRIME) % PRIME
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# RFC 8037, appendix A.2 and A.3.
RFC_8037_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
RFC_8037_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def ed25519(encoded: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": encode_url(encoded)}


def p256(x: int, y: int) -> dict[str, str]:
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": encode_url(x.to_bytes(32, "big")),
        "y": encode_url(y.to_bytes(32, "big")),
    }


def refusal(members: dict[str, Any]) -> str:
    with pytest.raises(ProofError) as caught:
        jwk.parse_jwk(members)
    return caught.value.code


def edwards_add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """The addition law of RFC 8032 section 5.1.4 in affine coordinates."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME)
    return x % PRIME, y % PRIME


def small_order_points() -> list[tuple[int, int]]:
    """All eight, found by multiplying points of the whole curve by the prime group order."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[tuple[int, int]] = set()
    y = 2
    while len(found) < 8:
        y += 1
        square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
        x = pow(square, (PRIME + 3) // 8, PRIME)
        if x * x % PRIME != square:
            x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        if x * x % PRIME != square:
            continue
        result, addend = (0, 1), (x, y)
        for bit in range(order.bit_length()):
            if order >> bit & 1:
                result = edwards_add(result, addend)
            addend = edwards_add(addend, addend)
        found.add(result)
    return sorted(found)


def test_the_example_of_rfc_8037_has_its_thumbprint() -> None:
    key = jwk.parse_jwk(RFC_8037_JWK)
    assert key.thumbprint == RFC_8037_THUMBPRINT
    assert key.jwk == RFC_8037_JWK
    assert key.algorithm == "Ed25519"


@pytest.mark.parametrize("private_key", [AGENCY_KEY, OFFICER_KEY])
def test_a_thumbprint_is_the_digest_of_the_canonical_public_members(
    private_key: jwk.PrivateKey,
) -> None:
    key = jwk.public_of(private_key)
    assert key.thumbprint == encode_url(sha256(dumps(key.jwk)).digest())
    assert jwk.parse_jwk(key.jwk) == key


@pytest.mark.parametrize("private_key", [AGENCY_KEY, OFFICER_KEY])
@given(message=st.binary(max_size=100), data=st.data())
def test_a_signature_verifies_and_no_changed_one_does(
    private_key: jwk.PrivateKey, message: bytes, data: st.DataObject
) -> None:
    key = jwk.public_of(private_key)
    signature = jwk.sign(private_key, message)
    assert len(signature) == 64
    key.verify(signature, message)
    changed = bytearray(signature)
    changed[data.draw(st.integers(0, 63))] ^= data.draw(st.integers(1, 255))
    for other, over in (
        (bytes(changed), message),
        (signature, message + b"."),
        (signature[:-1], message),
        (signature + b"\0", message),
        (bytes(64), message),
    ):
        with pytest.raises(ProofError, match="signature_invalid"):
            key.verify(other, over)


@pytest.mark.parametrize("private", [AGENCY_KEY, OFFICER_KEY])
def test_a_signature_of_another_length_is_none(private: jwk.PrivateKey) -> None:
    """As numbers its halves could still be the same: it would be a second spelling."""
    signature, key = jwk.sign(private, b"order"), jwk.public_of(private)
    other = [signature[:-1], signature[:32] + b"\0" + signature[32:], signature + b"\0", b""]

    for one in other:
        with pytest.raises(ProofError, match="a signature has 64 bytes"):
            key.verify(one, b"order")


def test_another_key_verifies_nothing() -> None:
    signature = jwk.sign(AGENCY_KEY, b"order")
    for stranger in (STRANGER_KEY, OFFICER_KEY):
        with pytest.raises(ProofError, match="signature_invalid"):
            jwk.public_of(stranger).verify(signature, b"order")


def test_both_halves_of_a_p256_signature_verify() -> None:
    """High and low s alike: OpenSSL and hardware keys make both."""
    key = jwk.public_of(OFFICER_KEY)
    signature = jwk.sign(OFFICER_KEY, b"order")
    s = int.from_bytes(signature[32:], "big")
    key.verify(signature[:32] + (P256_ORDER - s).to_bytes(32, "big"), b"order")


@pytest.mark.parametrize(
    "r, s", [(0, 1), (1, 0), (P256_ORDER, 1), (1, P256_ORDER), (2**256 - 1, 1)]
)
def test_p256_numbers_out_of_range_are_refused(r: int, s: int) -> None:
    with pytest.raises(ProofError, match="between 1"):
        jwk.public_of(OFFICER_KEY).verify(r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"order")


@pytest.mark.parametrize("x, y", small_order_points())
@pytest.mark.parametrize("sign", [0, 1])
def test_points_of_small_order_are_refused_with_either_sign(x: int, y: int, sign: int) -> None:
    assert edwards_add((x, y), (0, 1)) == (x, y)
    assert refusal(ed25519((y | sign << 255).to_bytes(32, "little"))) == "key_small_order"


def test_openssl_would_accept_one_signature_for_every_message_by_such_a_key() -> None:
    identity = (1).to_bytes(32, "little")
    forged = identity + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(forged, b"any message at all")
    assert refusal(ed25519(identity)) == "key_small_order"


@pytest.mark.parametrize("y", range(PRIME, 2**255))
@pytest.mark.parametrize("sign", [0, 1])
def test_second_encodings_of_a_point_are_refused(y: int, sign: int) -> None:
    assert refusal(ed25519((y | sign << 255).to_bytes(32, "little"))) == "key_not_canonical"


def test_y_without_a_point_is_off_the_curve() -> None:
    assert refusal(ed25519((2).to_bytes(32, "little"))) == "key_off_curve"


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32))
def test_every_real_ed25519_key_is_accepted(seed: bytes) -> None:
    key = jwk.public_of(Ed25519PrivateKey.from_private_bytes(seed))
    key.verify(jwk.sign(Ed25519PrivateKey.from_private_bytes(seed), b"m"), b"m")


def test_p256_points_are_on_the_curve_and_spelt_once() -> None:
    numbers = OFFICER_KEY.public_key().public_numbers()
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    assert jwk.parse_jwk(p256(numbers.x, numbers.y)) == jwk.public_of(OFFICER_KEY)
    assert refusal(p256(numbers.x, numbers.y ^ 1)) == "key_off_curve"
    assert refusal(p256(0, 0)) == "key_off_curve"
    assert refusal(p256(prime, numbers.y)) == "key_not_canonical"
    # (0, sqrt b) is on the curve; with x = prime it would be a second name for it.
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    root = pow(b, (prime + 1) // 4, prime)
    assert jwk.parse_jwk(p256(0, root)).algorithm == "P-256"
    assert refusal(p256(prime, root)) == "key_not_canonical"
    assert refusal(p256(numbers.x, prime)) == "key_not_canonical"


def test_p256_points_just_below_the_prime_are_taken() -> None:
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

    def point(x: int) -> tuple[int, int]:
        return x, pow((x**3 - 3 * x + b) % prime, (prime + 1) // 4, prime)

    highest = next(
        (x, y)
        for x, y in map(point, count(prime - 1, -1))
        if (y**2 - x**3 + 3 * x - b) % prime == 0
    )
    assert prime - highest[0] < 100
    assert jwk.parse_jwk(p256(*highest)).algorithm == "P-256"
    # A root of x^3 - 3x + b = 1: there is no higher y than that of this point.
    x = 0x6916FAC45E568B6B9E2E2ECD611B282E5FCC40A3067D601057F879CE5A8A73CC
    assert jwk.parse_jwk(p256(x, prime - 1)).algorithm == "P-256"


GOOD = jwk.public_of(AGENCY_KEY).jwk


@pytest.mark.parametrize(
    "members, code",
    [
        ({}, "jwk_unsupported"),
        ({**GOOD, "d": GOOD["x"]}, "jwk_private"),
        ({**GOOD, "kid": "me"}, "jwk_malformed"),
        ({**GOOD, "alg": "EdDSA"}, "jwk_malformed"),
        ({**GOOD, "y": GOOD["x"]}, "jwk_malformed"),
        ({**GOOD, "kty": "EC"}, "jwk_unsupported"),
        ({**GOOD, "crv": "P-256"}, "jwk_unsupported"),
        ({**GOOD, "crv": "X25519"}, "jwk_unsupported"),
        ({**GOOD, "crv": ["Ed25519"]}, "jwk_unsupported"),
        ({**GOOD, "kty": None}, "jwk_unsupported"),
        ({"crv": "OKP"}, "jwk_unsupported"),
        ({**GOOD, "x": 1}, "jwk_malformed"),
        ({**GOOD, "x": None}, "jwk_malformed"),
        ({**GOOD, "x": GOOD["x"] + "="}, "jwk_malformed"),
        ({**GOOD, "x": GOOD["x"][:-1]}, "jwk_malformed"),
        ({**GOOD, "x": ""}, "jwk_malformed"),
        ({"kty": "OKP", "crv": "Ed25519"}, "jwk_malformed"),
        ({"kty": "EC", "crv": "P-256", "x": GOOD["x"]}, "jwk_malformed"),
        ({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "jwk_unsupported"),
    ],
)
def test_each_faulty_key_has_its_code(members: dict[str, Any], code: str) -> None:
    assert refusal(members) == code


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "d", "kid"]),
        st.sampled_from(["OKP", "EC", "Ed25519", "P-256", GOOD["x"], "A" * 43, ""])
        | st.none()
        | st.integers()
        | st.lists(st.text(), max_size=1),
    )
)
def test_any_object_is_a_key_or_a_refusal(members: dict[str, Any]) -> None:
    try:
        key = jwk.parse_jwk(members)
    except ProofError:
        return
    assert key.jwk == members


def test_other_curves_do_not_sign() -> None:
    for use in (jwk.public_of, lambda key: jwk.sign(key, b"m")):
        with pytest.raises(ProofError, match="jwk_unsupported"):
            use(ec.derive_private_key(7, ec.SECP384R1()))
