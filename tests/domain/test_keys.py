from typing import Any

import pytest

from domain.acts import Scope
from tests.given_when_then import (
    Order,
    Scenario,
    add,
    enrol,
    first_key,
    given,
    issue,
    jwk,
    key_of,
    linked,
    on_agency,
    order,
)

NOON = 1_795_338_000
ENROLLED = "sijill.key.enrolled.v1"


def retire(key: str, agency: str = "moj", **members: Any) -> Order:
    return order("key.retire", agency, key=key_of(key), reason="rotated", **members)


def recover(key: str, agency: str = "ndc") -> Order:
    return enrol(key, agency, ["administer"]).signed_by(f"{agency}-recovery")


def test_a_first_key_needs_both_founders_and_its_own_possession() -> None:
    scenario = given(add("moj"))
    alone = first_key("moj").signed_by("ndc")
    assert scenario.waits_for(alone.proving(None)) == [
        [{"role": "authority", "agency": "comsec", "scope": "administer"}],
        [{"role": "possession", "agency": "moj", "key": key_of("moj")}],
    ]
    scenario.when(alone).refused("cosignature_missing", role="authority", agency="comsec")
    scenario.when(first_key("moj").proving(None)).refused("cosignature_missing", role="possession")
    scenario.when(first_key("moj")).then(ENROLLED)


def test_either_founder_may_order_the_ceremony() -> None:
    by_comsec = first_key("moj").saying(agency="comsec").signed_by("comsec", "ndc")
    given(add("moj")).when(by_comsec).then(ENROLLED)


def test_a_linked_parent_stands_in_for_one_founder() -> None:
    scenario = given(linked("moj"), add("notary", parent="moj", kind="directorate"))
    with_parent = first_key("notary").signed_by("ndc", "moj")
    assert scenario.waits_for(with_parent.signed_by("ndc"))[0] == [
        {"role": "authority", "agency": "comsec", "scope": "administer"},
        {"role": "parent", "agency": "moj", "scope": "administer"},
    ]
    scenario.when(with_parent).then(ENROLLED)


def test_the_parent_may_order_it_with_either_founder() -> None:
    scenario = given(linked("moj"), add("notary", parent="moj", kind="directorate"))
    ordered = first_key("notary").saying(agency="moj")
    scenario.when(ordered.signed_by("moj")).refused("cosignature_missing", role="authority")
    scenario.when(ordered.signed_by("moj", "comsec")).then(ENROLLED)


def test_a_parent_that_is_not_linked_stands_in_for_nobody() -> None:
    scenario = given(add("moj"), first_key("moj"), add("notary", parent="moj"))
    with_parent = first_key("notary").signed_by("ndc", "moj")
    scenario.when(with_parent).refused("cosignature_missing", agency="comsec")


def test_a_parents_key_that_does_not_administer_does_not_count() -> None:
    scenario = given(linked("moj"), add("notary", parent="moj"))
    scenario.when(first_key("notary").signed_by("ndc", "moj-2")).refused("cosignature_missing")


def test_a_founder_as_parent_does_not_sign_twice() -> None:
    scenario = given(add("portal", parent="ndc", kind="directorate"))
    scenario.when(first_key("portal").signed_by("ndc")).refused(
        "cosignature_missing", agency="comsec"
    )


def test_an_agency_does_not_enrol_its_own_first_key() -> None:
    scenario = given(add("moj"))
    scenario.when(enrol("moj", "moj").also_by("ndc", "comsec")).refused("key_unknown")


def test_a_stranger_enrols_nothing_for_others() -> None:
    scenario = given(linked("moe"), add("moj"))
    attempt = first_key("moj").saying(agency="moe").signed_by("moe", "ndc", "comsec")
    scenario.when(attempt).refused("not_entitled", agency="moe")


def test_a_later_key_is_enrolled_by_a_live_key_of_the_agency() -> None:
    given(linked("moj")).when(enrol("third", "moj")).then(ENROLLED)


def test_a_later_key_proves_its_possession_too() -> None:
    scenario = given(linked("moj"))
    scenario.when(enrol("third", "moj").proving(None)).refused("cosignature_missing")
    scenario.when(enrol("third", "moj").proving("another")).refused("possession_mismatch")


def test_possession_proves_nothing_where_no_key_is_enrolled() -> None:
    scenario = given(linked("moj"))
    scenario.when(issue("a").proving("third")).refused("possession_mismatch")


