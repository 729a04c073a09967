"""What is held binds whoever answers, from a day on; what was answered before is no finding.

The issuer's registers bind after a referral, a number that is taken is no room, and no original of
a certificate speaks for the others.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.asking_authenticity import answer, ask, on_request, proof, refer
from tests.certificate_orders import another, correct, replaced, revoke
from tests.domain.test_authenticity_coverage import split_off
from tests.given_when_then import Order, Scenario, code, given, issue, key_of, linked
from tests.given_when_then import order as ordered
from tests.registering import capture, cover, void
from tests.sijill.test_letter_rules import judged

HERE = {"unit": "main", "series": "general"}
BEFORE, SINCE = "2026-11-28", "2026-11-29"
ANSWERED = "sijill.authenticity.answered.v1"
LATE = {"due_date": "2026-12-10"}


@pytest.fixture
def ledger() -> Scenario:
    return given(linked("moj"), linked("moh"), linked("mof"))


def by(agency: str, name: str, finding: str, **more: Any) -> Order:
    return on_request("answer", name, agency, finding=finding, **{**HERE, **more})


def genuine(certificate: str, grade: str = "register_only") -> dict[str, str]:
    return {"finding": "genuine", "grade": grade, "certificate": code(certificate)}


def refused_since(ledger: Scenario, order: Order, refusal: str) -> None:
    """Before the day it was recorded, and that is no finding; from the day on it is refused."""
    ledger.on(SINCE).when(order).refused(refusal)
    ledger.on(BEFORE).when(order).then(ANSWERED)
    assert list(judged(ledger.world.recorded)) == []


def test_a_referral_excuses_nothing_from_the_issuers_registers(ledger: Scenario) -> None:
    """Not *not found* against what they hold, though the answerer's own were all covered."""
    ledger.given(cover(), capture("12"), cover(agency="mof"), ask("a", **LATE), refer("a"))

    ledger.on(SINCE).when(by("mof", "a", "outside_coverage")).refused("finding_mismatch")
    refused_since(ledger, by("mof", "a", "not_found"), "finding_mismatch")


def test_a_referral_makes_no_room_in_registers_that_are_covered(ledger: Scenario) -> None:
    ledger.given(cover(), ask("a", **LATE), ask("b", **LATE), refer("a"), refer("b"))
    ledger.given(proof("p", "mof"), proof("q", "mof"), proof("r", "mof"))
    ledger.on(SINCE).when(by("mof", "b", **genuine("q"))).refused("register_covered")

    # What it holds itself it may say: the paper was issued elsewhere.
    ledger.given(capture("12", agency="mof"))
    ledger.when(by("mof", "b", **genuine("q"))).then(ANSWERED)

    ledger.given(ask("c", number="13", **LATE), refer("c"))
    refused_since(ledger, by("mof", "c", **genuine("r")), "register_covered")


def test_after_a_referral_not_found_needs_both_bodies_registers(ledger: Scenario) -> None:
    ledger.given(cover(agency="mof"), ask("a", **LATE), refer("a"), ask("b", **LATE), refer("b"))
    ledger.on(SINCE)

    ledger.when(by("mof", "a", "not_found")).refused("register_not_covered")
    ledger.when(by("mof", "a", "outside_coverage")).then(ANSWERED)

    ledger.given(cover(unit="south"))
    ledger.when(by("mof", "b", "outside_coverage")).refused("register_covered")
    ledger.when(by("mof", "b", "not_found")).then(ANSWERED)


def test_what_the_issuer_holds_otherwise_is_not_genuine_elsewhere(ledger: Scenario) -> None:
    ledger.given(capture("12", unit="south", entry_state="revoked"), capture("12", agency="mof"))
    ledger.given(ask("a", **LATE), refer("a"), proof("p", "mof"))

    refused_since(ledger, by("mof", "a", **genuine("p")), "finding_mismatch")


def test_one_part_of_a_body_says_nothing_against_the_other(ledger: Scenario) -> None:
    """One series went to one body and the rest to another: neither frees the other's answers."""
    ledger.given(linked("moe"), cover(), capture("12"), cover(unit="south", agency="mof"))
    ledger.given(ask("a", **LATE), split_off("degrees", "mof", rest="moe"))
    referred = refer("a", agency="moe", reason="register_moved")
    ledger.given(cover(agency="mof"), referred)

    refused_since(ledger, by("mof", "a", "not_found", unit="south"), "finding_mismatch")


def test_what_meanwhile_enters_the_issuers_shelf_makes_the_answer_fail(ledger: Scenario) -> None:
    ledger.given(cover(), cover(agency="mof"), ask("a", **LATE), refer("a")).on(SINCE)
    decided = ledger.world.decide(by("mof", "a", "not_found"))
    ledger.given(capture("7", unit="south"))

    with pytest.raises(Exception, match="claim_taken"):
        ledger.world.append(decided)


