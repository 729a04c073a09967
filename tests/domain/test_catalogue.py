import json
from importlib.resources import files

import pytest

from domain.catalogue import HOLDER_SECRET, TYPES, CertificateType, certificate_type, check_claims
from domain.errors import ClaimMissing, ClaimUnknown, TypeUnknown
from tests.letters import is_clean, is_sorani

TWO_OFFICERS = {"degree", "property_registration", "power_of_attorney"}


def test_the_kinds_that_offices_ask_about_are_there() -> None:
    assert TYPES.keys() >= {
        "civil_status_extract",
        "nationality_certificate",
        "marriage_contract",
        "degree",
        "enrolment_confirmation",
        "school_transfer",
        "university_order",
        "pension_confirmation",
        "property_registration",
        "power_of_attorney",
        "death_record_extract",
        "syndicate_membership",
        "support_letter",
        "receipt_confirmation",
        "authenticity",
    }


def test_degrees_property_and_powers_of_attorney_need_two_officers() -> None:
    assert {one.id for one in TYPES.values() if one.officers == 2} == TWO_OFFICERS


def test_a_power_of_attorney_has_no_offline_status_and_others_a_day() -> None:
    ages = {one.id: one.max_status_age_seconds for one in TYPES.values()}
    assert ages.pop("power_of_attorney") == 0
    assert set(ages.values()) == {86_400}


def test_values_are_kept_for_ever_unless_a_type_says_otherwise() -> None:
    kept = {one.id for one in TYPES.values() if one.retention_years is None}
    assert kept == TYPES.keys() - {"support_letter", "receipt_confirmation"}


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
def test_every_name_is_clean_in_three_languages(kind: CertificateType) -> None:
    for names in (kind.names, *(field.names for field in kind.fields)):
        assert is_clean(names.ar + names.ckb + names.en)
        assert is_sorani(names.ckb)
        assert names.en.isascii()


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
def test_a_type_names_each_field_once_and_finds_by_required_ones(kind: CertificateType) -> None:
    ids = [field.id for field in kind.fields]
    assert len(ids) == len(set(ids))
    assert not {HOLDER_SECRET, "document"} & set(ids)
    assert any(field.required and field.lookup for field in kind.fields)


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES.keys())
def test_the_required_fields_and_the_secret_suffice(kind: CertificateType) -> None:
    required = {field.id for field in kind.fields if field.required} | {HOLDER_SECRET}
    kind.check_claims(required)
    kind.check_claims(required | {"document"})
    for name in required:
        with pytest.raises(ClaimMissing) as missing:
            kind.check_claims(required - {name})
        assert missing.value.params == {"claim": name}
    with pytest.raises(ClaimUnknown):
        kind.check_claims(required | {"shoe_size"})


def test_only_what_is_committed_to_is_found_by() -> None:
    kind = certificate_type("receipt_confirmation")
    assert kind.lookups(["holder_secret", "case_reference"]) == ("case_reference",)
    assert kind.lookups(["case_reference", "applicant"]) == ("applicant", "case_reference")


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(TypeUnknown):
        certificate_type("horoscope")


def test_claims_of_an_original_are_its_secret_and_its_document() -> None:
    check_claims({"holder_secret"})
    check_claims({"holder_secret", "document"})
    with pytest.raises(ClaimUnknown):
        check_claims({"holder_secret", "holder_name"})


def test_every_field_that_the_file_names_is_used() -> None:
    text = files("domain.catalogue").joinpath("certificate_types.json").read_text("utf-8")
    named = json.loads(text)["fields"].keys()
    assert named == {field.id for kind in TYPES.values() for field in kind.fields}
