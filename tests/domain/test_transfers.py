"""Letters: their whole life, and what each rule refuses."""

from typing import Any

import pytest

from domain.ledger import Decision
from domain.transfers import Conveyance, Letter, Name
from tests.given_when_then import Scenario, digest, given, on_agency
from tests.letter_orders import (
    REGISTER,
    case_file,
    dispatch,
    letter,
    name_of,
    note,
    offices,
    on,
    on_letter,
    on_paper,
    onward,
    register,
)
from tests.sijill.test_letter_rules import judged

OFFICES = offices("moj", "moh", "mof")


def started(*orders: Any) -> Scenario:
    return given(*OFFICES).given(*orders)


def record_of(scenario: Scenario, space: str, sender: str, text: str) -> Conveyance:
    stream = scenario.world.claims[space, Name(sender, name_of(text)).key]
    found: Any = scenario.world.ledger.repository.get(stream)
    assert isinstance(found, Conveyance)
    return found


def state_of(scenario: Scenario, name: str = "l-moh", sender: str = "moj") -> tuple[str, str]:
    record = record_of(scenario, "consignment", sender, name)
    one = record.consignments[Name(sender, name_of(name)).key]
    return one.transport.value, one.business.value


def test_a_letter_lives_from_its_outgoing_number_to_the_archive() -> None:
    scenario = started(letter(), dispatch())
    assert state_of(scenario) == ("dispatched", "awaiting_registration")
    scenario.when(on("acknowledge")).then("sijill.transfer.delivered.v1")
    scenario.when(on("open")).then("sijill.transfer.opened.v1")
    assert state_of(scenario) == ("opened", "awaiting_registration")
    scenario.when(register()).then("sijill.transfer.registered_incoming.v1")
    scenario.when(note()).then("sijill.transfer.annotated.v1")
    scenario.when(on("refer", unit="legal")).then("sijill.transfer.referred.v1")
    scenario.when(on("close", reason="done")).then("sijill.transfer.closed.v1")
    scenario.when(on("reopen", reason="new_facts")).then("sijill.transfer.reopened.v1")
    scenario.given(on("close", reason="answered"))
    scenario.when(on("archive")).then("sijill.transfer.archived.v1")
    assert state_of(scenario) == ("opened", "archived")


def test_transport_and_business_do_not_stand_in_for_one_another() -> None:
    scenario = started(letter(), dispatch(), register())
    assert state_of(scenario) == ("dispatched", "registered_incoming")
    scenario.when(on("open")).then("sijill.transfer.opened.v1")
    scenario.when(on("acknowledge")).refused("transport_recorded", state="opened")
    scenario.when(on("open")).refused("transport_recorded")


def test_the_sender_in_the_content_is_the_key_that_signs() -> None:
    scenario = started(letter())
    scenario.when(dispatch().signed_by("moh")).refused("key_foreign")
    scenario.when(dispatch(agency="mof")).refused("transfer_unknown")
    scenario.when(dispatch().saying(agency="mof").signed_by("mof")).refused("transfer_unknown")


def test_recipients_are_frozen_when_the_letter_is_registered() -> None:
    scenario = started(letter(copy_to=["mof"]))
    scenario.given(dispatch(), dispatch(to="mof"))
    scenario.when(dispatch(to="ndc")).refused("not_an_addressee")


@pytest.mark.parametrize(
    "changes,code",
    [
        ({"to": []}, "recipients_missing"),
        ({"to": ["moh", "moh"]}, "recipient_repeated"),
        ({"to": ["moh"], "copy_to": ["moh"]}, "recipient_repeated"),
        ({"to": ["moj"]}, "addressed_to_itself"),
        ({"claims": {"document": digest("d")}}, "claim_missing"),
        ({"claims": {"subject": digest("s"), "shoe": digest("d")}}, "claim_unknown"),
        ({"correspondent": "citizen"}, "claim_missing"),
        ({"kind": "original", "copy_to": ["mof"]}, "one_addressee_only"),
        ({"year": 2025}, "year_mismatch"),
        ({"date": "2026-12-20"}, "date_in_future"),
        ({"kind": "poem"}, "statement_invalid"),
        ({"new_letter": "1"}, "statement_invalid"),
    ],
)
def test_a_letter_that_cannot_be_is_refused(changes: dict[str, Any], code: str) -> None:
    started().when(letter(**changes)).refused(code)


