"""Who follows whom, as found in the successions that a trust list is made of."""

from typing import Any

from hypothesis import given as over
from hypothesis import strategies as st

from domain.agencies import AgencyState, Kind, Succession, responsible
from domain.values import Standing
from infrastructure.proofs import heirs


def gave(index: int, to: str, unit: str | None = None, series: str | None = None) -> dict[str, Any]:
    said = {"index": index, "successor": to, "unit": unit, "series": series}
    return {name: value for name, value in said.items() if value is not None}


def of(agency: str, **given: list[dict[str, Any]]) -> dict[str, int]:
    return {one["agency"]: one["since_index"] for one in heirs.of(agency, given)}


def test_a_body_that_nobody_follows_has_no_heirs() -> None:
    assert heirs.of("a", {}) == []
    assert of("a", b=[gave(5, "a")]) == {}


def test_an_heir_s_heir_is_one_too_in_the_order_of_the_log() -> None:
    given = {"a": [gave(5, "z")], "z": [gave(9, "b"), gave(12, "c")]}

    assert heirs.of("a", given) == [
        {"agency": "z", "since_index": 5},
        {"agency": "b", "since_index": 9},
    ]


def test_what_an_heir_gave_away_before_is_not_its_forebear_s() -> None:
    assert of("a", a=[gave(5, "b")], b=[gave(3, "c", "main")]) == {"b": 5}
    assert of("a", a=[gave(5, "b")], b=[gave(8, "c", "main")]) == {"b": 5, "c": 8}


def test_who_took_another_series_of_the_heir_is_no_heir() -> None:
    given = {"a": [gave(5, "b", "main", "deeds")], "b": [gave(8, "c", "main", "births")]}

    assert of("a", **given) == {"b": 5}
    given["b"].append(gave(9, "d", "main"))
    assert of("a", **given) == {"b": 5, "d": 9}


def test_the_narrowest_of_one_moment_and_the_first_of_all_counts() -> None:
    split = [gave(5, "b", "main"), gave(5, "c", "main", "deeds"), gave(5, "d")]

    assert of("a", a=[*split, gave(9, "e")]) == {"b": 5, "c": 5, "d": 5}
    assert of("a", a=split, c=[gave(8, "f", "main", "births")]) == {"b": 5, "c": 5, "d": 5}


def test_each_counts_from_its_first_part_and_the_body_itself_is_none() -> None:
    given = {"a": [gave(5, "b", "main"), gave(7, "b", "south")], "b": [gave(9, "a", "main")]}

    assert of("a", **given) == {"b": 5}
    assert of("b", **given) == {"a": 9}


BODIES, PARTS = "abcd", [(None, None), ("u", None), ("u", "s"), ("u", "t"), ("v", "s")]
GIFT = st.tuples(st.sampled_from(BODIES), st.sampled_from(BODIES), st.sampled_from(PARTS))


@over(st.lists(GIFT, max_size=12))
def test_heirs_are_those_whom_the_registry_ever_finds(steps: list[tuple[str, str, Any]]) -> None:
    """Step after step, for series that are named and for ones that are not."""
    states = {one: AgencyState(one, Kind.MINISTRY, Standing.LINKED, added_at=0) for one in BODIES}
    ever: dict[str, dict[str, int]] = {one: {} for one in BODIES}
    given: dict[str, list[dict[str, Any]]] = {}
    for index, (giver, taker, part) in enumerate(steps, 1):
        if giver == taker:
            continue
        states[giver].successions.append(Succession(index, taker, *part))
        given.setdefault(giver, []).append(gave(index, taker, *part))
        for body in BODIES:
            for unit, series in [*PARTS, ("u", "x"), ("w", "s")]:
                found = responsible(body, unit, series, states.__getitem__)
                if found != body:
                    ever[body].setdefault(found, index)

    assert {one: of(one, **given) for one in BODIES} == ever