def test_a_key_that_does_not_administer_enrols_nothing() -> None:
    scenario = given(linked("moj"))
    scenario.when(enrol("third", "moj").signed_by("moj-2")).refused("scope_missing")


def test_the_founders_cannot_pass_over_a_live_administer_key() -> None:
    scenario = given(linked("moj"))
    over = first_key("moj", "third")
    scenario.when(over).refused("cosignature_missing", role="administrator", agency="moj")
    scenario.when(over.also_by("moj")).then(ENROLLED)


def test_a_stranger_does_not_order_it_even_with_the_administrators_consent() -> None:
    scenario = given(linked("moj"), linked("moe"))
    attempt = enrol("third", "moj").saying(agency="moe").signed_by("moe", "moj")
    scenario.when(attempt).refused("not_entitled", agency="moe")


def test_after_total_loss_the_ceremony_is_repeated() -> None:
    lost = order("key.compromise", "ndc", key=key_of("moj"), as_of=0, reason="lost")
    scenario = given(linked("moj"), lost.also_by("comsec").saying(as_of=4))
    scenario.when(enrol("third", "moj")).refused("key_compromised")
    scenario.when(first_key("moj", "third")).then(ENROLLED)
    scenario.when(issue("a").signed_by("third")).then("sijill.certificate.issued.v1")


def test_a_key_is_enrolled_once_for_one_agency() -> None:
    scenario = given(linked("moj"), linked("moe"))
    scenario.when(enrol("moj-2", "moj")).refused("key_already_enrolled")
    scenario.when(enrol("moj-2", "moe")).refused("key_already_enrolled")
    scenario.given(retire("moj-2")).when(enrol("moj-2", "moj")).refused("key_already_enrolled")


def test_a_closed_agency_gets_no_keys() -> None:
    scenario = given(linked("moj"), on_agency("close", "moj", reason="abolished"))
    scenario.when(first_key("moj", "third")).refused("agency_closed")


def test_an_unknown_agency_gets_no_keys() -> None:
    Scenario().when(first_key("nowhere")).refused("agency_unknown")


@pytest.mark.parametrize(
    "validity",
    [
        {"not_before": NOON + 100, "not_after": NOON + 100},
        {"not_before": NOON + 200, "not_after": NOON + 100},
        {"not_after": NOON - 100},
    ],
)
def test_a_keys_validity_must_not_be_empty(validity: dict[str, Any]) -> None:
    given(linked("moj")).when(enrol("third", "moj", **validity)).refused("key_validity_empty")


@pytest.mark.parametrize("scope", ["audit", "court", "attest"])
def test_privileged_scopes_need_both_founders_besides(scope: str) -> None:
    scenario = given(linked("bsa"))
    asked = enrol("inspector", "bsa", [scope])
    scenario.when(asked).refused("cosignature_missing", role="authority")
    scenario.when(asked.also_by("ndc")).refused("cosignature_missing", agency="comsec")
    scenario.when(asked.also_by("ndc", "comsec")).then(ENROLLED)


def test_a_custodial_key_needs_a_founder() -> None:
    scenario = given(linked("moj"))
    asked = enrol("held", "moj", ["issue", "custodial"])
    scenario.when(asked).refused("cosignature_missing", role="authority")
    scenario.when(asked.also_by("comsec")).then(ENROLLED)


@pytest.mark.parametrize(
    "scopes",
    [
        ["custodial"],
        ["custodial", "administer"],
        ["custodial", "audit"],
        ["operate"],
        ["recovery"],
    ],
)
def test_some_scopes_do_not_go_together_or_not_to_everybody(scopes: list[str]) -> None:
    scenario = given(linked("moj"))
    attempt = enrol("odd", "moj", scopes).also_by("ndc", "comsec")
    scenario.when(attempt).refused("scopes_conflict")


def test_a_founders_operate_key_needs_the_other_founder() -> None:
    asked = enrol("ndc-ops", "ndc", ["operate"])
    scenario = Scenario()
    scenario.when(asked).refused("cosignature_missing", agency="comsec")
    scenario.when(asked.also_by("comsec")).then(ENROLLED)
    clock = order("ledger.accept_clock", "ndc", clock_seconds=NOON).signed_by("ndc-ops")
    scenario.when(clock).then("sijill.ledger.clock_accepted.v1")


