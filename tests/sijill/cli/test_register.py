"""Registers from the command line: tables captured, numbers allocated, years closed."""

import json
from datetime import datetime
from typing import Any

import pytest

from domain.values import BAGHDAD
from sijill.cli.register import _reserve
from sijill.client import Unreachable
from tests import correspondence
from tests.serving import Agency, Served
from tests.sijill.cli.conftest import Ran, Shell
from tests.sijill.cli.cutting import cut_off_hours_ago, losing_answers

MAPPING: dict[str, Any] = {
    "columns": {"number": "العدد", "date": "التاريخ", "entry_state": "الحالة"},
    "fields": {"holder_name": "الاسم", "qualification": "الشهادة"},
    "constants": {"unit": "archive", "type": "degree", "grade": "register_only"},
    "values": {"entry_state": {"": "stands", "ملغى": "revoked"}},
}
HEAD = "العدد,التاريخ,الاسم,الشهادة,الحالة\n"
ROWS = (
    "1,1998-07-01,حامل 0001,بكالوريوس,\n"
    "٢,٢/٧/١٩٩٨,حامل 0002,بكالوريوس,ملغى\n"
    '3,1998-07-03,"حامل\n0003",بكالوريوس,\n'
)


def capture(office: Shell, series: str, table: str, *options: str, **changes: Any) -> Ran:
    constants = {**MAPPING["constants"], "series": series}
    mapping = {**MAPPING, "constants": constants, **changes}
    files = ("--mapping", str(office.file("m.json", mapping)), "--output", "json")
    return office("register", "capture", office.file("t.csv", table), *files, *options)


def summary(ran: Ran) -> dict[str, int]:
    return dict(ran.lines[-1]["summary"])


def test_the_same_rows_in_another_register_are_captured_there_too(office: Shell) -> None:
    for series in ("here", "there"):
        ran = capture(office, series, HEAD + ROWS)
        assert (ran.code, summary(ran)["recorded"]) == (0, 3), ran.err

    shown = office("register", "show", "archive", "there", "1998", "--output", "json").json
    assert shown["counts"]["given"] == 3


def test_a_table_becomes_entries_once(office: Shell) -> None:
    ran = capture(office, "once", HEAD + ROWS)
    assert ran.code == 0, ran.err
    assert summary(ran)["recorded"] == 3
    assert summary(ran)["lines_a_minute"] > 0

    again = capture(office, "once", HEAD + ROWS + "4,1998-07-04,حامل 0004,بكالوريوس,\n")

    assert again.code == 0, again.err
    assert (summary(again)["recorded"], summary(again)["recorded_before"]) == (1, 3)
    shown = office("register", "show", "archive", "once", "1998", "--output", "json").json
    assert (shown["counts"]["given"], shown["next"]) == (4, 5)


def given(office: Shell, series: str) -> int:
    shown = office("register", "show", "archive", series, "1998", "--output", "json").json
    return int(shown["counts"]["given"])


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("verb", ["capture", "outbox", "resume"])
def test_a_capture_that_was_cut_off_hours_ago_is_never_taken_for_recorded(
    office: Shell, served: Served, verb: str
) -> None:
    """The ledger judges it line by line, and each line says that it came too late."""
    series = f"late-{verb}"
    with cut_off_hours_ago(served.url) as url:
        assert capture(office, series, HEAD + ROWS, "--url", url).code == 3

    if verb == "resume":
        ran = office("order", "resume", "--output", "json")
        assert (ran.code, ran.json["problem"]["code"]) == (5, "order_expired")
        assert given(office, series) == 0
    if verb == "outbox":
        ran = office("outbox", "send", "--output", "json")
        assert (ran.code, ran.lines[0]["recorded"]) == (0, 3), ran.err
        assert ran.lines[-1]["summary"] == {"sent": 1, "refused": 0, "waiting": 0}
        assert given(office, series) == 3
    ran = capture(office, series, HEAD + ROWS)
    assert ran.code == 0, ran.out
    known = (summary(ran)["recorded"], summary(ran)["recorded_before"])
    assert known == ((0, 3) if verb == "outbox" else (3, 0))
    assert [one for one in ran.lines if "problem" in one] == []
    assert given(office, series) == 3


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("verb", [("outbox", "send"), ("order", "resume")])
def test_a_refused_row_of_what_was_cut_off_is_told(
    office: Shell, served: Served, verb: tuple[str, str]
) -> None:
    series = f"clash-{verb[0]}"
    capture(office, series, HEAD + "2,1998-07-02,حامل,ب,\n")
    with losing_answers(served.url) as url:
        assert capture(office, series, HEAD + ROWS, "--url", url).code == 3

    ran = office(*verb)

    assert ran.code == 5, ran.err
    assert "line 2: " in ran.out
    assert "(number_taken)" in ran.out


