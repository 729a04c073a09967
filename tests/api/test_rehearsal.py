"""A rehearsed bulk whose lines follow one another on one record: nobody is promised too much."""

from typing import Any

import pytest

from infrastructure.proofs import signing
from sijill.client import statement
from tests.api.talking import Wire, codes_of, lines_of
from tests.serving import Agency, issuance

BULK = "/v1/certificates/bulk"
CHECK = "/v1/certificates/bulk/check"
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
    wire: Wire, agency: Agency, lines: list[bytes], *, atomic: bool = False
) -> list[dict[str, Any]]:
    return lines_of(wire.send(agency.client.prepare(CHECK, lines, bulk=True, atomic=atomic)))


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
    assert (
        codes_of(lines_of(wire.send(agency.client.prepare(BULK, lines, bulk=True)))) == [None] * 3
    )


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
    assert (
        codes_of(lines_of(wire.send(agency.client.prepare(BULK, lines, bulk=True)))) == [None] * 4
    )


def test_all_or_none_is_told_that_it_may_not_act_twice(wire: Wire, agency: Agency) -> None:
    code = agency.issue()["code"]
    lines = [line(agency, act, code) for act in ("suspend", "reinstate")]

    answer = rehearsed(wire, agency, lines, atomic=True)

    assert codes_of(answer) == [None, "record_twice_in_order"]
