"""Erasure: values go, when they may, by two officers; what they proved stays."""

from typing import Any

import pytest

from domain.certificates import CourtOrder
from tests.certificate_orders import another, certificate, correct, erase, replaced, revoke
from tests.given_when_then import Order, claims, code, given, issue, linked
from tests.sijill.test_letter_rules import judged


def old(name: str, **more: Any) -> Order:
    return issue(name, date="2020-11-20", year=2020, **more)


def test_two_officers_erase_what_no_longer_must_be_kept() -> None:
    scenario = given(linked("moj"), old("a"))
    alone = erase("a").signed_by("moj")
    scenario.when(alone).refused("cosignature_missing", role="officer", agency="moj")
    decision = scenario.world.decide(erase("a"))
    assert decision.erase == (scenario.world.claims["code", code("a")],)
    scenario.when(erase("a")).then("sijill.certificate.erased.v1")
    scenario.when(erase("a")).refused("certificate_erased")


@pytest.mark.parametrize(
    "kept",
    [
        issue("a"),
        old("a", expiry_date="2024-01-01"),
        old("a", type="university_order", claims=claims("holder_name", "order_subject")),
    ],
    ids=["too young", "expired too lately", "kept for ever"],
)
def test_what_must_be_kept_is_not_erased(kept: Order) -> None:
    given(linked("moj"), kept).when(erase("a")).refused("retention_not_expired")


def test_retention_ends_on_its_day() -> None:
    scenario = given(linked("moj"), issue("a")).on("2031-11-19")
    scenario.when(erase("a")).refused("retention_not_expired")
    scenario.on("2031-11-20").when(erase("a")).then("sijill.certificate.erased.v1")


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
def test_an_edition_that_held_longer_keeps_the_values(day: str) -> None:
    """Until a day the last edition counted alone, and what was erased so is no finding."""
    scenario = given(linked("moj"), old("a", expiry_date="2030-01-01"), correct("a", "b")).on(day)

    if day < "2026-11-29":
        scenario.when(erase("b")).then("sijill.certificate.erased.v1")
        assert list(judged(scenario.world.recorded)) == []
        return
    scenario.when(erase("b")).refused("retention_not_expired")
    scenario.on("2036-01-01").when(erase("b")).then("sijill.certificate.erased.v1")


def test_a_legal_hold_forbids_erasure() -> None:
    scenario = given(linked("moj"), old("a"))
    certificate(scenario, "a").holds.append(CourtOrder("hjc", "order:7/2026"))
    scenario.when(erase("a")).refused("legal_hold_stands")


def test_nothing_new_is_made_of_erased_values_but_withdrawing_goes_on() -> None:
    scenario = given(linked("moj"), old("a"), erase("a"))
    for make in (correct("a", "b"), another("a", "b"), replaced("a", "b")):
        scenario.when(make).refused("certificate_erased")
    scenario.when(revoke("a")).then("sijill.certificate.revoked.v1")
