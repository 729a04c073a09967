"""What people read: whole, in their own language, and within the eighty columns of a terminal."""

import io
import sys
from typing import Any

import pytest

from sijill.cli.options import Talk
from sijill.cli.output import COLUMNS, Output
from tests.serving import Agency
from tests.sijill.cli.conftest import Shell, letter

COLUMN_NAMES = {"order": "cli.column.order", "act": "cli.column.act"}


def issue(office: Shell, **changes: Any) -> str:
    ran = office("certificate", "issue", office.file("c.json", letter(**changes)), "--output=json")
    assert ran.code == 0, ran.err
    return str(ran.json["code"])


@pytest.mark.parametrize("width", [36, 50, 70])
def test_a_table_keeps_the_end_of_its_last_column(width: int) -> None:
    """`certificate.issue` and `certificate.revoke`, cut after the dot, would be the same act."""
    act = "certificate.annul_revocation by two officers"
    lines = Output(Talk()).table([{"order": "x" * width, "act": act}], COLUMN_NAMES)

    assert all(len(line) <= COLUMNS for line in lines)
    assert " ".join(" ".join(lines[1:]).split()) == f"{'x' * width} {act}"


class Terminal(io.StringIO):
    """A terminal that nobody looks at."""

    def isatty(self) -> bool:
        return True


def test_a_table_takes_as_many_columns_as_the_terminal_has(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"order": "x" * 70, "act": "2026-11-02 certificate.issue"}
    assert len(Output(Talk()).table([row], COLUMN_NAMES)) > 2

    # For these lines alone: whoever runs the tests asks for the terminal's size, too.
    with monkeypatch.context() as shown:
        shown.setenv("COLUMNS", "200")
        shown.setattr(sys, "stdout", Terminal())
        [_, line] = Output(Talk()).table([row], COLUMN_NAMES)

    assert line == f"{row['order']}  {row['act']}"


@pytest.mark.parametrize("language", ["ar", "ckb", "en"])
def test_a_verdict_fits_a_terminal(office: Shell, language: str) -> None:
    code = issue(office)

    ran = office("verify", code, "--field", "holder_name=حامل 0001", "--language", language)

    assert ran.code == 0
    assert all(len(line) <= COLUMNS for line in ran.out.splitlines())


def test_fields_are_named_as_the_reader_names_them_and_as_the_ledger_does(office: Shell) -> None:
    code = issue(office)

    ran = office("verify", code, "--field", "holder_name=آخر", "--language", "ar")

    assert ran.code == 10
    assert "اسم صاحب الوثيقة (holder_name)" in ran.out
    assert "العدد (number)" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    "verb, reason, words",
    [
        ("revoke", "obtained_by_fraud", "word.certificates.revocation_reason.obtained_by_fraud"),
        ("suspend", "under_review", "word.certificates.suspension_reason.under_review"),
        ("void", "test_entry", "word.certificates.voiding_reason.test_entry"),
        ("replace", "stolen", "word.certificates.replacement_reason.stolen"),
    ],
)
def test_a_withdrawn_document_says_why(office: Shell, verb: str, reason: str, words: str) -> None:
    code = issue(office)
    assert office("certificate", verb, code, "--reason", reason).code == 0

    for language in ("ar", "ckb", "en"):
        said = Output(Talk(language=language)).words(words)
        ran = office("verify", code, "--language", language)
        assert said in " ".join(ran.out.split())


def test_a_corrected_document_says_why(office: Shell) -> None:
    code = issue(office)
    correction = {"reason": "clerical_error", "language": "ar", "fields": letter()["fields"]}
    assert office("certificate", "correct", code, office.file("x.json", correction)).code == 0

    said = Output(Talk()).words("word.certificates.correction_reason.clerical_error")
    assert said in office("verify", code).out


def test_an_order_that_waits_is_shown_whole(office: Shell, agency: Agency) -> None:
    second = office.key("second", agency.officer().key)
    degree = {"holder_name": "حامل", "qualification": "ب", "graduation_year": "2026"}
    file = office.file("degree.json", letter(type="degree", fields=degree))
    waits = office("certificate", "issue", file)
    assert waits.code == 0, waits.err
    order = waits.out.split()[2]

    listed = office("order", "list", "--in-state", "open", "--key", second)
    shown = office("order", "show", order, "--key", second)

    assert "certificate.issue" in listed.out
    for ran in (waits, listed, shown):
        assert all(len(line) <= COLUMNS for line in ran.out.splitlines())
