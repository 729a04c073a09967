"""The recording of a credential: what was signed for the paper, committed to by the log."""

import pytest

from domain.certificates import CredentialCertificate
from tests.certificate_orders import (
    certificate,
    correct,
    credential,
    erase,
    replaced,
    revoke,
    suspend,
    void,
)
from tests.given_when_then import (
    Scenario,
    claims,
    code,
    enrol,
    given,
    issue,
    key_of,
    linked,
    order,
)

CREDENTIALED = "sijill.certificate.credentialed.v1"


@pytest.fixture
def scenario() -> Scenario:
    return given(linked("moj"), issue("a"))


def test_an_agency_records_what_its_key_signed(scenario: Scenario) -> None:
    scenario.when(credential("a")).then(CREDENTIALED)

    assert certificate(scenario, "a").originals[code("a")].credential == scenario.world.size - 1


def test_a_later_credential_takes_the_place_of_an_earlier_one(scenario: Scenario) -> None:
    scenario.given(credential("a"))

    scenario.when(credential("a", "moj-2").signed_by("moj")).then(CREDENTIALED)


def test_no_path_makes_the_code_public() -> None:
    """Evidence is public and holds the path of an order sent by itself."""
    assert "{" not in CredentialCertificate.ACT.path


def test_each_original_has_its_own(scenario: Scenario) -> None:
    scenario.given(credential("a"), replaced("a", "b"))

    scenario.when(credential("b")).then(CREDENTIALED)
    scenario.when(credential("a")).refused("code_replaced")


def test_a_key_that_the_data_center_holds_may_have_signed(scenario: Scenario) -> None:
    held = enrol("moj-held", "moj", ("issue", "custodial")).signed_by("moj").also_by("ndc")
    scenario.given(held)

    scenario.when(credential("a", "moj-held").signed_by("moj")).then(CREDENTIALED)


def test_the_key_is_a_live_one_of_the_agency_that_may_issue(scenario: Scenario) -> None:
    scenario.given(linked("moi"), enrol("moj-r", "moj", ("revoke",)).signed_by("moj"))
    late = enrol("moj-3", "moj").signed_by("moj")
    scenario.given(late, order("key.retire", "moj", key=key_of("moj-3"), reason="rotated"))

    scenario.when(credential("a", "nobody").signed_by("moj")).refused("key_unknown")
    scenario.when(credential("a", "moi").signed_by("moj")).refused("key_foreign")
    scenario.when(credential("a", "moj-r").signed_by("moj")).refused("scope_missing")
    scenario.when(credential("a", "moj-3").signed_by("moj")).refused("key_retired")


def test_another_agency_s_certificate_does_not_exist(scenario: Scenario) -> None:
    scenario.given(linked("moi"))

    scenario.when(credential("a", "moi", agency="moi")).refused("certificate_unknown")


def test_it_commits_to_the_credential_and_to_nothing_else(scenario: Scenario) -> None:
    committed = credential("a").statement["claims"]

    scenario.when(credential("a", claims=claims())).refused("claim_unknown")
    more = {**committed, "holder_name": committed["credential"]}
    scenario.when(credential("a", claims=more)).refused("claim_unknown")


def test_only_what_is_in_force_gets_one(scenario: Scenario) -> None:
    scenario.given(issue("b"), issue("c"), issue("d"), suspend("a"), revoke("b"), void("c"))
    scenario.given(correct("d", "d2"))

    scenario.when(credential("a")).refused("certificate_suspended")
    scenario.when(credential("b")).refused("certificate_already_revoked")
    scenario.when(credential("c")).refused("certificate_voided")
    scenario.when(credential("d")).refused("code_superseded")
    scenario.when(credential("d2")).then(CREDENTIALED)


def test_an_original_that_was_revoked_alone_gets_none(scenario: Scenario) -> None:
    scenario.given(revoke("a", original_only=True))

    scenario.when(credential("a")).refused("original_already_revoked")


def test_what_was_erased_gets_none(scenario: Scenario) -> None:
    scenario.on("2060-01-01").given(erase("a"))

    scenario.when(credential("a")).refused("certificate_erased")
