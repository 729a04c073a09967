"""Certificates in the read model, from what the domain decided to what a verdict rests on."""

import pytest

from infrastructure.postgres import connect
from infrastructure.proofs.verdict import CodeState, Reason, RecordFacts, judge
from projections import certificates
from projections.certificates import Filter, Found
from tests.certificate_orders import another, replaced, revoke, supersede
from tests.given_when_then import (
    Order,
    add,
    claims,
    code,
    enrol,
    first_key,
    given,
    issue,
    key_of,
    linked,
    names,
    on_agency,
    on_certificate,
    order,
)
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio


def facts_of(found: Found) -> RecordFacts:
    assert found.facts is not None
    return found.facts


async def test_a_code_answers_with_everything_that_a_verdict_needs(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a", expiry_date="2027-01-01", number="م.و/٤٥٦"))
    at = await reading.follow(scenario)
    found = await certificates.by_code(reading.service, code("a"))
    assert facts_of(found) == RecordFacts(
        code=code("a"),
        agency="moj",
        type="support_letter",
        state=CodeState.IN_FORCE,
        issue_index=at,
        issue_time=scenario.world.now - 1_000_000,
        issuer_sound=True,
        custodial=False,
        effective_date="2026-11-20",
        expiry_date="2027-01-01",
    )
    assert found.basis.index == at
    assert not found.basis.stale
    assert found.code is not None
    assert found.certificate is not None
    assert found.issuer is not None
    assert found.code.claims == claims("holder_name", "supported_fact")
    assert found.code.status_list == 0
    assert (found.certificate.number, found.certificate.folded_number) == ("م.و/٤٥٦", "م.و/456")
    assert found.issuer.names_on(found.certificate.date) == names("moj")
    assert [key.thumbprint for key in found.keys] == [key_of("moj")]


async def test_a_code_that_was_never_recorded_is_an_answer_too(reading: Reading) -> None:
    at = await reading.follow(given(linked("moj")))
    found = await certificates.by_code(reading.service, code("nobody"))
    assert found.facts is None
    assert found.basis.index == at
    verdict = judge(found.facts, basis=found.basis, today=found.today)
    assert verdict.reason is Reason.CODE_UNKNOWN


async def test_what_happens_to_a_certificate_shows_under_its_code(reading: Reading) -> None:
    scenario = given(linked("moj"), *(issue(name) for name in "abcde"))
    first = scenario.world.size
    scenario.given(
        on_certificate("suspend", "a", reason="under_review"),
        on_certificate("suspend", "b", reason="under_review"),
        on_certificate("reinstate", "b", reason="review_passed"),
        on_certificate("revoke", "c", reason="decision", legal_basis="law:78/2012"),
        on_certificate("void", "d", reason="duplicate_entry"),
        on_certificate("supersede", "e", by=code("b"), reason="renewed"),
    )
    await reading.follow(scenario)
    seen = {}
    for name in "abcde":
        facts = facts_of(await certificates.by_code(reading.service, code(name)))
        seen[name] = (facts.state, facts.withdrawal_reason, facts.withdrawn_index, facts.successor)
    assert seen == {
        "a": (CodeState.SUSPENDED, "under_review", first, None),
        "b": (CodeState.IN_FORCE, None, None, None),
        "c": (CodeState.REVOKED, "decision", first + 3, None),
        "d": (CodeState.VOIDED, "duplicate_entry", first + 4, None),
        "e": (CodeState.SUPERSEDED, "renewed", first + 5, code("b")),
    }


async def test_an_annulled_revocation_leads_back_to_where_it_stood(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"), issue("b"))
    scenario.given(on_certificate("suspend", "a", reason="under_review"))
    for name in "ab":
        annulment = on_certificate("annul_revocation", name, reason="appeal_granted")
        scenario.given(
            on_certificate("revoke", name, reason="decision"), annulment.also_by("moj-2")
        )
    await reading.follow(scenario)
    states = [facts_of(await certificates.by_code(reading.service, code(n))).state for n in "ab"]
    assert states == [CodeState.SUSPENDED, CodeState.IN_FORCE]


async def test_originals_have_lives_of_their_own(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"))
    scenario.given(
        on_certificate("original", "a").saying(new_code=code("a2"), claims=claims("document")),
        on_certificate("original", "a").saying(new_code=code("a3"), claims=claims()),
    )
    alone = scenario.world.size
    scenario.given(
        on_certificate("revoke", "a2", reason="decision").saying(original_only=True),
        on_certificate("replace", "a3", reason="lost").saying(new_code=code("a4"), claims=claims()),
    )
    middle = await reading.follow(scenario)
    found = {n: await certificates.by_code(reading.service, code(n)) for n in ("a", "a2", "a3")}
    assert facts_of(found["a"]).state is CodeState.IN_FORCE
    assert facts_of(found["a2"]).state is CodeState.ORIGINAL_REVOKED
    assert facts_of(found["a2"]).withdrawn_index == alone
    assert facts_of(found["a3"]).state is CodeState.REPLACED
    assert facts_of(found["a3"]).successor == code("a4")
    assert found["a2"].code is not None
    # The edition's fields, and what the original itself commits to.
    assert found["a2"].code.claims == claims("holder_name", "supported_fact", "document")
    scenario.given(
        on_certificate("correct", "a", reason="clerical_error").saying(
            new_code=code("b"),
            language="ckb",
            claims=claims("holder_name", "supported_fact"),
        )
    )
    corrected = await reading.follow(scenario)
    for name, successor in (("a", "b"), ("a2", "b"), ("a3", "a4"), ("a4", "b")):
        facts = facts_of(await certificates.by_code(reading.service, code(name)))
        assert facts.successor == code(successor)
    latest = await certificates.by_code(reading.service, code("b"))
    assert latest.certificate is not None
    assert facts_of(latest).state is CodeState.IN_FORCE
    every = await certificates.originals(reading.service, latest.certificate)
    assert [one.code for one in every] == [code(n) for n in ("a", "a2", "a3", "a4", "b")]
    assert [one.edition for one in every] == [1, 1, 1, 1, 2]
    scenario.given(on_certificate("revoke", "b", reason="decision"))
    await reading.follow(scenario)
    for name in ("a", "a2", "a3", "a4", "b"):
        facts = facts_of(await certificates.by_code(reading.service, code(name)))
        assert facts.state is CodeState.REVOKED
    before = await certificates.by_code(reading.service, code("a2"), at=middle)
    assert facts_of(before).state is CodeState.ORIGINAL_REVOKED
    after = await certificates.by_code(reading.service, code("a2"), at=corrected)
    assert facts_of(after).state is CodeState.SUPERSEDED


async def test_the_past_is_answered_as_of_its_index_and_its_day(reading: Reading) -> None:
    scenario = given(linked("moj")).on("2026-11-22").given(issue("a"))
    issued = scenario.world.size - 1
    scenario.on("2026-12-24").given(on_certificate("revoke", "a", reason="decision"))
    await reading.follow(scenario)
    now = await certificates.by_code(reading.service, code("a"))
    then = await certificates.by_code(reading.service, code("a"), at=issued)
    assert facts_of(now).state is CodeState.REVOKED
    assert facts_of(then).state is CodeState.IN_FORCE
    assert (then.basis.index, then.basis.age_seconds, then.basis.stale) == (issued, 0, False)
    assert then.today == "2026-11-22"
    before = await certificates.by_code(reading.service, code("a"), at=issued - 1)
    assert before.facts is None


async def test_what_a_compromised_key_issued_waits_to_be_reaffirmed(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("before").signed_by("moj-2"))
    begins = scenario.world.size
    scenario.given(
        issue("within").signed_by("moj-2"),
        issue("other"),
        on_certificate("suspend", "before", reason="under_review"),
        on_certificate("reinstate", "before", reason="review_passed").signed_by("moj-2"),
        on_certificate("revoke", "other", reason="decision").signed_by("moj-2"),
    )
    undeclared = scenario.world.size - 1
    scenario.given(order("key.compromise", "moj", key=key_of("moj-2"), as_of=begins, reason="lost"))
    declared = await reading.follow(scenario)

    async def soundness(at: int | None = None) -> list[bool]:
        named = ("before", "within", "other")
        found = [await certificates.by_code(reading.service, code(n), at=at) for n in named]
        return [facts_of(one).issuer_sound for one in found]

    # A reinstatement puts a record in force as an issuance does; a revocation stands.
    assert await soundness() == [False, False, True]
    other = await certificates.by_code(reading.service, code("other"))
    assert facts_of(other).state is CodeState.REVOKED
    assert await soundness(at=undeclared) == [True, True, True]
    doubted = await certificates.page(reading.service, "moj", Filter(in_doubt=True))
    assert [one.certificate.code for one in doubted] == [code("before"), code("within")]
    scenario.given(on_certificate("reaffirm", "within"), on_certificate("reaffirm", "before"))
    await reading.follow(scenario)
    assert await soundness() == [True, True, True]
    assert await soundness(at=declared) == [False, False, True]
    assert await certificates.page(reading.service, "moj", Filter(in_doubt=True)) == []


async def test_only_an_original_that_stands_waits_to_be_stood_by(reading: Reading) -> None:
    """Each needs a word of its own; one that was revoked alone needs none."""
    scenario = given(linked("moj"), issue("a"), issue("b"))
    begins = scenario.world.size
    scenario.given(*(another(name, f"{name}2").signed_by("moj-2") for name in "ab"))
    scenario.given(order("key.compromise", "moj", key=key_of("moj-2"), as_of=begins, reason="lost"))
    await reading.follow(scenario)

    async def doubted() -> list[str]:
        found = await certificates.page(reading.service, "moj", Filter(in_doubt=True))
        return [one.certificate.code for one in found]

    assert await doubted() == [code("a"), code("b")]
    found = await certificates.page(reading.service, "moj", Filter(in_doubt=True))
    assert [one.doubted for one in found] == [[code("a2")], [code("b2")]]
    scenario.given(revoke("b2", original_only=True)).on("2026-11-29")
    scenario.given(on_certificate("reaffirm", "a2"))
    await reading.follow(scenario)
    assert await doubted() == []


async def test_each_code_that_is_named_may_be_stood_by_and_then_none_waits(
    reading: Reading,
) -> None:
    """Replaced and further originals, what a court gave back, a certificate replaced by another."""
    made = ("whole", "copies", "lost", "alone", "both", "over", "gone")
    held = enrol("hjc-court", "hjc", ("court",)).also_by("ndc", "comsec")
    scenario = given(linked("moj"), linked("hjc"), held, issue("sound"), issue("court"))
    begins = scenario.world.size
    scenario.given(*(issue(name).signed_by("moj-2") for name in made))
    thief = [another("copies", f"copy{number}").signed_by("moj-2") for number in (1, 2)]
    scenario.given(thief, replaced("lost", "found"), _given_back("court"), _given_back("both"))
    scenario.given(revoke("alone", original_only=True), supersede("over", "sound"))
    scenario.given(revoke("gone"))
    stolen = (("moj-2", "moj"), ("hjc-court", "hjc"))
    for key, agency in stolen:
        void = order("key.compromise", agency, key=key_of(key), as_of=begins, reason="lost")
        scenario.given(void)
    scenario.on("2026-11-29")
    await reading.follow(scenario)

    found = await certificates.page(reading.service, "moj", Filter(in_doubt=True))
    doubted = [one.doubted for one in found]
    copies = [code("copy1"), code("copy2")]
    told = [[code(name)] for name in ("found", "alone", "both", "over")]
    assert doubted == [[code("whole")], copies, *told]
    for each in (one for codes in doubted for one in codes):
        asked = on_certificate("reaffirm", "whole").saying(code=each)
        scenario.when(asked).then("sijill.certificate.reaffirmed.v1")
    await reading.follow(scenario)

    assert await certificates.page(reading.service, "moj", Filter(in_doubt=True)) == []
    assert len(await certificates.page(reading.service, "moj", Filter(in_doubt=False))) == 9


def _given_back(name: str) -> list[Order]:
    """A court suspends a certificate and ends that."""
    cited = {"legal_basis": "judgment:1/2026"}
    suspended = on_certificate("suspend_by_court", name, "hjc", **cited)
    lifted = on_certificate("lift_court_suspension", name, "hjc", ends="judgment:1/2026", **cited)
    return [one.signed_by("hjc-court") for one in (suspended, lifted)]


async def test_the_newest_event_that_decides_may_be_about_a_key(reading: Reading) -> None:
    """Evidence that ends before it would still call the record sound."""
    thief = enrol("thief", "moj", ("administer", "issue"))
    accomplice = enrol("accomplice", "moj", ("issue",)).signed_by("thief")
    scenario = given(linked("moj"), thief, accomplice, issue("a").signed_by("accomplice"))
    issued = await reading.follow(scenario)
    scenario.given(issue("other"))
    unrelated = await reading.follow(scenario)
    assert (await certificates.by_code(reading.service, code("a"))).decided_index == issued

    scenario.given(order("key.compromise", "moj", key=key_of("thief"), as_of=0, reason="lost"))
    declared = await reading.follow(scenario)

    found = await certificates.by_code(reading.service, code("a"))
    assert (facts_of(found).issuer_sound, found.decided_index) == (False, declared)
    then = await certificates.by_code(reading.service, code("a"), at=unrelated)
    assert then.decided_index == issued
    assert (await certificates.by_code(reading.service, code("never"))).decided_index == 0


async def test_keys_that_the_data_center_holds_are_shown_as_such(reading: Reading) -> None:
    held = enrol("held", "moj", ("custodial", "issue")).also_by("ndc")
    scenario = given(linked("moj"), held, issue("a").signed_by("held"), issue("b"))
    await reading.follow(scenario)
    custodial = [
        facts_of(await certificates.by_code(reading.service, code(n))).custodial for n in "ab"
    ]
    assert custodial == [True, False]


async def test_an_answer_says_when_it_knows_too_little(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"))
    reached = await reading.follow(scenario)
    scenario.given(on_certificate("revoke", "a", reason="decision"))
    behind = reading.write(scenario)
    # The revocation was recorded long ago by the database's clock, and is not applied.
    found = await certificates.by_code(reading.service, code("a"))
    assert found.basis.index == reached
    assert found.basis.stale
    verdict = judge(found.facts, basis=found.basis, today=found.today)
    assert verdict.reason is Reason.STATUS_STALE
    ahead = await certificates.by_code(reading.service, code("a"), at=behind)
    assert ahead.basis.stale
    past = await certificates.by_code(reading.service, code("a"), at=reached)
    assert not past.basis.stale


async def test_an_agency_pages_through_its_own_and_nobody_elses(reading: Reading) -> None:
    mine = [issue(f"c{n}") for n in range(5)]
    scenario = given(linked("moj"), linked("moe"), mine[:3], issue("x", "moe"), mine[3:])
    scenario.given(on_certificate("revoke", "c1", reason="decision"))
    await reading.follow(scenario)

    async def codes(chosen: Filter | None = None, **paging: int) -> list[str]:
        listed = await certificates.page(reading.service, "moj", chosen, **paging)
        return [one.certificate.code for one in listed]

    assert await codes() == [code(f"c{n}") for n in range(5)]
    first = await certificates.page(reading.service, "moj", limit=2)
    cursor = first[-1].certificate.issue_index
    assert await codes(after=cursor, limit=2) == [code("c2"), code("c3")]
    assert await codes(Filter(state="revoked")) == [code("c1")]
    assert await codes(Filter(state="revoked"), at=cursor) == []
    assert await codes(at=cursor) == [code("c0"), code("c1")]
    assert await certificates.page(reading.service, "moh") == []


async def test_filters_narrow_a_list(reading: Reading) -> None:
    scenario = given(
        linked("moj"),
        issue("a", number="م.و/٤٥٦"),
        issue("b", series="second", date="2026-10-01"),
        issue("c", unit="branch", date="2026-10-31"),
    )
    await reading.follow(scenario)

    async def found(chosen: Filter) -> list[str]:
        listed = await certificates.page(reading.service, "moj", chosen)
        return [one.certificate.code for one in listed]

    assert await found(Filter(number="م.و/456")) == [code("a")]
    assert await found(Filter(number="م.و/۴۵۶")) == [code("a")]
    assert await found(Filter(series="second")) == [code("b")]
    assert await found(Filter(unit="branch")) == [code("c")]
    assert await found(Filter(from_day="2026-10-01", to_day="2026-10-31")) == [code("b"), code("c")]
    assert await found(Filter(from_day="2026-10-02")) == [code("a"), code("c")]
    assert await found(Filter(type="support_letter", state="in_force")) == [code(n) for n in "abc"]
    assert await found(Filter(type="degree")) == []
    assert await found(Filter(in_doubt=True)) == []
    assert await found(Filter(looked_up=(["holder_name"], [bytes(32)]))) == []


async def test_a_value_that_the_agency_knows_finds_its_certificate(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"), issue("b"))
    at = await reading.follow(scenario)
    found = await certificates.by_code(reading.service, code("b"))
    assert found.certificate is not None
    with connect(reading.urls.admin, None) as admin:
        admin.execute(
            "INSERT INTO vault.lookups (space, hmac, stream, index) VALUES (%s, %s, %s, %s)",
            ("holder_name", b"h" * 32, found.certificate.stream, at),
        )
    chosen = Filter(looked_up=(["holder_name"], [b"h" * 32]))
    listed = await certificates.page(reading.service, "moj", chosen)
    assert [one.certificate.code for one in listed] == [code("b")]
    named = await certificates.codes_by_value(reading.service, "holder_name", b"h" * 32)
    assert named == [code("b")]
    assert await certificates.codes_by_value(reading.service, "other_name", b"h" * 32) == []


async def test_an_erasure_is_remembered_and_its_commitments_stay(reading: Reading) -> None:
    planned = add("new")
    scenario = given(linked("moj"), planned, first_key("new"), on_agency("link", "new"))
    scenario.given(issue("a"))
    years_later = scenario.on("2060-01-01")
    years_later.given(on_certificate("erase", "a").also_by("moj-2"))
    at = await reading.follow(scenario)
    found = await certificates.by_code(reading.service, code("a"))
    assert found.certificate is not None
    assert found.code is not None
    assert found.certificate.erased_index == at
    assert found.code.claims == claims("holder_name", "supported_fact")
    assert facts_of(found).state is CodeState.IN_FORCE
