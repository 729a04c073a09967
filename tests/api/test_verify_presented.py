"""Papers held against their records: what is compared, and what a comparison never tells."""

import hashlib
import json
from typing import Any

import pytest

from tests.api import asking
from tests.api.asking import issued, present
from tests.api.talking import Wire, refusal, revoke
from tests.serving import Agency

DOCUMENT = hashlib.sha256(b"the very document").hexdigest()


@pytest.mark.parametrize(
    "fields,reason,unchanged",
    [
        ({"holder_name": "حامل 0001"}, "in_force_fields_match", "matches"),
        ({"holder_name": "حامل ٠٠٠١"}, "in_force_fields_match", "matches"),
        ({"holder_name": "حامل 0002"}, "content_mismatch", "differs"),
        ({"date": "2026-11-01"}, "in_force_fields_match", "matches"),
        ({"date": "2026-11-02"}, "content_mismatch", "differs"),
        ({"number": "١٢٣/ق"}, "in_force_fields_match", "matches"),
        ({"number": "124/ق"}, "content_mismatch", "differs"),
        ({"addressee": "x"}, "values_not_comparable", "could_not_compare"),
        ({"shoe_size": "44"}, "values_not_comparable", "could_not_compare"),
        ({"holder_name": "حامل 0001", "shoe_size": "44"}, "values_not_comparable", None),
        ({"holder_name": "حامل 0002", "shoe_size": "44"}, "content_mismatch", "differs"),
    ],
)
def test_what_stands_on_the_paper_is_compared_by_name(
    wire: Wire, agency: Agency, fields: dict[str, str], reason: str, unchanged: str | None
) -> None:
    unit = f"u-{asking.new_name()}"
    code = issued(agency, number="123/ق", unit=unit)

    verdict = present(wire, code, fields=fields).json()

    assert verdict["reason"] == reason
    assert verdict["questions"]["unchanged"] == (unchanged or "could_not_compare")
    compared = verdict["compared"]
    assert {*compared["matched"], *compared["mismatched"], *compared["not_comparable"]} == {*fields}
    everything = {"number", "date", "holder_name", "supported_fact"}
    assert set(compared["not_compared"]) == everything - {*fields}


def test_what_nobody_sees_in_a_record_does_not_make_its_paper_false(
    wire: Wire, agency: Agency
) -> None:
    code = issued(agency, values={"holder_name": "عل\u200bي", "supported_fact": "x"})

    typed = present(wire, code, fields={"holder_name": "علي"}).json()

    assert typed["reason"] == "in_force_fields_match"


def test_a_document_is_compared_by_its_digest(wire: Wire, agency: Agency) -> None:
    code = issued(agency, values={"document": DOCUMENT})

    right = present(wire, code, document=DOCUMENT).json()
    wrong = present(wire, code, document=hashlib.sha256(b"another").hexdigest()).json()
    none = present(wire, issued(agency), document=DOCUMENT).json()

    assert (right["outcome"], right["reason"]) == ("valid", "in_force_document_matches")
    assert (wrong["outcome"], wrong["reason"]) == ("not_valid", "content_mismatch")
    assert (none["outcome"], none["reason"]) == ("could_not_check", "values_not_comparable")


@pytest.mark.parametrize("document", [DOCUMENT.upper(), DOCUMENT[:-1], DOCUMENT + "00", "", "x"])
def test_a_digest_in_another_spelling_is_refused(wire: Wire, agency: Agency, document: str) -> None:
    answer = present(wire, issued(agency), document=document)

    assert refusal(answer) == (422, "document_digest_malformed")


def test_a_forged_paper_outranks_a_withdrawn_record(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    revoke(agency, code)

    verdict = present(wire, code, fields={"holder_name": "x"}).json()

    assert (verdict["outcome"], verdict["reason"]) == ("not_valid", "content_mismatch")
    assert verdict["questions"]["in_force"] == "revoked"


def test_a_further_original_is_compared_with_its_editions_values(
    wire: Wire, agency: Agency
) -> None:
    further = asking.original(agency, issued(agency))

    for name, reason in (
        ("حامل 0001", "in_force_fields_match"),
        ("حامل 0002", "content_mismatch"),
    ):
        verdict = present(wire, further, fields={"holder_name": name}).json()
        assert verdict["reason"] == reason


def test_the_holders_secret_is_not_compared_and_whether_it_is_right_is_not_told(
    wire: Wire, agency: Agency
) -> None:
    code = issued(agency, values={"holder_secret": "right"})

    right = present(wire, code, fields={"holder_secret": "right"}).json()
    wrong = present(wire, code, fields={"holder_secret": "wrong"}).json()

    assert right == {**wrong, "basis": right["basis"]}
    assert right["reason"] == "values_not_comparable"
    assert right["compared"]["not_comparable"] == ["holder_secret"]
    assert "holder_secret" not in json.dumps(wire.verdict(code))


def test_a_mismatch_does_not_reveal_what_is_recorded(wire: Wire, agency: Agency) -> None:
    recorded = {"holder_name": "رافد عبد الزهرة", "supported_fact": "سكن في الكرخ"}
    code = issued(agency, values=recorded, number="77/سر")

    answer = present(wire, code, fields={**dict.fromkeys(recorded, "x"), "number": "1"})

    told = answer.text + str(answer.headers)
    assert answer.json()["reason"] == "content_mismatch"
    assert not [value for value in [*recorded.values(), "77/سر"] if value in told]


def test_guessing_values_of_one_code_is_bounded_and_asking_for_its_state_is_not(
    wire: Wire, agency: Agency
) -> None:
    code, other = issued(agency), issued(agency)
    served_by = 2 * 10 + 5  # two workers, a burst each, and what comes back meanwhile

    for guess in range(served_by + 1):
        answer = present(wire, code, fields={"holder_name": f"guess {guess}"})
        if answer.status_code != 200:
            break

    assert refusal(answer) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0
    assert refusal(present(wire, code.lower(), document=DOCUMENT)) == (429, "rate_limited")
    assert wire.verdict(code)["outcome"] == "valid"
    assert present(wire, code).json()["outcome"] == "valid"
    assert present(wire, other, fields={"holder_name": "x"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": 5},
        {"code": "x", "fields": {"Name": "x"}},
        {"code": "x", "fields": {"name": ""}},
        {"code": "x", "fields": {"name": "y" * 501}},
        {"code": "x", "fields": {"name": None}},
        {"code": "x", "fields": {f"f{n}": "x" for n in range(33)}},
        {"code": "x", "fields": []},
        {"code": "x", "receipt": "yes"},
        {"code": "x", "more": 1},
        [],
        "x",
        None,
    ],
)
def test_a_question_out_of_form_is_refused_by_pointer(wire: Wire, body: Any) -> None:
    answer = wire.http.post("/v1/verify", json=body)

    assert refusal(answer) == (422, "validation")
    assert all(error["pointer"].startswith("/body") for error in answer.json()["errors"])
