import pytest

from domain.errors import Refusal
from domain.values import MICROSECONDS
from tests.given_when_then import (
    Order,
    Scenario,
    add,
    claims,
    code,
    enrol,
    first_key,
    given,
    issue,
    key_of,
    linked,
    on_agency,
    on_certificate,
    order,
)

NOON = 1_795_338_000


def degree(name: str) -> Order:
    fields = claims("holder_name", "qualification", "graduation_year")
    return issue(name, type="degree", claims=fields)


def revoke(name: str) -> Order:
    return on_certificate("revoke", name, reason="decision")


def retire(key: str, agency: str = "moj") -> Order:
    return order("key.retire", agency, key=key_of(key), reason="rotated")


def compromise(key: str, agency: str = "moj", as_of: int = 0) -> Order:
    return order("key.compromise", agency, key=key_of(key), as_of=as_of, reason="stolen")


def test_a_linked_agency_issues_with_its_own_key() -> None:
    given(linked("moj")).when(issue("a")).then("sijill.certificate.issued.v1")


def test_a_key_that_nobody_enrolled_signs_nothing() -> None:
    given(linked("moj")).when(issue("a").signed_by("ghost")).refused("key_unknown")


def test_a_key_of_another_agency_signs_nothing() -> None:
    scenario = given(linked("moj"), linked("moe"))
    scenario.when(issue("a").signed_by("moe")).refused("key_foreign", agency="moj")


def test_an_agency_that_nobody_entered_orders_nothing() -> None:
    scenario = given(linked("moj"))
    scenario.when(issue("a", "nowhere").signed_by("moj")).refused("agency_unknown")


def test_a_retired_key_signs_nothing() -> None:
    scenario = given(linked("moj"), retire("moj-2"))
    scenario.when(issue("a").signed_by("moj-2")).refused("key_retired")


def test_a_compromised_key_signs_nothing() -> None:
    scenario = given(linked("moj"), compromise("moj-2"))
    scenario.when(issue("a").signed_by("moj-2")).refused("key_compromised")


def test_a_key_signs_until_its_end_and_not_after() -> None:
    scenario = given(linked("moj"), enrol("brief", "moj", not_after=NOON + 3600))
    scenario.world.now = (NOON + 3600) * MICROSECONDS
    scenario.when(issue("a").signed_by("brief")).then("sijill.certificate.issued.v1")
    scenario.world.now = (NOON + 3600) * MICROSECONDS + 1
    scenario.when(issue("b").signed_by("brief")).refused("key_ended")


def test_a_key_signs_from_its_beginning_and_not_before() -> None:
    scenario = given(linked("moj"), enrol("early", "moj", not_before=NOON + 3600))
    scenario.world.now = (NOON + 3600) * MICROSECONDS - 1
    scenario.when(issue("a").signed_by("early")).refused("key_not_yet_valid")
    scenario.world.now += 1
    scenario.when(issue("a").signed_by("early")).then("sijill.certificate.issued.v1")


def test_a_key_needs_the_scope_of_the_act() -> None:
    scenario = given(linked("moj"), enrol("clerk", "moj", ["issue"]), issue("a"))
    refusal = scenario.when(revoke("a").signed_by("clerk"))
    refusal.refused("scope_missing", scope="revoke", key=key_of("clerk"))
    scenario.when(issue("b").signed_by("clerk")).then("sijill.certificate.issued.v1")


def test_a_planned_agency_issues_nothing_but_prepares_its_keys() -> None:
    scenario = given(add("moj"), first_key("moj"))
    scenario.when(issue("a")).refused("agency_not_linked")
    scenario.when(enrol("second", "moj")).then("sijill.key.enrolled.v1")
    scenario.when(retire("second")).then("sijill.key.retired.v1")


SUSPENDED = on_agency("suspend", "moj", reason="security_incident")


@pytest.mark.parametrize(
    "attempt",
    [
        issue("b"),
        on_certificate("reinstate", "s", reason="review_passed"),
        on_certificate("void", "a", reason="duplicate_entry"),
        on_certificate("original", "a", new_code=code("x"), claims=claims()),
        enrol("another", "moj"),
    ],
    ids=lambda attempt: attempt.statement["act"],
)
def test_a_suspended_agency_issues_and_restores_nothing(attempt: Order) -> None:
    suspend = on_certificate("suspend", "s", reason="under_review")
    scenario = given(linked("moj"), issue("a"), issue("s"), suspend, SUSPENDED)
    scenario.when(attempt).refused("agency_suspended", agency="moj")


@pytest.mark.parametrize(
    "attempt",
    [
        revoke("a"),
        on_certificate("suspend", "a", reason="under_review"),
        retire("moj-2"),
        compromise("moj-2"),
    ],
    ids=lambda attempt: attempt.statement["act"],
)
def test_a_suspended_agency_may_still_withdraw(attempt: Order) -> None:
    scenario = given(linked("moj"), issue("a"), SUSPENDED)
    assert scenario.when(attempt).refusal is None


def test_a_reinstated_agency_issues_again() -> None:
    scenario = given(linked("moj"), SUSPENDED, on_agency("reinstate", "moj"))
    scenario.when(issue("a")).then("sijill.certificate.issued.v1")


@pytest.mark.parametrize("attempt", [issue("b"), revoke("a"), retire("moj-2"), compromise("moj-2")])
def test_a_closed_agency_does_nothing(attempt: Order) -> None:
    close = on_agency("close", "moj", reason="abolished")
    given(linked("moj"), issue("a"), close).when(attempt).refused("agency_closed")


