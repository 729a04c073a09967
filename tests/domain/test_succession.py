"""Bodies that are merged and split: who answers for what, and since when."""

from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from domain.agencies import AgencyState, Kind, Succession, responsible
from domain.errors import AgencyClosed
from domain.values import Standing
from tests.certificate_orders import correct, revoke
from tests.given_when_then import (
    Order,
    Scenario,
    add,
    code,
    given,
    issue,
    key_of,
    linked,
    on_agency,
    on_certificate,
)
from tests.letter_orders import letter, paper_in
from tests.registering import (
    capture,
    close,
    confirm,
    count,
    cover,
    reserve,
    strike,
    uncover,
    void,
)

DAY = "2026-11-20"


def merge(subject: str, successor: str, **more: Any) -> Order:
    asked = {"successor": successor, "effective_date": DAY, "legal_basis": "law:5/2026", **more}
    return on_agency("merge", subject, **asked).also_by("comsec")


def split(subject: str, *shares: tuple[str, str | None, str], rest: str | None = None) -> Order:
    parts = [
        {"unit": unit, "successor": successor, **({"series": series} if series else {})}
        for unit, series, successor in shares
    ]
    asked = {"shares": parts, "rest": rest, "effective_date": DAY, "legal_basis": "law:5/2026"}
    return on_agency("split", subject, **asked).also_by("comsec")


def answers(scenario: Scenario, agency: str, unit: str = "main", series: str = "general") -> str:
    world = scenario.world
    return world.ledger.responsible(agency, unit, series, world)


@pytest.fixture
def bodies() -> Scenario:
    return given(linked("moj"), linked("moe"), linked("moh"))


def test_a_merged_body_ends_and_its_successor_acts_on_its_certificates(bodies: Scenario) -> None:
    bodies.given(issue("a"), issue("b"), merge("moj", "moe"))

    bodies.when(revoke("a")).refused("agency_closed")
    bodies.when(revoke("a", agency="moh")).refused("certificate_unknown")
    bodies.when(revoke("a", agency="moe")).then("sijill.certificate.revoked.v1")
    bodies.when(correct("b", "c", agency="moe")).then("sijill.certificate.corrected.v1")
    assert answers(bodies, "moj") == "moe"


def test_merging_needs_both_founders_and_a_law(bodies: Scenario) -> None:
    alone = merge("moj", "moe").signed_by("ndc")
    bodies.when(alone).refused("cosignature_missing", role="authority", agency="comsec")
    bodies.when(merge("moj", "moe").saying(agency="moh").signed_by("moh", "comsec")).refused(
        "not_entitled"
    )


def test_a_successor_is_another_body_that_is_linked(bodies: Scenario) -> None:
    bodies.given(add("planned"))
    bodies.when(merge("moj", "moj")).refused("succession_empty")
    bodies.when(merge("moj", "nobody")).refused("successor_agency_unknown", agency="nobody")
    bodies.when(merge("moj", "planned")).refused("agency_not_linked", agency="planned")
    bodies.when(merge("ndc", "moj")).refused("founder_protected")
    bodies.when(merge("nobody", "moj")).refused("agency_unknown")
    bodies.when(merge("moj", "moe", effective_date="2026-11-24")).refused("date_in_future")
    bodies.given(merge("moj", "moe"))
    bodies.when(merge("moj", "moh")).refused("agency_closed")
    bodies.when(merge("moh", "moj")).refused("agency_not_linked", agency="moj")


def test_a_successor_is_succeeded_in_turn(bodies: Scenario) -> None:
    bodies.given(issue("a"), merge("moj", "moe"), merge("moe", "moh"))

    assert answers(bodies, "moj") == "moh"
    bodies.when(revoke("a", agency="moh")).then("sijill.certificate.revoked.v1")


