"""The ledger as such: facts, guards, stale caches, and decisions that are made together."""

import dataclasses
import json
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.utils import resolve_topic

from domain.acts import ACTS
from domain.errors import RecordTwiceInOrder, Refusal
from domain.ledger import DESKS, EVENTS, Claim, Decision, Fact, Requirement, Wanted
from domain.ledger.application import FRESH_SECONDS, READ_SECONDS
from domain.values import uuid7
from tests import registering
from tests.certificate_orders import (
    certificate,
    correct,
    reinstate,
    replaced,
    revoke,
    supersede,
    suspend,
    void,
)
from tests.given_when_then import (
    Conflict,
    MemoryLedger,
    Order,
    Scenario,
    add,
    code,
    enrol,
    first_key,
    found,
    given,
    issue,
    key_of,
    linked,
    on_agency,
    order,
)


def retire(key: str) -> Any:
    return order("key.retire", "moj", key=key_of(key), reason="rotated")


def test_every_act_becomes_an_event_of_its_own_and_has_a_desk() -> None:
    topics = [command.ACT.event for command in ACTS.values()]
    assert sorted(topics) == sorted(EVENTS)
    assert DESKS.keys() == set(ACTS.values())


def test_every_event_class_declares_its_own_topic() -> None:
    for topic, event in EVENTS.items():
        assert event.__dict__["TOPIC"] == topic
        assert resolve_topic(topic) is event


def test_an_event_without_a_topic_of_its_own_is_refused() -> None:
    with pytest.raises(TypeError, match="TOPIC"):
        type("Nameless", (Fact,), {})
    issued = EVENTS["sijill.certificate.issued.v1"]
    with pytest.raises(TypeError, match="TOPIC"):
        type("Inherited", (issued,), {})


def test_a_fact_is_known_by_its_index_only_once_it_is_recorded() -> None:
    world = given(linked("moj")).world
    (fact,) = world.decide(issue("a")).events
    assert fact.index is None
    with pytest.raises(ValueError, match="no index"):
        _ = fact.at
    assert dataclasses.replace(fact, index=7).at == 7


def test_a_fact_carries_what_was_signed_and_nothing_that_was_interpreted() -> None:
    world = given(linked("moj")).world
    asked = issue("a").signed_by("moj-2")
    _, statement, signed = world.read(asked)
    (fact,) = world.decide(asked).events
    assert (fact.statement, fact.evidence) == (statement, signed.evidence)
    assert (fact.agency, fact.keys, fact.line) == ("moj", (key_of("moj-2"),), 0)
    assert fact.said == json.loads(statement)
    assert fact.originator_version == 1
    assert fact.originator_id.version == 7


def test_a_record_is_the_same_from_its_facts_as_it_was_before() -> None:
    scenario = given(linked("moj"), issue("a"), suspend("a"))
    before = dict(vars(certificate(scenario, "a")))
    scenario.world.ledger.forget([scenario.world.claims["code", before["originals"].popitem()[0]]])
    after = vars(certificate(scenario, "a"))
    assert after["status"] == before["status"]
    assert after["grants"] == before["grants"]
    assert after["_version"] == 2


def test_a_stale_yes_is_caught_by_the_guards() -> None:
    scenario = given(linked("moj"), issue("a"))
    world = scenario.world
    world.decide(issue("b").signed_by("moj-2"))  # the cache knows the key as live
    world.append(world.decide(retire("moj-2")), forget=False)
    stale = world.decide(issue("b").signed_by("moj-2"))
    with pytest.raises(Conflict):
        world.append(stale)
    world.ledger.forget(stale.guards)
    scenario.when(issue("b").signed_by("moj-2")).refused("key_retired")


def test_a_log_that_lost_its_end_never_had_what_was_read_of_it() -> None:
    scenario = given(linked("moj"))
    world, key = scenario.world, key_of("moj-2")
    assert world.ledger.live_key(key, world, world.now).agency == "moj"
    del world.claims["key", key]
    assert world.ledger.live_key(key, world, world.now).agency == "moj"

    world.ledger.forget_everything()

    scenario.when(issue("a").signed_by("moj-2")).refused("key_unknown")