def test_only_a_founder_orders_acts_on_agencies() -> None:
    scenario = given(linked("moj"), add("moe"))
    attempt = on_agency("link", "moe").saying(agency="moj").signed_by("moj")
    scenario.when(attempt).refused("not_entitled", agency="moj")
    second_founder = on_agency("link", "moe").saying(agency="comsec").signed_by("comsec")
    scenario.when(second_founder).then("sijill.agency.linked.v1")


def test_an_order_expires_with_its_own_date() -> None:
    scenario = given(linked("moj"))
    scenario.world.now = (NOON + 60) * MICROSECONDS
    scenario.when(issue("a").saying(valid_until=NOON + 60)).then("sijill.certificate.issued.v1")
    scenario.world.now = (NOON + 60) * MICROSECONDS + 1
    scenario.when(issue("b").saying(valid_until=NOON + 60)).refused("order_expired")


def test_an_order_that_waits_must_say_until_when_and_not_for_ever() -> None:
    scenario = given(linked("moj"))
    signed = degree("a").also_by("moj-2")
    scenario.when(signed.saying(valid_until="unsaid")).refused("valid_until_missing")
    # Thirty days, and one for clocks and for the signing itself.
    furthest = NOON + 31 * 86_400
    scenario.world.now = NOON * MICROSECONDS
    scenario.when(signed.saying(valid_until=furthest + 1)).refused("valid_until_too_far")
    scenario.when(signed.saying(valid_until=furthest)).then("sijill.certificate.issued.v1")


def test_one_signature_needs_no_date() -> None:
    one = issue("a").saying(valid_until="unsaid")
    given(linked("moj")).when(one).then("sijill.certificate.issued.v1")


def test_a_degree_waits_for_a_second_officer() -> None:
    scenario = given(linked("moj"))
    first = degree("a").saying(valid_until=NOON + 3600)
    scenario.when(first).refused("cosignature_missing", role="officer", agency="moj")
    wanted = [[{"role": "officer", "agency": "moj", "scope": "issue"}]]
    assert scenario.waits_for(first) == wanted
    complete = first.also_by("moj-2")
    assert scenario.waits_for(complete) == []
    scenario.when(complete).then("sijill.certificate.issued.v1")


@pytest.mark.parametrize(
    "second",
    [
        enrol("pen", "moj", ["issue"], officer="officer-moj"),
        enrol("auditor", "moj", ["register"]),
        enrol("held", "moj", ["issue", "custodial"]).also_by("ndc"),
    ],
    ids=["the same officer", "another scope", "held by the operator"],
)
def test_four_eyes_are_two_people(second: Order) -> None:
    scenario = given(linked("moj"), second)
    assert second.possession is not None
    attempt = degree("a").also_by(second.possession)
    scenario.when(attempt).refused("cosignature_missing", role="officer")


def test_the_second_officer_is_of_the_same_agency() -> None:
    scenario = given(linked("moj"), linked("moe"))
    scenario.when(degree("a").also_by("moe")).refused("cosignature_missing", agency="moj")


def test_every_cosigner_must_be_live() -> None:
    scenario = given(linked("moj"), retire("moj-2"))
    scenario.when(degree("a").also_by("moj-2")).refused("key_retired", key=key_of("moj-2"))


def test_a_cosigner_of_a_suspended_agency_does_not_count() -> None:
    scenario = given(linked("moj"), linked("moe"))
    scenario.given(on_agency("suspend", "moe", reason="inactivity"))
    scenario.when(issue("a").also_by("moe")).refused("agency_suspended", agency="moe")


def test_both_founders_sign_a_new_parent() -> None:
    move = on_agency("reparent", "moj", parent="comsec", effective_date="2026-11-01")
    scenario = given(linked("moj"))
    assert scenario.waits_for(move.saying(valid_until=NOON + 3600)) == [
        [{"role": "authority", "agency": "comsec", "scope": "administer"}]
    ]
    scenario.when(move.also_by("moj")).refused("cosignature_missing", agency="comsec")
    scenario.when(move.also_by("comsec")).then("sijill.agency.reparented.v1")


def test_a_hopeless_order_does_not_wait() -> None:
    scenario = given(linked("moj"), issue("a"))
    late = degree("b").saying(date="2027-06-01", year=2027, valid_until=NOON + 3600)
    with pytest.raises(Refusal, match="date_in_future"):
        scenario.waits_for(late)
    again = degree("a").saying(valid_until=NOON + 3600, number="77")
    with pytest.raises(Refusal, match="code_taken"):
        scenario.waits_for(again)


def test_an_act_is_guarded_by_whatever_its_authority_rests_on() -> None:
    world = given(linked("moj")).world
    decision = world.decide(issue("a").signed_by("moj-2"))
    holders = {
        world.claims["agency", "moj"],
        world.claims["key", key_of("moj-2")],
        world.claims[
            "ledger", "foundation"
        ],  # its founders enrolled the key that enrolled this one
    }
    assert decision.guards.keys() == holders
    assert all(world.versions[stream] == at for stream, at in decision.guards.items())


def test_a_live_key_is_told_apart_for_readers_too() -> None:
    scenario = given(linked("moj"))
    world = scenario.world
    assert world.ledger.live_key(key_of("moj-2"), world, world.now).agency == "moj"
    scenario.given(retire("moj-2"))
    with pytest.raises(Refusal, match="key_retired"):
        world.ledger.live_key(key_of("moj-2"), world, world.now)
    assert world.ledger.key(key_of("moj-2"), world).retired_at is not None
    with pytest.raises(Refusal, match="key_unknown"):
        world.ledger.key(key_of("ghost"), world)


def test_the_start_of_the_clock_is_where_these_tests_believe_it_is() -> None:
    assert abs(Scenario().world.now // 1_000_000 - NOON) < 60