def test_numbers_are_unique_on_folded_digits_outgoing_and_incoming_apart() -> None:
    scenario = started(letter("a", number="12/7"))
    scenario.when(letter("b", number="١٢/٧")).refused("number_taken")
    scenario.given(letter("b"), dispatch("a"), dispatch("b"), register("a-moh", number="12/7"))
    scenario.when(register("b-moh", number="۱۲/۷")).refused("incoming_number_taken")
    scenario.when(register("b-moh", number="12/7", unit="second")).then(
        "sijill.transfer.registered_incoming.v1"
    )


def test_an_id_counts_together_with_its_sender() -> None:
    scenario = started(letter())
    scenario.when(letter("l", number="other/1")).refused("transfer_id_taken")
    scenario.when(letter("l", agency="mof")).then("sijill.transfer.registered_outgoing.v1")


def test_a_consignment_has_one_outcome_and_a_repeat_is_told_which() -> None:
    scenario = started(letter("l", copy_to=["mof"]), dispatch())
    index = scenario.world.size - 1
    scenario.when(dispatch()).refused("transfer_repeated", index=index)
    scenario.when(dispatch(name="another")).refused("addressee_served")
    scenario.when(dispatch(to="mof", name="l-moh")).refused("transfer_id_taken")


def test_what_did_not_arrive_may_be_sent_again() -> None:
    for ending in (
        on("return", reason="incomplete"),
        on("refuse", reason="electronic_form_refused"),
        on("withdraw", agency="moj", reason="sent_in_error"),
    ):
        scenario = started(letter(), dispatch(), ending)
        scenario.when(on("open")).refused("transfer_finished")
        scenario.when(dispatch(name="again")).then("sijill.transfer.dispatched.v1")


def test_a_refused_electronic_form_can_go_on_paper() -> None:
    scenario = started(letter(), dispatch(), on("refuse", reason="electronic_form_refused"))
    scenario.when(on_paper(to="moh", new_consignment=name_of("paper"))).then(
        "sijill.transfer.sent_on_paper.v1"
    )
    assert state_of(scenario, "paper") == ("paper_out", "sent_on_paper")


def test_a_letter_is_withdrawn_before_its_registration_only() -> None:
    scenario = started(letter(), dispatch(), register())
    scenario.when(on("withdraw", agency="moj", reason="decision")).refused("transfer_registered")
    scenario.when(on("refuse", reason="duplicate")).refused("transfer_registered")
    scenario.when(register(number="8/8")).refused("incoming_registered")
    scenario.when(on("return", reason="not_competent")).then("sijill.transfer.returned.v1")


def test_nothing_is_done_to_what_is_not_registered() -> None:
    scenario = started(letter(), dispatch())
    for act in (
        note(),
        on("refer", unit="legal"),
        on("close", reason="done"),
        onward("l-moh", "moh", "mof", "o"),
    ):
        scenario.when(act).refused("transfer_not_registered")
    scenario.when(on("archive")).refused("transfer_not_closed")
    scenario.when(letter("r", "moh", to=["moj"], answers=reference("l-moh"))).refused(
        "transfer_not_registered"
    )