def test_a_suspension_that_races_an_issuance_wins() -> None:
    scenario = given(linked("moj"))
    world = scenario.world
    racing = world.decide(issue("a"))
    world.append(world.decide(on_agency("suspend", "moj", reason="legal_order")), forget=False)
    with pytest.raises(Conflict):
        world.append(racing)
    world.ledger.forget(racing.guards)
    scenario.when(issue("a")).refused("agency_suspended")


def test_a_sitting_sees_each_record_in_one_state() -> None:
    """A record that another thread loads afresh between two looks does not slip past the guards."""
    world = given(linked("moj")).world
    record = world.ledger.repository.get
    moved: list[UUID] = []

    def racing(stream: UUID, **rest: Any) -> Any:
        found_now = record(stream, **rest)
        if not moved and stream == world.claims["key", key_of("moj-2")]:
            moved.append(stream)
            suspended = on_agency("suspend", "moj", reason="legal_order")
            world.append(world.decide(suspended))
        return found_now

    setattr(world.ledger.repository, "get", racing)  # noqa: B010  # mypy forbids the plain form
    decision = world.decide(issue("a").signed_by("moj-2"))
    assert moved
    with pytest.raises(Conflict):
        world.append(decision)


def test_a_stale_no_is_asked_once_more() -> None:
    scenario = given(linked("moj"), issue("a"), suspend("a"))
    world = scenario.world
    scenario.when(suspend("a")).refused("certificate_already_suspended")
    world.append(world.decide(reinstate("a")), forget=False)
    scenario.when(suspend("a")).then("sijill.certificate.suspended.v1")


def test_a_refusal_rests_on_fresh_records_and_asks_for_each_once() -> None:
    scenario = Scenario(founded=False)
    seconds = [0.0]
    scenario.world.ledger = MemoryLedger(clock=lambda: seconds[0])
    world = scenario.given(found(), linked("moj"), issue("a"), suspend("a")).world
    store: Any = world.ledger.events
    asked: list[UUID] = []
    original = store.get

    def counted(originator_id: UUID, **rest: Any) -> Any:
        asked.append(originator_id)
        return original(originator_id, **rest)

    store.get = counted
    for _ in range(3):
        scenario.when(suspend("a")).refused("certificate_already_suspended")
    assert len(asked) == len(set(asked))
    once = len(asked)
    seconds[0] += 2 * FRESH_SECONDS
    scenario.when(suspend("a")).refused("certificate_already_suspended")
    assert len(asked) > once


def test_another_process_is_believed_before_it_was_heard_of() -> None:
    scenario = Scenario(founded=False)
    seconds = [0.0]
    scenario.world.ledger = MemoryLedger(clock=lambda: seconds[0])
    world = scenario.given(found(), linked("moj"), issue("a"), suspend("a")).world
    scenario.when(suspend("a")).refused("certificate_already_suspended")
    heard = world.size
    world.append(world.decide(reinstate("a")), forget=False)
    world.size = heard
    seconds[0] += 2 * FRESH_SECONDS
    assert world.decide(suspend("a")).events


def test_whom_an_order_waits_for_rests_on_fresh_records_too() -> None:
    """Another process retired the agency's last key: its next one is the founders' to enrol."""
    scenario = given(linked("moj"))
    world = scenario.world
    by_founder = enrol("moj-9", "moj").saying(agency="ndc").signed_by("ndc")
    [[wanted]] = scenario.waits_for(by_founder)
    assert wanted["role"] == "administrator"

    for key in ("moj-2", "moj"):
        world.append(world.decide(retire(key).saying(final=True)), forget=False)

    [[wanted]] = scenario.waits_for(by_founder)
    assert (wanted["role"], wanted["agency"]) == ("authority", "comsec")


def test_a_key_that_another_process_enrolled_on_a_known_record_is_known_at_once() -> None:
    world = given(linked("moj")).world
    world.decide(issue("a"))  # the cache knows the agency, and with it its keys
    scopes = ("administer", "issue")
    world.append(world.decide(enrol("moj-9", "moj", scopes)), forget=False)
    assert world.decide(issue("b").signed_by("moj-9")).events


