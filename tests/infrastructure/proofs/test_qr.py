"""QR texts: what does not fit is left out or refused, and where one may lead."""

from dataclasses import replace
from hashlib import sha256

import pytest

from infrastructure.proofs import credential, jwk, qr
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.test_credential import ACCEPTED, KEYS, SAMPLE

FULL = replace(
    SAMPLE,
    fields={**SAMPLE.fields, 5: "هندسة البرمجيات", 7: "2025", 8: "امتياز"},
    document="ab" * 32,
)


def test_fields_that_do_not_fit_are_left_out_from_the_end() -> None:
    data = qr.sign_fitting(FULL, KEYS["P-256"])
    shown = credential.decode(data).credential.fields

    assert len(qr.pack(data)) <= qr.MAX_PAYLOAD_BYTES
    assert 0 < len(shown) < len(FULL.fields)
    assert list(shown) == sorted(FULL.fields)[: len(shown)]
    public = jwk.public_of(KEYS["P-256"])
    assert credential.decode(data).verify([public]) == public


@pytest.mark.parametrize("letters", [600, 3_000])
def test_a_field_longer_than_any_reader_takes_is_left_out(letters: int) -> None:
    data = qr.sign_fitting(replace(SAMPLE, fields={0: "حامل", 2: "ش" * letters}), KEYS["P-256"])

    assert credential.decode(data).credential.fields == {0: "حامل"}


def test_what_is_wrong_with_a_field_is_told_and_no_reason_to_leave_it_out() -> None:
    with pytest.raises(ProofError, match="credential_text"):
        qr.sign_fitting(replace(SAMPLE, fields={0: "حامل", 2: "\u200e"}), KEYS["P-256"])


def test_what_does_not_fit_even_without_fields_is_refused() -> None:
    with pytest.raises(ProofError, match="qr_payload_too_large"):
        qr.sign_fitting(
            replace(FULL, number="".join(sha256(bytes([n])).hexdigest() for n in range(6))),
            KEYS["P-256"],
        )


@pytest.mark.parametrize("host", ["", "a b", "ex_ample", "example.com/x", "-a", "a" * 65])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(ProofError, match="qr_host"):
        qr.encode_text(bytes.fromhex(ACCEPTED[0]["cose_sign1"]), host=host)


def test_a_loopback_host_has_no_transport_security() -> None:
    text = qr.encode_text(bytes.fromhex(ACCEPTED[0]["cose_sign1"]), host="localhost:8600")

    assert text.startswith("HTTP://LOCALHOST:8600/V/")
    assert qr.parse_text(text).host == "LOCALHOST:8600"
    assert qr.parse_text(text.replace("HTTP://LOCALHOST", "http://localhost"))


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
def test_an_address_as_a_browser_shows_it_behind_the_redirect_is_read(language: str) -> None:
    data = bytes.fromhex(ACCEPTED[0]["cose_sign1"])
    printed = qr.encode_text(data, host="sijill.example")
    shown = printed.replace("HTTPS://SIJILL.EXAMPLE/V/", f"https://sijill.example/{language}/v/")
    code = credential.decode(data).credential.code

    assert qr.parse_text(shown) == qr.parse_text(printed)
    bare = shown.partition("#")[0]
    assert qr.code_in_bare(bare) == qr.code_in_bare(f"{bare}#") == code
    for text in (bare, shown, bare.lower(), code.lower()):
        assert qr.place_in(text) == qr.Place(code, text.removeprefix(bare) if "#" in text else "")


def test_no_other_path_stands_before_the_code() -> None:
    printed = qr.encode_text(bytes.fromhex(ACCEPTED[0]["cose_sign1"]), host="sijill.example")
    for path in ("/fr/v/", "/ar/ar/v/", "/ar/", "/arv/"):
        text = printed.replace("/V/", path)
        with pytest.raises(ProofError, match="qr_foreign"):
            qr.parse_text(text)
        assert qr.code_in_bare(text.partition("#")[0]) is None
        assert qr.place_in(text) is None
