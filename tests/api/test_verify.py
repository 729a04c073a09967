"""Verdicts by a bare code: every reason that a record can come to; codes as people write them."""

import json
from collections.abc import Callable

import pytest

from api.i18n import LANGUAGES
from infrastructure.proofs import codes
from infrastructure.proofs.verdict import OUTCOME_OF, Reason
from tests.api import asking
from tests.api.asking import DAY, annul, issued, present
from tests.api.talking import Wire, colleague, degree, on, revoke
from tests.serving import Agency


def _suspended(agency: Agency) -> str:
    code = issued(agency)
    on(agency.client, "suspend", code, "suspension", reason="under_review")
    return code


def _reinstated(agency: Agency) -> str:
    code = _suspended(agency)
    on(agency.client, "reinstate", code, "reinstatement", reason="review_passed")
    return code


def _revoked(agency: Agency) -> str:
    code = issued(agency)
    revoke(agency, code)
    return code


def _annulled(agency: Agency) -> str:
    code = _revoked(agency)
    annul(agency, colleague(agency, f"officer-{asking.new_name()}"), code)
    return code


def _voided(agency: Agency) -> str:
    code = issued(agency)
    on(agency.client, "void", code, "voiding", reason="entered_in_error")
    return code


def _corrected(agency: Agency) -> str:
    code = issued(agency)
    asking.correct(agency, code)
    return code


def _superseded(agency: Agency) -> str:
    code = issued(agency)
    asking.supersede(agency, code)
    return code


def _replaced(agency: Agency) -> str:
    code = issued(agency)
    asking.replace(agency, code)
    return code


def _original_revoked(agency: Agency) -> str:
    code = asking.original(agency, issued(agency))
    revoke(agency, code, original_only=True)
    return code


def _other_original_revoked(agency: Agency) -> str:
    code = issued(agency)
    revoke(agency, asking.original(agency, code), original_only=True)
    return code


def _all_originals_revoked(agency: Agency) -> str:
    code = issued(agency)
    further = asking.original(agency, code)
    revoke(agency, code)
    return further


def _reaffirmed(agency: Agency) -> str:
    code = asking.compromised(agency)
    on(agency.client, "reaffirm", code, "reaffirmation")
    return code


def _not_yet(agency: Agency) -> str:
    return issued(agency, effective_date="2199-01-01")


def _expired(agency: Agency) -> str:
    return issued(agency, date="2020-03-01", year=2020, expiry_date="2020-03-02")


def _unknown(_: Agency) -> str:
    return codes.generate()


def _unreadable(_: Agency) -> str:
    return "SIJILL"


@pytest.mark.parametrize(
    "made,reason,in_force",
    [
        (issued, "in_force_paper_not_compared", "in_force"),
        (_suspended, "suspended", "suspended"),
        (_reinstated, "in_force_paper_not_compared", "in_force"),
        (_revoked, "revoked", "revoked"),
        (_annulled, "in_force_paper_not_compared", "in_force"),
        (_voided, "voided", "voided"),
        (_corrected, "superseded", "superseded"),
        (_superseded, "superseded", "superseded"),
        (_replaced, "replaced", "replaced"),
        (_original_revoked, "original_revoked", "original_revoked"),
        (_other_original_revoked, "in_force_paper_not_compared", "in_force"),
        (_all_originals_revoked, "revoked", "revoked"),
        (asking.compromised, "issuer_key_compromised", "in_force"),
        (_reaffirmed, "in_force_paper_not_compared", "in_force"),
        (_not_yet, "not_yet_valid", "not_yet"),
        (_expired, "expired", "expired"),
        (_unknown, "code_unknown", "unknown"),
        (_unreadable, "code_malformed", "unknown"),
    ],
)
def test_a_bare_code_is_answered_by_what_became_of_it(
    wire: Wire, agency: Agency, made: Callable[[Agency], str], reason: str, in_force: str
) -> None:
    verdict = wire.verdict(made(agency))

    assert (verdict["reason"], verdict["questions"]["in_force"]) == (reason, in_force)
    assert verdict["outcome"] == OUTCOME_OF[Reason(reason)]
    assert verdict["questions"]["unchanged"] == "not_compared"
    issuer = {"issuer_key_compromised": "key_compromised"}.get(reason, "authorised")
    assert verdict["questions"]["issuer"] == (issuer if verdict["record"] else "unknown")


def test_a_superseded_code_names_the_code_in_its_place(wire: Wire, agency: Agency) -> None:
    code = issued(agency)

    new = asking.correct(agency, code)

    assert wire.verdict(code)["record"]["successor"] == new
    assert wire.verdict(new)["record"]["edition"] == 2
    newest = asking.correct(agency, new)
    assert wire.verdict(code)["record"]["successor"] == new
    assert wire.verdict(new)["record"]["successor"] == newest


def test_a_withdrawal_is_told_with_its_reason_and_index(wire: Wire, agency: Agency) -> None:
    code = issued(agency)

    answer = revoke(agency, code, reason="basis_forged")

    record = wire.verdict(code)["record"]
    assert record["withdrawal_reason"] == "basis_forged"
    assert record["withdrawn_index"] == answer["index"]


def test_a_verdict_says_who_issued_what_and_when(wire: Wire, agency: Agency) -> None:
    answer = agency.issue()

    record = wire.verdict(answer["code"])["record"]

    assert record["agency"] == agency.name
    assert set(record["agency_names"]) == set(LANGUAGES)
    assert (record["type"], set(record["type_names"])) == ("support_letter", set(LANGUAGES))
    assert (record["index"], record["recorded"]) == (answer["index"], answer["time"])
    assert record["custodial"] is False
    assert record["max_status_age_seconds"] == DAY


@pytest.mark.parametrize("spelling", ["lower", "dashed", "spaced", "mistaken", "arabic", "persian"])
def test_a_code_is_read_as_people_write_it(wire: Wire, agency: Agency, spelling: str) -> None:
    code = issued(agency)
    written = {
        "lower": code.lower(),
        "dashed": codes.for_people(code),
        "spaced": f" {code[:6]} {code[6:]} ",
        "mistaken": code.replace("0", "o").replace("1", "l"),
        "arabic": code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        "persian": code.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")),
    }[spelling]

    assert wire.verdict(written)["record"]["code"] == code
    assert present(wire, written).json()["record"]["code"] == code


def test_a_wrong_symbol_and_a_swap_are_unreadable_and_never_another_record(
    wire: Wire, agency: Agency
) -> None:
    code = issued(agency)
    other = "0" if code[3] != "0" else "2"
    at = next(i for i in range(16) if code[i] != code[i + 1])
    swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]

    for wrong in (code[:3] + other + code[4:], swapped, code[:-1], code + "0", "é" * 17):
        verdict = wire.verdict(wrong)
        assert (verdict["outcome"], verdict["record"]) == ("unreadable", None)


def test_a_type_of_two_officers_is_verified_when_both_have_signed(
    wire: Wire, agency: Agency
) -> None:
    client, line = agency.client, degree(agency.name)
    order = client.send(client.prepare("/v1/certificates", [line], cosigned=True))
    code = json.loads(line)["statement"]["code"]
    assert wire.verdict(code)["reason"] == "code_unknown"

    colleague(agency, f"officer-{asking.new_name()}").client.approve(order["order"])

    assert wire.verdict(code)["reason"] == "in_force_paper_not_compared"
