"""What a question may say and where it may go, from a day on; what was before is no finding."""

import pytest

from domain.authenticity import RequestState
from tests.asking_authenticity import answer, ask, asked, by_code, refer
from tests.given_when_then import Scenario, digest, given, issue, linked, on_agency
from tests.sijill.test_letter_rules import judged


@pytest.fixture
def ledger() -> Scenario:
    return given(linked("moj"), linked("moh"), linked("mof"))


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
def test_a_referral_leads_to_somebody_new(ledger: Scenario, day: str) -> None:
    """Until that day it could go to and fro, or to oneself, and what was so recorded is clean."""
    law = {"effective_date": "2026-11-20", "legal_basis": "law:1/2026"}
    merged = on_agency("merge", "moj", successor="moe", **law).also_by("comsec")
    ledger.given(linked("moe"), *(ask(name, due_date="2026-11-30") for name in "abc"))
    ledger.given(refer("a"), refer("b"), merged).on(day)
    back = refer("a", "mof", to="moe")
    heirs_own = refer("c", "moe", to="moe")

    if day < "2026-11-29":
        for one in (back, heirs_own):
            ledger.when(one).then("sijill.authenticity.referred.v1")
        assert list(judged(ledger.world.recorded)) == []
        return
    for one in (back, heirs_own):
        ledger.when(one).refused("addressee_unfit", agency="moe")
    ledger.when(refer("b", "mof", to="moh")).then("sijill.authenticity.referred.v1")
    ledger.when(refer("b", "moh", to="mof")).refused("addressee_unfit", agency="mof")


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
def test_a_referral_does_not_put_off_what_was_promised(ledger: Scenario, day: str) -> None:
    ledger.given(ask("a"), ask("b")).on(day)
    late = refer("a", due_date="2026-12-03")

    if day < "2026-11-29":
        ledger.when(late).then("sijill.authenticity.referred.v1")
        assert list(judged(ledger.world.recorded)) == []
        return
    ledger.when(late).refused("due_date_unfit", days=3)
    ledger.when(refer("a", due_date="2026-12-02")).then("sijill.authenticity.referred.v1")
    # What is late by more is due at once, but it does reach who has the register.
    ledger.on("2026-12-20")
    ledger.when(refer("b", due_date="2026-12-21")).refused("due_date_unfit", days=0)
    ledger.when(refer("b", due_date="2026-12-20")).then("sijill.authenticity.referred.v1")


def test_a_referral_leaves_nothing_found(ledger: Scenario) -> None:
    ledger.given(ask("a"), answer("a", "original_needed"), refer("a"))

    assert (asked(ledger, "a").state, asked(ledger, "a").finding) == (RequestState.OPEN, None)


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
def test_a_request_commits_to_fields_of_its_document(ledger: Scenario, day: str) -> None:
    """A claim's name stands in the log for ever, so it is none that somebody made up."""
    ledger.on(day)
    due = {"due_date": "2026-12-02"}
    made_up = {"ahmed_ali_bribed_the_clerk": digest("claim")}
    others = {"supported_fact": digest("claim")}
    fitting = {name: digest("claim") for name in ("qualification", "document", "holder_secret")}
    wrong = (
        ask("a", claims=made_up, **due),
        ask("b", claims=others, **due),
        by_code("c", "doc", claims=made_up, **due),
    )

    for one in wrong:
        if day < "2026-11-29":
            ledger.given(one)
        else:
            ledger.when(one).refused("claim_unknown")
    ledger.given(ask("d", claims=fitting, **due))
    ledger.given(by_code("e", "doc", claims={**fitting, **others}, **due))
    assert list(judged(ledger.world.recorded)) == []


@pytest.mark.parametrize("day", ["2026-11-28", "2026-11-29"])
def test_of_a_code_only_its_issuer_is_asked(ledger: Scenario, day: str) -> None:
    ledger.given(issue("doc")).on(day)
    due = {"due_date": "2026-12-02"}
    other = by_code("a", "doc", issuer="mof", **due)

    if day < "2026-11-29":
        ledger.given(other)
        assert list(judged(ledger.world.recorded)) == []
        return
    ledger.when(other).refused("document_unnamed")
    ledger.given(by_code("b", "doc", issuer="moj", **due))
    # A code that nobody gave is its issuer's to deny, as long as nobody gives it.
    decided = ledger.world.decide(by_code("c", "forged", issuer="mof", **due))
    ledger.given(issue("forged"))
    with pytest.raises(Exception, match="code_taken"):
        ledger.world.append(decided)
