"""Credentials from the agency's own machine to the QR code, against a ledger really served."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from infrastructure.documents.symbol import symbol
from infrastructure.proofs import cwt, jwk, qr
from infrastructure.proofs.errors import ProofError
from sijill.client import Client, credentials
from tests.serving import Agency, Served, enrolment
from tests.sijill.cli.conftest import Shell, letter, ndjson


def issue(office: Shell, *options: str, **changes: Any) -> dict[str, Any]:
    file = office.file("c.json", letter(**changes))
    ran = office("certificate", "issue", file, *options, "--output", "json")
    assert ran.code == 0, ran.err
    return dict(ran.json)


def test_issuing_records_a_credential_in_the_same_breath(office: Shell, agency: Agency) -> None:
    issued = issue(office)

    ran = office("certificate", "credential", issued["code"], "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["index"] == issued["credential_index"] == issued["index"] + 1
    reading = qr.parse_text(ran.json["qr_text"])
    said = reading.signed.credential
    assert reading.signed.verify([jwk.public_of(agency.key)]).thumbprint == ran.json["key"]
    assert (said.agency, said.code, said.index) == (agency.name, issued["code"], issued["index"])
    assert said.fields == {0: "حامل 0001", 2: "تأييد سكن"}
    assert ran.json["custodial"] is False
    assert ran.json["smallest_mm"] == symbol(ran.json["qr_text"]).smallest_mm


@pytest.mark.parametrize("letters", [600, 3_000])
def test_what_is_too_long_for_a_qr_code_is_left_out(office: Shell, letters: int) -> None:
    fields = letter()["fields"] | {"supported_fact": "ش" * letters}

    code = issue(office, fields=fields)["code"]

    shown = office("certificate", "credential", code, "--output", "json").json
    said = qr.parse_text(shown["qr_text"]).signed.credential
    assert set(said.fields.values()) == {fields["holder_name"]}


def fail_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """No credential can be made for a holder of this name."""
    sign = credentials.sign

    def failing(shown: Any, ledger: bytes, key: jwk.PrivateKey) -> bytes:
        if shown["values"]["holder_name"] == name:
            raise ProofError("qr_payload_too_large")
        return sign(shown, ledger, key)

    monkeypatch.setattr(credentials, "sign", failing)


def test_where_none_can_be_made_the_certificate_is_told_all_the_same(
    office: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = letter()
    fail_for(monkeypatch, asked["fields"]["holder_name"])

    ran = office("certificate", "issue", office.file("one.json", asked), "--output", "json")

    assert ran.code == 0, ran.err
    assert {"code", "holder_secret", "index"} <= ran.json.keys()
    assert "credential_index" not in ran.json
    assert "qr_payload_too_large" in ran.err


def test_in_a_bulk_one_that_cannot_be_made_is_told_and_the_others_are(
    office: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = letter(fields=letter()["fields"] | {"holder_name": "حامل 0002"})
    fail_for(monkeypatch, "حامل 0002")
    file = office.file("three.ndjson", ndjson([letter(), middle, letter()]))

    ran = office("certificate", "bulk", file, "--credential", "--output", "json")

    assert ran.code == 5
    *lines, told, end = ran.lines
    assert (told["code"], told["problem"]["code"]) == (lines[1]["code"], "qr_payload_too_large")
    summary = end["summary"]
    assert (summary["recorded"], summary["credentials"], summary["refused"]) == (3, 2, 1)


def test_it_can_be_made_later_and_made_anew(office: Shell) -> None:
    issued = issue(office, "--no-credential")
    assert "credential_index" not in issued

    first = office("certificate", "credential", issued["code"], "--output", "json").json
    again = office("certificate", "credential", issued["code"], "--output", "json").json
    anew = office("certificate", "credential", issued["code"], "--anew", "--output", "json").json

    assert first["credential"] == again["credential"]
    assert anew["index"] > first["index"]


def test_for_people_it_is_the_text_of_the_qr_code(office: Shell) -> None:
    code = issue(office)["code"]

    ran = office("certificate", "credential", code, "--host", "verify.example")

    assert ran.out.startswith(f"HTTPS://VERIFY.EXAMPLE/V/{code}#")
    assert ran.out.count("\n") == 1


def test_a_bulk_makes_them_too_and_only_those_that_are_missing(office: Shell) -> None:
    file = office.file("many.ndjson", ndjson([letter(), letter(), letter()]))

    ran = office("certificate", "bulk", file, "--credential", "--output", "json")
    again = office("certificate", "bulk", file, "--credential", "--output", "json")

    assert (ran.code, ran.lines[-1]["summary"]["credentials"]) == (0, 3), ran.err
    assert (again.code, again.lines[-1]["summary"]["credentials"]) == (0, 0)
    for line in ran.lines[:3]:
        shown = office("certificate", "credential", line["code"], "--output", "json").json
        assert qr.parse_text(shown["qr_text"]).signed.credential.index == line["index"]


def test_a_bulk_reads_each_certificate_once(office: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    get = Client.get

    def counted(self: Client, path: str, **how: Any) -> Any:
        asked.append(path)
        return get(self, path, **how)

    monkeypatch.setattr(Client, "get", counted)
    file = office.file("more.ndjson", ndjson([letter(), letter()]))
    ran = office("certificate", "bulk", file, "--credential", "--output", "json")

    assert ran.code == 0, ran.err
    read = [path for path in asked if path.startswith("/v1/certificates/")]
    assert sorted(read) == sorted(f"/v1/certificates/{line['code']}" for line in ran.lines[:2])


def test_it_is_given_to_the_agency_alone(office: Shell, served: Served, shell: Shell) -> None:
    code = issue(office)["code"]
    other = served.agency()
    path = shell.key("other", other.key)

    ran = office("certificate", "credential", code, "--key", str(path), "--agency", other.name)
    assert (ran.code, "HTTPS" in ran.out) == (5, False)
    refused = office("certificate", "credential", code, "--key", str(path), "--output", "json",
                     "--agency", other.name)  # fmt: skip
    assert "certificate_unknown" in refused.out + refused.err


def test_a_key_that_the_data_center_holds_signs_and_is_told(
    office: Shell, served: Served, shell: Shell
) -> None:
    body = served.agency()
    held = generate_private_key(SECP256R1())
    path = f"/v1/agencies/{body.name}/keys"
    line = enrolment(body.name, body.name, held, ["custodial", "issue"], "officer-9")
    waiting = body.client.send(body.client.prepare(path, [line], cosigned=True))
    body.client.send(body.client.possess(path, line, held))
    served.founder("ndc").approve(waiting["order"])
    office.set(SIJILL_KEY=str(shell.key("body", body.key)), SIJILL_AGENCY=body.name)
    code = issue(office, "--no-credential")["code"]

    ran = office("certificate", "credential", code, "--signer", str(shell.key("held", held)),
                 "--output", "json")  # fmt: skip

    assert ran.code == 0, ran.err
    assert ran.json["custodial"] is True
    signed = qr.parse_text(ran.json["qr_text"]).signed
    assert signed.algorithm == cwt.ES256
    assert signed.verify([jwk.public_of(held)]) == jwk.public_of(held)
