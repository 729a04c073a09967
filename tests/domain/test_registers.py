from typing import Any

import pytest

from domain.errors import Refusal
from domain.registers import (
    NUMBER_SPACE,
    REGISTER_SPACE,
    RESERVED_SPACE,
    Entry,
    Grade,
    Register,
    RegisterBook,
)
from tests.given_when_then import Scenario, digest, enrol, given, issue, linked, on_agency
from tests.letter_orders import letter, paper_in
from tests.registering import (
    BOOK,
    capture,
    close,
    confirm,
    count,
    cover,
    reserve,
    strike,
    uncover,
    void,
)

HERE = Register("moj", "main", "general", 1998)
OLD_LETTER: dict[str, Any] = {"year": 1998, "date": "1998-03-01"}


@pytest.fixture
def office() -> Scenario:
    return given(linked("moj"))


def book(scenario: Scenario) -> RegisterBook:
    stream = scenario.world.claims[REGISTER_SPACE, HERE.key]
    found: RegisterBook = scenario.world.ledger.repository.get(stream)
    return found


def entry(scenario: Scenario, number: str) -> Entry:
    stream = scenario.world.claims[NUMBER_SPACE, HERE.number_key(number)]
    found: Entry = scenario.world.ledger.repository.get(stream)
    return found


def test_a_register_has_a_key_and_so_has_each_number_in_it() -> None:
    register = Register("moj", "main", "general", 2026)
    assert register.key == "moj|main|general|2026"
    assert register.number_key("م/١٢") == "moj|main|general|2026|م/12"


def test_registers_do_not_run_into_each_other() -> None:
    parts = [("a-b", "c", "d", 1), ("a", "b-c", "d", 1), ("a", "b", "c-d", 1)]
    assert len({Register(*part).key for part in parts}) == len(parts)


def test_a_register_is_covered_at_a_grade_and_better_later(office: Scenario) -> None:
    office.when(cover()).then("sijill.register.covered.v1")
    assert book(office).coverage is not None
    office.when(cover()).refused("coverage_unchanged")

    office.when(cover("original_sighted")).then("sijill.register.covered.v1")

    coverage = book(office).coverage
    assert coverage is not None
    assert coverage.grade is Grade.ORIGINAL_SIGHTED


def test_coverage_is_withdrawn_by_who_declared_it(office: Scenario) -> None:
    office.when(uncover()).refused("register_not_covered")
    office.given(cover())

    office.when(uncover()).then("sijill.register.uncovered.v1")

    assert book(office).coverage is None
    office.when(uncover()).refused("register_not_covered")
    office.when(cover()).then("sijill.register.covered.v1")


def test_two_agencies_registers_of_one_name_are_two(office: Scenario) -> None:
    office.given(linked("moh"), cover(), capture("1"))

    office.when(cover(agency="moh")).then("sijill.register.covered.v1")
    office.when(capture("1", agency="moh")).then("sijill.register.captured.v1")


def test_an_entry_is_captured_once_whatever_its_digits(office: Scenario) -> None:
    office.when(capture("12/1998")).then("sijill.register.captured.v1")

    office.when(capture("١٢/١٩٩٨")).refused("number_taken")
    office.when(issue("a", number="12/1998", **OLD_LETTER)).refused("number_taken")
    office.when(capture("12/1998", series="special")).then("sijill.register.captured.v1")


@pytest.mark.parametrize(
    "members,code",
    [
        ({"type": "no_such_type"}, "type_unknown"),
        ({"claims": {"holder_secret": digest("x")}}, "claim_unknown"),
        ({"claims": {"court": digest("x")}}, "claim_unknown"),
        ({"date": "1997-12-31"}, "year_mismatch"),
        ({"date": "2026-11-23", "year": 2026}, "date_in_future"),
        ({"grade": "hearsay"}, "statement_invalid"),
        ({"entry_state": "eaten_by_mice"}, "statement_invalid"),
    ],
)
def test_an_entry_says_what_its_type_allows(
    office: Scenario, members: dict[str, Any], code: str
) -> None:
    office.when(capture("1", **members)).refused(code)


def test_an_old_entry_may_commit_to_nothing_at_all(office: Scenario) -> None:
    office.when(capture("1", claims=None)).then("sijill.register.captured.v1")
    office.when(capture("2", claims={"document": digest("scan")})).then(
        "sijill.register.captured.v1"
    )


def test_an_entry_gets_better_evidence_and_its_present_state(office: Scenario) -> None:
    office.given(capture("1"))
    office.when(confirm("1", "register_only")).refused("coverage_unchanged")

    office.when(confirm("1", "paper_reply", entry_state="revoked")).then(
        "sijill.register.confirmed.v1"
    )

    assert (entry(office, "1").grade, entry(office, "1").state) == ("paper_reply", "revoked")
    office.when(confirm("2")).refused("entry_unknown")


def test_an_entry_that_was_misread_is_struck_and_captured_again(office: Scenario) -> None:
    office.given(capture("1"))

    office.when(strike("1")).then("sijill.register.struck.v1")

    office.when(strike("1")).refused("entry_unknown")
    office.when(confirm("1")).refused("entry_unknown")
    office.when(capture("1")).then("sijill.register.captured.v1")


