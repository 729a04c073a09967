from datetime import date
from typing import Any

import pytest

from domain.agencies import DEEPEST, AgencyState, Dated, Kind
from domain.values import Standing
from tests.given_when_then import (
    Order,
    Scenario,
    add,
    given,
    linked,
    names,
    on_agency,
)

SUSPEND = on_agency("suspend", "moj", reason="legal_order")
CLOSE = on_agency("close", "moj", reason="abolished")


def rename(text: str, since: str, agency: str = "moj") -> Order:
    return on_agency("rename", agency, names=names(text), effective_date=since)


def move(agency: str, parent: str | None, since: str = "2026-11-01") -> Order:
    asked: dict[str, Any] = {"parent": parent, "effective_date": since}
    return on_agency("reparent", agency, **asked).also_by("comsec")


def state(scenario: Scenario, agency: str) -> AgencyState:
    return scenario.world.ledger.agency(agency, scenario.world)


def test_an_agency_is_entered_as_planned() -> None:
    scenario = given(add("moj", effective_date="1921-08-23", legal_basis="law:12/1921"))
    moj = state(scenario, "moj")
    assert (moj.id, moj.kind, moj.standing) == ("moj", Kind.MINISTRY, Standing.PLANNED)
    assert moj.names_on(date(2026, 1, 1)) == names("moj")
    assert moj.parent_on(date(2026, 1, 1)) is None
    assert not moj.founder


def test_an_agencys_id_is_given_once_even_after_its_end() -> None:
    scenario = given(add("moj"), CLOSE)
    scenario.when(add("moj")).refused("agency_exists", agency="moj")
    scenario.when(add("comsec")).refused("agency_exists")


def test_a_parent_exists_and_is_open() -> None:
    scenario = given(add("moj"), CLOSE)
    scenario.when(add("notary", parent="nowhere")).refused("parent_unknown", agency="nowhere")
    scenario.when(add("notary", parent="moj")).refused("parent_closed")
    scenario.when(add("notary", parent="notary")).refused("parent_unknown")
    scenario.when(add("notary", parent="comsec")).then("sijill.agency.added.v1")
    assert state(scenario, "notary").parent_on(date(2026, 11, 22)) == "comsec"


def test_an_agency_without_keys_may_be_linked() -> None:
    scenario = given(add("moj"))
    scenario.when(on_agency("link", "moj")).then("sijill.agency.linked.v1")


@pytest.mark.parametrize(
    "before,attempt,code",
    [
        ([on_agency("link", "moj")], on_agency("link", "moj"), "agency_already_linked"),
        ([on_agency("link", "moj"), SUSPEND], on_agency("link", "moj"), "agency_not_planned"),
        ([CLOSE], on_agency("link", "moj"), "agency_closed"),
        ([], SUSPEND, "agency_not_linked"),
        ([on_agency("link", "moj"), SUSPEND], SUSPEND, "agency_already_suspended"),
        ([CLOSE], SUSPEND, "agency_closed"),
        ([], on_agency("reinstate", "moj"), "agency_not_suspended"),
        ([on_agency("link", "moj")], on_agency("reinstate", "moj"), "agency_not_suspended"),
        ([CLOSE], on_agency("reinstate", "moj"), "agency_closed"),
        ([CLOSE], CLOSE, "agency_closed"),
        ([CLOSE], rename("other", "2026-11-01"), "agency_closed"),
        ([CLOSE], move("moj", "comsec"), "agency_closed"),
    ],
)
def test_an_act_that_does_not_fit_the_standing_is_refused(
    before: list[Order], attempt: Order, code: str
) -> None:
    given(add("moj"), before).when(attempt).refused(code, agency="moj")


@pytest.mark.parametrize(
    "before",
    [[], [on_agency("link", "moj")], [on_agency("link", "moj"), SUSPEND]],
    ids=["planned", "linked", "suspended"],
)
def test_an_agency_is_closed_from_any_standing(before: list[Order]) -> None:
    given(add("moj"), before).when(CLOSE).then("sijill.agency.closed.v1")


@pytest.mark.parametrize("act", ["link", "suspend", "reinstate", "close", "rename", "reparent"])
def test_nothing_is_done_to_an_unknown_agency(act: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "suspend": {"reason": "inactivity"},
        "close": {"reason": "merged"},
        "rename": {"names": names("x"), "effective_date": "2026-11-01"},
        "reparent": {"effective_date": "2026-11-01"},
    }
    attempt = on_agency(act, "nowhere", **more.get(act, {})).signed_by("ndc", "comsec")
    Scenario().when(attempt).refused("agency_unknown", agency="nowhere")


