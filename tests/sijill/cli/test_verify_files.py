"""PDFs that contradict themselves, and evidence that one brings along, as anybody verifies them."""

import json
from pathlib import Path
from time import time
from typing import Any

import httpx2
import pytest

from infrastructure.pictures import CREDENTIAL, EVIDENCE
from infrastructure.proofs import bundle, credential
from tests.api.asking import signed_headers
from tests.infrastructure.documents.papers import is_sound, refiled, run
from tests.serving import Agency, Served, act
from tests.sijill.cli.conftest import Ran, Shell, letter
from tests.sijill.cli.test_trust import fetched, offline

CONTRADICTORY = (10, "file_contradictory")


def printed(office: Shell, name: str, *options: str) -> tuple[str, Path]:
    """A certificate's code, and its paper."""
    issued = office("certificate", "issue", office.file("c.json", letter()), "--output", "json")
    path = office.folder / name
    ran = office("certificate", "render", issued.json["code"], "--into", path, *options)
    assert ran.code == 0, ran.err
    return str(issued.json["code"]), path


def embedded(path: Path, name: str) -> bytes:
    """A file in a PDF, as poppler finds it."""
    into = path.with_suffix(f".{name}")
    run("pdfdetach", "-savefile", name, "-o", into, path)
    return into.read_bytes()


def both(office: Shell, served: Served, path: Path) -> list[tuple[int, str]]:
    """How a file is judged with no network, and with one."""
    lists = fetched(office, served)
    ran = [offline(office, path, lists), office("verify", path, "--output", "json")]
    return [(one.code, one.json["reason"]) for one in ran]


def test_a_paper_as_it_was_made_is_valid(office: Shell, served: Served) -> None:
    _, path = printed(office, "sound.pdf")

    assert both(office, served, path) == [
        (0, "in_force_credential_genuine"),
        (0, "in_force_fields_match"),
    ]


def test_picture_and_attachment_of_two_papers_are_no_paper(office: Shell, served: Served) -> None:
    """Either way round: both credentials are genuine, and the file is not."""
    _, one = printed(office, "one.pdf")
    _, other = printed(office, "other.pdf")
    held = embedded(other, CREDENTIAL)
    mixed = office.folder / "mixed.pdf"
    mixed.write_bytes(refiled(one.read_bytes(), {CREDENTIAL: held}, drop=CREDENTIAL))

    assert credential.decode(held).credential.code
    assert both(office, served, mixed) == [CONTRADICTORY, CONTRADICTORY]


def test_a_damaged_attachment_is_noticed(office: Shell, served: Served) -> None:
    _, path = printed(office, "damaged.pdf")
    held = bytearray(embedded(path, CREDENTIAL))
    held[-1] ^= 1
    path.write_bytes(refiled(path.read_bytes(), {CREDENTIAL: bytes(held)}, drop=CREDENTIAL))

    assert both(office, served, path) == [CONTRADICTORY, CONTRADICTORY]
    told = office("verify", path)
    assert "contradicts itself" in told.out


def with_evidence(path: Path, data: bytes) -> Path:
    """The paper with other evidence in it."""
    made = path.with_stem(f"{path.stem}-other")
    made.write_bytes(refiled(path.read_bytes(), {EVIDENCE: data}, drop=EVIDENCE))
    return made


def test_a_paper_carries_its_evidence_and_is_still_a_sound_pdf(
    office: Shell, agency: Agency
) -> None:
    code, path = printed(office, "evidence.pdf", "--evidence")

    held = bundle.parse(embedded(path, EVIDENCE))
    assert held.code == code
    # The agency's key opens its bodies.
    assert all(one.opening.body for one in held.events)
    assert is_sound(path)
    text = path.read_bytes()
    assert b"/AFRelationship /Supplement" in text or b"/Supplement" in text

    address = f"/v1/certificates/{code}/document"
    headers = signed_headers(agency, address, "evidence=true")
    answer = httpx2.get(f"{agency.served.url}{address}?evidence=true", headers=headers)
    served = office.folder / "served.pdf"
    served.write_bytes(answer.content)
    assert bundle.parse(embedded(served, EVIDENCE)).code == code