def test_a_key_that_another_process_retired_reads_two_seconds_more_at_the_most() -> None:
    scenario = Scenario(founded=False)
    seconds = [0.0]
    scenario.world.ledger = MemoryLedger(clock=lambda: seconds[0])
    world = scenario.given(found(), linked("moj")).world

    def read() -> str:
        return world.ledger.live_key(key_of("moj-2"), world, world.now).agency

    assert read() == "moj"
    world.append(world.decide(retire("moj-2")), forget=False)
    seconds[0] += READ_SECONDS + 0.1
    with pytest.raises(Refusal, match="key_retired"):
        read()


def test_a_body_that_another_process_merged_answers_two_seconds_more_at_the_most() -> None:
    scenario = Scenario(founded=False)
    seconds = [0.0]
    scenario.world.ledger = MemoryLedger(clock=lambda: seconds[0])
    world = scenario.given(found(), linked("moj"), linked("mof"), issue("a")).world
    record = world.claims["code", code("a")]

    def answering() -> tuple[str, frozenset[str]]:
        readers = world.ledger.readers(record, world)
        return world.ledger.responsible("moj", None, None, world), readers

    assert answering() == ("moj", frozenset({"moj"}))
    law = {"effective_date": "2026-11-20", "legal_basis": "law:1/2026"}
    merged = on_agency("merge", "moj", successor="mof", **law).also_by("comsec")
    world.append(world.decide(merged), forget=False)
    seconds[0] += READ_SECONDS + 0.1
    assert answering() == ("mof", frozenset({"moj", "mof"}))


def test_a_code_that_another_process_made_on_a_known_record_is_known_at_once() -> None:
    world = given(linked("moj"), issue("a")).world
    world.decide(suspend("a"))  # the cache knows the certificate
    world.append(world.decide(replaced("a", "b")), forget=False)
    assert world.decide(suspend("b")).events


def test_lines_that_go_together_make_one_decision() -> None:
    world = given(linked("moj"), issue("a")).world
    parts = [world.decide(issue("b")), world.decide(issue("c")), world.decide(void("a"))]
    merged = Decision.merge(parts)
    assert merged.events == (*parts[0].events, *parts[1].events, *parts[2].events)
    assert merged.claims == parts[0].claims + parts[1].claims
    assert merged.absent == parts[0].absent
    assert merged.releases == parts[2].releases
    assert world.claims["agency", "moj"] in merged.guards
    assert merged.events[2].originator_id not in merged.guards
    world.append(merged)


def test_lines_that_go_together_do_not_touch_one_record_twice() -> None:
    world = given(linked("moj"), issue("a"), issue("b")).world
    twice = [world.decide(suspend("a")), world.decide(revoke("a"))]
    with pytest.raises(RecordTwiceInOrder):
        Decision.merge(twice)
    rests_on_it = [world.decide(revoke("b")), world.decide(supersede("a", "b"))]
    with pytest.raises(RecordTwiceInOrder):
        Decision.merge(rests_on_it)
    in_order = [world.decide(supersede("a", "b")), world.decide(revoke("b"))]
    assert len(Decision.merge(in_order).events) == 2


OF_1998: dict[str, Any] = {"year": 1998, "date": "1998-07-01"}


@pytest.mark.parametrize(
    "first, second",
    [
        pytest.param(registering.close(), registering.capture("9"), id="enters-what-is-closed"),
        pytest.param(registering.close(), registering.strike("7"), id="strikes-what-is-closed"),
        pytest.param(registering.capture("9"), registering.reserve("9"), id="reserves-an-entry"),
        pytest.param(registering.void("9"), registering.reserve("9"), id="reserves-a-void-one"),
        pytest.param(registering.reserve("9"), registering.void("9"), id="voids-a-reserved-one"),
        pytest.param(registering.capture("7"), registering.strike("7"), id="strikes-afterwards"),
        pytest.param(registering.reserve("5"), void("a"), id="frees-what-was-reserved-before"),
        pytest.param(issue("b", number="5", **OF_1998), void("a"), id="frees-what-was-taken"),
    ],
)
def test_lines_that_go_together_keep_their_order_in_what_they_claim(
    first: Order, second: Order
) -> None:
    """What one line takes, or needs to be free, no later one gives up, nor needs to be free."""
    world = given(linked("moj"), issue("a", number="5", **OF_1998)).world
    world.record(registering.capture("7"))
    parts = [world.decide(first), world.decide(second)]
    with pytest.raises(RecordTwiceInOrder):
        Decision.merge(parts)


