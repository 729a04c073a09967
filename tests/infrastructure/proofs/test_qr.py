"""QR symbols: what is printed is read by zxing, and what could not be read is not printed."""

from dataclasses import replace
from hashlib import sha256
from io import BytesIO

import pytest
import segno
import zxingcpp
from PIL import Image

from infrastructure.proofs import credential, jwk, qr
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.test_credential import ACCEPTED, KEYS, SAMPLE

FULL = replace(
    SAMPLE,
    fields={**SAMPLE.fields, 5: "هندسة البرمجيات", 7: "2025", 8: "امتياز"},
    document="ab" * 32,
)


def test_a_typical_arabic_certificate_stays_at_version_17_level_q() -> None:
    text = qr.encode_text(credential.sign(SAMPLE, KEYS["P-256"]), host="sijill.gov.iq")

    made = qr.symbol(text)

    assert made.version <= 17
    assert made.code.error == "Q"
    assert made.modules == 17 + 4 * made.version + 8
    assert made.smallest_mm == pytest.approx(made.modules * 0.35, abs=0.05)


@pytest.mark.parametrize("case", ACCEPTED[:3], ids=lambda case: case["why"])
def test_a_printed_symbol_is_read_by_zxing(case: dict[str, str]) -> None:
    drawn = BytesIO()
    qr.symbol(case["text"]).code.save(drawn, kind="png", scale=3, border=qr.QUIET_MODULES)

    found = zxingcpp.read_barcodes(Image.open(drawn))

    assert [one.text for one in found] == [case["text"]]


def test_three_segments_are_smaller_than_one() -> None:
    text = ACCEPTED[0]["text"]

    assert qr.symbol(text).version < int(segno.make_qr(text, error="Q").version)


def test_fields_that_do_not_fit_are_left_out_from_the_end() -> None:
    data = qr.sign_fitting(FULL, KEYS["P-256"])
    shown = credential.decode(data).credential.fields

    assert len(qr.pack(data)) <= qr.MAX_PAYLOAD_BYTES
    assert 0 < len(shown) < len(FULL.fields)
    assert list(shown) == sorted(FULL.fields)[: len(shown)]
    public = jwk.public_of(KEYS["P-256"])
    assert credential.decode(data).verify([public]) == public


def test_what_does_not_fit_even_without_fields_is_refused() -> None:
    with pytest.raises(ProofError, match="qr_payload_too_large"):
        qr.sign_fitting(
            replace(FULL, number="".join(sha256(bytes([n])).hexdigest() for n in range(6))),
            KEYS["P-256"],
        )


def test_a_symbol_too_small_to_be_read_is_refused_with_its_millimetres() -> None:
    text = ACCEPTED[0]["text"]
    least = qr.symbol(text).smallest_mm

    assert qr.symbol(text, side_mm=least)
    with pytest.raises(ProofError, match=f"at least {least} mm"):
        qr.symbol(text, side_mm=least - 0.1)


def test_a_symbol_too_dense_to_be_read_is_refused() -> None:
    with pytest.raises(ProofError, match=r"qr_too_dense: version 2[0-9], at most 20; [0-9.]+ mm"):
        qr.symbol(f"{ACCEPTED[0]['text']}{'A' * 250}")
    with pytest.raises(ProofError, match="qr_too_dense"):
        qr.symbol("A" * 5000)


@pytest.mark.parametrize("host", ["", "a b", "ex_ample", "example.com/x", "-a", "a" * 65])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(ProofError, match="qr_host"):
        qr.encode_text(bytes.fromhex(ACCEPTED[0]["cose_sign1"]), host=host)


def test_a_loopback_host_has_no_transport_security() -> None:
    text = qr.encode_text(bytes.fromhex(ACCEPTED[0]["cose_sign1"]), host="localhost:8600")

    assert text.startswith("HTTP://LOCALHOST:8600/V/")
    assert qr.parse_text(text).host == "LOCALHOST:8600"
    assert qr.parse_text(text.replace("HTTP://LOCALHOST", "http://localhost"))
