"""Files that bring a credential along, judged by the server for whoever has no scripts."""

from dataclasses import replace
from typing import Any

import pytest

from api.i18n import LANGUAGES, translate
from infrastructure.pictures import CREDENTIAL
from infrastructure.proofs import credential, jwk, qr
from infrastructure.proofs.credential import Credential
from sijill.client import credentials
from tests.api import asking
from tests.api.talking import Wire, colleague, on, revoke
from tests.api.test_pages import look_of, reason_of
from tests.api.test_pages_files import qr as drawn
from tests.api.test_pages_files import sent
from tests.api.test_succession import merge
from tests.clock import now_seconds
from tests.infrastructure.documents.papers import refiled
from tests.infrastructure.documents.test_carried import WEBSITE, merged
from tests.serving import Agency

NAME = "حامل 0001"


def described(wire: Wire, agency: Agency, code: str) -> Credential:
    """What the credential of a certificate says."""
    shown = asking.read(wire, agency, f"/v1/certificates/{code}").json()
    return credentials.describe(shown, agency.client.identity.ledger)


def signed(
    wire: Wire, agency: Agency, key: jwk.PrivateKey | None = None, /, **changes: Any
) -> bytes:
    """The credential of a certificate that was just issued, perhaps with other words in it."""
    code = asking.issued(agency, values=asking.LETTER)
    return credential.sign(replace(described(wire, agency, code), **changes), key or agency.key)


def photograph(data: bytes) -> bytes:
    return drawn(qr.encode_text(data, host="sijill.example"))


def pdf(data: bytes, held: bytes) -> bytes:
    """A page with one credential, and another embedded."""
    page = drawn(qr.encode_text(data, host="sijill.example"), "pdf")
    return refiled(page, {CREDENTIAL: held})


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_scripts_the_credential_is_verified_too(
    wire: Wire, agency: Agency, language: str
) -> None:
    page = sent(wire, photograph(signed(wire, agency)), language)

    assert (reason_of(page), look_of(page)) == ("in_force_credential_genuine", "good")
    # To be compared by eye: the visitor brought the name along.
    assert NAME in page.text
    assert translate(language, "page.file.read_by_server") in page.text


def test_a_file_that_contradicts_itself_is_never_valid(wire: Wire, agency: Agency) -> None:
    one, other = signed(wire, agency), signed(wire, agency)

    for held, language in zip((other, one[:-1], b"\xd2"), LANGUAGES, strict=True):
        page = sent(wire, pdf(one, held), language)
        assert (reason_of(page), look_of(page)) == ("file_contradictory", "bad")
        assert translate(language, "page.headline.file_contradictory") in page.text
        # Neither of the two is handed to the browser, which would find it genuine.
        assert "data-payload" not in page.text
        assert NAME not in page.text

    assert reason_of(sent(wire, pdf(one, one))) == "in_force_credential_genuine"


def broken(text: str, other: str) -> list[str]:
    """QR texts of a genuine code, each with a payload that is damaged or another's."""
    place, payload = text.split("#")
    flipped = "A" if payload[40] != "A" else "B"
    return [
        text[:-1],
        f"{place}#{payload[:80]}",
        f"{place}#{payload[:40]}{flipped}{payload[41:]}",
        f"{place}#{payload}====",
        f"{place}#{other.partition('#')[2]}",
    ]


def test_a_genuine_code_with_a_payload_that_does_not_read_is_unreadable(
    wire: Wire, agency: Agency
) -> None:
    texts = [qr.encode_text(signed(wire, agency), host="sijill.example") for _ in range(2)]

    for text in broken(*texts):
        page = sent(wire, drawn(text))
        assert page.status_code == 200
        assert look_of(page) != "record", text
        assert reason_of(page) in {"credential_unreadable", "credential_foreign"}, text
        assert "data-payload" not in page.text


def test_a_code_that_reads_goes_before_a_payload_that_does_not(wire: Wire, agency: Agency) -> None:
    one, other = (qr.encode_text(signed(wire, agency), host="sijill.example") for _ in range(2))

    for text, reason in (
        (other, "in_force_credential_genuine"),
        (other.partition("#")[0], "in_force_paper_not_compared"),
        (WEBSITE, "credential_unreadable"),
    ):
        file = merged(drawn(one[:-8], "pdf"), drawn(text, "pdf"), attached=[])
        assert reason_of(sent(wire, file)) == reason