def test_what_a_line_gives_up_a_later_one_may_take() -> None:
    world = given(linked("moj"), issue("a", number="5")).world
    merged = Decision.merge([world.decide(void("a")), world.decide(issue("b", number="5"))])
    assert len(merged.events) == 2
    assert merged.conflict(world, merged.releases) is None


def test_a_dry_run_sees_claims_that_are_taken() -> None:
    world = given(linked("moj"), issue("a", number="5")).world
    free = world.decide(issue("b"))
    assert free.conflict(world) is None
    taken_number = world.decide(issue("b", number="٥"))
    refusal = taken_number.conflict(world)
    assert refusal is not None
    assert refusal.code == "number_taken"


def test_a_place_that_was_drawn_and_is_taken_stands_against_nothing() -> None:
    """It will be drawn again: an order that waits, or is rehearsed, must not fail by bad luck."""
    world = given(linked("moj")).world
    lucky = world.decide(issue("a"))
    world.claims |= {
        (one.space, one.key): one.stream for one in lucky.claims if one.space == "status"
    }
    assert ("status" in {space for space, _ in world.claims}, lucky.conflict(world)) == (True, None)
    assert {space for space, _ in lucky.named} == {"code", "number"}


def test_a_rehearsal_does_not_ask_for_signatures_but_for_everything_else() -> None:
    world = given(add("moj"), first_key("moj"), on_agency("link", "moj")).world
    asked = enrol("moj-2", "moj").proving(None)
    decision = world.ledger.rehearse(*world.read(asked), world)
    assert decision.events[0].TOPIC == "sijill.key.enrolled.v1"
    assert Claim("key", key_of("moj-2"), decision.events[0].originator_id) in decision.claims
    hopeless = enrol("moj", "moj").proving(None)
    with pytest.raises(Refusal, match="key_already_enrolled"):
        world.ledger.rehearse(*world.read(hopeless), world)


def test_requirements_add_up_and_list_the_same_way_every_time() -> None:
    officer = Wanted("officer", "moj", "issue")
    either = frozenset({Wanted("authority", "ndc"), Wanted("authority", "comsec")})
    both = Requirement(frozenset({frozenset({officer})})) | Requirement(frozenset({either}))
    assert not both.complete
    assert both.listed() == [
        [{"role": "authority", "agency": "comsec"}, {"role": "authority", "agency": "ndc"}],
        [{"role": "officer", "agency": "moj", "scope": "issue"}],
    ]
    assert Requirement().complete


def test_claims_that_never_move_are_looked_up_once() -> None:
    world = given(linked("moj")).world
    world.decide(issue("a"))
    world.claims = {key: stream for key, stream in world.claims.items() if key[0] != "agency"}
    world.decide(issue("b"))
    assert world.find("agency", "moj") is None


def test_a_code_is_looked_up_every_time() -> None:
    scenario = given(linked("moj"), issue("a"), correct("a", "a2"))
    world = scenario.world
    world.claims = {key: stream for key, stream in world.claims.items() if key[0] != "code"}
    scenario.when(revoke("a2")).refused("certificate_unknown")


def test_stream_ids_are_in_the_order_of_their_time() -> None:
    moment = Scenario().world.now
    ids = [uuid7(moment + step * 1000) for step in range(100)]
    assert ids == sorted(ids)
    assert {one.variant for one in ids} == {"specified in RFC 4122"}
    assert {one.version for one in ids} == {7}
    assert len({uuid7(moment) for _ in range(100)}) == 100
