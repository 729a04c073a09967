"""Courts: they suspend and hold what any agency issued, and only they end that."""

from typing import Any

import pytest

from domain.certificates import Status
from domain.ledger import Decision, Sitting
from tests.asking_authenticity import attest, by_code, proof
from tests.certificate_orders import certificate, correct, erase, reaffirm, revoke
from tests.domain.test_compromise import compromise
from tests.domain.test_succession import merge
from tests.given_when_then import (
    Order,
    Scenario,
    code,
    enrol,
    given,
    issue,
    linked,
    on_agency,
    on_certificate,
)
from tests.sijill.test_letter_rules import judged

SUSPENDED = "sijill.certificate.suspended_by_court.v1"
LIFTED = "sijill.certificate.court_suspension_lifted.v1"


def by_court(act: str, name: str, order: str, court: str = "hjc", **more: Any) -> Order:
    asked = on_certificate(act, name, court, legal_basis=order, **more)
    return asked.signed_by(f"{court}-court")


def suspend(name: str, order: str = "judgment:1/2026", court: str = "hjc") -> Order:
    return by_court("suspend_by_court", name, order, court)


def lift(name: str, ends: str = "judgment:1/2026", court: str = "hjc") -> Order:
    return by_court("lift_court_suspension", name, "judgment:9/2026", court, ends=ends)


def court(name: str) -> list[Order]:
    """A linked body with a key that both founders gave the court's scope."""
    key = enrol(f"{name}-court", name, ("court",)).also_by("ndc", "comsec")
    return [*linked(name), key]


@pytest.fixture
def scenario() -> Scenario:
    return given(linked("moj"), court("hjc"), issue("a"), issue("b"))


def status(scenario: Scenario, name: str = "a") -> Status:
    return certificate(scenario, name).status


def test_a_court_suspends_what_another_body_issued_and_ends_it(scenario: Scenario) -> None:
    scenario.when(suspend("a")).then(SUSPENDED)
    assert status(scenario) is Status.SUSPENDED

    scenario.when(lift("a")).then(LIFTED)
    assert status(scenario) is Status.IN_FORCE


def test_only_a_key_with_the_courts_scope_may(scenario: Scenario) -> None:
    for signer in ("hjc", "hjc-2"):
        scenario.when(suspend("a").signed_by(signer)).refused("scope_missing", scope="court")
    scenario.when(suspend("nothing")).refused("certificate_unknown")


def test_its_agency_cannot_take_it_out_of_the_courts_hands(scenario: Scenario) -> None:
    scenario.given(suspend("a"))
    by_agency = {
        "certificate_already_suspended": on_certificate("suspend", "a", reason="under_review"),
        "certificate_suspended": correct("a", "c"),
    }
    stands = (
        on_certificate("reinstate", "a", reason="review_passed"),
        on_certificate("void", "a", reason="duplicate_entry"),
        on_certificate("supersede", "a", by=code("b"), reason="renewed"),
    )

    for refusal, order in by_agency.items():
        scenario.when(order).refused(refusal)
    for order in stands:
        scenario.when(order).refused("court_suspension_stands")
    scenario.when(revoke("a")).then("sijill.certificate.revoked.v1")


def test_it_returns_to_where_its_agency_had_left_it(scenario: Scenario) -> None:
    scenario.given(on_certificate("suspend", "a", reason="under_review"), suspend("a"), lift("a"))

    assert status(scenario) is Status.SUSPENDED
    scenario.when(on_certificate("reinstate", "a", reason="review_passed")).then(
        "sijill.certificate.reinstated.v1"
    )


def test_of_several_orders_the_last_one_counts(scenario: Scenario) -> None:
    scenario.given(suspend("a"), suspend("a", "judgment:2/2026"), lift("a"))
    assert status(scenario) is Status.SUSPENDED

    scenario.given(lift("a", "judgment:2/2026"))
    assert status(scenario) is Status.IN_FORCE


def test_an_order_stands_once_and_is_ended_by_its_own_court(scenario: Scenario) -> None:
    scenario.given(court("appeal"), suspend("a"))

    scenario.when(suspend("a")).refused("court_order_repeated")
    scenario.when(lift("a", court="appeal")).refused("court_order_unknown")
    scenario.when(lift("a", "judgment:2/2026")).refused("court_order_unknown")
    scenario.when(lift("b")).refused("court_order_unknown")
    # Another court's order may have the same number.
    scenario.given(suspend("a", court="appeal"), lift("a"))
    assert status(scenario) is Status.SUSPENDED


def test_the_successor_of_a_court_ends_what_that_one_ordered(scenario: Scenario) -> None:
    scenario.given(court("appeal"), suspend("a"), merge("hjc", "appeal"))

    scenario.when(lift("a", court="appeal")).then(LIFTED)
    assert status(scenario) is Status.IN_FORCE