def test_a_closed_letter_takes_reopening_rectification_and_archiving() -> None:
    scenario = started(letter(), dispatch(), register(), note())
    index = scenario.world.size - 1
    scenario.given(on("close", reason="done"))
    for act in (
        note(text="m"),
        on("refer", unit="legal"),
        on("return", reason="incomplete"),
        on("close", reason="done"),
        on("release", note_index=index),
        onward("l-moh", "moh", "mof", "o"),
    ):
        scenario.when(act).refused("transfer_closed")
    scenario.when(on("remind", agency="moj")).refused("transfer_finished", state="closed")
    scenario.on("2026-11-29")
    due = {"agency": "moj", "due_date": "2026-12-20"}
    scenario.when(on("set_due_date", **due)).refused("transfer_finished", state="closed")
    reply = letter("r", "moh", to=["moj"], answers=reference("l-moh"))
    scenario.when(reply).refused("transfer_closed")
    scenario.given(
        on("rectify", number="9/9", **REGISTER),
        on("rectify_note", note_index=index, claims={"note": digest("better")}),
        on("archive"),
    )
    scenario.when(on("reopen", reason="decision")).refused("transfer_finished", state="archived")


def test_a_due_date_is_not_moved_once_the_letter_is_closed() -> None:
    scenario = started(letter(), dispatch(due_date="2026-12-10"), register())
    scenario.given(on("close", reason="done"))
    later = on("extend_due_date", agency="moj", due_date="2026-12-20")

    scenario.on("2026-11-29").when(later).refused("transfer_finished", state="closed")
    scenario.given(on("reopen", reason="decision"))
    scenario.when(later).then("sijill.transfer.due_date_extended.v1")


def test_a_due_date_that_a_closed_letter_took_before_that_was_refused_is_no_finding() -> None:
    scenario = started(letter(), dispatch(), letter("m"), dispatch("m", due_date="2026-12-10"))
    for name in ("l-moh", "m-moh"):
        scenario.given(register(name), on("close", name, reason="done"))
    scenario.on("2026-11-28").given(
        on("set_due_date", agency="moj", due_date="2026-12-20"),
        on("extend_due_date", "m-moh", agency="moj", due_date="2026-12-20"),
    )

    assert list(judged(scenario.world.recorded)) == []


def test_notes_and_referrals_stay_inside_until_they_are_released() -> None:
    scenario = started(letter(), dispatch(), register(), note(), on("refer", unit="legal"))
    record = record_of(scenario, "consignment", "moj", "l-moh")
    [one] = record.consignments.values()
    [at], [referred] = one.notes, one.referrals
    assert not one.notes[at]
    scenario.given(on("release", note_index=at), on("release", note_index=referred))
    scenario.when(on("release", note_index=at)).refused("note_released")
    scenario.when(on("release", note_index=5)).refused("note_unknown")
    scenario.when(on("rectify_note", note_index=referred, claims={"note": digest("x")})).refused(
        "note_unknown"
    )


def test_a_registration_is_put_right_and_the_wrong_number_is_free_again() -> None:
    scenario = started(letter("a", number="1/1"), letter("b"), dispatch("a"), dispatch("b"))
    scenario.given(
        on_letter("rectify_outgoing", "a", number="2/1", **REGISTER),
        letter("c", number="1/1"),
        register("a-moh", number="5"),
        on("rectify", "a-moh", number="6", **REGISTER),
        register("b-moh", number="5"),
    )
    scenario.when(on("rectify", "b-moh", number="٦", **REGISTER)).refused("incoming_number_taken")


def reference(name: str, sender: str = "moj") -> dict[str, str]:
    return {"sender": sender, "consignment": name_of(name)}


def test_a_reply_answers_a_letter_addressed_to_the_replier() -> None:
    scenario = started(letter(), dispatch(), register())
    reply = letter("r", "moh", to=["moj"], answers=reference("l-moh"))
    scenario.when(reply.saying(to=["mof"])).refused("reply_misdirected")
    scenario.when(letter("r", "mof", to=["moj"], answers=reference("l-moh"))).refused(
        "transfer_unknown"
    )
    scenario.when(letter("r", "moj", answers=reference("l-moh"))).refused("transfer_unknown")
    scenario.when(reply).then("sijill.transfer.registered_outgoing.v1")


