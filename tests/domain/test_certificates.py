"""Acts on certificates, one rule at a time, both ways. Whole lives are in the test beside this."""

from datetime import date
from typing import Any

import pytest

from domain.certificates import LIST_SIZE, LIST_SPAN, OriginalStatus, Status
from tests.certificate_orders import (
    annul,
    another,
    certificate,
    correct,
    erase,
    reaffirm,
    reinstate,
    replaced,
    revoke,
    supersede,
    suspend,
    void,
)
from tests.given_when_then import Order, claims, code, digest, given, issue, linked

ISSUED = "sijill.certificate.issued.v1"
REVOKED = "sijill.certificate.revoked.v1"


def test_an_issuance_takes_its_code_its_number_and_a_random_place_in_a_status_list() -> None:
    world = given(linked("moj"), issue("first")).world
    decision = world.decide(issue("a", number="م/٤٥٦-٧"))
    (fact,) = decision.events
    place = fact.chosen["status"]
    assert place["list"] == world.size // LIST_SPAN
    assert 0 <= place["index"] < LIST_SIZE
    assert {(claim.space, claim.key) for claim in decision.claims} == {
        ("code", code("a")),
        ("number", "moj|main|general|2026|م/456-7"),
        ("status", f"{place['list']}:{place['index']}"),
    }
    assert {claim.stream for claim in decision.claims} == {fact.originator_id}
    assert decision.absent == (("register-closed", "moj|main|general|2026"),)
    assert decision.lookups == {0: ("holder_name",)}


def test_status_places_are_drawn_and_lists_follow_the_length_of_the_log() -> None:
    world = given(linked("moj")).world
    drawn = {world.decide(issue("a")).events[0].chosen["status"]["index"] for _ in range(20)}
    assert len(drawn) > 15
    world.size = 3 * LIST_SPAN
    assert world.decide(issue("a")).events[0].chosen["status"]["list"] == 3


def test_places_of_lines_that_go_together_are_free_and_apart() -> None:
    """Alone, a line draws again when it is refused; of thousands one would always be refused."""
    world = given(linked("moj")).world
    draws = iter([7, 8, 9, 7, 8, 9])
    world.ledger._draw = lambda _below: next(draws)
    taken, of_another_line = ("status", "0:7"), ("status", "0:8")
    world.claims[taken] = world.claims["agency", "moj"]
    asked = world.read(issue("a"))
    together = world.ledger.decide(*asked, world, {of_another_line})
    alone = world.ledger.decide(*asked, world)
    assert [one.key for one in together.claims if one.space == "status"] == ["0:9"]
    assert [one.key for one in alone.claims if one.space == "status"] == ["0:7"]


def test_a_record_remembers_what_its_statement_said() -> None:
    scenario = given(linked("moj"), issue("a", number="9/1", expiry_date="2027-01-01"))
    record = certificate(scenario, "a")
    assert (record.agency, record.type, record.number) == ("moj", "support_letter", "9/1")
    assert (record.register.unit, record.register.year) == ("main", 2026)
    assert record.edition.effective == date(2026, 11, 20)
    assert record.expired_on(date(2027, 1, 2))
    assert not record.expired_on(date(2027, 1, 1))


@pytest.mark.parametrize("number", ["456", "٤٥٦", "۴۵۶"])
def test_a_number_is_taken_in_whatever_digits(number: str) -> None:
    scenario = given(linked("moj"), issue("a", number="456"))
    scenario.when(issue("b", number=number)).refused("number_taken")
    elsewhere = [{"unit": "other"}, {"series": "other"}]
    for place, more in enumerate(elsewhere):
        scenario.when(issue(f"c{place}", number=number, **more)).then(ISSUED)


def test_a_number_is_free_in_another_year_and_another_agency() -> None:
    scenario = given(linked("moj"), linked("moe"), issue("a", number="456"))
    scenario.when(issue("b", number="456", year=2025, date="2025-11-20")).then(ISSUED)
    scenario.when(issue("c", "moe", number="456")).then(ISSUED)


def test_a_code_names_one_certificate() -> None:
    given(linked("moj"), issue("a")).when(issue("a", number="1")).refused("code_taken")


def test_a_closed_register_takes_no_more_numbers() -> None:
    scenario = given(linked("moj"), issue("a"))
    closing = ("register-closed", "moj|main|general|2026")
    scenario.world.claims[closing] = scenario.world.claims["agency", "moj"]
    scenario.when(issue("b")).refused("register_closed")
    scenario.when(issue("b", series="other")).then(ISSUED)


@pytest.mark.parametrize(
    "members,refusal",
    [
        ({"type": "horoscope"}, "type_unknown"),
        ({"claims": claims("holder_name", "supported_fact", "shoe_size")}, "claim_unknown"),
        ({"claims": claims("holder_name")}, "claim_missing"),
        ({"claims": {"holder_name": digest("x"), "supported_fact": digest("y")}}, "claim_missing"),
        ({"date": "2026-11-24"}, "date_in_future"),
        ({"date": "2025-11-20"}, "year_mismatch"),
        ({"expiry_date": "2026-11-19"}, "expiry_before_effect"),
        ({"effective_date": "2027-01-01", "expiry_date": "2026-12-31"}, "expiry_before_effect"),
    ],
)
def test_an_issuance_that_does_not_hold_together_is_refused(
    members: dict[str, Any], refusal: str
) -> None:
    given(linked("moj")).when(issue("a", **members)).refused(refusal)