def test_a_successor_ends_no_order_but_of_the_court_it_succeeded(scenario: Scenario) -> None:
    """Two other courts' orders have one reference, and the one that it may not end came first."""
    orders = [suspend("a", court=one) for one in ("other", "hjc")]
    scenario.given(court("other"), court("appeal"), *orders, merge("hjc", "appeal"))

    scenario.when(lift("a", court="appeal")).refused("court_order_unknown")
    scenario.given(lift("a", court="other"))
    scenario.when(lift("a", court="appeal")).then(LIFTED)
    assert status(scenario) is Status.IN_FORCE


def test_lifted_while_revoked_it_returns_to_where_it_stood(scenario: Scenario) -> None:
    annul = on_certificate("annul_revocation", "a", reason="appeal_granted").also_by("moj-2")
    scenario.given(suspend("a"), revoke("a"), lift("a"))
    assert status(scenario) is Status.REVOKED

    scenario.given(annul)
    assert status(scenario) is Status.IN_FORCE


def test_an_annulled_revocation_leaves_the_courts_order_standing(scenario: Scenario) -> None:
    annul = on_certificate("annul_revocation", "a", reason="appeal_granted").also_by("moj-2")
    scenario.given(suspend("a"), revoke("a"), annul)

    assert status(scenario) is Status.SUSPENDED
    scenario.given(lift("a"))
    assert status(scenario) is Status.IN_FORCE


@pytest.mark.parametrize("way", ["two courts", "revoked meanwhile"])
def test_a_suspension_lifted_by_a_stolen_key_leaves_it_in_doubt(
    scenario: Scenario, way: str
) -> None:
    """Whatever put it in force later: without that lift it would not be."""
    annul = on_certificate("annul_revocation", "a", reason="appeal_granted").also_by("moj-2")
    begins = scenario.given(court("appeal"), suspend("a")).world.size
    if way == "two courts":
        scenario.given(suspend("a", court="appeal"), lift("a"), lift("a", court="appeal"))
    else:
        scenario.given(revoke("a"), lift("a"), annul)
    assert status(scenario) is Status.IN_FORCE
    reaffirm = on_certificate("reaffirm", "a")
    scenario.when(reaffirm).refused("reaffirmation_not_needed")

    scenario.given(compromise("hjc-court", begins, "hjc"))

    scenario.when(reaffirm).then("sijill.certificate.reaffirmed.v1")


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
@pytest.mark.parametrize("way", ["two courts", "revoked meanwhile"])
def test_a_lift_that_left_it_out_of_force_binds_findings_from_a_day_on(
    scenario: Scenario, way: str, day: str
) -> None:
    """What was found before that day, by the rule of then, is no finding against the log."""
    issuing = enrol("ndc-issuer", "ndc", ("issue",))
    due = {"due_date": "2026-12-10"}
    proven = proof("p", "ndc").signed_by("ndc-issuer")
    scenario.given(linked("moh"), issuing, proven, by_code("q", "a", **due))
    begins = scenario.given(court("appeal"), suspend("a")).world.size
    if way == "two courts":
        scenario.given(suspend("a", court="appeal"), lift("a"), lift("a", court="appeal"))
    else:
        annul = on_certificate("annul_revocation", "a", reason="appeal_granted").also_by("moj-2")
        scenario.given(revoke("a"), lift("a"), annul)
    scenario.given(compromise("hjc-court", begins, "hjc")).on(day)
    found = attest("q", certificate=code("p"))

    if day < "2026-11-29":
        scenario.when(found).then("sijill.authenticity.attested.v1")
        assert list(judged(scenario.world.recorded)) == []
        return
    scenario.when(found).refused("certificate_in_doubt")


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
@pytest.mark.parametrize("way", ["corrected", "reaffirmed"])
def test_its_agency_does_not_clear_what_a_stolen_key_of_a_court_lifted(
    scenario: Scenario, way: str, day: str
) -> None:
    """The court does: it suspends anew, and lifts what is to be lifted."""
    begins = scenario.given(suspend("a")).world.size
    scenario.given(lift("a"), enrol("hjc-new", "hjc", ("court",)).also_by("ndc", "comsec"))
    scenario.given(compromise("hjc-court", begins, "hjc")).on(day)
    name = "a"
    if way == "corrected":
        name = "a2"
        scenario.given(correct("a", name))
    reaffirmed = scenario.when(reaffirm(name))

    if day < "2026-11-29":
        if way == "corrected":
            reaffirmed.refused("reaffirmation_not_needed")
        assert not doubted(scenario)
        assert list(judged(scenario.world.recorded)) == []
        return
    reaffirmed.refused("court_suspension_stands")
    assert doubted(scenario)
    scenario.given(suspend(name).signed_by("hjc-new"))
    scenario.given(lift(name).signed_by("hjc-new"))
    assert not doubted(scenario)
    assert list(judged(scenario.world.recorded)) == []


def test_another_court_clears_it_no_more_than_its_agency(scenario: Scenario) -> None:
    scenario.given(court("appeal"))
    begins = scenario.given(suspend("a")).world.size
    scenario.given(lift("a"), compromise("hjc-court", begins, "hjc"))

    own = "judgment:2/2026"
    scenario.given(suspend("a", own, court="appeal"), lift("a", own, court="appeal"))
    scenario.on("2026-11-29")
    scenario.given(suspend("a", own, court="appeal"), lift("a", own, court="appeal"))
    scenario.when(suspend("a", court="appeal")).refused("court_order_repeated")

    assert doubted(scenario)
    scenario.on("2026-11-28").when(suspend("a", court="appeal")).then(SUSPENDED)
    assert doubted(scenario)
    assert list(judged(scenario.world.recorded)) == []


