import json
import stat
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from infrastructure.proofs import receipts
from infrastructure.proofs.codes import for_people, parse_code
from sijill.client import State
from tests.serving import Agency, Served
from tests.sijill.cli.conftest import Shell, letter
from tests.sijill.cli.cutting import losing_answers


def issue(office: Shell, **changes: Any) -> dict[str, Any]:
    ran = office(
        "certificate", "issue", office.file("c.json", letter(**changes)), "--output", "json"
    )
    assert ran.code == 0, ran.err
    return dict(ran.json)


def outcome(office: Shell, code: str, *fields: str) -> tuple[int, str]:
    ran = office("verify", code, *fields, "--output", "json")
    return ran.code, ran.json["reason"]


def test_issue_prints_code_index_receipt_and_the_secret(office: Shell, served: Served) -> None:
    found = issue(office)

    assert parse_code(found["code"]) == found["code"]
    assert found["holder_secret"]
    kept = Path(found["receipt_path"]).read_bytes()
    identity = served.anybody().identity
    receipt = receipts.open_receipt(kept, [identity.receipts])
    assert (receipt.ledger, receipt.index) == (identity.ledger, found["index"])
    assert outcome(office, found["code"]) == (0, "in_force_paper_not_compared")


def test_issue_for_people_shows_the_same_and_reads_standard_input(office: Shell) -> None:
    ran = office("certificate", "issue", "-", stdin=json.dumps(letter()))

    assert ran.code == 0, ran.err
    recorded, code, credential, secret, receipt = ran.out.splitlines()
    assert recorded.startswith("Recorded at index ")
    stored = code.removeprefix("Code: ").replace("-", "")
    assert code == f"Code: {for_people(stored)}"
    assert credential.startswith("credential recorded at index ")
    assert secret.startswith("The holder's secret, shown only now: ")
    assert Path(receipt.removeprefix("Receipt: ")).exists()
    assert outcome(office, stored)[0] == 0


def test_the_document_is_committed_by_its_bytes(office: Shell) -> None:
    document = office.file("letter.pdf", "%PDF a letter")
    found = issue(office, document="letter.pdf")

    assert outcome(office, found["code"], "--document", str(document)) == (
        0,
        "in_force_document_matches",
    )
    other = office.file("other.pdf", "%PDF another letter")
    assert outcome(office, found["code"], "--document", str(other)) == (10, "content_mismatch")


def test_text_is_brought_into_one_form_before_it_is_committed(office: Shell) -> None:
    decomposed = "Zoe\u0308"
    found = issue(office, fields={"holder_name": decomposed, "supported_fact": "x"})

    assert outcome(office, found["code"], "--field", "holder_name=Zo\u00eb")[0] == 0


def test_the_same_number_twice_is_refused(office: Shell) -> None:
    file = office.file("c.json", letter())
    assert office("certificate", "issue", file).code == 0

    again = office("certificate", "issue", file, "--output", "json")

    assert again.code == 5
    assert again.json["problem"]["code"] == "number_taken"