def test_a_reply_to_a_letter_from_before_the_ledger_names_it() -> None:
    older = {"number": "44/2019", "date": "2019-05-02"}
    started().when(letter(answers_older=older)).then("sijill.transfer.registered_outgoing.v1")
    started().when(letter(answers_older=older, answers=reference("x"))).refused("statement_invalid")


def test_a_due_date_is_set_once_and_only_moved_to_later_days() -> None:
    scenario = started(letter(), dispatch())
    extend = on("extend_due_date", agency="moj", due_date="2026-12-20")
    scenario.when(extend).refused("due_date_missing")
    scenario.when(on("set_due_date", agency="moj", due_date="2026-11-21")).refused(
        "due_date_not_later"
    )
    scenario.given(on("set_due_date", agency="moj", due_date="2026-12-10"))
    scenario.when(on("set_due_date", agency="moj", due_date="2026-12-24")).refused(
        "due_date_standing"
    )
    scenario.given(extend)
    scenario.when(extend).refused("due_date_not_later")
    scenario.when(on("set_due_date", due_date="2026-12-24")).refused("transfer_unknown")


def test_custody_passes_at_the_receivers_registration_and_not_before() -> None:
    scenario = started(case_file(), dispatch("f"))

    def holder() -> str | None:
        return record_of(scenario, "letter", "moj", "f").holder

    assert holder() == "moj"
    scenario.given(on("open", "f-moh"))
    assert holder() == "moj"
    scenario.given(register("f-moh"))
    assert holder() == "moh"
    scenario.given(onward("f-moh", "moh", "mof", "f2"))
    assert holder() == "moh"
    scenario.given(register("f2", "mof", "moh"))
    assert holder() == "mof"
    assert state_of(scenario, "f-moh") == ("opened", "handed_on")
    scenario.when(note("f-moh")).refused("transfer_finished", state="handed_on")
    scenario.when(on("return", "f2", "mof", "moh", reason="incomplete")).refused("handover_needed")
    scenario.given(onward("f2", "mof", "moj", "f3", sender="moh"), register("f3", "moj", "mof"))
    assert holder() == "moj"
    stream = record_of(scenario, "letter", "moj", "f")
    assert isinstance(stream, Letter)
    assert {one.letter for one in stream.consignments.values()} == {stream.name}


def test_an_original_is_handed_to_one_receiver_at_a_time_by_its_holder() -> None:
    scenario = started(case_file(), dispatch("f"))
    scenario.when(dispatch("f", name="f-2")).refused("handover_open")
    scenario.when(on_letter("cancel", "f", reason="superseded")).refused("handover_open")
    scenario.given(on("return", "f-moh", reason="incomplete"), dispatch("f", name="f-2"))
    scenario.given(register("f-2"))
    scenario.when(dispatch("f", name="f-3")).refused("not_the_holder", holder="moh")
    scenario.when(on_letter("cancel", "f", reason="superseded")).refused("not_the_holder")
    scenario.given(onward("f-2", "moh", "mof", "f-4"))
    scenario.when(onward("f-2", "moh", "moj", "f-5")).refused("handover_open")
    scenario.when(on("close", "f-2", reason="done")).refused("handover_open")
    paper = on_paper("f", to="moh", new_consignment=name_of("paper"))
    scenario.when(paper).refused("one_addressee_only")


def test_a_referral_to_another_agency_is_a_consignment_of_its_own() -> None:
    scenario = started(letter(), dispatch(), register())
    scenario.when(onward("l-moh", "moh", "moh", "o")).refused("addressed_to_itself")
    scenario.when(onward("l-moh", "moh", "mof", "o")).then("sijill.transfer.referred_onward.v1")
    scenario.when(onward("l-moh", "moh", "mof", "o")).refused("transfer_repeated")
    scenario.when(onward("l-moh", "moh", "mof", "o2")).refused("addressee_served")
    scenario.given(register("o", "mof", "moh"), on("close", reason="referred_onward"))
    scenario.when(on("withdraw", "o", "moh", "moh", reason="decision")).refused(
        "transfer_registered"
    )