@pytest.mark.parametrize(
    "members",
    [
        {"claims": claims("holder_name", "supported_fact", "addressee", "document")},
        {"date": "2026-11-23"},
        {"date": "1958-07-14", "year": 1958},
        {"expiry_date": "2026-11-20"},
        {"effective_date": "2027-01-01", "expiry_date": "2027-01-01"},
        {"language": "syr"},
    ],
)
def test_an_issuance_that_holds_together_is_recorded(members: dict[str, Any]) -> None:
    given(linked("moj")).when(issue("a", **members)).then(ISSUED)


def test_tomorrow_is_the_day_in_baghdad() -> None:
    scenario = given(linked("moj")).on("2026-12-30").later(hours=10)  # 22:00 there, 19:00 UTC
    scenario.when(issue("a", date="2027-01-01", year=2027)).refused("date_in_future")
    scenario.later(hours=3)  # 01:00 there, still 30 December in UTC
    scenario.when(issue("a", date="2027-01-01", year=2027)).then(ISSUED)


ACTS = [
    suspend("a"),
    reinstate("a"),
    revoke("a"),
    annul("a"),
    correct("a", "z"),
    another("a", "z"),
    replaced("a", "z"),
    void("a"),
    supersede("a", "b"),
    erase("a"),
    reaffirm("a"),
]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.statement["act"])
def test_anothers_certificate_and_none_look_the_same(act: Order) -> None:
    scenario = given(linked("moj"), linked("moe"), issue("a"), issue("b"))
    signers = ("moe", "moe-2")[: len(act.signers)]
    foreign = scenario.when(act.saying(agency="moe").signed_by(*signers))
    none = scenario.when(act.saying(code=code("nothing")))
    foreign.refused("certificate_unknown")
    none.refused("certificate_unknown")
    assert foreign.refusal is not None
    assert none.refusal is not None
    assert foreign.refusal.params.keys() == none.refusal.params.keys() == {"code"}


@pytest.mark.parametrize("act", ACTS[:-2], ids=lambda act: act.statement["act"])
def test_a_superseded_or_replaced_code_names_nothing_to_act_on(act: Order) -> None:
    corrected = given(linked("moj"), issue("a"), issue("b"), correct("a", "a2"))
    corrected.when(act).refused("code_superseded", by=code("a2"))
    lost = given(linked("moj"), issue("a"), issue("b"), replaced("a", "a2"))
    lost.when(act).refused("code_replaced", by=code("a2"))


def test_a_correction_keeps_number_and_date_and_leaves_every_older_original_behind() -> None:
    scenario = given(linked("moj"), issue("a", number="5"), another("a", "a2"))
    scenario.when(correct("a", "b")).then("sijill.certificate.corrected.v1")
    record = certificate(scenario, "b")
    assert (record.number, record.date, record.edition.number) == ("5", date(2026, 11, 20), 2)
    assert record.edition.language == "ckb"
    for old in ("a", "a2"):
        assert record.originals[code(old)].status is OriginalStatus.SUPERSEDED
        assert record.originals[code(old)].successor == code("b")
    scenario.when(correct("b", "c")).then("sijill.certificate.corrected.v1")
    assert record.originals[code("a")].successor == code("b")


def test_a_correction_takes_a_new_code_and_a_new_status_place_but_no_number() -> None:
    world = given(linked("moj"), issue("a")).world
    decision = world.decide(correct("a", "b"))
    assert sorted(claim.space for claim in decision.claims) == ["code", "status"]
    assert decision.events[0].chosen.keys() == {"status"}
    assert decision.lookups == {0: ("holder_name",)}


def test_a_correction_states_everything_anew() -> None:
    scenario = given(linked("moj"), issue("a"))
    scenario.when(correct("a", "b", claims=claims("holder_name"))).refused("claim_missing")
    early = correct("a", "b", expiry_date="2026-11-19")
    scenario.when(early).refused("expiry_before_effect")


@pytest.mark.parametrize("make", [another, replaced])
def test_a_new_original_has_a_secret_of_its_own_and_nothing_but_its_document(make: Any) -> None:
    scenario = given(linked("moj"), issue("a"))
    with_field = claims("holder_name")
    scenario.when(make("a", "b", claims=with_field)).refused("claim_unknown", claim="holder_name")
    without = {"document": digest("document")}
    scenario.when(make("a", "b", claims=without)).refused("claim_missing", claim="holder_secret")
    scenario.when(make("a", "a")).refused("code_taken")
    assert scenario.when(make("a", "b", claims=claims("document"))).refusal is None