@pytest.mark.usefixtures("hurried")
def test_an_interrupted_issuance_is_finished_and_not_doubled(office: Shell, served: Served) -> None:
    """The answer is lost after the ledger recorded; the same command then gives the same code."""
    file = office.file("c.json", letter())
    with losing_answers(served.url) as address:
        interrupted = office("certificate", "issue", file, "--url", address)
    assert interrupted.code == 3
    [journaled] = State(office.folder / "agency.state").journaled()

    ran = office("certificate", "issue", file, "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["replayed"] is True
    assert ran.json["code"].encode() in journaled.body
    assert ran.json["holder_secret"]
    assert State(office.folder / "agency.state").journaled() == []


def test_a_file_that_says_what_nobody_asked_for_is_refused_before_it_is_signed(
    office: Shell,
) -> None:
    extras: list[dict[str, Any]] = [
        {"remark": "free text"},
        {"claims": {}},
        {"agency": "ndc"},
        {"path": "/v1"},
    ]
    for extra in extras:
        file = office.file("c.json", letter(**extra))
        ran = office("certificate", "issue", file, "--output", "json")
        assert ran.code == 5
        assert ran.json["problem"]["code"] == "statement_invalid"
        assert ran.json["problem"]["errors"] == [
            {"pointer": f"/{next(iter(extra))}", "code": "extra_forbidden"}
        ]
    # Each fault has a line of its own; the last line is the code alone.
    told = office("certificate", "issue", file).err.splitlines()
    assert told[-2:] == ["  /path: extra_forbidden", "(statement_invalid)"]


@pytest.mark.parametrize(
    "content", ["{", "[]", "7", '{"fields": {"holder_name": 7}, "type": "support_letter"}']
)
def test_a_file_that_is_no_certificate_is_a_usage_error(office: Shell, content: str) -> None:
    ran = office("certificate", "issue", office.file("c.json", content), "--output", "json")

    assert ran.code == 2
    assert ran.json["problem"]["code"] == "input_malformed"


@pytest.mark.parametrize(
    "verb,reason,expected",
    [
        ("suspend", "under_review", (11, "suspended")),
        ("revoke", "decision", (11, "revoked")),
        ("void", "entered_in_error", (10, "voided")),
    ],
)
def test_withdrawals_change_the_verdict(
    office: Shell, verb: str, reason: str, expected: tuple[int, str]
) -> None:
    code = issue(office)["code"]

    ran = office("certificate", verb, for_people(code).lower(), "--reason", reason)

    assert ran.code == 0, ran.err
    assert outcome(office, code) == expected


def test_reinstate_ends_a_suspension_and_suspending_again_is_another_act(office: Shell) -> None:
    code = issue(office)["code"]
    steps = [
        ("suspend", "under_review", 11),
        ("reinstate", "review_passed", 0),
        ("suspend", "under_review", 11),
    ]

    for verb, reason, expected in steps:
        assert office("certificate", verb, code, "--reason", reason).code == 0
        assert outcome(office, code)[0] == expected


def test_one_original_alone_is_revoked_and_a_further_one_made(office: Shell) -> None:
    first = issue(office)["code"]
    further = office("certificate", "original", first, "--output", "json").json
    assert further["holder_secret"]

    ran = office(
        "certificate", "revoke", further["code"], "--reason", "decision", "--original-only"
    )

    assert ran.code == 0, ran.err
    assert outcome(office, further["code"]) == (11, "original_revoked")
    assert outcome(office, first)[0] == 0


def test_a_correction_makes_a_new_code_and_the_old_one_says_so(office: Shell) -> None:
    old = issue(office)["code"]
    fields = {"holder_name": "حامل 0002", "supported_fact": "تأييد سكن"}
    file = office.file("fix.json", {"reason": "clerical_error", "language": "ar", "fields": fields})

    ran = office("certificate", "correct", old, file, "--output", "json")

    assert ran.code == 0, ran.err
    assert outcome(office, old) == (11, "superseded")
    new = ran.json["code"]
    assert outcome(office, new, "--field", "holder_name=حامل 0002") == (0, "in_force_fields_match")
    shown = office("verify", old)
    assert for_people(new) in shown.out


def test_a_lost_original_is_replaced_with_a_code_and_a_secret(office: Shell) -> None:
    old = issue(office)
    ran = office("certificate", "replace", old["code"], "--reason", "lost", "--output", "json")

    assert ran.code == 0, ran.err
    assert ran.json["holder_secret"] != old["holder_secret"]
    assert outcome(office, old["code"]) == (11, "replaced")
    assert outcome(office, ran.json["code"])[0] == 0


def test_supersede_names_the_certificate_that_takes_the_place(office: Shell) -> None:
    old, new = issue(office)["code"], issue(office)["code"]

    ran = office("certificate", "supersede", old, "--by", for_people(new), "--reason", "renewed")

    assert ran.code == 0, ran.err
    assert outcome(office, old) == (11, "superseded")


def test_reaffirm_and_erase_are_refused_where_there_is_no_cause(office: Shell) -> None:
    code = issue(office)["code"]

    reaffirmed = office("certificate", "reaffirm", code, "--output", "json")
    erased = office("certificate", "erase", code, "--output", "json")

    assert (reaffirmed.code, reaffirmed.json["problem"]["code"]) == (5, "reaffirmation_not_needed")
    assert (erased.code, erased.json["problem"]["code"]) == (5, "retention_not_expired")


def test_list_finds_by_what_stands_in_clear_and_by_a_value(office: Shell) -> None:
    name = f"حامل {letter()['number']}"
    found = issue(office, unit="finding", fields={"holder_name": name, "supported_fact": "x"})
    office("certificate", "revoke", issue(office, unit="finding")["code"], "--reason", "decision")

    def codes(*arguments: str) -> list[str]:
        ran = office("certificate", "list", "--unit", "finding", *arguments, "--output", "json")
        assert ran.code == 0, ran.err
        return [one["code"] for one in ran.json["items"]]

    assert len(codes()) == 2
    assert codes("--in-state", "in_force") == [found["code"]]
    assert codes("--limit", "1") == [found["code"]]
    searched = office("certificate", "list", "--search", f"holder_name={name}", "--output", "json")
    assert [one["code"] for one in searched.json["items"]] == [found["code"]]
    table = office("certificate", "list", "--unit", "finding").out.splitlines()
    assert table[0].split() == ["code", "number", "date", "type", "state"]
    assert [line.split()[-1] for line in table[1:]] == ["force", "Revoked"]
    assert all(len(line) <= 80 for line in table)


def test_a_search_is_narrowed_by_whatever_stands_beside_it(office: Shell) -> None:
    name = "حامل 0200"
    values = {"holder_name": name, "supported_fact": "x"}
    one, other = (issue(office, unit=unit, fields=values) for unit in ("left", "right"))

    def codes(*arguments: str, stdin: str = "") -> set[str]:
        ran = office("certificate", "list", *arguments, "--output", "json", stdin=stdin)
        assert ran.code == 0, ran.err
        return {found["code"] for found in ran.json["items"]}

    by_name = ("--search", f"holder_name={name}")
    assert codes(*by_name) == {one["code"], other["code"]}
    assert codes(*by_name, "--unit", "left") == {one["code"]}
    assert codes(*by_name, "--number", one["code"]) == set()
    assert codes(*by_name, "--from-day", "2026-11-03") == set()
    assert codes(*by_name, "--in-doubt") == set()
    # Whoever lists the processes of the machine sees a command line, but no standard input.
    unseen = ("--search", "holder_name=-", "--unit", "right")
    assert codes(*unseen, stdin=f"{name}\n") == {other["code"]}


@pytest.mark.parametrize("said", ["holder_name", "=x", "holder_name=", "", "holder_name=x --at 1"])
def test_a_search_that_is_none_is_a_usage_error(office: Shell, said: str) -> None:
    search, *rest = said.split(" ")

    ran = office("certificate", "list", "--search", search, *rest, "--output", "json")

    assert ran.code == 2
    assert ran.json["problem"]["code"] == "input_malformed"


def test_another_agencys_list_is_for_auditors(
    office: Shell, served: Served, agency: Agency
) -> None:
    found = issue(office, unit="audited")
    asked = ("certificate", "list", "--unit", "audited", "--output", "json")
    auditor = office.key("auditor", served.founder().key)

    foreign = office(*asked, "--agency", "ndc")
    seen = office(*asked, "--agency", agency.name, "--key", auditor)

    assert (foreign.code, foreign.json["problem"]["code"]) == (5, "agency_unknown")
    assert [one["code"] for one in seen.json["items"]] == [found["code"]]


def test_half_a_character_is_told_as_what_it_is(office: Shell) -> None:
    """JSON can spell what no text holds; a traceback would tell nobody what to do."""
    text = json.dumps(letter(fields={"holder_name": "\ud800", "supported_fact": "x"}))

    ran = office("certificate", "issue", office.file("half.json", text), "--output", "json")

    assert ran.code == 2
    assert ran.json["problem"]["code"] == "input_malformed"


def test_show_gives_the_values_to_their_agency(office: Shell) -> None:
    found = issue(office)

    ran = office("certificate", "show", for_people(found["code"]), "--output", "json")

    assert ran.json["values"] == letter()["fields"]
    assert [one["code"] for one in ran.json["originals"]] == [found["code"]]
    assert "حامل 0001" in office("certificate", "show", found["code"]).out


def test_another_agencys_certificate_is_not_there(office: Shell, served: Served) -> None:
    stranger = served.agency()
    code = issue(office)["code"]
    office.set(SIJILL_KEY=str(office.key("stranger", stranger.key)), SIJILL_AGENCY=stranger.name)

    shown = office("certificate", "show", code, "--output", "json")
    revoked = office("certificate", "revoke", code, "--reason", "decision", "--output", "json")

    assert (shown.code, shown.json["problem"]["code"]) == (5, "certificate_unknown")
    assert (revoked.code, revoked.json["problem"]["code"]) == (5, "certificate_unknown")


def test_prepare_writes_what_curl_sends(office: Shell, tmp_path: Path) -> None:
    file = office.file("c.json", letter())
    ran = office("certificate", "prepare", file, "--into", tmp_path / "out", "--output", "json")
    assert ran.code == 0, ran.err
    found = ran.json

    assert outcome(office, found["code"]) == (10, "code_unknown")
    for name in ("body", "headers"):
        assert stat.S_IMODE(Path(found[name]).stat().st_mode) == 0o600
    sent = subprocess.run(found["curl"], shell=True, capture_output=True, check=True)  # noqa: S602  # the command is one for a shell
    assert json.loads(sent.stdout)["code"] == found["code"]
    assert outcome(office, found["code"])[0] == 0


def test_prepare_takes_any_act(office: Shell, served: Served, tmp_path: Path) -> None:
    code = issue(office)["code"]
    item = {"act": "certificate.revoke", "code": code, "reason": "decision"}
    file = office.file("r.json", item)
    ran = office("certificate", "prepare", file, "--into", tmp_path, "--output", "json")
    assert ran.code == 0, ran.err

    headers = dict(
        line.split(": ", 1) for line in Path(ran.json["headers"]).read_text().splitlines()
    )
    answer = httpx2.post(
        f"{served.url}{ran.json['path']}",
        content=Path(ran.json["body"]).read_bytes(),
        headers=headers,
    )
    assert answer.status_code == 201
    assert outcome(office, code) == (11, "revoked")
