"""Where *not found* may be said, and by whom: every register of a year, whatever succeeded."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.asking_authenticity import answer, ask, on_request, proof
from tests.certificate_orders import correct
from tests.given_when_then import Order, Scenario, code, given, issue, linked, on_agency
from tests.registering import capture, close, cover, uncover

HERE = {"unit": "main", "series": "general"}


@pytest.fixture
def ledger() -> Scenario:
    return given(linked("moj"), linked("moh"), linked("mof"))


@pytest.mark.parametrize(
    "other",
    [
        lambda: [capture("7", unit="south")],
        lambda: [issue("late", unit="south", year=1998, date="1998-03-01")],
        lambda: [cover(unit="south"), uncover(unit="south")],
        lambda: [close(unit="south")],
    ],
    ids=["captured in part", "issued in", "uncovered", "closed"],
)
def test_not_found_needs_every_register_that_the_paper_could_stand_in(
    ledger: Scenario, other: Callable[[], list[Order]]
) -> None:
    """A request names neither the unit nor the series whose register the paper stands in."""
    ledger.given(cover(), *other(), ask("a"), ask("b"))

    ledger.when(answer("a", "not_found", **HERE)).refused("register_not_covered")
    ledger.when(answer("a", "outside_coverage", **HERE)).then("sijill.authenticity.answered.v1")

    ledger.given(cover(unit="south"))
    ledger.when(answer("b", "outside_coverage", **HERE)).refused("register_covered")
    ledger.when(answer("b", "not_found", **HERE)).then("sijill.authenticity.answered.v1")


def test_registers_of_another_year_or_body_say_nothing_of_a_paper(ledger: Scenario) -> None:
    others = [
        capture("1", year=1999, date="1999-01-02"),
        capture("1", agency="mof"),
    ]
    ledger.given(cover(), others, ask("a"))

    ledger.when(answer("a", "not_found", **HERE)).then("sijill.authenticity.answered.v1")


@pytest.mark.parametrize("named", [{"series": "zz"}, {"unit": "x", "series": "zz"}])
def test_an_empty_register_made_up_covers_no_paper_of_another_series(
    ledger: Scenario, named: dict[str, str]
) -> None:
    """A request names no series: that of the answer is the answerer's word, and binds nothing."""
    made_up = {**HERE, **named}
    ledger.given(capture("12"), cover(**made_up), ask("a"), ask("b", number="13"))

    ledger.when(answer("a", "not_found", **made_up)).refused("finding_mismatch")
    ledger.when(answer("a", "outside_coverage", **made_up)).refused("finding_mismatch")
    ledger.when(answer("b", "not_found", **made_up)).refused("register_not_covered")

    ledger.given(cover())
    ledger.when(answer("a", "not_found", **made_up)).refused("finding_mismatch")
    ledger.when(answer("b", "not_found", **made_up)).then("sijill.authenticity.answered.v1")


@pytest.mark.parametrize("finding", ["genuine", "changed", "revoked"])
def test_a_covered_register_holds_whatever_was_found_in_it(ledger: Scenario, finding: str) -> None:
    """Who says that all of a register is captured cannot find in it what was not."""
    ledger.given(ask("a"), proof("p"))
    proved = {} if finding == "revoked" else {"certificate": code("p")}
    found = answer("a", finding, grade="register_only", **HERE, **proved)
    decided = ledger.world.decide(found)

    ledger.given(cover())
    ledger.when(found).refused("register_covered")
    with pytest.raises(Exception, match="claim_taken"):
        ledger.world.append(decided)

    # What the register lacked is captured first; or the declaration was wrong.
    ledger.given(uncover())
    ledger.when(found).then("sijill.authenticity.answered.v1")


def test_a_register_that_nobody_knows_excuses_no_finding(ledger: Scenario) -> None:
    """Where all that is known is captured, a book that turns up becomes known first."""
    made_up = {"unit": "x", "series": "zz"}
    ledger.given(cover(), ask("a"), ask("b", number="13"), proof("p"), proof("q"))
    said = {"grade": "register_only", "certificate": code("p")}
    ledger.when(answer("a", "genuine", **said, **made_up)).refused("register_covered")

    ledger.given(capture("13", entry_state="revoked"))
    ledger.when(answer("b", "genuine", **said, **made_up)).refused("finding_mismatch")

    ledger.given(capture("12", **made_up))
    ledger.when(answer("a", "genuine", **said, **made_up)).then("sijill.authenticity.answered.v1")


