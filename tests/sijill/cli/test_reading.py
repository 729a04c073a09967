"""What a clerk's file may say before anything is signed or sent, and what it is told instead."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Fault, StatementInvalid
from infrastructure.proofs.errors import ProofError
from sijill.cli.capturing import Table, parse_mapping
from sijill.cli.faults import Unusable
from sijill.cli.reading import draft_of, read_object
from tests.sijill.cli.conftest import Shell, letter


def refused(data: str) -> str:
    with pytest.raises(Unusable) as caught:
        read_object(data.encode(), "letter.json")
    return caught.value.code


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_not_read(number: str) -> None:
    assert refused(f'{{"type":{number}}}') == "input_malformed"


@pytest.mark.parametrize("number", [float("inf"), 2**53, -(2**60)])
def test_a_number_that_no_statement_holds_is_refused_in_words(number: float) -> None:
    with pytest.raises(ProofError, match="json_number"):
        draft_of(letter(type=number), "moj", Path())


@pytest.mark.parametrize(
    "twice",
    [
        '{"number":"4001/2026","number":"4002/2026"}',
        '{"fields":{"a":"1","a":"1"}}',
        # Two spellings of one name.
        '{"\\u00e9":"1","e\\u0301":"2"}',
    ],
)
def test_a_name_that_stands_twice_is_not_read(twice: str) -> None:
    assert refused(twice) == "input_malformed"


@pytest.mark.parametrize(
    "value,code",
    [
        ("", "input_value_blank"),
        ("   ", "input_value_blank"),
        ("\u00a0\u200c\u0640", "input_value_blank"),
        *((f"عل{one}ي", "input_value_invisible") for one in "\u200b\u00ad\u2060\u3164\u115f"),
        ("علي\U000e0041", "input_value_invisible"),
        ("علي\n", "input_value_invisible"),
    ],
)
def test_a_value_that_nobody_could_type_again_is_refused_by_its_field(
    value: str, code: str
) -> None:
    item = letter(fields={"holder_name": value, "supported_fact": "تأييد سكن"})

    with pytest.raises(Unusable) as caught:
        draft_of(item, "moj", Path())

    assert (caught.value.code, caught.value.params) == (code, {"field": "holder_name"})


def test_what_comparison_overlooks_may_stand_in_a_name() -> None:
    name = "کەریم‌خان \u034f\ufe0f"
    draft_of(letter(fields={"holder_name": name, "supported_fact": "x"}), "moj", Path())


@pytest.mark.parametrize("date", ["01/11/2026", "1/11/2026", "", None, 5, ["2026"]])
def test_a_malformed_date_is_told_as_the_date_alone(date: Any) -> None:
    for item in (letter(date=date), {**letter(date=date), "year": ""}):
        with pytest.raises(StatementInvalid) as caught:
            draft_of(item, "moj", Path())

        assert [one.pointer for one in caught.value.faults] == ["/date"]


def test_a_year_that_somebody_wrote_is_told() -> None:
    with pytest.raises(StatementInvalid) as caught:
        draft_of(letter(year=1), "moj", Path())

    assert caught.value.faults == (Fault("/year", "greater_than_equal"),)


def test_the_command_ends_as_usage_and_names_the_field(shell: Shell) -> None:
    key = shell.key("agency")
    shell.set(SIJILL_KEY=str(key), SIJILL_AGENCY="moj", SIJILL_URL="http://127.0.0.1:9")
    file = shell.file("letter.json", letter(fields={"holder_name": " ", "supported_fact": "x"}))

    ran = shell("certificate", "issue", file, "--language", "en")

    assert ran.code == 2, ran.err
    assert "field: holder_name" in ran.err
    assert "(input_value_blank: holder_name)" in ran.err


def test_one_bad_line_is_told_by_its_number(office: Shell) -> None:
    lines = [json.dumps(letter()), '{"type": NaN}', json.dumps(letter())]
    file = office.file("bulk.jsonl", "\n".join(lines))

    ran = office("certificate", "bulk", file, "--dry-run", "--output", "json")

    assert ran.code == 6, ran.err
    told = [(one["line"], one["problem"]["code"]) for one in ran.lines if "problem" in one]
    assert told == [(2, "input_malformed")]


MAPPING = b'{"columns":{"number":"no"},"fields":{"holder_name":"name"}}'


def test_a_column_that_stands_twice_is_not_guessed_at() -> None:
    table = Table("table.csv", parse_mapping(MAPPING, "mapping.json"))

    with pytest.raises(Unusable, match="twice: name") as caught:
        list(table.rows_of(io.BytesIO(b"no,name,name,x,x\n1,a,b,c,d\n")))

    assert caught.value.code == "input_malformed"


def test_what_a_database_has_nothing_for_is_an_empty_cell() -> None:
    table = Table("table.jsonl", parse_mapping(MAPPING, "mapping.json"))

    assert table.item(b'{"no": 7, "name": null}')["fields"] == {}
