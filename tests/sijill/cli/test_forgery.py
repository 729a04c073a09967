"""Papers that look forged: reported by anybody, read by whom they name."""

from api.suspicions import Suspected
from infrastructure.proofs.codes import for_people, generate
from sijill.cli.forgery import Looks
from tests.serving import Agency
from tests.sijill.cli.conftest import Shell, letter


def test_anybody_reports_and_the_issuer_is_told(office: Shell, agency: Agency) -> None:
    issued = office("certificate", "issue", office.file("c.json", letter()), "--output", "json")
    code = issued.json["code"]

    ran = office("forgery", "report", for_people(code).lower(), "--kind", "paper_altered",
                 "--output", "json")  # fmt: skip

    assert (ran.code, ran.json) == (0, {"code": code, "kind": "paper_altered"}), ran.err
    told = office("forgery", "list", "--code", code, "--output", "json").json["items"]
    assert [(one["code"], one["kind"], one["reports"]) for one in told] == [
        (code, "paper_altered", 1)
    ]
    assert told[0]["issuer"] == agency.name
    assert "The paper was altered" in office("forgery", "list", "--code", code).out


def test_a_code_that_is_not_known_is_taken_alike(office: Shell, agency: Agency) -> None:
    code = generate()

    ran = office("forgery", "report", code, "--kind", "other", "--of", agency.name)

    assert (ran.code, ran.out.strip() != "") == (0, True), ran.err
    [one] = office("forgery", "list", "--code", code, "--output", "json").json["items"]
    assert (one["issuer"], one["claimed"]) == (None, agency.name)


def test_what_is_no_code_is_refused(office: Shell) -> None:
    ran = office("forgery", "report", "nothing", "--kind", "other", "--output", "json")

    assert ran.json["problem"]["code"] == "code_malformed"


def test_both_sides_know_the_same_words() -> None:
    assert {one.value for one in Looks} == {one.value for one in Suspected}
