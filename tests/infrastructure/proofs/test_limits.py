"""Limits of the formats: the figures that are written down, and the last value that passes."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from infrastructure.proofs import (
    cbor,
    credential,
    disclosures,
    orders,
    qr,
    reads,
    receipts,
    statuslist,
    uploads,
)
from infrastructure.proofs.base64text import encode_url
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.signing import Cover, sign_approval
from tests.infrastructure.proofs.samples import OFFICER_KEY, head, single

SINGLE = single()
SALT = "A" * 22


def test_the_figures_are_those_that_are_written_down() -> None:
    """Changed by one, each would still look reasonable."""
    assert (orders.ORDER_LIFE_SECONDS, orders.COSIGNED_LIFE_SECONDS) == (3_600, 2_592_000)
    assert (reads.READ_LIFE_SECONDS, uploads.UPLOAD_LIFE_SECONDS) == (3_600, 3_600)
    assert (orders.LINES_LIMIT, orders.BODY_LIMIT_BYTES) == (10_000, 16_777_216)
    assert (orders.LINE_LIMIT_BYTES, disclosures.LIMIT_BYTES) == (262_144, 16_384)
    assert (receipts.MAX_VERDICT_BYTES, receipts.INTEGER_BOUND) == (65_536, 9_007_199_254_740_992)
    assert (qr.MAX_PAYLOAD_BYTES, qr.MAX_TEXT_CHARACTERS, qr.MAX_HOST_CHARACTERS) == (300, 640, 64)
    assert (credential.MAX_BYTES, cbor.MAX_DEPTH) == (1_024, 6)
    assert (statuslist.TTL_SECONDS, statuslist.LIFE_SECONDS) == (60, 86_400)


def test_an_order_has_ten_thousand_lines_and_not_one_more() -> None:
    base = SINGLE.request.base.decode()
    assert ";lines=1" in base

    most = orders.parse_signed_base(base.replace(";lines=1", ";lines=10000"), bytes(64))

    assert most.lines == 10_000
    with pytest.raises(ProofError, match="order_malformed"):
        orders.parse_signed_base(base.replace(";lines=1", ";lines=10001"), bytes(64))


def test_a_body_has_sixteen_mebibytes_and_not_one_byte_more() -> None:
    body = bytes(orders.BODY_LIMIT_BYTES)
    request = replace(SINGLE.request, content_digest=sha256(body).digest())

    orders.check_body(request, body)

    with pytest.raises(ProofError, match="body_too_large"):
        orders.check_body(request, body + b"\0")


def test_a_line_without_its_end_is_no_line() -> None:
    request = replace(SINGLE.request, content_type=orders.NDJSON)
    with pytest.raises(ProofError, match="every line ends in LF"):
        orders.parse_lines(request, SINGLE.body + b"\n" + SINGLE.body)


ORDER = "0190f0a0-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "path, genesis, says_yes",
    [
        (f"/v1/orders/{ORDER}/approval", False, True),
        (f"/v1/orders/{ORDER}/approval", True, False),
        (orders.GENESIS_PATH, True, True),
        (orders.GENESIS_PATH, False, False),
        (f"/v1/orders/{ORDER}/refusal", False, False),
        (f"/v1/orders/{ORDER.upper()}/approval", False, False),
    ],
)
def test_an_approval_is_one_of_an_order_or_of_the_opening(
    path: str, *, genesis: bool, says_yes: bool
) -> None:
    cover = Cover(SINGLE.request.root, 1, atomic=False)
    approval = sign_approval(OFFICER_KEY, head("B" * 22, path=path), cover).request

    assert orders.is_approval(approval, genesis=genesis) is says_yes
    assert not orders.is_approval(replace(approval, tag=orders.ORDER_TAG), genesis=genesis)
    assert not orders.is_approval(replace(approval, method="PUT"), genesis=genesis)
    assert not orders.is_approval(replace(approval, content_digest=bytes(32)), genesis=genesis)


def disclosed(characters: int) -> str:
    """A disclosure whose text has so many characters; a multiple of four."""
    size = characters // 4 * 3
    around = len(json.dumps([SALT, "a", ""], separators=(",", ":")))
    data = json.dumps([SALT, "a", "x" * (size - around)], separators=(",", ":"))
    return encode_url(data.encode())


def test_a_disclosure_has_its_longest_text_and_not_a_longer_one() -> None:
    assert len(disclosed(disclosures.LIMIT_BYTES)) == disclosures.LIMIT_BYTES
    assert disclosures.parse(disclosed(disclosures.LIMIT_BYTES)).name == "a"
    with pytest.raises(ProofError, match="disclosure_too_large"):
        disclosures.parse(disclosed(disclosures.LIMIT_BYTES + 4))


def test_text_that_is_not_ascii_has_no_digest() -> None:
    with pytest.raises(ProofError, match="disclosure_malformed"):
        disclosures.digest("é")


@pytest.mark.parametrize(
    "value, data",
    [
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_535, "19ffff"),
        (65_536, "1a00010000"),
        (2**32 - 1, "1affffffff"),
        (2**32, "1b0000000100000000"),
        (2**64 - 1, "1bffffffffffffffff"),
        (-1, "20"),
        (-(2**64), "3bffffffffffffffff"),
        ([[[[[[]]]]]], "818181818180"),
    ],
)
def test_numbers_and_depths_at_their_edges(value: Any, data: str) -> None:
    assert cbor.dumps(value).hex() == data
    assert cbor.loads(bytes.fromhex(data), limit_bytes=len(data) // 2) == value


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1, True, None, 1.5, [None], {"a": 1.5}])
def test_what_has_no_encoding_here_gets_none(value: Any) -> None:
    with pytest.raises(ProofError, match="cbor_malformed"):
        cbor.dumps(value)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("1817", id="23 in two bytes"),
        pytest.param("1900ff", id="255 in three"),
        pytest.param("1a0000ffff", id="65535 in five"),
        pytest.param("1b00000000ffffffff", id="2^32-1 in nine"),
        pytest.param("1c" + "00" * 16, id="a width of sixteen"),
        pytest.param("5f4100ff", id="an indefinite length"),
        pytest.param("61ff", id="text that is not UTF-8"),
        pytest.param("a201000100", id="a key twice"),
        pytest.param("a202000100", id="keys out of order"),
        pytest.param("a18000", id="a list as a key"),
        pytest.param("81818181818180", id="seven deep"),
        pytest.param("f6", id="null"),
        pytest.param("0000", id="more than a value"),
        pytest.param("8201", id="less than its items"),
    ],
)
def test_another_spelling_is_none(data: str) -> None:
    with pytest.raises(ProofError, match="cbor_malformed"):
        cbor.loads(bytes.fromhex(data), limit_bytes=64)


def test_keys_in_any_order_are_once_each_all_the_same() -> None:
    assert cbor.loads(bytes.fromhex("a202000100"), limit_bytes=64, any_order=True) == {2: 0, 1: 0}
    with pytest.raises(ProofError, match="cbor_malformed"):
        cbor.loads(bytes.fromhex("a201000100"), limit_bytes=64, any_order=True)
    with pytest.raises(ProofError, match="cbor_too_large"):
        cbor.loads(bytes.fromhex("a202000100"), limit_bytes=4)