@pytest.mark.parametrize("founder", ["ndc", "comsec"])
def test_a_founder_is_neither_suspended_nor_closed(founder: str) -> None:
    scenario = Scenario()
    suspend = on_agency("suspend", founder, reason="legal_order")
    scenario.when(suspend).refused("founder_protected", agency=founder)
    scenario.when(on_agency("close", founder, reason="abolished")).refused("founder_protected")
    scenario.when(on_agency("link", founder)).refused("agency_already_linked")


def test_a_founder_may_be_renamed_and_moved() -> None:
    scenario = given(rename("centre", "2026-11-01", "ndc"), move("ndc", "comsec"))
    assert state(scenario, "ndc").names_on(date(2026, 12, 1)) == names("centre")
    assert state(scenario, "ndc").parent_on(date(2026, 12, 1)) == "comsec"


def test_names_are_those_of_the_day() -> None:
    scenario = given(
        add("moj", effective_date="2000-01-01"),
        rename("newer", "2020-06-01"),
        rename("between", "2010-01-01"),
        rename("amended", "2020-06-01"),
        rename("to come", "2030-01-01"),
    )
    known = state(scenario, "moj").names_on
    assert known(date(1990, 1, 1)) == names("moj")
    assert known(date(2009, 12, 31)) == names("moj")
    assert known(date(2010, 1, 1)) == names("between")
    assert known(date(2020, 6, 1)) == names("amended")
    assert known(date(2029, 12, 31)) == names("amended")
    assert known(date(2030, 1, 1)) == names("to come")


def test_a_parent_that_is_not_one_yet_stands_in_for_nobody_yet() -> None:
    agency = AgencyState("notary", Kind.DIRECTORATE, Standing.PLANNED, added_at=1)
    agency.parents = [Dated(date(2020, 1, 1), None, 1), Dated(date(2030, 1, 1), "moj", 2)]
    assert agency.parent_on(date(2029, 12, 31)) is None
    assert agency.parent_on(date(2030, 1, 1)) == "moj"
    assert agency.parents_from(date(2026, 1, 1)) == {"moj"}


def test_an_agency_moves_and_leaves() -> None:
    scenario = given(linked("moj"), add("notary", parent="moj"))
    scenario.when(move("notary", "moj")).refused("parent_unchanged")
    scenario.when(move("notary", None, "2026-11-23")).then("sijill.agency.reparented.v1")
    scenario.when(move("notary", None, "2026-11-24")).refused("parent_unchanged")
    assert state(scenario, "notary").parent_on(date(2026, 11, 22)) == "moj"
    assert state(scenario, "notary").parent_on(date(2026, 11, 23)) is None


def test_no_agency_stands_under_itself() -> None:
    scenario = given(add("a1"), add("b1", parent="a1"), add("c1", parent="b1"))
    scenario.when(move("a1", "a1")).refused("agency_hierarchy_loop")
    scenario.when(move("a1", "b1")).refused("agency_hierarchy_loop")
    scenario.when(move("a1", "c1")).refused("agency_hierarchy_loop")
    scenario.when(move("c1", "a1")).then("sijill.agency.reparented.v1")


def test_no_loop_is_closed_by_moves_that_are_still_to_come() -> None:
    scenario = given(add("a1"), add("b1"), move("a1", "b1", "2027-01-01"))
    scenario.when(move("b1", "a1", "2026-11-22")).refused("agency_hierarchy_loop")


def test_two_moves_cannot_race_into_a_loop() -> None:
    world = given(add("a1"), add("b1")).world
    first = world.decide(move("a1", "b1"))
    second = world.decide(move("b1", "a1"))
    assert first.events[0].originator_id in second.guards
    assert second.events[0].originator_id in first.guards


def test_the_tree_has_a_bounded_depth() -> None:
    chain = [add("level-0")]
    chain += [add(f"level-{at}", parent=f"level-{at - 1}") for at in range(1, DEEPEST)]
    scenario = given(chain)
    deepest = add("too-deep", parent=f"level-{DEEPEST - 1}")
    scenario.when(deepest).then("sijill.agency.added.v1")
    scenario.when(add("deeper", parent="too-deep")).refused("agency_hierarchy_too_deep")


def test_what_was_entered_without_a_day_has_always_been_so() -> None:
    scenario = given(add("moj"), rename("newer", "2001-01-01"))
    known = state(scenario, "moj").names_on
    assert known(date(2000, 12, 31)) == names("moj")
    assert known(date(2026, 11, 22)) == names("newer")