def test_a_recovery_key_brings_a_founder_back() -> None:
    lost = order("key.compromise", "ndc", key=key_of("ndc"), as_of=1, reason="stolen")
    scenario = Scenario().given(lost.signed_by("ndc-recovery"), recover("ndc-new"))
    scenario.when(add("moj").signed_by("ndc-new")).then("sijill.agency.added.v1")
    scenario.when(add("moe")).refused("key_compromised")


def test_a_recovery_key_does_nothing_else() -> None:
    scenario = given(linked("moj"))
    scenario.when(add("moe").signed_by("ndc-recovery")).refused("scope_missing")
    foreign = order("key.compromise", "ndc", key=key_of("moj"), as_of=1, reason="stolen")
    with_it = foreign.signed_by("ndc-recovery", "comsec")
    scenario.when(with_it).refused("scope_missing", scope="administer")
    ceremony = first_key("moe").signed_by("comsec", "ndc-recovery").saying(agency="comsec")
    scenario.given(add("moe")).when(ceremony).refused("cosignature_missing", agency="ndc")


def test_a_thief_of_a_founders_key_cannot_end_its_recovery_key() -> None:
    scenario = Scenario()
    ended = order("key.compromise", "ndc", key=key_of("ndc-recovery"), as_of=1, reason="stolen")
    scenario.when(ended).refused("cosignature_missing", role="authority", agency="comsec")
    scenario.when(retire("ndc-recovery", "ndc")).refused("not_entitled")
    scenario.when(ended.also_by("comsec")).then("sijill.key.compromised.v1")
    itself = Scenario().when(ended.signed_by("ndc-recovery"))
    itself.then("sijill.key.compromised.v1")


def test_a_new_recovery_key_needs_both_founders_and_stands_alone() -> None:
    asked = enrol("ndc-recovery-2", "ndc", ["recovery"])
    scenario = Scenario()
    scenario.when(asked).refused("cosignature_missing", agency="comsec")
    mixed = enrol("both", "ndc", ["recovery", "administer"]).also_by("comsec")
    scenario.when(mixed).refused("scopes_conflict")
    scenario.when(asked.also_by("comsec")).then(ENROLLED)


def test_a_retired_key_is_retired_once() -> None:
    scenario = given(linked("moj"), retire("moj-2"))
    scenario.when(retire("moj-2")).refused("key_already_retired")


def test_a_key_is_retired_by_its_own_agency() -> None:
    scenario = given(linked("moj"), linked("moe"))
    scenario.when(retire("moj-2", "moe")).refused("not_entitled")
    scenario.when(retire("nobodys")).refused("key_not_found")
    scenario.when(retire("moj-2").signed_by("moj-2")).refused("scope_missing")


def test_the_last_administer_key_is_not_retired_by_accident() -> None:
    scenario = given(linked("moj"))
    scenario.when(retire("moj")).refused("last_administer_key")
    scenario.when(retire("moj", final=True)).then("sijill.key.retired.v1")
    scenario.when(enrol("third", "moj")).refused("key_retired")
    scenario.when(first_key("moj", "third")).then("sijill.key.enrolled.v1")


def test_with_another_administer_key_the_first_retires_freely() -> None:
    scenario = given(linked("moj"), enrol("third", "moj"))
    scenario.when(retire("moj")).then("sijill.key.retired.v1")
    scenario.when(retire("third").signed_by("third")).refused("last_administer_key")


def test_a_founders_recovery_key_is_means_enough() -> None:
    Scenario().when(retire("ndc", "ndc")).then("sijill.key.retired.v1")


def test_what_a_key_is_for_is_remembered() -> None:
    more: dict[str, Any] = {"not_after": NOON + 10**6, "acting_for": "officer-9"}
    scenario = given(linked("moj"), enrol("third", "moj", ["issue"], **more))
    key = scenario.world.ledger.key(key_of("third"), scenario.world)
    assert (key.agency, key.office, key.officer) == ("moj", "registry", "officer-third")
    assert (key.jwk, key.scopes) == (jwk("third"), frozenset({Scope.ISSUE}))
    assert (key.not_after, key.acting_for) == (NOON + 10**6, "officer-9")
    assert key.enrolled_by == (key_of("moj"),)
    assert not key.custodial


def test_keys_that_administer_live_with_their_agency_and_others_by_themselves() -> None:
    claims = given(linked("moj")).world.claims
    assert claims["key", key_of("moj")] == claims["agency", "moj"]
    assert claims["key", key_of("moj-2")] != claims["agency", "moj"]
    assert claims["key", key_of("ndc-recovery")] == claims["ledger", "foundation"]