def test_an_issued_certificate_is_no_captured_entry(office: Scenario) -> None:
    office.given(issue("a", number="7", **OLD_LETTER))

    office.when(strike("7")).refused("entry_unknown")
    office.when(confirm("7")).refused("entry_unknown")


def test_a_number_is_reserved_once_and_then_used(office: Scenario) -> None:
    office.when(reserve("9")).then("sijill.register.reserved.v1")

    office.when(reserve("٩")).refused("number_reserved")
    office.when(issue("a", number="9", **OLD_LETTER)).then("sijill.certificate.issued.v1")
    office.when(issue("b", number="10", **OLD_LETTER)).then("sijill.certificate.issued.v1")
    office.when(reserve("10")).refused("number_taken")


def test_a_number_that_is_reserved_meanwhile_is_voided_as_a_reservation(office: Scenario) -> None:
    """Both would be records of one number, and no later check knows which of them was meant."""
    overtaken = office.world.decide(void("3"))
    [reserved] = office.world.record(reserve("3"))
    with pytest.raises(Refusal, match="number_reserved"):
        office.world.append(overtaken)

    [voided] = office.when(void("3")).facts

    assert voided.originator_id == reserved.originator_id
    assert (RESERVED_SPACE, HERE.number_key("3")) not in office.world.claims


def test_a_voided_number_is_nobodys_for_ever(office: Scenario) -> None:
    office.given(reserve("9"))

    office.when(void("9")).then("sijill.register.number_voided.v1")

    office.when(void("9")).refused("number_taken")
    office.when(reserve("9")).refused("number_taken")
    office.when(capture("9")).refused("number_taken")
    office.when(issue("a", number="9", **OLD_LETTER)).refused("number_taken")


def test_a_register_is_closed_when_its_year_is_over_in_baghdad(office: Scenario) -> None:
    office.when(close(year=2026)).refused("register_year_runs", year=2026)

    office.on("2027-01-01").when(close(year=2026)).then("sijill.register.closed.v1")

    office.when(close(year=2026)).refused("register_closed")


def test_a_closed_register_takes_nothing_more(office: Scenario) -> None:
    office.given(cover(), capture("1"), close())

    for order in (capture("2"), reserve("2"), void("2"), strike("1")):
        office.when(order).refused("register_closed")
    office.when(issue("a", number="2", **OLD_LETTER)).refused("register_closed")
    office.when(confirm("1")).then("sijill.register.confirmed.v1")
    office.when(uncover()).then("sijill.register.uncovered.v1")
    office.when(capture("2", **{**BOOK, "series": "other"})).then("sijill.register.captured.v1")


def test_a_closed_register_is_counted_once(office: Scenario) -> None:
    office.given(capture("1"))
    office.when(count(1)).refused("register_not_closed")
    office.given(cover())
    office.when(count(1)).refused("register_not_closed")
    office.given(close())

    office.when(count(1)).then("sijill.register.counted.v1")

    office.when(count(1)).refused("register_already_counted")


def test_a_suspended_agency_withdraws_coverage_and_captures_nothing(office: Scenario) -> None:
    office.given(cover(), on_agency("suspend", "moj", reason="legal_order"))

    office.when(capture("1")).refused("agency_suspended")
    office.when(cover("original_sighted")).refused("agency_suspended")
    office.when(uncover()).then("sijill.register.uncovered.v1")


def test_only_a_key_of_the_registry_orders_about_registers(office: Scenario) -> None:
    office.given(enrol("moj-issuer", "moj", ("issue",)))

    office.when(cover().signed_by("moj-issuer")).refused("scope_missing", scope="register")


def test_a_book_of_incoming_letters_is_closed_and_counted_by_itself(office: Scenario) -> None:
    letters: dict[str, Any] = {"date": "1998-05-01", "year": 1998}
    office.given(linked("moh"), paper_in("p", "moj", number="1", **letters), letter("l", **letters))
    arriving = {"incoming": True}

    office.when(close(**arriving)).then("sijill.register.closed.v1")

    office.when(paper_in("q", "moj", number="2", **letters)).refused("register_closed")
    office.when(void("3", **arriving)).refused("register_closed")
    office.when(close(**arriving)).refused("register_closed")
    office.when(letter("m", **letters)).then("sijill.transfer.registered_outgoing.v1")
    office.when(count(1)).refused("register_not_closed")
    office.when(count(1, **arriving)).then("sijill.register.counted.v1")
    office.when(count(1, **arriving)).refused("register_already_counted")
    office.when(close()).then("sijill.register.closed.v1")
    office.when(letter("n", **letters)).refused("register_closed")


def test_an_incoming_number_that_was_skipped_is_voided(office: Scenario) -> None:
    letters: dict[str, Any] = {"date": "1998-05-01", "year": 1998}
    office.given(paper_in("p", "moj", number="1", **letters))

    office.when(void("1", incoming=True)).refused("incoming_number_taken")
    office.when(void("2", incoming=True)).then("sijill.register.number_voided.v1")
    office.when(paper_in("q", "moj", number="2", **letters)).refused("incoming_number_taken")
    # The numbers of the register are others.
    office.when(capture("2")).then("sijill.register.captured.v1")
