"""A merged agency's open letters, custody and requests belong to its successor, case by case."""

from typing import Any

import pytest

from tests.asking_authenticity import ask, on_request
from tests.domain.test_succession import merge, split
from tests.domain.test_transfers import record_of, reference
from tests.given_when_then import Order, Scenario, given, on_agency
from tests.letter_orders import (
    case_file,
    dispatch,
    letter,
    note,
    offices,
    on,
    on_letter,
    onward,
    register,
)
from tests.sijill.test_letter_rules import judged


@pytest.fixture
def bodies() -> Scenario:
    return given(*offices("moj", "moh", "mof", "moe"))


def by(agency: str, one: Order) -> Order:
    """The same order, given by another body."""
    return one.saying(agency=agency).signed_by(agency)


@pytest.mark.parametrize("before", [(), ("acknowledge",), ("acknowledge", "open")])
@pytest.mark.parametrize("ends", ["register", "return", "refuse"])
def test_what_is_on_its_way_to_it_arrives_with_its_successor(
    bodies: Scenario, before: tuple[str, ...], ends: str
) -> None:
    bodies.given(letter(), dispatch(), [on(act) for act in before], merge("moh", "mof"))
    ways: dict[str, tuple[Order, str]] = {
        "register": (register(agency="mof"), "registered_incoming"),
        "return": (on("return", agency="mof", reason="not_competent"), "returned"),
        "refuse": (on("refuse", agency="mof", reason="not_competent"), "refused"),
    }
    for act in ("acknowledge", "open")[len(before) :]:
        bodies.given(on(act, agency="mof"))

    order, event = ways[ends]
    bodies.when(by("moe", order)).refused("transfer_unknown")
    bodies.when(order).then(f"sijill.transfer.{event}.v1")


def test_what_it_registered_is_worked_on_by_its_successor(bodies: Scenario) -> None:
    bodies.given(letter(), dispatch(), register(), merge("moh", "mof"), note(agency="mof"))
    bodies.given(on("refer", agency="mof", unit="legal"), on("close", agency="mof", reason="done"))
    bodies.given(on("reopen", agency="mof", reason="new_facts"))
    bodies.given(on("close", agency="mof", reason="done"), on("archive", agency="mof"))


def test_what_it_sent_is_reminded_of_and_taken_back_by_its_successor(bodies: Scenario) -> None:
    bodies.given(letter(), dispatch(), letter("m"), dispatch("m"), merge("moj", "mof"))

    bodies.when(on("remind", agency="moe")).refused("transfer_unknown")
    bodies.when(on("remind", agency="mof")).then("sijill.transfer.reminded.v1")
    bodies.when(on("set_due_date", agency="mof", due_date="2026-12-20")).then(
        "sijill.transfer.due_date_set.v1"
    )
    bodies.when(on("withdraw", agency="mof", reason="decision")).then(
        "sijill.transfer.withdrawn.v1"
    )
    bodies.when(on("return", "m-moh", reason="not_competent")).then("sijill.transfer.returned.v1")
    bodies.when(by("mof", on_letter("cancel", "m", reason="superseded"))).then(
        "sijill.transfer.cancelled.v1"
    )


def test_a_reply_to_what_it_sent_goes_to_its_successor(bodies: Scenario) -> None:
    bodies.given(letter(), dispatch(), register(), merge("moj", "mof"))
    answers: dict[str, Any] = {"answers": reference("l-moh")}

    bodies.when(letter("r", "moh", to=["moe"], **answers)).refused("reply_misdirected")
    bodies.when(letter("r", "moh", to=["mof"], **answers)).then(
        "sijill.transfer.registered_outgoing.v1"
    )
    bodies.when(dispatch("r", "moh", to="mof")).then("sijill.transfer.dispatched.v1")
    # Of its successor's successor the same.
    bodies.given(merge("mof", "moe"))
    bodies.when(letter("s", "moh", to=["moe"], **answers)).then(
        "sijill.transfer.registered_outgoing.v1"
    )


def test_what_was_registered_for_it_and_not_sent_goes_to_its_successor(bodies: Scenario) -> None:
    bodies.given(letter(), letter("m"), merge("moh", "mof"))

    # The letter names whom it named; nobody else is made an addressee by it.
    bodies.when(dispatch(to="mof")).refused("not_an_addressee")
    bodies.when(dispatch()).then("sijill.transfer.dispatched.v1")
    bodies.when(dispatch(name="again")).refused("addressee_served")
    bodies.when(register(agency="moe")).refused("transfer_unknown")
    bodies.when(register(agency="mof")).then("sijill.transfer.registered_incoming.v1")
    # Its successor's successor has it in turn, whatever it may not do else; one without a
    # successor has not.
    bodies.given(merge("mof", "moe"), on_agency("suspend", "moe", reason="legal_order"))
    bodies.when(dispatch("m")).then("sijill.transfer.dispatched.v1")
    bodies.given(on("return", "m-moh", "moe", reason="not_competent"))
    bodies.given(on_agency("close", "moe", reason="abolished"))
    bodies.when(dispatch("m", name="again")).refused("agency_closed", agency="moe")


def test_an_original_registered_for_it_passes_to_its_successor(bodies: Scenario) -> None:
    bodies.given(case_file(), merge("moh", "mof"), dispatch("f"), register("f-moh", "mof"))
    assert record_of(bodies, "letter", "moj", "f").holder == "mof"
    # What names nobody is handed to whoever the holder chooses: somebody who is there.
    bodies.given(case_file("g", to=[]))
    bodies.when(dispatch("g")).refused("agency_closed", agency="moh")