def test_each_original_has_its_number_and_a_lost_one_is_replaced_alone() -> None:
    scenario = given(linked("moj"), issue("a"), another("a", "a2"), replaced("a", "a3"))
    originals = certificate(scenario, "a").originals
    assert [(one.number, one.status.value) for one in originals.values()] == [
        (1, "replaced"),
        (2, "current"),
        (3, "current"),
    ]
    assert originals[code("a")].successor == code("a3")


def test_an_original_is_revoked_alone_and_restored_alone() -> None:
    scenario = given(linked("moj"), issue("a"), another("a", "a2"))
    scenario.when(annul("a2", original_only=True)).refused("original_not_revoked")
    scenario.when(revoke("a2", original_only=True)).then(REVOKED)
    record = certificate(scenario, "a")
    assert record.status is Status.IN_FORCE
    scenario.when(revoke("a2", original_only=True)).refused("original_already_revoked")
    scenario.when(replaced("a2", "a3")).refused("original_already_revoked")
    scenario.when(annul("a2")).refused("certificate_not_revoked")
    restored = scenario.when(annul("a2", original_only=True))
    restored.then("sijill.certificate.revocation_annulled.v1")


def test_revoking_the_certificate_revokes_all_its_originals() -> None:
    scenario = given(linked("moj"), issue("a"), another("a", "a2"), revoke("a2"))
    scenario.when(revoke("a")).refused("certificate_already_revoked")
    scenario.when(revoke("a", original_only=True)).refused("certificate_already_revoked")


def test_two_officers_annul_a_revocation_and_a_suspension_of_before_still_stands() -> None:
    scenario = given(linked("moj"), issue("a"), suspend("a"), revoke("a"))
    alone = annul("a").signed_by("moj")
    scenario.when(alone).refused("cosignature_missing", role="officer")
    scenario.given(annul("a")).when(suspend("a")).refused("certificate_already_suspended")
    scenario.given(reinstate("a"), revoke("a"), annul("a")).when(suspend("a"))
    assert certificate(scenario, "a").status is Status.SUSPENDED


def test_a_voided_entry_gives_its_number_free_but_not_its_code() -> None:
    scenario = given(linked("moj"), issue("a", number="٧٧"), void("a"))
    scenario.when(issue("a", number="78")).refused("code_taken")
    scenario.when(issue("b", number="77")).then(ISSUED)
    scenario.when(void("a")).refused("certificate_voided")


def test_a_certificate_is_superseded_by_another_of_the_agency_in_force() -> None:
    scenario = given(linked("moj"), linked("moe"), issue("a"), issue("b"), issue("c", "moe"))
    scenario.when(supersede("a", "nothing")).refused("successor_unknown")
    scenario.when(supersede("a", "c")).refused("successor_unknown")
    scenario.when(supersede("a", "a")).refused("superseded_by_itself")
    scenario.given(suspend("b")).when(supersede("a", "b")).refused("successor_not_in_force")
    scenario.given(reinstate("b"), replaced("b", "b2"))
    scenario.when(supersede("a", "b")).refused("successor_not_in_force")
    scenario.when(supersede("a", "b2")).then("sijill.certificate.superseded.v1")
    scenario.when(supersede("b2", "a")).refused("successor_not_in_force")
    scenario.when(revoke("a")).refused("certificate_superseded", by=code("b2"))


def test_a_successor_is_guarded() -> None:
    world = given(linked("moj"), issue("a"), issue("b")).world
    assert world.claims["code", code("b")] in world.decide(supersede("a", "b")).guards


def test_an_act_counts_from_a_day_that_is_not_far_ahead() -> None:
    scenario = given(linked("moj"), issue("a"))
    scenario.when(suspend("a", effective_date="2026-11-24")).refused("date_in_future")
    scenario.when(revoke("a", effective_date="2030-01-01")).refused("date_in_future")
    assert scenario.when(suspend("a", effective_date="2020-01-01")).refusal is None


@pytest.mark.parametrize("act", [correct("a", "b"), another("a", "b"), replaced("a", "b")])
def test_nothing_new_is_made_of_a_certificate_out_of_force(act: Order) -> None:
    base = [*linked("moj"), issue("a"), issue("s")]
    given(*base, suspend("a")).when(act).refused("certificate_suspended")
    given(*base, revoke("a")).when(act).refused("certificate_already_revoked")
    given(*base, void("a")).when(act).refused("certificate_voided")
    given(*base, supersede("a", "s")).when(act).refused("certificate_superseded")


@pytest.mark.parametrize("act", [correct("a", "b"), another("a", "b"), replaced("a", "b")])
def test_the_type_asks_for_two_officers_at_every_edition_and_original(act: Order) -> None:
    fields = claims("holder_name", "qualification", "graduation_year")
    degree = issue("a", type="degree", claims=fields).also_by("moj-2")
    scenario = given(linked("moj"), degree)
    scenario.when(act).refused("cosignature_missing", role="officer")
    scenario.when(revoke("a")).then(REVOKED)