def test_an_address_with_the_page_s_language_is_no_other_system_s(
    wire: Wire, agency: Agency
) -> None:
    text = qr.encode_text(signed(wire, agency), host="sijill.example")
    shown = text.replace("HTTPS://SIJILL.EXAMPLE/V/", "https://sijill.example/ar/v/")

    assert reason_of(sent(wire, drawn(shown))) == "in_force_credential_genuine"
    bare = shown.partition("#")[0]
    assert reason_of(sent(wire, drawn(bare))) == "in_force_paper_not_compared"


def test_what_the_key_signed_is_compared_with_the_record(wire: Wire, agency: Agency) -> None:
    """By an officer who signs what nobody recorded."""
    data = signed(wire, agency, fields={0: "غيره"})

    page = sent(wire, photograph(data))

    assert (reason_of(page), look_of(page)) == ("content_mismatch", "bad")
    assert 'data-compared="yes"' in page.text


@pytest.mark.parametrize(
    "changes,name",
    [
        # Compressed, it fits into a QR code; a comparison takes no such value.
        ({"fields": {0: "x" * 501}}, "holder_name"),
        ({"number": "7" * 501}, "number"),
        # No field of this type.
        ({"fields": {0: NAME, 63: "غيره"}}, "63"),
    ],
)
def test_what_was_not_compared_is_never_told_to_be_the_same(
    wire: Wire, agency: Agency, changes: dict[str, Any], name: str
) -> None:
    page = sent(wire, photograph(signed(wire, agency, **changes)))

    assert page.status_code == 200
    assert (reason_of(page), look_of(page)) == ("values_not_comparable", "unsure")
    assert name in page.text
    assert 'data-compared="yes"' in page.text


def test_what_was_erased_since_is_not_compared(wire: Wire, agency: Agency) -> None:
    """Whoever has the key may have written anything in its place."""
    code = asking.issued(agency, values=asking.LETTER, date="2015-03-01", year=2015)
    said = replace(described(wire, agency, code), fields={0: "غيره"})
    other = colleague(agency, f"officer-{asking.new_name()}").client
    until = {"valid_until": now_seconds() + asking.DAY}
    other.approve(on(agency.client, "erase", code, "erasure", **until)["order"])

    page = sent(wire, photograph(credential.sign(said, agency.key)))

    assert (reason_of(page), look_of(page)) == ("values_not_comparable", "unsure")


@pytest.mark.parametrize(
    "changes,reason",
    [
        ({"index": 10**9}, "credential_forged"),
        ({"type": "degree"}, "credential_forged"),
        ({"ledger": "00" * credential.LEDGER_BYTES}, "ledger_foreign"),
        ({"agency": "somebody"}, "issuer_unknown"),
    ],
)
def test_what_names_another_record_is_never_valid(
    wire: Wire, agency: Agency, changes: dict[str, Any], reason: str
) -> None:
    page = sent(wire, photograph(signed(wire, agency, **changes)))

    assert reason_of(page) == reason
    assert look_of(page) in {"bad", "unsure"}


def test_another_body_s_key_signs_nothing_here(
    wire: Wire, agency: Agency, stranger: Agency
) -> None:
    page = sent(wire, photograph(signed(wire, agency, stranger.key)))

    assert reason_of(page) == "issuer_unknown"
    assert NAME not in page.text


def test_who_follows_a_body_signs_in_its_name(wire: Wire, agency: Agency, stranger: Agency) -> None:
    old, between, new = (agency.served.agency() for _ in range(3))
    before = asking.issued(old, values=asking.LETTER)
    merge(old, between)
    agency.served.settle()
    code = asking.replace(between, before)
    said = described(wire, between, code)
    merge(between, new)
    agency.served.settle()
    described(wire, new, code)

    for key in (between.key, new.key):
        page = sent(wire, photograph(credential.sign(said, key)))
        assert (reason_of(page), look_of(page)) == ("in_force_credential_genuine", "good")
        assert NAME in page.text
    for key, reason in ((old.key, "issuer_not_entitled"), (stranger.key, "issuer_unknown")):
        page = sent(wire, photograph(credential.sign(said, key)))
        assert (reason_of(page), look_of(page)) == (reason, "bad")


def test_the_register_decides_on_force(wire: Wire, agency: Agency) -> None:
    code = asking.issued(agency, values=asking.LETTER)
    data = credential.sign(described(wire, agency, code), agency.key)
    revoke(agency, code)

    page = sent(wire, photograph(data))

    assert (reason_of(page), look_of(page)) == ("revoked", "bad")
    assert NAME in page.text