def test_without_its_state_folder_a_table_is_still_captured_once(office: Shell) -> None:
    capture(office, "stateless", HEAD + ROWS)

    again = capture(office, "stateless", HEAD + ROWS, "--state", str(office.folder / "new"))

    assert again.code == 5
    assert {one["problem"]["code"] for one in again.lines[:-1]} == {"number_taken"}
    shown = office("register", "show", "archive", "stateless", "1998", "--output", "json").json
    assert shown["counts"]["given"] == 3


def test_a_dry_run_names_every_bad_row_by_line_and_reason(office: Shell) -> None:
    bad = (
        "1,1998-07-01,حامل,بكالوريوس,\n"
        "x,1998-07-01,حامل,بكالوريوس,\n"
        "5,sometime,حامل,بكالوريوس,\n"
        "6,1998-07-01,حامل,بكالوريوس,مفقود\n"
        "١,1998-07-01,حامل,بكالوريوس,\n"
        "7,1998-07-01\n"
        "8,1998-07-01,حامل, ابن حسن,,بكالوريوس\n"
        '9,1998-07-01,"حامل, ابن حسن",بكالوريوس,,, ,\n'
    )

    ran = capture(office, "dry", HEAD + bad, "--dry-run")

    assert ran.code == 6
    told = {one["line"]: one["problem"]["code"] for one in ran.lines[:-1]}
    assert told == {
        3: "statement_invalid",
        4: "statement_invalid",
        5: "value_not_mapped",
        6: "number_taken",
        7: "column_missing",
        8: "cells_surplus",
    }
    shown = office("register", "show", "archive", "dry", "1998", "--output", "json").json
    assert shown["counts"]["given"] == 0


def test_ndjson_is_a_table_too(office: Shell) -> None:
    rows = [
        {"العدد": number, "التاريخ": "1998-07-01", "الاسم": "حامل", "الشهادة": "ب", "الحالة": ""}
        for number in (1, "2")
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    ran = capture(office, "objects", text, format="ndjson")

    assert ran.code == 0, ran.err
    assert summary(ran)["recorded"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": {"colour": "x"}},
        {"columns": "x"},
        {"delimiter": ""},
        {"more": 1},
        {"constants": {"agency": "other"}},
    ],
)
def test_a_mapping_that_maps_nothing_known_is_told_before_anything(
    office: Shell, changes: dict[str, Any]
) -> None:
    ran = office(
        *("register", "capture", office.file("t.csv", HEAD)),
        *("--mapping", office.file("m.json", {**MAPPING, **changes})),
    )
    assert ran.code == 2
    assert "input_malformed" in ran.err


def test_a_column_that_the_head_lacks_is_told_once_by_its_name(office: Shell) -> None:
    files = ("--mapping", office.file("m.json", {**MAPPING, "fields": {"holder_name": "الأسم"}}))

    ran = office("register", "capture", office.file("t.csv", HEAD + ROWS), *files)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("(column_missing)") == 1
    assert "الأسم" in ran.err


def test_a_bad_row_says_which_column_or_field_it_is(office: Shell) -> None:
    constants = {**MAPPING["constants"], "series": "named"}
    files = ("--mapping", office.file("m.json", {**MAPPING, "constants": constants}))
    rows = "6,1998-07-01,حامل,ب,مفقود\n7,1998-07-01\n8,1998-07-01,a\u202eb,ب,\n"

    ran = office("register", "capture", office.file("t.csv", HEAD + rows), *files)

    assert ran.code == 5
    assert "(value_not_mapped: الحالة)" in ran.out
    assert "(column_missing: الحالة)" in ran.out
    assert "(input_value_invisible: holder_name)" in ran.out


def test_bytes_that_are_no_text_are_one_bad_row(office: Shell) -> None:
    table = office.folder / "t.csv"
    good = (HEAD + ROWS).encode()
    table.write_bytes(good + b"9,1998-07-01,\xff\xfe,x,\n")
    constants = {**MAPPING["constants"], "series": "bytes"}
    mapping = office.file("m.json", {**MAPPING, "constants": constants})

    ran = office("register", "capture", table, "--mapping", mapping, "--output", "json")

    assert ran.code == 5
    [bad] = [one for one in ran.lines[:-1] if "problem" in one]
    assert (bad["line"], bad["problem"]["code"]) == (6, "input_malformed")
    assert summary(ran)["recorded"] == 3


