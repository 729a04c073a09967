"""A rehearsed bulk whose lines follow one another on one record: nobody is promised too much."""

from typing import Any

import pytest

from infrastructure.proofs import signing
from sijill.client.prepared import commit, statement
from tests.api.talking import Wire, codes_of, lines_of
from tests.serving import Agency, issuance

BULK = "/v1/certificates/bulk"
REGISTERS = "/v1/registers/bulk"
BOOK_1998: dict[str, Any] = {"unit": "archive", "series": "general", "year": 1998}
REASONS = {
    "suspend": "under_review",
    "reinstate": "review_passed",
    "revoke": "decision",
    "void": "test_entry",
}


def line(agency: Agency, act: str, code: str) -> bytes:
    said = statement(f"certificate.{act}", agency.name, code=code, reason=REASONS[act])
    return signing.envelope(said)


def rehearsed(
    wire: Wire, agency: Agency, lines: list[bytes], *, atomic: bool = False, room: str = BULK
) -> list[dict[str, Any]]:
    return sent(wire, agency, lines, atomic=atomic, room=f"{room}/check")


def sent(
    wire: Wire, agency: Agency, lines: list[bytes], *, atomic: bool = False, room: str = BULK
) -> list[dict[str, Any]]:
    return lines_of(wire.send(agency.client.prepare(room, lines, bulk=True, atomic=atomic)))


def dependence(answer: list[dict[str, Any]]) -> list[int | None]:
    return [one.get("depends_on") for one in answer]


@pytest.mark.parametrize("second", ["suspend", "reinstate", "revoke"])
def test_a_second_act_on_a_record_depends_on_the_first(
    wire: Wire, agency: Agency, second: str
) -> None:
    code, other = agency.issue()["code"], agency.issue()["code"]
    lines = [line(agency, *one) for one in (("suspend", code), ("revoke", other), (second, code))]

    answer = rehearsed(wire, agency, lines)

    assert dependence(answer) == [None, None, 0]
    assert ("accepted" in answer[2]) == (second != "reinstate")


def test_a_line_that_may_or_may_not_be_accepted_is_depended_on_too(
    wire: Wire, agency: Agency
) -> None:
    code = agency.issue()["code"]
    lines = [line(agency, act, code) for act in ("suspend", "reinstate", "suspend")]

    answer = rehearsed(wire, agency, lines)

    assert codes_of(answer) == [None, "certificate_not_suspended", None]
    assert dependence(answer) == [None, 0, 1]
    assert codes_of(sent(wire, agency, lines)) == [None] * 3


def test_a_line_that_is_refused_for_good_changes_nothing(wire: Wire, agency: Agency) -> None:
    code = agency.issue()["code"]
    lines = [line(agency, act, code) for act in ("reinstate", "suspend")]

    answer = rehearsed(wire, agency, lines)

    assert codes_of(answer) == ["certificate_not_suspended", None]
    assert dependence(answer) == [None, None]


def test_what_a_line_before_issues_or_frees(wire: Wire, agency: Agency) -> None:
    new = issuance(agency.name)
    code = new.split(b'"code":"')[1].split(b'"')[0].decode()
    old = agency.issue(number="freed/1")["code"]
    again = issuance(agency.name, number="freed/1")
    lines = [new, line(agency, "suspend", code), line(agency, "void", old), again]

    answer = rehearsed(wire, agency, lines)

    assert codes_of(answer) == [None, "certificate_unknown", None, "number_taken"]
    assert dependence(answer) == [None, 0, None, 2]
    assert codes_of(sent(wire, agency, lines)) == [None] * 4


def test_all_or_none_is_told_that_it_may_not_act_twice(wire: Wire, agency: Agency) -> None:
    code = agency.issue()["code"]
    lines = [line(agency, act, code) for act in ("suspend", "reinstate")]

    answer = rehearsed(wire, agency, lines, atomic=True)

    assert codes_of(answer) == [None, "record_twice_in_order"]


def in_register(agency: Agency, act: str, **members: Any) -> bytes:
    return signing.envelope(statement(f"register.{act}", agency.name, **BOOK_1998, **members))


def capture(agency: Agency, number: str) -> bytes:
    claims, texts = commit({"holder_name": "حامل 0001", "qualification": "بكالوريوس"})
    members = {"type": "degree", "date": "1998-07-01", "grade": "register_only", "claims": claims}
    said = statement("register.capture", agency.name, **BOOK_1998, number=number, **members)
    return signing.envelope(said, texts)


@pytest.mark.parametrize("case", ["closed", "entered", "reserved", "void"])
def test_all_or_none_keeps_the_order_of_its_lines_in_what_they_claim(
    wire: Wire, agency: Agency, case: str
) -> None:
    """Recorded together, such lines would stand in the log in an order that no rule allows."""
    number = f"{case}/1"
    reserve = in_register(agency, "reserve", number=number)
    void = in_register(agency, "void", number=number, reason="form_spoilt")
    lines = {
        "closed": [in_register(agency, "close"), capture(agency, number)],
        "entered": [capture(agency, number), reserve],
        "reserved": [reserve, void],
        "void": [void, reserve],
    }[case]

    answer = rehearsed(wire, agency, lines, atomic=True, room=REGISTERS)

    assert codes_of(answer) == [None, "record_twice_in_order"]
    assert dependence(answer) == [None, 0]
    refused = ["other_line_refused", "record_twice_in_order"]
    assert codes_of(sent(wire, agency, lines, atomic=True, room=REGISTERS)) == refused


def test_all_or_none_may_free_a_number_and_take_it_but_not_the_other_way_round(
    wire: Wire, agency: Agency
) -> None:
    old = agency.issue(number="freed/2")["code"]
    lines = [line(agency, "void", old), issuance(agency.name, number="freed/2")]
    turned = [lines[1], lines[0]]

    answer = rehearsed(wire, agency, turned, atomic=True)
    assert codes_of(answer) == ["number_taken", "record_twice_in_order"]
    assert None not in codes_of(sent(wire, agency, turned, atomic=True))
    assert codes_of(rehearsed(wire, agency, lines, atomic=True)) == [None, None]
    assert codes_of(sent(wire, agency, lines, atomic=True)) == [None, None]


def test_a_line_that_enters_what_one_before_closes_depends_on_it(
    wire: Wire, agency: Agency
) -> None:
    lines = [in_register(agency, "close"), capture(agency, "late/1")]

    answer = rehearsed(wire, agency, lines, room=REGISTERS)

    assert (codes_of(answer), dependence(answer)) == ([None, None], [None, 0])
    assert codes_of(sent(wire, agency, lines, room=REGISTERS)) == [None, "register_closed"]