def test_only_a_pdf_holds_evidence(office: Shell) -> None:
    code, _ = printed(office, "plain.pdf")

    assert office("certificate", "render", code, "--format", "png", "--evidence").code == 2


def test_evidence_tells_the_force_where_there_is_no_status_list(
    office: Shell, served: Served
) -> None:
    _, path = printed(office, "proven.pdf", "--evidence")
    trust, _ = fetched(office, served)
    nothing = office.folder / "nothing"

    ran = offline(office, path, (trust, nothing))

    assert (ran.code, ran.json["reason"]) == (0, "in_force_credential_genuine"), ran.out
    assert ran.json["knowledge"]["evidence_size"] == ran.json["knowledge"]["status_size"]
    told = office("verify", path, "--offline", "--trust", trust)
    assert "Evidence in the file" in told.out


def test_a_newer_status_list_outweighs_evidence(office: Shell, served: Served) -> None:
    code, path = printed(office, "before.pdf", "--evidence")
    assert office("certificate", "revoke", code, "--reason", "decision").code == 0

    assert awaited_revocation(office, served, path) == (11, "revoked")


def test_evidence_of_a_compromise_outweighs_lists_that_do_not_know_of_it(
    office: Shell, served: Served
) -> None:
    body = served.agency()
    office.set(SIJILL_KEY=str(office.key("stolen", body.key)), SIJILL_AGENCY=body.name)
    code, path = printed(office, "stolen.pdf", "--evidence")
    lists = fetched(office, served)
    assert offline(office, path, lists).code == 0
    shown = office("certificate", "credential", code, "--output", "json").json
    waiting = act(
        served.founder("ndc"), f"/v1/keys/{shown['key']}/compromise", "key.compromise",
        key=shown["key"], as_of=0, reason="stolen", valid_until=int(time()) + 86_400,
    )  # fmt: skip
    served.founder("comsec").approve(waiting["order"])
    served.settle()
    office.set(SIJILL_KEY=str(served.folder / "keys" / "ndc.pem"), SIJILL_AGENCY="ndc")
    told = office.folder / "told.json"
    assert office("bundle", "create", code, "--to", told).code == 0

    ran = offline(office, with_evidence(path, told.read_bytes()), lists)

    assert (ran.code, ran.json["reason"]) == (10, "issuer_key_compromised"), ran.out
    assert ran.json["questions"]["issuer"] == "key_compromised"


def awaited_revocation(office: Shell, served: Served, path: Path) -> tuple[int, str]:
    """Every worker looks for a change of the lists once a second."""
    for _ in range(200):
        ran = offline(office, path, fetched(office, served))
        if ran.code != 0:
            break
    return ran.code, ran.json["reason"]


def altered(data: bytes) -> list[bytes]:
    """Bundles that nobody honest made."""
    said = json.loads(data)
    fewer = {**said, "events": said["events"][:-1]}
    return [b"{}", data[:-2], json.dumps(fewer, separators=(",", ":"), sort_keys=True).encode()]


def test_evidence_that_does_not_verify_is_noticed(office: Shell, served: Served) -> None:
    _, one = printed(office, "first.pdf", "--evidence")
    _, other = printed(office, "second.pdf", "--evidence")
    lists = fetched(office, served)
    data = embedded(one, EVIDENCE)

    for wrong in (*altered(data), embedded(other, EVIDENCE)):
        ran: Ran = offline(office, with_evidence(one, wrong), lists)
        assert (ran.code, ran.json["reason"]) == CONTRADICTORY, wrong[:40]


@pytest.fixture(autouse=True)
def _here(office: Shell, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What has no name is written where one stands."""
    monkeypatch.chdir(office.folder)
