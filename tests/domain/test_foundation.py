from typing import Any

import pytest

from domain.errors import StatementInvalid
from domain.foundation import Foundation
from domain.ledger import Record
from tests.given_when_then import (
    Scenario,
    found,
    founder,
    given,
    key_of,
    linked,
    order,
    verifier,
)

ORIGIN = "sijill.test/log"


def opened() -> Foundation:
    world = Scenario().world
    record: Record = world.ledger.repository.get(world.claims["ledger", "foundation"])
    assert isinstance(record, Foundation)
    return record


def rotate(text: str = "second", name: str = ORIGIN) -> Any:
    return order("ledger.rotate_key", "ndc", log_key=verifier(name, text)).also_by("comsec")


def test_the_foundation_names_everything_that_later_trust_rests_on() -> None:
    foundation = opened()
    assert foundation.origin == ORIGIN
    assert list(foundation.agencies) == ["ndc", "comsec"]
    assert all(agency.founder for agency in foundation.agencies.values())
    keys = {key_of(name) for name in ("ndc", "ndc-recovery", "comsec", "comsec-recovery")}
    assert foundation.keys.keys() == keys
    assert [(key.verifier, key.since) for key in foundation.log_keys] == [(verifier(ORIGIN), 0)]
    assert foundation.receipt_key == verifier(f"{ORIGIN}/receipts")


def test_both_founders_sign_with_the_keys_that_the_statement_names() -> None:
    empty = Scenario(founded=False)
    empty.when(found().signed_by("ndc")).refused("cosignature_missing", agency="comsec")
    empty.when(found().signed_by("ndc", "stranger")).refused("cosignature_missing")
    empty.when(found().signed_by("comsec", "ndc")).refused("key_unknown")
    empty.when(found().signed_by("ndc-recovery", "comsec")).refused("key_unknown")
    empty.when(found().saying(agency="comsec")).refused("key_foreign")
    empty.when(found()).then("sijill.ledger.opened.v1")


def test_the_founding_order_need_not_say_until_when() -> None:
    unsaid = found().saying(valid_until="unsaid")
    Scenario(founded=False).when(unsaid).then("sijill.ledger.opened.v1")


def test_a_ledger_is_opened_once() -> None:
    scenario = Scenario()
    scenario.when(found()).refused("ledger_already_open")
    scenario.world.size = 0
    scenario.when(found()).refused("ledger_already_open")


def test_verifier_keys_carry_the_name_of_the_log() -> None:
    empty = Scenario(founded=False)
    empty.when(found().saying(log_key=verifier("other/log"))).refused("verifier_key_foreign")
    as_log = found().saying(receipt_key=verifier(ORIGIN))
    empty.when(as_log).refused("verifier_key_foreign", name=f"{ORIGIN}/receipts")


def _without_administer() -> list[dict[str, Any]]:
    return [founder("ndc", ["operate"]), founder("comsec")]


def _with_recovery() -> list[dict[str, Any]]:
    return [founder("ndc", ["administer", "recovery"]), founder("comsec")]


def _twice_the_same() -> list[dict[str, Any]]:
    return [founder("ndc"), founder("ndc")]


def _one_key_for_both() -> list[dict[str, Any]]:
    return [founder("ndc"), {**founder("comsec"), "key": founder("ndc")["key"]}]


def _recovery_that_administers() -> list[dict[str, Any]]:
    ndc = founder("ndc")
    return [{**ndc, "recovery": {**ndc["recovery"], "scopes": ["administer"]}}, founder("comsec")]


@pytest.mark.parametrize(
    "founders,code",
    [
        (_without_administer(), "founder_scopes"),
        (_with_recovery(), "founder_scopes"),
        (_recovery_that_administers(), "recovery_scopes"),
        (_twice_the_same(), "founders_equal"),
        (_one_key_for_both(), "founders_equal"),
        ([founder("ndc")], "too_short"),
    ],
)
def test_the_founders_are_two_with_four_keys_that_do_their_part(
    founders: list[dict[str, Any]], code: str
) -> None:
    outcome = Scenario(founded=False).when(found().saying(founders=founders))
    outcome.refused("statement_invalid")
    assert isinstance(outcome.refusal, StatementInvalid)
    assert code in {fault.code for fault in outcome.refusal.faults}


def test_the_log_key_rotates_by_both_founders() -> None:
    scenario = Scenario()
    scenario.when(rotate().signed_by("ndc")).refused("cosignature_missing", agency="comsec")
    scenario.when(rotate()).then("sijill.ledger.key_rotated.v1")
    scenario.when(rotate()).refused("log_key_unchanged")
    scenario.when(rotate("first")).refused("log_key_unchanged")
    scenario.when(rotate("third", "other/log")).refused("verifier_key_foreign")


def test_the_clock_is_accepted_by_a_founder_that_operates() -> None:
    accept = order("ledger.accept_clock", "ndc", clock_seconds=1_795_338_000)
    scenario = given(linked("moj"))
    scenario.when(accept).then("sijill.ledger.clock_accepted.v1")
    scenario.when(accept.saying(agency="moj").signed_by("moj")).refused("not_entitled")
    scenario.when(accept.signed_by("ndc-recovery")).refused("scope_missing", scope="operate")
