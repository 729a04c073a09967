"""What a QR code brings along is believed only as far as its signature, with a network, too."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.proofs import jwk, qr
from tests.serving import Agency, Served
from tests.sijill.cli.conftest import Ran, Shell, letter


def text_of(office: Shell, body: Agency, key: jwk.PrivateKey | None = None, /, **lies: Any) -> str:
    """The QR text of a certificate that was just issued, truly or not."""
    ran = office("certificate", "issue", office.file("c.json", letter()), "--output", "json")
    shown = office("certificate", "credential", ran.json["code"], "--output", "json").json
    said = qr.parse_text(shown["qr_text"]).signed.credential
    data = qr.sign_fitting(replace(said, **lies), key or body.key)
    return qr.encode_text(data, host="verify.example")


def asked(office: Shell, served: Served, text: str, *words: str) -> tuple[int, str]:
    served.settle()
    ran: Ran = office("verify", text, *words, "--output", "json")
    assert ran.err == "", ran.err
    return ran.code, ran.json["reason"]


def test_what_holds_matches(office: Shell, agency: Agency, served: Served) -> None:
    text = text_of(office, agency)

    assert asked(office, served, text) == (0, "in_force_fields_match")


LIES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "another's key": (
        {"key": Ed25519PrivateKey.generate()},
        {"issuer_unknown", "credential_forged", "issuer_not_known_yet"},
    ),
    "another agency": (
        {"agency": "ndc"},
        {"issuer_unknown", "credential_forged", "issuer_not_known_yet"},
    ),
    "another type": ({"type": "degree"}, {"credential_forged"}),
    "another act": ({"index": 1_000_000}, {"credential_forged", "issuer_not_known_yet"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_does_not_hold_is_never_a_match(
    office: Shell, agency: Agency, served: Served, lie: str
) -> None:
    changes, reasons = LIES[lie]
    said = dict(changes)
    key = said.pop("key", None)

    code, reason = asked(office, served, text_of(office, agency, key, **said))

    assert code in {10, 14}
    assert reason in reasons


def test_a_field_that_the_qr_code_has_otherwise_is_no_match(
    office: Shell, agency: Agency, served: Served
) -> None:
    text = text_of(office, agency, fields={0: "Somebody else"})

    printed = ("--field", "holder_name=حامل 0001")
    assert asked(office, served, text, *printed) == (10, "content_mismatch")


def test_a_bare_qr_code_is_judged_by_its_code(
    office: Shell, agency: Agency, served: Served
) -> None:
    bare, _, _ = text_of(office, agency).partition("#")

    assert asked(office, served, bare) == (0, "in_force_paper_not_compared")