def test_an_order_that_a_thief_invents_gives_nothing_back(scenario: Scenario) -> None:
    """Lifting the thief's own invention, the court lifts no order that it had laid itself."""
    scenario.given(enrol("hjc-new", "hjc", ("court",)).also_by("ndc", "comsec"))
    begins = scenario.on("2026-11-29").given(suspend("a")).world.size
    invented = "order:7/2026"
    scenario.given(lift("a"), suspend("a", invented), compromise("hjc-court", begins, "hjc"))

    scenario.given(lift("a", invented).signed_by("hjc-new"))

    assert status(scenario) is Status.IN_FORCE
    assert doubted(scenario)
    scenario.given(suspend("a").signed_by("hjc-new"), lift("a").signed_by("hjc-new"))
    assert not doubted(scenario)
    assert list(judged(scenario.world.recorded)) == []


def test_the_successor_of_a_court_lays_anew_what_was_lifted_with_its_key(
    scenario: Scenario,
) -> None:
    begins = scenario.given(court("appeal"), suspend("a")).world.size
    scenario.given(lift("a"), compromise("hjc-court", begins, "hjc"), merge("hjc", "appeal"))
    scenario.on("2026-11-29").when(reaffirm("a")).refused("court_suspension_stands")

    scenario.given(suspend("a", court="appeal"), lift("a", court="appeal"))

    assert status(scenario) is Status.IN_FORCE
    assert not doubted(scenario)
    assert list(judged(scenario.world.recorded)) == []


def test_what_was_replaced_its_agency_stands_by_for_a_court_as_well(scenario: Scenario) -> None:
    """No court suspends it any more, and it may not stay in doubt for ever."""
    begins = scenario.given(suspend("a")).world.size
    scenario.given(lift("a"), on_certificate("supersede", "a", by=code("b"), reason="renewed"))
    scenario.given(compromise("hjc-court", begins, "hjc")).on("2026-11-29")
    scenario.when(suspend("a")).refused("key_compromised")

    scenario.when(reaffirm("a")).then("sijill.certificate.reaffirmed.v1")

    assert not doubted(scenario)
    scenario.when(reaffirm("a")).refused("reaffirmation_not_needed")
    assert list(judged(scenario.world.recorded)) == []


def doubted(scenario: Scenario, name: str = "a") -> bool:
    """Whether a key behind the certificate counted for nothing, as a desk would see it."""
    seen: list[bool] = []

    def look(sitting: Sitting) -> Decision:
        seen.append(certificate(scenario, name).in_doubt(sitting))
        return Decision(events=())

    signed = scenario.world.read(issue("unused"))[2]
    scenario.world.ledger._ask(look, signed, scenario.world)
    return seen[0]


def test_the_last_lift_by_a_stolen_key_was_never_found_genuine(scenario: Scenario) -> None:
    scenario.given(linked("moh"), by_code("q", "a"))
    begins = scenario.given(suspend("a"), lift("a")).world.size - 1
    scenario.given(compromise("hjc-court", begins, "hjc"))

    scenario.when(attest("q")).refused("certificate_in_doubt")


def test_a_court_that_was_closed_has_its_orders_ended_by_who_follows_it(scenario: Scenario) -> None:
    scenario.given(court("appeal"), suspend("a"), on_agency("close", "hjc", reason="abolished"))
    scenario.when(lift("a", court="appeal")).refused("court_order_unknown")

    scenario.given(merge("hjc", "appeal"), lift("a", court="appeal"))

    assert status(scenario) is Status.IN_FORCE


def test_what_is_over_is_not_suspended(scenario: Scenario) -> None:
    scenario.given(revoke("a"))
    scenario.when(suspend("a")).refused("certificate_already_revoked")


def test_a_hold_forbids_erasure_until_its_court_releases_it() -> None:
    old = issue("a", date="2020-11-20", year=2020)
    scenario = given(linked("moj"), court("hjc"), court("appeal"), old)
    lay = by_court("lay_hold", "a", "order:7/2026")
    release = by_court("release_hold", "a", "order:8/2026", ends="order:7/2026")

    scenario.given(revoke("a"), lay)
    scenario.when(lay).refused("court_order_repeated")
    scenario.when(erase("a")).refused("legal_hold_stands")
    scenario.when(
        by_court("release_hold", "a", "order:8/2026", "appeal", ends="order:7/2026")
    ).refused("court_order_unknown")
    scenario.when(release).then("sijill.certificate.hold_released.v1")
    scenario.when(erase("a")).then("sijill.certificate.erased.v1")


@pytest.mark.parametrize("basis", ["law:1/2026", "constitution:2005", "judgment:1"])
def test_a_court_cites_an_order(scenario: Scenario, basis: str) -> None:
    scenario.when(suspend("a", basis)).refused("statement_invalid")
