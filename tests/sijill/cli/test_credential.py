"""Credentials from the agency's own machine to the QR code, against a ledger really served."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from infrastructure.documents.symbol import symbol
from infrastructure.proofs import cwt, jwk, qr
from sijill.client import Client
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
