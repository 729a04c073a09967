"""Papers from the command line: the bytes that the service makes, sealed, by one's own template."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from infrastructure.proofs import qr
from tests.api.asking import signed_headers
from tests.infrastructure.documents.papers import picture_of, read_by_zbar, run, text_of
from tests.serving import ORIGIN, Agency
from tests.sijill.cli.conftest import Shell, letter


def issue(office: Shell, *options: str) -> dict[str, Any]:
    file = office.file("c.json", letter())
    ran = office("certificate", "issue", file, *options, "--output", "json")
    assert ran.code == 0, ran.err
    return dict(ran.json)


def test_a_paper_carries_the_credential(office: Shell) -> None:
    issued = issue(office)
    path = office.folder / "paper.pdf"
    ran = office("certificate", "render", issued["code"], "--into", path, "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["files"] == [str(path)]
    assert ran.json["credential"] is True
    assert qr.parse_text(ran.json["qr_text"]).code == issued["code"]
    assert read_by_zbar(picture_of(path)) == ran.json["qr_text"]
    assert ["حامل", "0001"][0] in text_of(path)
    assert "credential.cose" in run("pdfdetach", "-list", path)


def test_without_a_credential_the_code_leads_to_the_page(office: Shell) -> None:
    issued = issue(office, "--no-credential")
    path = office.folder / "bare.png"
    ran = office("certificate", "render", issued["code"], "--format", "png", "--into", path)

    assert ran.code == 0, ran.err
    host = ORIGIN.partition("/")[0].upper()
    assert read_by_zbar(path) == f"HTTPS://{host}/V/{issued['code']}"
    assert "credential" in ran.err.lower()


def test_the_service_makes_the_same_bytes(office: Shell, agency: Agency) -> None:
    issued = issue(office)
    path = office.folder / "paper.pdf"
    assert office("certificate", "render", issued["code"], "--into", path).code == 0

    address = f"/v1/certificates/{issued['code']}/document"
    answer = httpx2.get(f"{agency.served.url}{address}", headers=signed_headers(agency, address))
    assert answer.content == path.read_bytes()


def test_a_sealed_paper_is_accepted(office: Shell) -> None:
    issued = issue(office)
    key, path = office.folder / "seal.pem", office.folder / "sealed.pdf"
    made = office("key", "seal", key, "--name", "وزارة العدل")
    ran = office("certificate", "render", issued["code"], "--into", path, "--seal", key)

    assert made.code == ran.code == 0, made.err + ran.err
    assert "Signature is Valid" in run("pdfsig", "-nocert", path)


def test_a_template_of_ones_own(office: Shell) -> None:
    issued = issue(office)
    path = office.folder / "own.svg"
    own = office.file("own.typ", "")
    Path(own).write_text('#set text(font: "Amiri")\n= #json(bytes(sys.inputs.paper)).number')
    ran = office(
        *("certificate", "render", issued["code"], "--format", "svg"),
        *("--template", own, "--into", path),
    )

    assert ran.code == 0, ran.err
    assert path.read_text().startswith("<svg")

    Path(own).write_text("#nonsense")
    ran = office("certificate", "render", issued["code"], "--template", own, "--output", "json")
    assert ran.json["problem"]["code"] == "template_unusable"


def test_only_a_pdf_is_sealed_and_only_what_is_in_force_is_printed(office: Shell) -> None:
    issued = issue(office)
    code = issued["code"]
    ran = office("certificate", "render", code, "--format", "png", "--seal", "k.pem")
    assert ran.code == 2, ran.err

    assert office("certificate", "revoke", code, "--reason", "decision").code == 0
    ran = office("certificate", "render", code, "--output", "json")
    assert ran.json["problem"]["code"] == "document_not_in_force"


@pytest.fixture(autouse=True)
def _here(office: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no name is written where one stands."""
    monkeypatch.chdir(office.folder)
