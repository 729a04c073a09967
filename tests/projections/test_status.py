"""The status lists: read model and auditor's replay agree after every event, at any page size."""

import pytest

from domain.certificates import NOTHING_IS_WASHED_SINCE
from domain.certificates.desk import LIST_SIZE
from domain.values import MICROSECONDS, baghdad_day
from infrastructure.log.follower import Follower, recorded
from infrastructure.proofs import statuslist
from infrastructure.proofs.leaf import Header, encode_body
from infrastructure.proofs.standing import NOTHING_IS_WASHED_SINCE_US
from infrastructure.proofs.statuslist import Status, StatusList
from infrastructure.proofs.statusreplay import Statuses
from projections import certificates, status
from projections.model import ReadModel
from tests.certificate_orders import correct, revoke
from tests.given_when_then import Scenario, claims, code, given, issue, linked, on_certificate
from tests.projections.conftest import Reading
from tests.projections.wandering import wander

pytestmark = pytest.mark.anyio


def told_again(scenario: Scenario) -> list[StatusList]:
    """List 0 after each event, from the bytes of the events alone."""
    statuses, lists = Statuses(), []
    for fact in scenario.world.recorded:
        header = Header(
            agency=fact.agency,
            evidence=fact.evidence,
            keys=fact.keys,
            line=fact.line,
            stream=fact.originator_id,
            type=fact.TOPIC,
            version=fact.originator_version,
        )
        time_us = int(fact.timestamp.timestamp()) * MICROSECONDS
        body = encode_body(fact.statement, fact.chosen)
        event = recorded(fact.at, time_us, header.encode(), body)
        said = event.statement
        statuses.apply(event.type, event.stream, said, event.status, time_us=event.time)
        lists.append(statuses.list(0))
    return lists


@pytest.mark.parametrize("seed, page_events", [(1, 1), (2, 7), (3, 5000)])
async def test_both_say_the_same_after_every_event(
    reading: Reading, seed: int, page_events: int
) -> None:
    scenario = wander(seed, 150)
    reading.write(scenario)
    await Follower(ReadModel(), page_events=page_events).catch_up(reading.keeper)
    expected = told_again(scenario)
    seen = [await status.listed(reading.service, 0, at=at) for at in range(len(expected))]

    assert [StatusList.of(places) for places in seen] == expected
    # What a scenario leaves out, the comparison does not cover; a list leaves *valid* out.
    assert {said for places in seen for said in places.values()} == set(Status) - {Status.VALID}


async def test_what_each_act_does_to_the_bits(reading: Reading) -> None:
    scenario = given(linked("moj"), *(issue(name) for name in "abcdef"))
    scenario.given(
        on_certificate("suspend", "a", reason="under_review"),
        on_certificate("revoke", "b", reason="decision"),
        on_certificate("void", "c", reason="duplicate_entry"),
        on_certificate("supersede", "d", by=code("f"), reason="renewed"),
        on_certificate("correct", "e", reason="clerical_error").saying(
            new_code=code("e2"), language="ar", claims=claims("holder_name", "supported_fact")
        ),
        on_certificate("original", "f").saying(new_code=code("f2"), claims=claims()),
        on_certificate("replace", "f2", reason="lost").saying(new_code=code("f3"), claims=claims()),
    )
    await reading.follow(scenario)
    listed = await status.listed(reading.service, 0)
    assert {name: await _said(reading, listed, name) for name in _NAMES} == {
        "a": Status.SUSPENDED,
        "b": Status.INVALID,
        "c": Status.INVALID,
        "d": Status.SUPERSEDED,
        "e": Status.SUPERSEDED,
        "e2": Status.VALID,
        "f": Status.VALID,
        "f2": Status.SUPERSEDED,
        "f3": Status.VALID,
    }
    assert await status.listed(reading.service, 1) == {}


_NAMES = ("a", "b", "c", "d", "e", "e2", "f", "f2", "f3")


async def _said(reading: Reading, listed: dict[int, int], name: str) -> int:
    found = (await certificates.by_code(reading.service, code(name))).code
    assert found is not None
    assert found.status_index is not None
    return listed.get(found.status_index, Status.VALID)


async def test_a_reinstated_certificate_is_valid_again(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"))
    scenario.given(on_certificate("suspend", "a", reason="under_review"))
    at = await reading.follow(scenario)
    scenario.given(on_certificate("reinstate", "a", reason="review_passed"))
    await reading.follow(scenario)
    assert set((await status.listed(reading.service, 0, at=at)).values()) == {Status.SUSPENDED}
    assert await status.listed(reading.service, 0) == {}


async def test_a_correction_washes_no_original_that_was_revoked(reading: Reading) -> None:
    """It did until a day, and what the lists said of those days they say for ever."""
    scenario = given(linked("moj"), *(issue(name) for name in "ab"))
    scenario.given(*(revoke(name, original_only=True) for name in "ab"))
    scenario.on("2026-11-28").given(correct("a", "a2")).on("2026-11-29").given(correct("b", "b2"))
    await reading.follow(scenario)

    listed = await status.listed(reading.service, 0)
    assert [await _said(reading, listed, name) for name in ("a", "a2", "b", "b2")] == [
        Status.SUPERSEDED,
        Status.VALID,
        Status.INVALID,
        Status.VALID,
    ]
    assert StatusList.of(listed) == told_again(scenario)[-1]


def test_the_replay_changes_its_rule_with_the_domain() -> None:
    assert baghdad_day(NOTHING_IS_WASHED_SINCE_US) == NOTHING_IS_WASHED_SINCE
    assert baghdad_day(NOTHING_IS_WASHED_SINCE_US - 1) < NOTHING_IS_WASHED_SINCE


def test_a_list_has_a_place_for_every_number_that_is_drawn() -> None:
    assert statuslist.PLACES == LIST_SIZE