def test_a_suspended_agency_receives_registers_and_returns_but_cannot_send() -> None:
    orders = (letter(copy_to=["mof"]), dispatch(), dispatch(to="mof"))
    scenario = started(*orders, letter("m", "moh", to=["mof"]))
    scenario.given(on_agency("suspend", "moh", reason="legal_order"))
    scenario.when(dispatch("m", "moh", "mof")).refused("agency_suspended")
    scenario.when(letter("n", "moh", to=["mof"])).refused("agency_suspended")
    scenario.given(letter("x"), dispatch("x"))
    scenario.given(on("open"), register(), on("return", reason="not_competent"))


def test_a_circular_reaches_many_and_can_be_cancelled() -> None:
    scenario = started(letter(kind="circular", to=["moh", "mof", "ndc"]), dispatch())
    scenario.given(dispatch(to="mof"), register(), on_letter("cancel", reason="superseded"))
    scenario.when(dispatch(to="ndc")).refused("letter_cancelled")
    scenario.when(on_letter("cancel", reason="superseded")).refused("letter_cancelled")
    scenario.when(dispatch()).refused("transfer_repeated")
    scenario.given(on("close", reason="no_action_needed"), register("l-mof", "mof"))


def test_the_dispatch_of_a_circular_is_one_order_of_many_lines() -> None:
    scenario = started(letter(kind="circular", to=["moh", "mof"]))
    lines = [scenario.world.decide(dispatch()), scenario.world.decide(dispatch(to="mof"))]
    together = Decision.merge(lines)
    facts = scenario.world.append(together)
    assert len({fact.originator_id for fact in facts}) == 2


def test_to_an_agency_that_is_no_party_a_letter_does_not_exist() -> None:
    scenario = started(letter(), dispatch(), register(), note())
    index = scenario.world.size - 1
    stranger = "mof"
    for act in (
        on("open", agency=stranger),
        register(agency=stranger),
        note(agency=stranger),
        on("close", agency=stranger, reason="done"),
        on("withdraw", agency=stranger, reason="decision"),
        on("remind", agency=stranger),
        on("release", agency=stranger, note_index=index),
        onward("l-moh", stranger, "moj", "o"),
        on_letter("cancel", agency=stranger, reason="superseded"),
        letter("r", stranger, to=["moj"], answers=reference("l-moh")),
    ):
        scenario.when(act).refused("transfer_unknown")
        elsewhere = act.saying(
            **{k: name_of("nothing") for k in ("consignment", "letter") if k in act.statement}
        )
        if "answers" not in act.statement:
            scenario.when(elsewhere).refused("transfer_unknown")


def test_a_merged_agencys_open_letters_and_custody_belong_to_its_successor() -> None:
    scenario = started(letter(), dispatch(), case_file(), dispatch("f"), register("f-moh"))
    merge = on_agency(
        "merge", "moh", successor="mof", effective_date="2026-11-20", legal_basis="law:1/2026"
    )
    scenario.when(on("open", agency="mof")).refused("transfer_unknown")
    scenario.given(merge.also_by("comsec"))
    scenario.when(on("open", agency="moh")).refused("agency_closed")
    scenario.given(on("open", agency="mof"), register(agency="mof"))
    scenario.when(onward("f-moh", "moj", "mof", "x")).refused("transfer_unknown")
    scenario.given(onward("f-moh", "mof", "moj", "back"), register("back", "moj", "mof"))
    assert record_of(scenario, "letter", "moj", "f").holder == "moj"
    scenario.given(letter("reply", "mof", to=["moj"], answers=reference("l-moh")))
