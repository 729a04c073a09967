"""Who may ask, who may answer, and that no answer says other than the registers do."""

from collections.abc import Callable
from datetime import date

import pytest

from domain.authenticity import Finding, RequestState
from tests.asking_authenticity import (
    answer,
    ask,
    asked,
    attest,
    by_code,
    on_request,
    proof,
    receive,
    refer,
)
from tests.certificate_orders import another, correct, revoke, suspend, void
from tests.given_when_then import (
    Order,
    Scenario,
    add,
    code,
    enrol,
    given,
    issue,
    key_of,
    linked,
    on_agency,
    order,
)
from tests.registering import capture, cover, strike, uncover
from tests.sijill.test_letter_rules import judged

HERE = {"unit": "main", "series": "general"}


@pytest.fixture
def ledger() -> Scenario:
    issuing = enrol("ndc-issuer", "ndc", ("issue",))
    return given(linked("moj"), linked("moh"), linked("mof"), issuing)


def operators_proof(name: str) -> Order:
    """The operator issues an authenticity certificate."""
    return proof(name, "ndc").signed_by("ndc-issuer")


def test_an_agency_asks_about_old_paper(ledger: Scenario) -> None:
    ledger.when(ask("a")).then("sijill.authenticity.requested.v1")

    record = asked(ledger, "a")
    assert (record.requester, record.addressee, record.state) == ("moh", "moj", RequestState.OPEN)
    assert record.asked.date == date(1998, 7, 1)
    ledger.when(ask("a", number="13")).refused("request_taken")


@pytest.mark.parametrize("member", ["issuer", "type", "number", "date"])
def test_paper_without_a_code_is_named_whole(ledger: Scenario, member: str) -> None:
    ledger.when(ask("a").saying(**{member: None})).refused("document_unnamed")


@pytest.mark.parametrize(
    "members,code_",
    [
        ({"issuer": "nobody"}, "agency_unknown"),
        ({"type": "no_such_type"}, "type_unknown"),
        ({"due_date": "2026-11-21"}, "due_date_unfit"),
        ({"due_date": "2028-01-01"}, "due_date_unfit"),
        ({"channel": "telepathy"}, "statement_invalid"),
    ],
)
def test_a_question_can_be_answered(ledger: Scenario, members: dict[str, str], code_: str) -> None:
    ledger.when(ask("a", **members)).refused(code_)


def test_a_further_original_by_a_stolen_key_leaves_the_first_as_it_was(ledger: Scenario) -> None:
    ledger.given(issue("doc"))
    begins = ledger.world.size
    ledger.given(another("doc", "copy").signed_by("moj-2"), operators_proof("p"))
    ledger.given(
        order("key.compromise", "moj", key=key_of("moj-2"), as_of=begins, reason="stolen"),
        by_code("a", "doc"),
        by_code("b", "copy"),
    )

    ledger.when(attest("b", certificate=code("p"))).refused("certificate_in_doubt")
    ledger.when(attest("a", certificate=code("p"))).then("sijill.authenticity.attested.v1")


def test_only_a_key_that_attests_attests(ledger: Scenario) -> None:
    ledger.given(issue("doc"), by_code("a", "doc"), operators_proof("p"))

    ledger.when(attest("a", certificate=code("p")).saying(agency="moj").signed_by("moj")).refused(
        "not_entitled"
    )
    ledger.when(attest("a", certificate=code("p")).signed_by("ndc-issuer")).refused("scope_missing")
    ledger.when(attest("a", certificate=code("p"))).then("sijill.authenticity.attested.v1")

    record = asked(ledger, "a")
    assert (record.state, record.finding) == (RequestState.ATTESTED, Finding.GENUINE)
    ledger.when(attest("a", certificate=code("p"))).refused("request_not_waiting")