def test_a_letter_to_a_body_that_was_split_goes_to_who_has_the_rest(bodies: Scenario) -> None:
    bodies.given(letter(), letter("m"), split("moh", ("main", "degrees", "moe")))
    bodies.given(dispatch(), register(agency="moh"))
    bodies.given(split("moh", ("main", "letters", "moe"), rest="mof"), dispatch("m"))
    bodies.when(register("m-moh", "moe")).refused("transfer_unknown")
    bodies.when(register("m-moh", "mof")).then("sijill.transfer.registered_incoming.v1")


@pytest.mark.parametrize("where", ["with it", "on the way to it", "its own"])
def test_an_original_of_its_own_or_on_its_way_has_its_successor_as_holder(
    bodies: Scenario, where: str
) -> None:
    bodies.given(case_file(to=[]))
    if where == "its own":
        bodies.given(merge("moj", "mof"))
        bodies.when(dispatch("f", to="moe", name="x").signed_by("moj")).refused("agency_closed")
        bodies.given(by("mof", dispatch("f", to="moe", name="x")), register("x", "moe", "mof"))
    else:
        bodies.given(dispatch("f", to="moh"))
        if where == "with it":
            bodies.given(register("f-moh"))
        bodies.given(merge("moh", "mof"))
        if where == "on the way to it":
            bodies.given(register("f-moh", "mof"))
        bodies.when(onward("f-moh", "moj", "moe", "x")).refused("transfer_unknown")
        bodies.given(onward("f-moh", "mof", "moe", "x"), register("x", "moe", "mof"))
    assert record_of(bodies, "letter", "moj", "f").holder == "moe"


def test_letters_go_to_who_has_the_rest_and_not_to_who_has_a_series(bodies: Scenario) -> None:
    bodies.given(letter(), dispatch(), register(), letter("m"), dispatch("m"))
    bodies.given(split("moh", ("main", "degrees", "moe"), rest="mof"))

    bodies.when(note(agency="moe")).refused("transfer_unknown")
    bodies.when(note(agency="mof")).then("sijill.transfer.annotated.v1")
    bodies.when(register("m-moh", "moe")).refused("transfer_unknown")
    bodies.when(register("m-moh", "mof")).then("sijill.transfer.registered_incoming.v1")


def test_a_successors_successor_has_them_in_turn(bodies: Scenario) -> None:
    bodies.given(letter(), dispatch(), case_file(to=[]), dispatch("f", to="moh"), ask("a"))
    bodies.given(register("f-moh"), merge("moh", "mof"), merge("mof", "moe"))

    bodies.when(register(agency="mof")).refused("agency_closed")
    bodies.given(register(agency="moe"), onward("f-moh", "moe", "moj", "x"))
    bodies.when(on_request("withdraw", "a", "moe", reason="not_needed")).then(
        "sijill.authenticity.withdrawn.v1"
    )


def test_a_successor_that_is_suspended_receives_and_sends_nothing(bodies: Scenario) -> None:
    bodies.given(
        letter(), dispatch(), letter("m"), dispatch("m"), merge("moh", "mof"), ask("a", "mof")
    )
    bodies.given(on_agency("suspend", "mof", reason="legal_order"))

    bodies.when(register(agency="mof")).then("sijill.transfer.registered_incoming.v1")
    bodies.when(on("return", "m-moh", "mof", reason="not_competent")).then(
        "sijill.transfer.returned.v1"
    )
    bodies.when(letter("r", "mof", to=["moj"], answers=reference("l-moh"))).refused(
        "agency_suspended"
    )
    bodies.when(onward("l-moh", "mof", "moe", "x")).refused("agency_suspended")


def test_what_it_asked_is_withdrawn_by_its_successor(bodies: Scenario) -> None:
    bodies.given(ask("a"), merge("moh", "mof"))

    asked = {"reason": "not_needed"}
    bodies.when(on_request("withdraw", "a", "moh", **asked)).refused("agency_closed")
    bodies.when(on_request("withdraw", "a", "moe", **asked)).refused("request_unknown")
    bodies.when(on_request("withdraw", "a", "mof", **asked)).then(
        "sijill.authenticity.withdrawn.v1"
    )


def test_what_a_closed_body_holds_moves_once_a_successor_is_named(bodies: Scenario) -> None:
    """One founder closes a body; both name who follows it, later than they should have."""
    bodies.given(case_file(to=[]), dispatch("f", to="moh"), register("f-moh"))
    bodies.given(
        letter("m"), dispatch("m"), ask("a"), on_agency("close", "moh", reason="abolished")
    )
    bodies.when(onward("f-moh", "mof", "moe", "x")).refused("transfer_unknown")

    bodies.when(merge("moh", "mof")).then("sijill.agency.merged.v1")

    bodies.given(onward("f-moh", "mof", "moe", "x"), register("x", "moe", "mof"))
    assert record_of(bodies, "letter", "moj", "f").holder == "moe"
    bodies.given(register("m-moh", "mof"), on("close", "m-moh", agency="mof", reason="done"))
    bodies.given(on_request("withdraw", "a", "mof", reason="not_needed"))
    assert list(judged(bodies.world.recorded)) == []
