"""What anybody with a paper in hand is told: six outcomes, an exit code each, three languages."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len

from infrastructure.proofs import receipts
from infrastructure.proofs.codes import for_people, generate
from tests.serving import Served
from tests.sijill.cli.conftest import Shell, letter

HEADLINES = {
    0: {"ar": "نافذة", "ckb": "بەرکارە", "en": "In force"},
    10: {"ar": "غير صحيحة", "ckb": "دروست نییە", "en": "Not valid"},
    11: {"ar": "مسحوبة", "ckb": "کشێنراوەتەوە", "en": "Withdrawn"},
    12: {"ar": "خارج مدة نفاذها", "ckb": "لە دەرەوەی ماوەی خۆیەتی", "en": "Outside its period"},
    13: {"ar": "الرمز غير مقروء", "ckb": "کۆدەکە ناخوێنرێتەوە", "en": "Code not readable"},
    14: {
        "ar": "تعذّر التحقق الآن",
        "ckb": "ئێستا نەتوانرا بپشکنرێت",
        "en": "Could not check now",
    },
}


def issue(office: Shell, **changes: Any) -> str:
    file = office.file("c.json", letter(**changes))
    ran = office("certificate", "issue", file, "--output", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["code"])


def revoked(office: Shell) -> str:
    code = issue(office)
    assert office("certificate", "revoke", code, "--reason", "decision").code == 0
    return code


def nobody_there() -> str:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


CASES: dict[int, tuple[Callable[[Shell], str], str]] = {
    0: (issue, "in_force_paper_not_compared"),
    10: (lambda _: generate(), "code_unknown"),
    11: (revoked, "revoked"),
    12: (lambda office: issue(office, effective_date="2099-01-01"), "not_yet_valid"),
    13: (lambda _: "0123456789ABCDEFG", "code_malformed"),
    14: (lambda _: generate(), "store_unavailable"),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("code", CASES)
def test_each_outcome_has_its_exit_code_and_says_so_in_three_languages(
    office: Shell, code: int
) -> None:
    make, reason = CASES[code]
    paper = make(office)
    away = ("--url", nobody_there()) if code == 14 else ()

    ran = office("verify", paper, *away, "--output", "json")

    assert (ran.code, ran.json["reason"]) == (code, reason)
    for language, headline in HEADLINES[code].items():
        told = office("verify", paper, *away, "--language", language)
        assert told.code == code
        assert told.out.splitlines()[0] == headline
        assert [line for line in told.out.splitlines() if cell_len(line) > 80] == []


def test_what_was_is_told_apart_from_what_will_be(office: Shell) -> None:
    past = issue(office, date="2020-01-01", expiry_date="2021-01-01")

    ran = office("verify", past, "--output", "json")

    assert (ran.code, ran.json["reason"]) == (12, "expired")


def test_a_code_is_read_as_people_write_it(office: Shell) -> None:
    code = issue(office)
    arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for written in (
        for_people(code).lower(),
        f" {code} ",
        code.replace("0", "o").replace("1", "l"),
        arabic,
    ):
        assert office("verify", written).code == 0, written


def test_what_is_in_force_is_compared_with_the_paper(office: Shell) -> None:
    code = issue(office)
    said = letter()["fields"]

    same = office("verify", code, "--fields", "-", "--output", "json", stdin=json.dumps(said))
    other = office("verify", code, "--field", "holder_name=حامل 9999", "--output", "json")

    assert (same.code, same.json["reason"]) == (0, "in_force_fields_match")
    assert same.json["compared"]["matched"] == sorted(said)
    assert (other.code, other.json["reason"]) == (10, "content_mismatch")
    assert other.json["compared"]["mismatched"] == ["holder_name"]
    # Nobody learns from a wrong guess what would have been right.
    assert said["holder_name"] not in other.out + other.err


def test_a_withdrawn_paper_is_withdrawn_whatever_stands_on_it(office: Shell) -> None:
    code = revoked(office)

    assert office("verify", code, "--field", "holder_name=حامل 0001").code == 11


def test_what_cannot_be_compared_is_not_called_the_same(office: Shell) -> None:
    ran = office("verify", issue(office), "--field", "grandmother=x", "--output", "json")

    assert (ran.code, ran.json["reason"]) == (14, "values_not_comparable")


@pytest.mark.parametrize("date", ["2026-13-40", "yesterday", "31/02/2026"])
def test_what_is_no_day_is_told_with_the_form_that_is_wanted(office: Shell, date: str) -> None:
    code = issue(office)
    ran = office("verify", code, "--field", f"date={date}")
    told = office("verify", code, "--field", f"date={date}", "--output", "json").json

    assert (ran.code, told["compared"]["no_day"]) == (14, ["date"])
    assert "No date of the calendar: " in ran.out
    assert "2026-11-02" in ran.out
    assert (
        "no_day"
        not in office("verify", code, "--field", "grandmother=x", "--output", "json").json[
            "compared"
        ]
    )


def test_a_picture_that_is_not_there_is_a_mistake_on_the_command_line(office: Shell) -> None:
    ran = office("verify", str(office.folder / "scan.png"), "--output", "json")

    assert (ran.code, ran.json["problem"]["code"]) == (2, "input_unusable")
    assert "scan.png" in ran.json["problem"]["detail"]


def test_the_holders_secret_does_not_belong_on_a_command_line(office: Shell) -> None:
    ran = office("verify", issue(office), "--field", "holder_secret=xyz", "--output", "json")

    assert (ran.code, ran.json["problem"]["code"]) == (2, "input_secret_exposed")
    assert "xyz" not in ran.out + ran.err


@pytest.mark.parametrize("field", ["holder_name", "=x", "", "holder_name=", "holder_name= "])
def test_a_field_is_a_name_and_a_value(office: Shell, field: str) -> None:
    ran = office("verify", generate(), "--field", field, "--output", "json")

    assert (ran.code, ran.json["problem"]["code"]) == (2, "input_malformed")


def test_a_document_that_is_not_there_is_a_usage_error(office: Shell) -> None:
    ran = office("verify", generate(), "--document", office.folder / "no.pdf", "--output", "json")

    assert (ran.code, ran.json["problem"]["code"]) == (2, "input_unusable")


def test_a_verdict_can_be_taken_away(office: Shell, served: Served) -> None:
    code = issue(office)

    ran = office("verify", code, "--receipt", "--output", "json")

    assert ran.code == 0
    identity = served.anybody().identity
    taken = receipts.open_verdict(ran.json["receipt"].encode(), [identity.receipts])
    assert (taken.ledger, taken.index) == (identity.ledger, ran.json["basis"]["index"])
    assert json.loads(taken.verdict)["reason"] == ran.json["reason"]
    assert "sijill-verdict/v1" in office("verify", code, "--receipt").out
    # Of a forged paper above all: the ledger does not know its code.
    assert "code_unknown" in office("verify", generate(), "--receipt").out


@pytest.mark.usefixtures("hurried")
def test_a_question_that_nobody_answers_is_not_told_as_an_order(shell: Shell) -> None:
    """Nothing was sent that could be recorded, once or twice."""
    ran = shell("log", "head", "--url", nobody_there())

    assert ran.code == 3
    assert "Check the ledger's address" in ran.err
    assert "order" not in ran.err


def test_an_unreadable_code_is_told_without_a_ledger(office: Shell) -> None:
    assert office("verify", "no code", "--url", nobody_there()).code == 13


def test_an_address_that_is_no_ledger_is_no_verdict(office: Shell, served: Served) -> None:
    """Something answers there, but not a ledger: that is nobody's word about a document."""
    ran = office("verify", generate(), "--url", f"{served.url}/docs", "--output", "json")

    assert (ran.code, ran.json["outcome"]) == (14, "could_not_check")