@pytest.mark.parametrize(
    "became,finding",
    [
        (lambda: [suspend("doc")], "suspended"),
        (lambda: [revoke("doc")], "revoked"),
        (lambda: [void("doc")], "voided"),
    ],
    ids=["suspended", "revoked", "voided"],
)
def test_the_operator_says_what_the_ledger_says(
    ledger: Scenario, became: Callable[[], list[Order]], finding: str
) -> None:
    ledger.given(issue("doc"), *became(), by_code("a", "doc"))

    for other in Finding:
        if other.value not in {finding, "genuine", "changed"}:
            ledger.when(attest("a", other.value)).refused("finding_mismatch")
    ledger.when(attest("a", finding)).then("sijill.authenticity.attested.v1")


def test_a_code_that_the_ledger_never_gave_is_not_found(ledger: Scenario) -> None:
    ledger.given(by_code("a", "forged"))

    ledger.when(attest("a", "revoked")).refused("finding_mismatch")
    ledger.when(attest("a", "not_found")).then("sijill.authenticity.attested.v1")


def test_a_corrected_document_is_genuine_but_changed_since(ledger: Scenario) -> None:
    ledger.given(issue("doc"), correct("doc", "new"), by_code("a", "doc"), by_code("b", "new"))
    ledger.given(operators_proof("p"), operators_proof("q"))

    ledger.when(attest("a", "genuine", certificate=code("p"))).refused("finding_mismatch")
    ledger.when(attest("a", "changed", certificate=code("p"))).then(
        "sijill.authenticity.attested.v1"
    )
    ledger.when(attest("b", "genuine", certificate=code("p"))).refused(
        "authenticity_certificate_unfit"
    )
    ledger.when(attest("b", "genuine", certificate=code("q"))).then(
        "sijill.authenticity.attested.v1"
    )


def test_what_a_compromised_key_issued_is_not_attested(ledger: Scenario) -> None:
    begins = ledger.world.size
    ledger.given(
        issue("doc").signed_by("moj-2"),
        order("key.compromise", "moj", key=key_of("moj-2"), as_of=begins, reason="stolen"),
        by_code("a", "doc"),
    )

    ledger.when(attest("a", "genuine")).refused("certificate_in_doubt")


def test_a_holder_online_is_recorded_by_the_operator(ledger: Scenario) -> None:
    ledger.given(issue("doc"))

    ledger.when(receive("a", "doc")).then("sijill.authenticity.received.v1")
    ledger.when(receive("b", "doc").saying(code=None)).refused("document_unnamed")
    ledger.when(receive("b", "doc").saying(agency="moj").signed_by("moj")).refused("not_entitled")


def test_a_captured_entry_is_answered_at_its_own_grade(ledger: Scenario) -> None:
    ledger.given(capture("12"), ask("a"), proof("p"))
    here = {**HERE, "certificate": code("p")}

    ledger.when(answer("a", "genuine", grade="original_sighted", **here)).refused(
        "finding_mismatch"
    )
    ledger.when(answer("a", "changed", grade="register_only", **here)).refused("finding_mismatch")
    ledger.when(answer("a", "not_found", **HERE)).refused("finding_mismatch")
    ledger.when(answer("a", "genuine", grade="register_only", **here)).then(
        "sijill.authenticity.answered.v1"
    )


@pytest.mark.parametrize("state,finding", [("changed", "changed"), ("revoked", "revoked")])
def test_what_the_register_says_became_of_it_is_answered(
    ledger: Scenario, state: str, finding: str
) -> None:
    ledger.given(capture("12", entry_state=state), ask("a"), proof("p"))
    found = {**HERE, "grade": "register_only"}
    if finding == "changed":
        found["certificate"] = code("p")

    ledger.when(answer("a", "genuine", **{**found, "certificate": code("p")})).refused(
        "finding_mismatch"
    )
    ledger.when(answer("a", finding, **found)).then("sijill.authenticity.answered.v1")


def test_paper_that_is_not_captured_is_answered_from_the_paper_register(ledger: Scenario) -> None:
    ledger.given(ask("a"), proof("p"))

    ledger.when(answer("a", "genuine", certificate=code("p"), **HERE)).refused("finding_mismatch")
    said = {"grade": "register_only", "certificate": code("p")}
    ledger.when(answer("a", "genuine", **said, **HERE)).then("sijill.authenticity.answered.v1")


