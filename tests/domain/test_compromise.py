"""Compromise: its window, what falls with it, what stands, and how an agency stands by its acts."""

import pytest

from domain.authority import void_from
from domain.ledger import Decision, Sitting
from tests.certificate_orders import another, correct, reaffirm, supersede
from tests.given_when_then import (
    Order,
    Scenario,
    World,
    enrol,
    given,
    issue,
    key_of,
    linked,
    on_agency,
    on_certificate,
    order,
)
from tests.sijill.test_letter_rules import judged

COMPROMISED = "sijill.key.compromised.v1"
REAFFIRMED = "sijill.certificate.reaffirmed.v1"


def compromise(key: str, as_of: int, agency: str = "moj") -> Order:
    return order("key.compromise", agency, key=key_of(key), as_of=as_of, reason="stolen")


def void_index(world: World, key: str) -> int | None:
    """The index from which on a key counts for nothing, asked through a sitting of its own."""
    seen: list[int | None] = []

    def look(sitting: Sitting) -> Decision:
        state = sitting.key(key_of(key))
        assert state is not None
        seen.append(void_from(state, sitting))
        return Decision(events=())

    signed = world.read(issue("unused"))[2]
    world.ledger._ask(look, signed, world)
    return seen[0]


def test_an_agency_declares_its_own_keys_compromised() -> None:
    given(linked("moj")).when(compromise("moj-2", 3)).then(COMPROMISED)


def test_a_key_that_administers_may_declare_itself() -> None:
    scenario = given(linked("moj"))
    scenario.when(compromise("moj-2", 3).signed_by("moj-2")).refused("scope_missing")
    scenario.when(compromise("moj", 3)).then(COMPROMISED)


def test_both_founders_may_declare_any_key() -> None:
    scenario = given(linked("moj"))
    by_founder = compromise("moj-2", 3, "ndc")
    scenario.when(by_founder).refused("cosignature_missing", role="authority", agency="comsec")
    scenario.when(by_founder.also_by("comsec")).then(COMPROMISED)


def test_nobody_else_may() -> None:
    scenario = given(linked("moj"), linked("moe"))
    scenario.when(compromise("moj-2", 3, "moe")).refused("not_entitled", agency="moe")
    scenario.when(compromise("nobodys", 3)).refused("key_not_found")


def test_one_founder_does_not_declare_the_other() -> None:
    scenario = Scenario()
    scenario.when(compromise("ndc", 0, "comsec")).refused("cosignature_missing", agency="ndc")
    scenario.when(compromise("ndc", 0, "ndc").signed_by("ndc-recovery")).then(COMPROMISED)


def test_the_start_is_only_ever_moved_earlier() -> None:
    scenario = given(linked("moj"), compromise("moj-2", 3))
    scenario.when(compromise("moj-2", 3)).refused("compromise_not_lower", known=3)
    scenario.when(compromise("moj-2", 4)).refused("compromise_not_lower")
    scenario.when(compromise("moj-2", 2)).then(COMPROMISED)
    assert scenario.world.ledger.key(key_of("moj-2"), scenario.world).compromised_as_of == 2


def test_it_begins_at_the_latest_with_the_next_event() -> None:
    scenario = given(linked("moj"))
    size = scenario.world.size
    scenario.when(compromise("moj-2", size + 1)).refused("compromise_in_future", ledger_size=size)
    scenario.when(compromise("moj-2", size)).then(COMPROMISED)


def test_a_retired_key_may_turn_out_to_have_been_compromised() -> None:
    retired = order("key.retire", "moj", key=key_of("moj-2"), reason="rotated")
    given(linked("moj"), retired).when(compromise("moj-2", 3)).then(COMPROMISED)


def test_keys_that_it_enrolled_in_the_window_fall_and_those_before_do_not() -> None:
    scenario = given(linked("moj"), enrol("before", "moj"))
    begins = scenario.world.size
    scenario.given(enrol("within", "moj"), compromise("moj", begins))
    scenario.when(issue("a").signed_by("within")).refused("key_fallen", key=key_of("within"))
    scenario.when(issue("a").signed_by("before")).then("sijill.certificate.issued.v1")


def test_the_first_index_of_the_window_is_within_it() -> None:
    scenario = given(linked("moj"))
    at = scenario.world.size
    scenario.given(enrol("within", "moj"), compromise("moj", at))
    assert void_index(scenario.world, "within") == at
    later = given(linked("moj"))
    later.given(enrol("within", "moj"), compromise("moj", at + 1))
    assert void_index(later.world, "within") is None


def test_what_a_fallen_key_enrolled_falls_with_it() -> None:
    scenario = given(linked("moj"))
    begins = scenario.world.size
    scenario.given(
        enrol("child", "moj"),
        enrol("grandchild", "moj").signed_by("child"),
        enrol("clerk", "moj", ["issue"]).signed_by("grandchild"),
        compromise("moj", begins),
    )
    scenario.when(issue("a").signed_by("clerk")).refused("key_fallen")
    assert void_index(scenario.world, "clerk") == begins + 2


def test_a_key_cosigned_by_a_compromised_key_falls_too() -> None:
    scenario = Scenario()
    begins = scenario.world.size
    scenario.given(linked("moj"), compromise("comsec", begins, "comsec"))
    scenario.when(issue("a")).refused("key_fallen", key=key_of("moj"))