def test_numbers_are_allocated_in_turn(office: Shell) -> None:
    def allocate(*options: str) -> list[str]:
        ran = office("register", "allocate", "desk", "general", *options, "--output", "json")
        assert ran.code == 0, ran.err
        return [one["number"] for one in ran.lines]

    assert allocate("--count", "2") == ["1", "2"]
    assert allocate("--form", "م/{number}/{year}", "--year", "2026") == ["م/3/2026"]
    assert allocate("--year", "2025") == ["1"]


@pytest.mark.parametrize(
    "options", [("--count", "0"), ("--count", "-3"), ("--form", "{number.x}"), ("--form", "{year}")]
)
def test_what_reserves_no_number_is_a_mistake(office: Shell, options: tuple[str, str]) -> None:
    ran = office("register", "allocate", "desk", "wrong", *options)

    assert ran.code == 2, ran.err
    shown = office("register", "show", "desk", "wrong", "2026", "--output", "json").json
    assert shown["next"] == 1


@pytest.mark.parametrize("broken", [True, False])
def test_numbers_are_told_as_they_are_reserved(
    office: Shell, monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    """Whatever comes then, they are the agency's: nobody finds them otherwise."""
    series = f"short-{broken}".lower()

    def one_only(client: Any, path: str, members: dict[str, Any]) -> dict[str, Any] | None:
        if members["number"] == "1":
            return _reserve(client, path, members)
        if broken:
            raise Unreachable("gone")
        return None

    monkeypatch.setattr("sijill.cli.register._reserve", one_only)

    ran = office("register", "allocate", "desk", series, "--count", "2", "--output", "json")

    assert ran.lines[0]["number"] == "1"
    assert ran.code == (3 if broken else 5)
    assert broken or "Reserved: 1 of 2" in ran.err


def test_a_number_that_somebody_took_meanwhile_is_passed_over(agency: Agency) -> None:
    about = {"unit": "race", "series": "general", "year": 2026}
    path = "/v1/registers/race/general/2026"
    assert _reserve(agency.client, path, {**about, "number": "1"}) is not None

    assert _reserve(agency.client, path, {**about, "number": "١"}) is None


def test_a_year_is_closed_counted_and_closed_once(office: Shell) -> None:
    capture(office, "yearly", HEAD + ROWS)
    void = ("--number", "9", "--reason", "form_spoilt")
    assert office("register", "void", "archive", "yearly", "1998", *void).code == 0

    closing = ("register", "close", "1998", "--series", "yearly", "--output", "json")
    ran = office(*closing)

    assert ran.code == 0, ran.err
    [closed] = ran.json["items"]
    assert (closed["given"], closed["voided"]) == (3, 1)
    assert office(*closing).json["items"] == [closed]
    late = capture(office, "yearly", HEAD + "10,1998-07-01,حامل,ب,\n")
    assert late.lines[0]["problem"]["code"] == "register_closed"


def test_letters_are_closed_and_counted_with_the_year(
    office: Shell, agency: Agency, served: Served
) -> None:
    """Each register, and beside it the book of incoming letters."""
    other = served.agency()
    place: dict[str, Any] = {"unit": "mail", "year": 2024, "date": "2024-03-04"}
    correspondence.send(agency, other, **place, number="1")
    for number in ("1", "2"):
        correspondence.send(other, agency).register(agency, **place, number=number)

    closing = ("register", "close", "2024", "--unit", "mail")
    ran = office(*closing, "--output", "json")

    assert ran.code == 0, ran.err
    counted = [(one["incoming"], one["given"], one["voided"]) for one in ran.json["items"]]
    assert counted == [(False, 1, 0), (True, 2, 0)]
    report = office("register", "report", "mail", "general", "2024", "--incoming")
    assert "given: 2" in report.out
    assert "incoming" in office(*closing).out


def test_a_running_year_is_not_closed(office: Shell) -> None:
    office("register", "allocate", "desk", "running")

    ran = office("register", "close", str(datetime.now(BAGHDAD).year), "--series", "running")

    assert ran.code == 5
    assert "register_year_runs" in ran.err


def test_what_is_covered_is_listed_for_everybody(office: Shell, agency: Agency) -> None:
    book = ("archive", "covered", "1998")
    assert office("register", "cover", *book, "--grade", "register_only").code == 0

    listed = office("register", "list", "--of", agency.name, "--covered", "--output", "json").json

    assert [(one["series"], one["coverage"]) for one in listed["items"]] == [
        ("covered", "register_only")
    ]
    reason = ("--reason", "pages_missing")
    assert office("register", "uncover", *book, *reason).code == 0
    assert office("register", "list", "--of", agency.name, "--covered").code == 0