def test_a_split_gives_series_to_several_bodies(bodies: Scenario) -> None:
    bodies.given(
        issue("a"),
        issue("b", series="degrees"),
        issue("c", unit="south"),
        split("moj", ("main", "degrees", "moe"), ("south", None, "moh")),
    )

    assert [answers(bodies, "moj", *one) for one in PLACES] == ["moj", "moe", "moh", "moh"]
    bodies.when(revoke("a")).then("sijill.certificate.revoked.v1")
    bodies.when(revoke("b")).refused("record_moved", successor="moe")
    bodies.when(revoke("b", agency="moe")).then("sijill.certificate.revoked.v1")
    bodies.when(revoke("c", agency="moh")).then("sijill.certificate.revoked.v1")
    # And it issues no more in what it gave away.
    bodies.when(issue("d", series="degrees")).refused("record_moved", successor="moe")
    bodies.when(issue("d", series="degrees", agency="moe")).then("sijill.certificate.issued.v1")


def test_a_body_keeps_no_register_of_a_series_it_gave_away(bodies: Scenario) -> None:
    moved = {"series": "degrees"}
    bodies.given(
        cover(**moved),
        capture("1", **moved),
        split("moj", ("main", "degrees", "moe")),
    )
    gone = [
        cover("original_sighted", **moved),
        uncover(**moved),
        reserve("2", **moved),
        void("2", **moved),
        capture("2", **moved),
        confirm("1", **moved),
        strike("1", **moved),
        close(**moved),
        count(series="degrees"),
        letter("l", **moved),
        paper_in("p", "moj", **moved),
    ]

    for order in gone:
        bodies.when(order).refused("record_moved", successor="moe")
    bodies.when(capture("2")).then("sijill.register.captured.v1")
    bodies.when(capture("2", **moved).saying(agency="moe").signed_by("moe")).then(
        "sijill.register.captured.v1"
    )
    bodies.when(letter("l")).then("sijill.transfer.registered_outgoing.v1")


def test_a_successor_works_in_the_registers_that_it_took_over(bodies: Scenario) -> None:
    moved = {"series": "degrees"}
    bodies.given(
        capture("1", **moved), reserve("9", **moved), split("moj", ("main", "degrees", "moe"))
    )
    theirs = {**moved, "agency": "moe", "owner": "moj"}

    for order, event in (
        (capture("2", **theirs), "captured"),
        (reserve("3", **theirs), "reserved"),
        (void("9", **theirs), "number_voided"),
        (confirm("1", **theirs), "confirmed"),
        (cover(**theirs), "covered"),
        (close(**theirs), "closed"),
        (count(2, 1, **theirs), "counted"),
        (uncover(**theirs), "uncovered"),
    ):
        bodies.when(order).then(f"sijill.register.{event}.v1")
    # They are the old body's still: its numbers are taken there, and free in the successor's own.
    bodies.when(capture("1", **moved, agency="moe")).then("sijill.register.captured.v1")
    bodies.when(issue("late", series="degrees", year=1998, date="1998-01-02")).refused(
        "record_moved", successor="moe"
    )


def test_nobody_works_in_registers_that_are_anothers(bodies: Scenario) -> None:
    bodies.given(split("moj", ("main", "degrees", "moe")))

    bodies.when(capture("1", agency="moe", owner="moj")).refused("record_moved", successor="moj")
    bodies.when(cover(agency="moh", owner="moj", series="degrees")).refused(
        "record_moved", successor="moe"
    )
    bodies.when(cover(agency="moh", owner="nobody")).refused("agency_unknown")


def test_the_key_of_a_body_that_ended_reads_as_nobody(bodies: Scenario) -> None:
    world = bodies.world
    assert world.ledger.live_key(key_of("moj"), world, world.now).agency == "moj"

    bodies.given(merge("moj", "moe"), on_agency("close", "moh", reason="abolished"))

    for name in ("moj", "moj-2", "moh"):
        with pytest.raises(AgencyClosed):
            world.ledger.live_key(key_of(name), world, world.now)
    assert world.ledger.live_key(key_of("moe"), world, world.now).agency == "moe"