def test_a_successors_empty_register_excuses_no_finding(ledger: Scenario) -> None:
    law = {"effective_date": "2026-11-20", "legal_basis": "law:1/2026"}
    merged = on_agency("merge", "moj", successor="mof", **law).also_by("comsec")
    ledger.given(cover(), ask("a"), merged, proof("p", "mof"))
    said = {"grade": "register_only", "certificate": code("p"), **HERE}

    ledger.when(answer("a", "genuine", **said).saying(agency="mof").signed_by("mof")).refused(
        "register_covered"
    )
    ledger.given(capture("12", agency="mof"))
    ledger.when(answer("a", "genuine", **said).saying(agency="mof").signed_by("mof")).then(
        "sijill.authenticity.answered.v1"
    )


def test_what_another_unit_holds_is_not_not_found(ledger: Scenario) -> None:
    ledger.given(cover(), cover(unit="south"), capture("12", unit="south"), ask("a"))

    ledger.when(answer("a", "not_found", **HERE)).refused("finding_mismatch")
    ledger.when(answer("a", "outside_coverage", **HERE)).refused("finding_mismatch")


def test_a_register_that_opens_meanwhile_makes_not_found_fail(ledger: Scenario) -> None:
    ledger.given(cover(), ask("a"))
    decided = ledger.world.decide(answer("a", "not_found", **HERE))
    ledger.given(capture("7", unit="south"))

    with pytest.raises(Exception, match="claim_taken"):
        ledger.world.append(decided)


def test_outside_coverage_rests_on_one_register_that_is_not_covered(ledger: Scenario) -> None:
    """A bulk that declares the others meanwhile takes nothing from the answer."""
    ledger.given(capture("7"), capture("7", unit="north"), capture("7", unit="south"), ask("a"))
    outside = answer("a", "outside_coverage", **HERE)
    early = ledger.world.decide(outside)
    ledger.given(cover())
    with pytest.raises(Exception, match="claim_taken"):
        ledger.world.append(early)

    decided = ledger.world.decide(outside)
    ledger.given(cover(unit="south"))
    assert [fact.TOPIC for fact in ledger.world.append(decided)] == [
        "sijill.authenticity.answered.v1"
    ]


def test_of_two_units_that_open_at_once_each_has_its_place(ledger: Scenario) -> None:
    south = ledger.world.decide(capture("1", unit="south"))
    ledger.given(capture("1", unit="north"))

    with pytest.raises(Exception, match="claim_taken"):
        ledger.world.append(south)
    ledger.given(capture("1", unit="south"), cover(), ask("a"))
    ledger.when(answer("a", "not_found", **HERE)).refused("register_not_covered")


