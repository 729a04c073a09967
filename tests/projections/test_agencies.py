"""Agencies in the read model: what was recorded by an index, what holds on a day."""

import pytest

from domain.values import baghdad_day
from projections import agencies, freshness
from tests.given_when_then import Scenario, add, given, linked, names, on_agency
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio


async def test_the_founders_open_the_list_and_are_not_torn_apart(reading: Reading) -> None:
    scenario = given(linked("moj"), add("court", parent="moj", kind="directorate"))
    await reading.follow(scenario)
    first = await agencies.page(reading.service, limit=1)
    assert {one.id for one in first} == {"ndc", "comsec"}
    assert all(one.founder and one.standing == "linked" for one in first)
    rest = await agencies.page(reading.service, after=first[-1].added_index, limit=2)
    assert [one.id for one in rest] == ["moj", "court"]
    assert await agencies.page(reading.service, after=rest[-1].added_index) == []
    assert len(await agencies.page(reading.service, at=0)) == 2


async def test_an_agency_is_shown_as_it_stood(reading: Reading) -> None:
    scenario = given(add("moj", parent="comsec"), linked("moe"))
    added = 1
    scenario.given(
        on_agency("suspend", "moe", reason="legal_order"),
        on_agency("reinstate", "moe"),
        on_agency("close", "moe", reason="merged"),
    )
    last = await reading.follow(scenario)
    standings = []
    for at in range(last - 3, last + 1):
        shown = await agencies.show(reading.service, "moe", at=at)
        assert shown is not None
        standings.append(shown.standing)
    assert standings == ["linked", "suspended", "linked", "closed"]
    moj = await agencies.show(reading.service, "moj")
    assert moj is not None
    assert (moj.kind, moj.standing, moj.founder, moj.added_index) == (
        "ministry",
        "planned",
        False,
        added,
    )
    assert moj.parent_on("2026-11-22") == "comsec"
    assert await agencies.show(reading.service, "moj", at=added - 1) is None
    assert await agencies.show(reading.service, "nobody") is None


async def test_names_and_parents_hold_from_their_day_whenever_recorded(reading: Reading) -> None:
    scenario = Scenario().given(add("moj", effective_date="2020-01-01"))
    scenario.given(
        on_agency("rename", "moj", names=names("third"), effective_date="2026-01-01"),
        on_agency("rename", "moj", names=names("second"), effective_date="2024-01-01"),
        on_agency("reparent", "moj", parent="comsec", effective_date="2024-06-01").also_by(
            "comsec"
        ),
    )
    last = await reading.follow(scenario)
    moj = await agencies.show(reading.service, "moj")
    assert moj is not None
    by_day = {
        "2019-12-31": "moj",
        "2020-01-01": "moj",
        "2023-12-31": "moj",
        "2024-01-01": "second",
        "2025-12-31": "second",
        "2026-01-01": "third",
    }
    assert {day: moj.names_on(day) for day in by_day} == {
        day: names(name) for day, name in by_day.items()
    }
    assert (moj.parent_on("2024-05-31"), moj.parent_on("2024-06-01")) == (None, "comsec")
    earlier = await agencies.show(reading.service, "moj", at=last - 2)
    assert earlier is not None
    assert earlier.names_on("2024-01-01") == names("moj")


async def test_an_answer_about_the_past_is_of_the_day_of_its_event(reading: Reading) -> None:
    """A name that was announced then, and came later, was not the name of that day."""
    scenario = Scenario().on("2026-11-22").given(add("moj"))
    scenario.given(on_agency("rename", "moj", names=names("next"), effective_date="2026-12-01"))
    announced = await reading.follow(scenario)
    later = await reading.follow(scenario.on("2026-12-05").given(add("moe")))
    known = await freshness.status(reading.service)
    shown = await agencies.show(reading.service, "moj", at=announced)
    assert shown is not None

    days = [await freshness.day(reading.service, known, at=at) for at in (announced, later)]

    assert days == ["2026-11-22", "2026-12-05"]
    assert [shown.names_on(day) for day in days] == [names("moj"), names("next")]
    assert await freshness.day(reading.service, known) == baghdad_day(known.clock).isoformat()