def test_a_register_that_is_not_named_binds_all_the_same(ledger: Scenario) -> None:
    ledger.given(capture("12", entry_state="revoked"), ask("a"), proof("p"))
    said = {"grade": "register_only", "certificate": code("p")}

    for where in ({}, {"unit": "main"}, {"series": "general"}):
        ledger.when(answer("a", "genuine", **said, **where)).refused("finding_mismatch")
    ledger.when(answer("a", "revoked", grade="register_only")).refused("finding_mismatch")


def test_not_found_and_outside_coverage_never_look_alike(ledger: Scenario) -> None:
    ledger.given(ask("a"), ask("b"), ask("c"))

    ledger.when(answer("a", "not_found")).refused("finding_mismatch")
    ledger.when(answer("a", "not_found", **HERE)).refused("register_not_covered")
    ledger.when(answer("a", "outside_coverage", **HERE)).then("sijill.authenticity.answered.v1")

    ledger.given(cover())
    ledger.when(answer("b", "outside_coverage", **HERE)).refused("register_covered")
    ledger.when(answer("b", "not_found", **HERE)).then("sijill.authenticity.answered.v1")

    ledger.given(uncover())
    ledger.when(answer("c", "not_found", **HERE)).refused("register_not_covered")
    ledger.when(answer("c", "outside_coverage", **HERE)).then("sijill.authenticity.answered.v1")


def test_another_document_under_the_number_is_not_the_one_asked_about(ledger: Scenario) -> None:
    ledger.given(cover(), capture("12", date="1998-01-02"), ask("a"))

    ledger.when(answer("a", "not_found", **HERE)).then("sijill.authenticity.answered.v1")


def test_an_answer_rests_on_the_register_as_it_is_when_it_is_recorded(ledger: Scenario) -> None:
    """Whoever captures the entry between decision and append makes the decision fail."""
    ledger.given(cover(), ask("a"))
    decided = ledger.world.decide(answer("a", "not_found", **HERE))
    ledger.given(capture("12"))

    with pytest.raises(Exception, match="number_taken"):
        ledger.world.append(decided)
    ledger.given(strike("12"))
    ledger.when(answer("a", "not_found", **HERE)).then("sijill.authenticity.answered.v1")


def test_an_original_that_is_needed_leaves_the_question_open(ledger: Scenario) -> None:
    ledger.given(ask("a"), proof("p"))

    ledger.when(answer("a", "original_needed")).then("sijill.authenticity.answered.v1")

    assert asked(ledger, "a").state is RequestState.ORIGINAL_NEEDED
    sure = {"grade": "original_sighted", "certificate": code("p"), **HERE}
    ledger.when(answer("a", "genuine", **sure)).then("sijill.authenticity.answered.v1")
    assert asked(ledger, "a").state is RequestState.ANSWERED


def test_only_a_positive_answer_has_a_certificate_and_it_has_one(ledger: Scenario) -> None:
    ledger.given(ask("a"), issue("letter"), proof("p"), proof("q", "moh"), proof("r"), revoke("r"))
    sure = {"grade": "original_sighted", **HERE}

    ledger.when(answer("a", "genuine", **sure)).refused("authenticity_certificate_unfit")
    for unfit in ("letter", "q", "r", "nothing"):
        ledger.when(answer("a", "genuine", certificate=code(unfit), **sure)).refused(
            "authenticity_certificate_unfit"
        )
    ledger.when(answer("a", "revoked", certificate=code("p"), **sure)).refused(
        "authenticity_certificate_unfit"
    )
    ledger.when(answer("a", "genuine", certificate=code("p"), **sure)).then(
        "sijill.authenticity.answered.v1"
    )


def test_another_agencys_request_does_not_exist(ledger: Scenario) -> None:
    ledger.given(ask("a"))
    strange = {"agency": "mof"}

    for act in ("answer", "refuse", "withdraw"):
        members = {"answer": {"finding": "original_needed"}, "refuse": {"reason": "fee_unpaid"}}
        said = members.get(act, {"reason": "not_needed"})
        ledger.when(on_request(act, "a", **strange, **said)).refused("request_unknown")
    ledger.when(on_request("withdraw", "a", reason="not_needed")).refused("request_unknown")
    ledger.when(on_request("withdraw", "a", "moh", reason="not_needed")).then(
        "sijill.authenticity.withdrawn.v1"
    )
    ledger.when(answer("a", "original_needed")).refused("request_not_waiting", state="withdrawn")


