"""An authenticity certificate is worth the answer that names it, and nothing before that."""

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.postgres import connect_async
from infrastructure.proofs.verdict import Outcome, Reason, judge
from projections import certificates, freshness
from projections.certificates.queries import STATEMENTS
from tests.asking_authenticity import answer, ask, attest, by_code, on_request, proof
from tests.certificate_orders import another, correct, replaced, revoke
from tests.given_when_then import Scenario, claims, code, enrol, given, issue, linked
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio

ABOUT = claims("document_reference", "finding")
FOUND = {"grade": "register_only", "unit": "main", "series": "general"}
GENUINE = Reason.IN_FORCE_PAPER_NOT_COMPARED


@pytest.fixture
def ledger() -> Scenario:
    return given(linked("moj"), linked("moh"), enrol("ndc-issuer", "ndc", ("issue",)))


async def told(reading: Reading, name: str, *, at: int | None = None) -> tuple[Reason, int]:
    """What is said of the code of this name, and the event that decided it."""
    found = await certificates.by_code(reading.service, code(name), at=at)
    verdict = judge(found.facts, basis=found.basis, today=found.today)
    assert (verdict.outcome is Outcome.VALID) == (verdict.reason is GENUINE)
    return verdict.reason, found.decided_index


async def test_before_an_answer_names_it_it_could_not_be_checked(
    reading: Reading, ledger: Scenario
) -> None:
    ledger.given(ask("a"), proof("p"))
    issued = await reading.follow(ledger)
    assert await told(reading, "p") == (Reason.ANSWER_MISSING, issued)

    ledger.given(answer("a", "genuine", certificate=code("p"), **FOUND))
    answered = await reading.follow(ledger)

    assert await told(reading, "p") == (GENUINE, answered)
    assert await told(reading, "p", at=issued) == (Reason.ANSWER_MISSING, issued)


async def test_what_the_operator_attests_is_an_answer(reading: Reading, ledger: Scenario) -> None:
    ledger.given(issue("doc"), by_code("a", "doc"), proof("p", "ndc").signed_by("ndc-issuer"))
    issued = await reading.follow(ledger)
    assert await told(reading, "p") == (Reason.ANSWER_MISSING, issued)

    ledger.given(attest("a", certificate=code("p")))

    assert await told(reading, "p", at=await reading.follow(ledger)) == (GENUINE, issued + 1)


async def test_whatever_becomes_of_a_certificate_it_stays_that_of_its_answer(
    reading: Reading, ledger: Scenario
) -> None:
    ledger.given(ask("a"), ask("b", number="13"), proof("p"), proof("q"))
    for request, certificate in (("a", "p"), ("b", "q")):
        ledger.given(answer(request, "genuine", certificate=code(certificate), **FOUND))
    ledger.given(correct("p", "edition", claims=ABOUT), another("q", "copy"), replaced("q", "new"))
    await reading.follow(ledger)

    reasons = {name: (await told(reading, name))[0] for name in ("p", "edition", "copy", "new")}

    assert reasons.pop("p") is Reason.SUPERSEDED
    assert set(reasons.values()) == {GENUINE}


async def test_an_answer_without_it_or_no_answer_changes_nothing(
    reading: Reading, ledger: Scenario
) -> None:
    ledger.given(ask("a"), ask("b", number="13"), proof("p"), proof("q"), issue("letter"))
    ledger.given(
        answer("a", "genuine", certificate=code("q"), **FOUND),
        on_request("refuse", "b", reason="fee_unpaid"),
    )
    await reading.follow(ledger)

    assert (await told(reading, "p"))[0] is Reason.ANSWER_MISSING
    assert (await told(reading, "letter"))[0] is GENUINE


async def test_what_is_withdrawn_is_told_as_such(reading: Reading, ledger: Scenario) -> None:
    ledger.given(proof("p"), revoke("p"), proof("q", expiry_date="2026-11-21"))
    await reading.follow(ledger)

    assert (await told(reading, "p"))[0] is Reason.REVOKED
    assert (await told(reading, "q"))[0] is Reason.ANSWER_MISSING


async def test_requests_are_looked_at_for_authenticity_certificates_alone(
    reading: Reading, ledger: Scenario
) -> None:
    ledger.given(ask("a"), proof("p"), issue("letter"))
    await reading.follow(ledger)
    looked = {}
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        for name in ("p", "letter"):
            explained = await admin.execute(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {STATEMENTS['by_codes']}",
                {"codes": [code(name)], "at": None, "rules": freshness.ours()},
            )
            row = await explained.fetchone()
            assert row is not None
            looked[name] = sum(
                node["Actual Loops"]
                for node in _nodes(row[0][0]["Plan"])
                if node.get("Relation Name") == "authenticity_requests"
            )

    assert looked == {"p": 1, "letter": 0}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