@pytest.mark.parametrize("way", ["merged", "split"])
def test_a_closed_body_is_followed_as_a_whole_and_once(bodies: Scenario, way: str) -> None:
    closed = on_agency("close", "moj", reason="abolished")
    bodies.given(issue("a"), issue("b", series="degrees"), reserve("9"))
    bodies.given(split("moj", ("main", "degrees", "moh")), closed)
    voided = void("9", agency="moe", owner="moj")
    bodies.when(voided).refused("record_moved", successor="moj")
    bodies.when(revoke("a", agency="moe")).refused("certificate_unknown")
    # Parts alone would leave the rest where it is.
    bodies.when(split("moj", ("main", None, "moe"))).refused("agency_closed", agency="moj")

    whole = merge("moj", "moe") if way == "merged" else split("moj", SOUTH, rest="moe")
    bodies.when(whole).then(f"sijill.agency.{way}.v1")

    assert [answers(bodies, "moj", *one) for one in PLACES[:2]] == ["moe", "moh"]
    bodies.when(revoke("a", agency="moe")).then("sijill.certificate.revoked.v1")
    bodies.when(revoke("b", agency="moh")).then("sijill.certificate.revoked.v1")
    bodies.when(voided).then("sijill.register.number_voided.v1")
    bodies.when(issue("c")).refused("agency_closed")
    for again in (merge("moj", "moh"), split("moj", SOUTH, rest="moh"), closed):
        bodies.when(again).refused("agency_closed", agency="moj")


SOUTH = ("south", None, "moe")
PLACES = (("main", "general"), ("main", "degrees"), ("south", "general"), ("south", "x"))


def test_a_split_with_a_rest_ends_the_body(bodies: Scenario) -> None:
    bodies.given(split("moj", ("main", "degrees", "moe"), rest="moh"))

    assert [answers(bodies, "moj", *one) for one in PLACES] == ["moh", "moe", "moh", "moh"]
    bodies.when(issue("a")).refused("agency_closed")


def test_a_part_is_given_away_once(bodies: Scenario) -> None:
    twice = split("moj", ("main", None, "moe"), ("main", None, "moh"))
    bodies.when(twice).refused("shares_repeated")
    bodies.when(split("moj", ("main", None, "nobody"))).refused("successor_agency_unknown")
    bodies.when(split("moj", ("main", None, "moe"), rest="moj")).refused("succession_empty")


def test_what_was_given_away_is_no_part_of_a_later_merger(bodies: Scenario) -> None:
    bodies.given(split("moj", ("main", "degrees", "moe")), merge("moj", "moh"))

    assert [answers(bodies, "moj", *one) for one in PLACES[:2]] == ["moh", "moe"]


def test_a_body_may_be_given_back_what_it_gave_away(bodies: Scenario) -> None:
    bodies.given(
        issue("a", series="degrees"),
        split("moj", ("main", "degrees", "moe")),
        issue("b", "moe", series="degrees"),
        merge("moe", "moj"),
    )

    assert answers(bodies, "moj", "main", "degrees") == "moj"
    for name in ("a", "b"):
        bodies.when(revoke(name)).then("sijill.certificate.revoked.v1")
    bodies.when(issue("c", series="degrees")).then("sijill.certificate.issued.v1")


def test_a_merger_and_an_act_of_the_old_body_do_not_cross(bodies: Scenario) -> None:
    """What was read of the registry guards the decision."""
    bodies.given(issue("a"))
    judged = bodies.world.decide(revoke("a"))
    streams = {bodies.world.claims["agency", "moj"]}
    assert streams <= judged.guards.keys()

    bodies.given(merge("moj", "moe"))
    successor = bodies.world.decide(revoke("a", agency="moe"))
    assert {bodies.world.claims["agency", one] for one in ("moj", "moe")} <= successor.guards.keys()


def test_the_successor_supersedes_its_predecessors_by_its_own(bodies: Scenario) -> None:
    bodies.given(issue("a"), merge("moj", "moe"), issue("b", "moe"))
    asked = on_certificate("supersede", "a", "moe", by=code("b"), reason="reissued")

    bodies.when(asked).then("sijill.certificate.superseded.v1")


@over(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), max_size=40))
def test_every_succession_ends_with_one_body(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever the registry could ever hold: following it ends."""
    states = {
        str(n): AgencyState(str(n), Kind.MINISTRY, Standing.LINKED, added_at=0) for n in range(5)
    }
    for index, (giver, taker, whole) in enumerate(steps):
        if giver != taker:
            part = (None, None) if whole else ("main", "general")
            states[str(giver)].successions.append(Succession(index, str(taker), *part))

    ends = {responsible(one, "main", "general", states.__getitem__) for one in states}
    assert ends <= states.keys()