def test_a_refusal_has_a_reason_and_ends_it(ledger: Scenario) -> None:
    ledger.given(ask("a"))

    ledger.when(on_request("refuse", "a", reason="electronic_form_refused")).then(
        "sijill.authenticity.refused.v1"
    )
    ledger.when(on_request("refuse", "a", reason="fee_unpaid")).refused("request_not_waiting")


def test_a_request_is_referred_to_who_has_the_register(ledger: Scenario) -> None:
    ledger.given(ask("a"), add("moi"))

    ledger.when(refer("a", to="moj")).refused("addressee_unfit")
    ledger.when(refer("a", to="moi")).refused("addressee_unfit")
    ledger.when(refer("a", "mof")).refused("request_unknown")
    ledger.when(refer("a")).then("sijill.authenticity.referred.v1")

    ledger.when(answer("a", "original_needed")).refused("request_unknown")
    ledger.when(on_request("answer", "a", "mof", finding="original_needed")).then(
        "sijill.authenticity.answered.v1"
    )


def test_of_a_request_that_is_over_a_stranger_learns_nothing(ledger: Scenario) -> None:
    ledger.given(ask("a"), on_request("refuse", "a", reason="fee_unpaid"))

    ledger.when(refer("a", "mof", to="moh")).refused("request_unknown")
    ledger.when(refer("a")).refused("request_not_waiting", state="refused")


def test_for_a_closed_agency_a_founder_refers(ledger: Scenario) -> None:
    founder = enrol("ndc-registry", "ndc", ("register",))
    ledger.given(ask("a"), founder)
    by_founder = refer("a", "ndc").signed_by("ndc-registry")
    ledger.when(by_founder).refused("request_unknown")
    ledger.given(on_agency("close", "moj", reason="merged"))

    ledger.when(by_founder).then("sijill.authenticity.referred.v1")

    assert asked(ledger, "a").addressee == "mof"


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
def test_a_founder_refers_nothing_past_a_successor(ledger: Scenario, day: str) -> None:
    """It could until that day, alone, and what was recorded so is no finding."""
    founder = enrol("ndc-registry", "ndc", ("register",))
    law = {"effective_date": "2026-11-20", "legal_basis": "law:1/2026"}
    merged = on_agency("merge", "moj", successor="mof", **law).also_by("comsec")
    ledger.given(linked("moe"), ask("a", due_date="2026-11-30"), founder, merged).on(day)
    by_founder = refer("a", "ndc", to="moe").signed_by("ndc-registry")

    if day < "2026-11-29":
        ledger.when(by_founder).then("sijill.authenticity.referred.v1")
        assert list(judged(ledger.world.recorded)) == []
        return
    ledger.when(by_founder).refused("request_unknown")
    ledger.given(on_agency("close", "mof", reason="abolished"))
    ledger.when(by_founder).then("sijill.authenticity.referred.v1")


def test_a_merged_agencys_requests_are_its_successors(ledger: Scenario) -> None:
    """And so are its registers: what it captured and covered binds the successor's answer."""
    merged = order(
        "agency.merge",
        "ndc",
        subject="moj",
        successor="mof",
        effective_date="2026-11-20",
        legal_basis="law:1/2026",
    ).also_by("comsec")
    ledger.given(cover(), capture("12"), ask("a"), ask("b", number="13"), merged)
    ledger.given(proof("p", "mof"))

    ledger.when(answer("a", "original_needed")).refused("agency_closed")
    said = {**HERE, "grade": "register_only", "certificate": code("p")}
    ledger.when(on_request("answer", "a", "mof", finding="not_found", **HERE)).refused(
        "finding_mismatch"
    )
    ledger.when(on_request("answer", "a", "mof", finding="genuine", **said)).then(
        "sijill.authenticity.answered.v1"
    )
    ledger.when(on_request("answer", "b", "mof", finding="not_found", **HERE)).then(
        "sijill.authenticity.answered.v1"
    )