def test_a_new_register_finds_its_place_in_few_looks(
    ledger: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Units are free text: else one key could have every new one cost as many as there are."""
    ledger.given([cover(unit=f"u{number}") for number in range(70)])
    looks: list[str] = []
    find = ledger.world.find

    def counted(space: str, key: str) -> UUID | None:
        looks.append(space)
        return find(space, key)

    monkeypatch.setattr(ledger.world, "find", counted)
    decided = ledger.world.decide(cover(unit="one-more"))

    assert [one.key for one in decided.claims if one.space == "register-shelf"] == ["moj|1998|70"]
    assert looks.count("register-shelf") < 15


def test_a_shelf_has_an_end(ledger: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.registers.record.SHELF_PLACES", 3)
    ledger.given(cover(), capture("12", unit="south"), ask("a"), ask("b", number="13"))
    ledger.given(cover(unit="north"))

    ledger.when(cover(unit="west")).refused("registers_too_many", most=3)
    ledger.when(issue("late", unit="west", year=1998, date="1998-03-01")).refused(
        "registers_too_many", most=3
    )
    # What is known goes on, and is looked through to its end.
    ledger.given(capture("14", unit="north"), cover(unit="south"))
    ledger.when(answer("a", "not_found", **HERE)).refused("finding_mismatch")
    ledger.when(answer("b", "not_found", **HERE)).then("sijill.authenticity.answered.v1")


def split_off(series: str, successor: str, **more: Any) -> Order:
    """Moj gives the series of its main unit to another body and goes on."""
    share = {"unit": "main", "series": series, "successor": successor}
    law = {"effective_date": "2026-11-20", "legal_basis": "law:1/2026"}
    return on_agency("split", "moj", shares=[share], **law, **more).also_by("comsec")


def test_a_successor_in_part_answers_what_stands_in_its_part(ledger: Scenario) -> None:
    degrees = {"series": "degrees"}
    ledger.given(capture("12", **degrees), ask("a"), ask("b", number="13"), ask("c"))
    ledger.given(split_off("degrees", "mof"), cover(**degrees, owner="moj", agency="mof"))
    ledger.given(proof("p", "mof"), proof("q"))
    found = {"finding": "genuine", "grade": "register_only", "certificate": code("p")}

    def by_successor(name: str, series: str = "degrees", **said: Any) -> Order:
        return on_request("answer", name, "mof", unit="main", series=series, **said)

    # What does not stand there is not the successor's to answer, whatever series it names.
    ledger.when(by_successor("b", finding="not_found")).refused("request_unknown")
    ledger.when(by_successor("b", **found)).refused("request_unknown")
    ledger.when(by_successor("a", "general", **found)).refused("request_unknown")
    ledger.when(by_successor("a", finding="original_needed", series="other")).refused(
        "request_unknown"
    )
    refused = on_request("refuse", "a", "mof", reason="fee_unpaid")
    ledger.when(refused).refused("request_unknown")
    ledger.when(by_successor("a", **found)).then("sijill.authenticity.answered.v1")

    # The body itself answers no more for what it gave away; it refers.
    said = {**found, "certificate": code("q"), "unit": "main", "series": "degrees"}
    ledger.when(answer("c", **said)).refused("record_moved", successor="mof")
    ledger.when(answer("b", "outside_coverage", **HERE)).then("sijill.authenticity.answered.v1")


def test_a_request_that_is_referred_to_a_successor_is_its_own(ledger: Scenario) -> None:
    degrees = {"series": "degrees"}
    about = {"to": "mof", "due_date": "2026-11-30", "reason": "register_moved"}
    referred = on_request("refer", "a", **about)
    ledger.given(cover(**degrees), ask("a"), split_off("degrees", "mof"), referred)

    said = {"unit": "main", "series": "degrees", "finding": "not_found"}
    ledger.when(on_request("answer", "a", "mof", **said)).then("sijill.authenticity.answered.v1")


def test_a_successors_own_register_does_not_cover_its_predecessors(ledger: Scenario) -> None:
    law = {"effective_date": "2026-11-20", "legal_basis": "law:1/2026"}
    merged = on_agency("merge", "moj", successor="mof", **law).also_by("comsec")
    ledger.given(ask("a"), ask("b"), merged, cover(agency="mof"))

    def by_successor(name: str, finding: str) -> Order:
        return on_request("answer", name, "mof", finding=finding, **HERE)

    ledger.when(by_successor("a", "not_found")).refused("register_not_covered")
    ledger.when(by_successor("a", "outside_coverage")).then("sijill.authenticity.answered.v1")

    ledger.given(cover(agency="mof", owner="moj"))
    ledger.when(by_successor("b", "not_found")).then("sijill.authenticity.answered.v1")


def test_a_proof_is_the_edition_that_stands(ledger: Scenario) -> None:
    """A certificate that was corrected since proves what the correction says."""
    ledger.given(capture("12"), ask("a"), proof("p"))
    ledger.given(correct("p", "q", claims=proof("p").statement["claims"]))
    here = {**HERE, "grade": "register_only"}

    ledger.when(answer("a", "genuine", certificate=code("p"), **here)).refused(
        "authenticity_certificate_unfit"
    )
    ledger.when(answer("a", "genuine", certificate=code("q"), **here)).then(
        "sijill.authenticity.answered.v1"
    )
