"""The agencies of the ledger: entered, linked, stopped, renamed, moved, closed, and looked up."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.serving import NAMES, Served
from tests.sijill.cli.conftest import Ran, Shell, letter

_numbers = itertools.count(1)


def body(**changes: Any) -> dict[str, Any]:
    """What `agency add` reads, with an id of its own."""
    subject = f"cli-body-{os.getpid()}-{next(_numbers)}"
    return {"subject": subject, "kind": "ministry", "names": NAMES, **changes}


def add(founder: Shell, **changes: Any) -> str:
    one = body(**changes)
    ran = founder("agency", "add", "-", stdin=json.dumps(one))
    assert ran.code == 0, ran.err
    return str(one["subject"])


def shown(shell: Shell, agency: str, *arguments: str) -> dict[str, Any]:
    ran = shell("agency", "show", agency, *arguments, "--output", "json")
    assert ran.code == 0, ran.err
    return dict(ran.json)


def refused(ran: Ran) -> tuple[int, str]:
    return ran.code, ran.json["problem"]["code"]


def test_add_enters_one_agency_as_planned(founder: Shell) -> None:
    parent = add(founder)
    one = body(kind="directorate", parent=parent, legal_basis="law:12/2010")

    ran = founder("agency", "add", founder.file("one.json", one), "--output", "json")

    assert ran.code == 0, ran.err
    assert Path(ran.json["receipt_path"]).read_text() == ran.json["receipt"]
    found = shown(founder, one["subject"])
    assert (found["kind"], found["parent"], found["standing"]) == ("directorate", parent, "planned")
    assert found["names"] == NAMES
    assert found["added_index"] == ran.json["index"]


@pytest.mark.parametrize("content", ["{", "7", '["moj"]', '{"subject": "moj", "kind": 7}'])
def test_a_file_that_is_no_agency_records_nothing(founder: Shell, content: str) -> None:
    ran = founder("agency", "add", founder.file("bad.json", content), "--output", "json")

    assert refused(ran) in {(2, "input_malformed"), (5, "statement_invalid")}


def test_a_file_that_is_not_there_is_a_usage_error(founder: Shell) -> None:
    ran = founder("agency", "add", founder.folder / "absent.json", "--output", "json")

    assert refused(ran) == (2, "input_unusable")
    assert "absent.json" in ran.err


def test_only_founders_enter_and_link(office: Shell) -> None:
    for verb in (["add", str(office.file("one.json", body()))], ["link", "comsec"]):
        ran = office("agency", *verb, "--output", "json")
        assert refused(ran) == (4, "not_entitled"), ran.err


def test_a_variable_that_is_empty_counts_as_not_set(office: Shell, founder: Shell) -> None:
    """The agency is then the one that the key is enrolled for."""
    founder.set(SIJILL_AGENCY="", SIJILL_STATE="", SIJILL_LANGUAGE="")

    assert shown(office, add(founder))["standing"] == "planned"


def test_link_lets_an_agency_issue(founder: Shell, served: Served) -> None:
    agency = served.agency(link=False)
    path = founder.key(agency.name, agency.key)
    file = founder.file("c.json", letter())
    early = founder("certificate", "issue", file, "--key", path, "--output", "json")
    assert refused(early) == (4, "agency_not_linked")

    ran = founder("agency", "link", agency.name, "--legal-basis", "decision:7/2026")

    assert ran.code == 0, ran.err
    assert founder("certificate", "issue", file, "--key", path).code == 0


def test_a_suspended_agency_only_withdraws_until_it_is_reinstated(
    founder: Shell, served: Served
) -> None:
    agency = served.agency()
    path = str(founder.key(agency.name, agency.key))
    file = founder.file("c.json", letter())
    issued = founder("certificate", "issue", file, "--key", path, "--output", "json")
    name = agency.name

    assert founder("agency", "suspend", name, "--reason", "security_incident").code == 0
    assert shown(founder, name)["standing"] == "suspended"
    other = founder.file("other.json", letter())
    stopped = founder("certificate", "issue", other, "--key", path, "--output", "json")
    assert refused(stopped) == (4, "agency_suspended")
    code = issued.json["code"]
    withdrawn = founder("certificate", "revoke", code, "--reason", "decision", "--key", path)
    assert withdrawn.code == 0, withdrawn.err
    assert founder("agency", "reinstate", name).code == 0
    assert shown(founder, name)["standing"] == "linked"
    assert founder("certificate", "issue", other, "--key", path).code == 0


def test_a_closed_agency_is_closed_for_good(founder: Shell, served: Served) -> None:
    agency = served.agency()
    path = str(founder.key(agency.name, agency.key))
    code = agency.issue()["code"]

    ran = founder("agency", "close", agency.name, "--reason", "abolished")

    assert ran.code == 0, ran.err
    assert shown(founder, agency.name)["standing"] == "closed"
    file = founder.file("c.json", letter())
    late = founder("certificate", "issue", file, "--key", path, "--output", "json")
    assert refused(late) == (4, "agency_closed")
    for verb in (["link"], ["reinstate"], ["suspend", "--reason", "inactivity"]):
        again = founder("agency", *verb, agency.name, "--output", "json")
        assert refused(again) == (4, "agency_closed")
    # What it issued stays as it is.
    assert founder("verify", code).code == 0


def test_a_new_name_holds_from_its_day_on_and_the_old_one_stays_known(founder: Shell) -> None:
    agency = add(founder, effective_date="2020-01-01")
    names = {"ar": "اسم جديد", "ckb": "ناوی نوێ", "en": "New name"}
    words = [word for language in names for word in (f"--names-{language}", names[language])]

    def rename(day: str) -> None:
        ran = founder("agency", "rename", agency, *words, "--effective-date", day)
        assert ran.code == 0, ran.err

    rename("2099-01-01")
    assert shown(founder, agency)["names"] == NAMES
    rename("2021-05-01")
    found = shown(founder, agency)
    assert found["names"] == names
    earliest = found["names_by_day"][0]
    assert (earliest["since"], earliest["value"]) == ("2020-01-01", NAMES)


def test_both_founders_move_an_agency_under_another_one(founder: Shell) -> None:
    parent, agency = add(founder), add(founder)
    asked = founder(
        *("agency", "reparent", agency, "--parent", parent, "--effective-date", "2021-01-01"),
        *("--output", "json"),
    )
    assert asked.code == 0, asked.err
    assert shown(founder, agency)["parent"] is None

    # The same command with the other key at hand finishes the order that waits.
    ran = founder(
        *("agency", "reparent", agency, "--parent", parent, "--effective-date", "2021-01-01"),
        *("--cosigner", str(founder.folder / "comsec.pem"), "--output", "json"),
    )

    assert ran.code == 0, ran.err
    assert ran.json["receipt"]
    assert shown(founder, agency)["parent"] == parent
    shown_order = founder("order", "show", asked.json["order"], "--output", "json")
    assert shown_order.json["index"] == ran.json["index"]


def test_list_tells_all_in_the_order_of_their_coming(founder: Shell) -> None:
    first, second = add(founder), add(founder)

    ran = founder("agency", "list", "--output", "json")

    assert ran.code == 0, ran.err
    names = [one["agency"] for one in ran.json["items"]]
    assert names[:2] == ["comsec", "ndc"]  # both came with event 0
    assert names.index(first) < names.index(second)
    few = founder("agency", "list", "--limit", "1", "--output", "json")
    assert [one["agency"] for one in few.json["items"]] == ["comsec"]


def test_list_and_show_go_back_to_any_index(founder: Shell) -> None:
    agency = add(founder)
    added = shown(founder, agency)["added_index"]
    assert founder("agency", "link", agency).code == 0

    assert shown(founder, agency, "--at", str(added))["standing"] == "planned"
    before = founder("agency", "list", "--at", str(added - 1), "--output", "json")
    assert agency not in [one["agency"] for one in before.json["items"]]
    unknown = founder("agency", "show", agency, "--at", str(added - 1), "--output", "json")
    assert refused(unknown) == (5, "agency_unknown")
    later = founder("agency", "list", "--at", "999999999", "--output", "json")
    assert refused(later) == (5, "index_unknown")


@pytest.mark.parametrize(
    "language,planned", [("ar", "مخطَّط لربطها"), ("ckb", "پلانی بۆ دانراوە"), ("en", "Planned")]
)
def test_people_read_it_in_their_language_within_eighty_columns(
    founder: Shell, language: str, planned: str
) -> None:
    agency = add(founder)

    for ran in (
        founder("agency", "list", "--language", language),
        founder("agency", "show", agency, "--language", language),
    ):
        assert ran.code == 0, ran.err
        assert NAMES[language] in ran.out
        assert planned in ran.out
        assert [line for line in ran.out.splitlines() if cell_len(line) > 80] == []


def test_anybody_may_look_without_a_key(founder: Shell, shell: Shell) -> None:
    agency = add(founder)
    shell.set(SIJILL_KEY="")

    assert shown(shell, agency)["keys"] == []