def test_moving_the_start_earlier_makes_more_keys_fall() -> None:
    scenario = given(linked("moj"), enrol("early", "moj"))
    begins = scenario.world.size
    scenario.given(enrol("helper", "moj"), compromise("moj", begins))
    scenario.when(issue("a").signed_by("early")).then("sijill.certificate.issued.v1")
    scenario.given(compromise("moj", begins - 1).signed_by("early"))
    scenario.when(issue("b").signed_by("early")).refused("key_fallen")


def in_doubt() -> Scenario:
    """`a` was issued by moj-2 inside the window, `b` before it."""
    scenario = given(linked("moj"), issue("b").signed_by("moj-2"))
    begins = scenario.world.size
    return scenario.given(issue("a").signed_by("moj-2"), compromise("moj-2", begins))


def test_an_issuance_in_the_window_is_reaffirmed_once() -> None:
    scenario = in_doubt()
    scenario.when(reaffirm("a")).then(REAFFIRMED)
    scenario.when(reaffirm("a")).refused("reaffirmation_not_needed")


def test_an_issuance_before_the_window_needs_no_reaffirmation() -> None:
    in_doubt().when(reaffirm("b")).refused("reaffirmation_not_needed")


def test_the_compromised_key_does_not_reaffirm_itself() -> None:
    in_doubt().when(reaffirm("a").signed_by("moj-2")).refused("key_compromised")


def test_a_withdrawn_certificate_is_not_reaffirmed() -> None:
    scenario = in_doubt().given(on_certificate("revoke", "a", reason="basis_forged"))
    scenario.when(reaffirm("a")).refused("certificate_already_revoked")


def test_a_reaffirmation_by_a_key_that_falls_later_is_needed_again() -> None:
    scenario = in_doubt().given(enrol("third", "moj"))
    begins = scenario.world.size
    scenario.given(reaffirm("a").signed_by("third"), compromise("third", begins))
    scenario.when(reaffirm("a")).then(REAFFIRMED)


def test_revocations_by_the_compromised_key_stand() -> None:
    scenario = given(linked("moj"), issue("a"))
    begins = scenario.world.size
    revoked = on_certificate("revoke", "a", reason="decision").signed_by("moj-2")
    scenario.given(revoked, compromise("moj-2", begins))
    scenario.when(on_certificate("suspend", "a", reason="under_review")).refused(
        "certificate_already_revoked"
    )


@pytest.mark.parametrize(
    "restored",
    [
        [
            on_certificate("suspend", "a", reason="under_review"),
            on_certificate("reinstate", "a", reason="review_passed").signed_by("moj-2"),
        ],
        [
            on_certificate("revoke", "a", reason="decision"),
            on_certificate("annul_revocation", "a", reason="appeal_granted").also_by("moj-2"),
        ],
    ],
    ids=["reinstated", "annulled"],
)
def test_what_a_compromised_key_restored_is_in_doubt_like_what_it_issued(
    restored: list[Order],
) -> None:
    scenario = given(linked("moj"), issue("a"))
    begins = scenario.world.size
    scenario.given(restored, compromise("moj-2", begins))
    scenario.when(reaffirm("a")).then(REAFFIRMED)


def test_a_suspended_agency_protects_the_public_from_a_stolen_key() -> None:
    scenario = given(linked("moj"), on_agency("suspend", "moj", reason="security_incident"))
    scenario.when(compromise("moj-2", 3)).then(COMPROMISED)


def test_standing_by_one_original_stands_by_no_other() -> None:
    """A thief's further original needs a word of its own."""
    scenario = given(linked("moj"), issue("a"), issue("b"))
    begins = scenario.world.size
    scenario.given(correct("a", "a2").signed_by("moj-2"), another("a2", "copy").signed_by("moj-2"))
    scenario.given(another("b", "alone").signed_by("moj-2"), compromise("moj-2", begins))
    scenario.on("2026-11-29")

    scenario.when(reaffirm("b")).refused("reaffirmation_not_needed")
    scenario.when(reaffirm("a2")).then(REAFFIRMED)
    scenario.when(reaffirm("a2")).refused("reaffirmation_not_needed")
    scenario.when(reaffirm("copy")).then(REAFFIRMED)
    scenario.when(reaffirm("copy")).refused("reaffirmation_not_needed")
    assert list(judged(scenario.world.recorded)) == []


def test_until_a_day_it_stood_by_all() -> None:
    scenario = given(linked("moj"), issue("a"))
    begins = scenario.world.size
    scenario.given(another("a", "copy").signed_by("moj-2"), compromise("moj-2", begins))
    scenario.on("2026-11-28")

    scenario.when(reaffirm("a")).then(REAFFIRMED)
    scenario.on("2026-11-29").when(reaffirm("copy")).refused("reaffirmation_not_needed")
    assert list(judged(scenario.world.recorded)) == []


def test_what_another_certificate_replaced_may_be_stood_by() -> None:
    """It is attested as changed, so it may not stay in doubt for ever."""
    scenario = given(linked("moj"), issue("b"))
    begins = scenario.world.size
    scenario.given(issue("a").signed_by("moj-2"), supersede("a", "b"), compromise("moj-2", begins))

    scenario.when(reaffirm("a")).then(REAFFIRMED)
