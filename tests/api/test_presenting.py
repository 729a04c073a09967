"""Papers in hand: how people write what stands on them, and what the verdict makes of it."""

from typing import Any

import pytest

from tests.api.talking import Wire
from tests.serving import Agency


def presented(wire: Wire, code: str, **fields: str) -> tuple[str, dict[str, Any]]:
    """The reason and the comparison."""
    answer = wire.http.post("/v1/verify", json={"code": code, "fields": fields})
    assert answer.status_code == 200, answer.text
    verdict = answer.json()
    return verdict["reason"], verdict["compared"]


@pytest.fixture(scope="module")
def code(agency: Agency) -> str:
    return str(agency.issue(date="2026-11-02", number="م.و/٤٥٦")["code"])


@pytest.mark.parametrize("date", ["٢٠٢٦/١١/٠٢", "2/11/2026", "۰۲-۱۱-۲۰۲۶"])
def test_a_date_in_the_papers_own_figures_is_the_same_date(
    wire: Wire, code: str, date: str
) -> None:
    """A genuine paper must not look forged because its figures are Arabic."""
    reason, compared = presented(wire, code, date=date, number=" م.و / ٤٥٦ ")

    assert reason == "in_force_fields_match"
    assert compared["matched"] == ["date", "number"]


def test_another_date_differs(wire: Wire, code: str) -> None:
    assert presented(wire, code, date="٢٠٢٦/١١/٠٣")[0] == "content_mismatch"


def test_a_date_in_words_is_not_compared_and_never_looks_valid(wire: Wire, code: str) -> None:
    reason, compared = presented(wire, code, date="الثاني من تشرين الثاني")

    assert reason == "values_not_comparable"
    assert compared["not_comparable"] == ["date"]


def test_dates_among_the_values_are_compared_as_dates(wire: Wire, agency: Agency) -> None:
    values: dict[str, str | None] = {"deceased_name": "حامل 0001", "death_date": "2026-03-01"}
    values = {**values, "holder_name": None, "supported_fact": None}
    found = agency.issue(type="death_record_extract", values=values)["code"]

    assert presented(wire, found, death_date="١/٣/٢٠٢٦")[0] == "in_force_fields_match"
    assert presented(wire, found, death_date="٢/٣/٢٠٢٦")[0] == "content_mismatch"
    for unlike in ("2026-13-40", "آذار"):
        reason, compared = presented(wire, found, death_date=unlike)
        assert (reason, compared["not_comparable"]) == ("values_not_comparable", ["death_date"])


@pytest.mark.parametrize("code", ["7" * 65, "x" * 1000, "٧" * 200])
def test_whatever_is_no_code_is_a_verdict_and_no_error(wire: Wire, code: str) -> None:
    assert wire.verdict(code)["reason"] == "code_malformed"
    assert presented(wire, code, number="1")[0] == "code_malformed"