@pytest.mark.parametrize(
    "stands",
    [
        lambda: void("12"),
        lambda: capture("12", type="authenticity", date="1998-02-01"),
        lambda: issue("x", number="12", year=1998, date="1998-02-01"),
    ],
    ids=["void", "another paper", "another certificate"],
)
@pytest.mark.parametrize("finding", ["genuine", "revoked"])
def test_a_number_that_stands_for_something_else_is_no_room(
    ledger: Scenario, stands: Callable[[], Order], finding: str
) -> None:
    ledger.given(stands(), ask("a", **LATE), proof("p"))
    said = {**genuine("p"), "finding": finding}
    if finding == "revoked":
        del said["certificate"]

    refused_since(ledger, answer("a", **said, **HERE), "finding_mismatch")


def test_a_void_number_is_answered_as_voided(ledger: Scenario) -> None:
    ledger.given(void("12"), ask("a"), ask("b", number="13"), capture("14"), ask("c", number="14"))

    ledger.when(answer("b", "voided", **HERE)).refused("finding_mismatch")
    ledger.when(answer("c", "voided", **HERE)).refused("finding_mismatch")
    ledger.when(answer("a", "voided")).refused("finding_mismatch")
    ledger.when(answer("a", "voided", **HERE)).then(ANSWERED)


def test_a_number_that_the_answerer_voids_itself_says_nothing_of_the_issuers(
    ledger: Scenario,
) -> None:
    """After a referral its own register tells of the paper only where the issuer's leave room."""
    ledger.given(cover(), void("12", agency="mof"))
    ledger.given(*(one for name in "ab" for one in (ask(name, **LATE), refer(name))))

    refused_since(ledger, by("mof", "a", "voided"), "finding_mismatch")
    ledger.given(void("12")).on(SINCE).when(by("mof", "b", "voided")).then(ANSWERED)
    assert list(judged(ledger.world.recorded)) == []


def test_an_issuer_without_registers_may_have_had_its_number_voided_elsewhere(
    ledger: Scenario,
) -> None:
    ledger.given(void("12", agency="mof"), ask("a", **LATE), refer("a")).on(SINCE)

    ledger.when(by("mof", "a", "voided", unit="south")).refused("finding_mismatch")
    ledger.when(by("mof", "a", "voided")).then(ANSWERED)
    assert list(judged(ledger.world.recorded)) == []


def test_a_void_number_is_not_what_another_register_holds(ledger: Scenario) -> None:
    ledger.given(void("12"), capture("12", unit="south"), ask("a"))

    ledger.when(answer("a", "voided", **HERE)).refused("finding_mismatch")


def ask_by_number(name: str) -> Order:
    return ask(name, type="support_letter", number="5/1", date="2026-11-20", **LATE)


@pytest.fixture
def letter(ledger: Scenario) -> Scenario:
    """A certificate asked about by its number, which names no original."""
    return ledger.given(issue("doc", number="5/1"), ask_by_number("a"), proof("p"), proof("q"))


def digital(finding: str, certificate: str | None = None) -> Order:
    said = {"certificate": code(certificate)} if certificate else {}
    return answer("a", finding, grade="born_digital", **said, **HERE)


def test_one_original_that_was_revoked_does_not_speak_for_all(letter: Scenario) -> None:
    letter.given(another("doc", "copy"), revoke("copy", original_only=True)).on(SINCE)

    letter.when(digital("revoked")).refused("finding_mismatch")
    letter.when(digital("genuine", "p")).then(ANSWERED)


def test_it_spoke_for_all_until_that_day(letter: Scenario) -> None:
    letter.given(another("doc", "copy"), revoke("copy", original_only=True))

    refused_since(letter, digital("revoked"), "finding_mismatch")


def test_a_certificate_without_an_original_that_stands_is_revoked(letter: Scenario) -> None:
    letter.given(correct("doc", "new"), revoke("new", original_only=True)).on(SINCE)

    for finding in ("genuine", "changed"):
        letter.when(digital(finding, "p")).refused("finding_mismatch")
    letter.when(digital("revoked")).then(ANSWERED)


@pytest.mark.parametrize("finding", ["genuine", "changed"])
@pytest.mark.parametrize("became", [correct, replaced], ids=["corrected", "replaced"])
def test_of_what_was_changed_both_are_so(
    letter: Scenario, became: Callable[[str, str], Order], finding: str
) -> None:
    """A number names the edition of before as well as the one of now."""
    letter.given(became("doc", "new")).on(SINCE)

    letter.when(digital("revoked")).refused("finding_mismatch")
    letter.when(digital(finding, "p")).then(ANSWERED)


def test_a_further_original_by_a_stolen_key_keeps_no_answer_from_the_first(
    letter: Scenario,
) -> None:
    begins = letter.world.size
    letter.given(another("doc", "copy").signed_by("moj-2"), compromised("moj-2", begins)).on(SINCE)

    letter.when(digital("genuine", "p")).then(ANSWERED)


def test_what_replaced_it_by_a_stolen_key_leaves_the_number_in_doubt(letter: Scenario) -> None:
    begins = letter.world.size
    letter.given(replaced("doc", "new").signed_by("moj-2"), compromised("moj-2", begins)).on(SINCE)

    letter.when(digital("changed", "p")).refused("certificate_in_doubt")


def compromised(key: str, begins: int) -> Order:
    return ordered("key.compromise", "moj", key=key_of(key), as_of=begins, reason="stolen")
