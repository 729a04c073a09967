import re

import pytest

from domain.agencies import Kind
from domain.values import Names
from sijill.data import Body, bodies
from tests.letters import is_clean, is_sorani

LANGUAGES = ("ar", "ckb", "en")


def by_id() -> dict[str, Body]:
    return {body.id: body for body in bodies()}


def test_ids_are_unique_and_fit_the_agency_id_grammar() -> None:
    ids = [body.id for body in bodies()]
    assert len(set(ids)) == len(ids)
    assert [i for i in ids if not re.fullmatch(r"[a-z][a-z0-9-]{1,47}", i)] == []


def test_every_body_is_one_that_the_domain_would_register() -> None:
    for body in bodies():
        assert Kind(body.kind)
        assert Names.model_validate(dict(body.names)).ckb == body.names["ckb"]


def test_the_general_secretariat_comes_first_and_the_data_centre_belongs_to_it() -> None:
    first, second = bodies()[:2]
    assert (first.id, first.kind, first.parent) == ("comsec", "general_secretariat", None)
    assert (second.id, second.kind, second.parent) == ("ndc", "directorate", "comsec")


def test_a_parent_stands_before_its_children() -> None:
    seen: set[str] = set()
    for body in bodies():
        assert body.parent is None or body.parent in seen, body.id
        seen.add(body.id)


def test_a_directorate_always_has_a_parent() -> None:
    assert [b.id for b in bodies() if b.kind == "directorate" and b.parent is None] == []


def test_the_state_is_there_as_the_field_report_counts_it() -> None:
    kinds = [body.kind for body in bodies()]
    assert kinds.count("ministry") == 23
    assert kinds.count("governorate") == 19
    assert kinds.count("region") == 1
    assert kinds.count("non_ministry_body") + kinds.count("independent_commission") == 25


def test_iso_codes_are_unique_and_only_on_governorates_and_the_region() -> None:
    coded = [body for body in bodies() if body.iso_3166_2 is not None]
    codes = [str(body.iso_3166_2) for body in coded]
    assert len(coded) == 19
    assert len(set(codes)) == len(codes)
    assert {body.kind for body in coded} == {"governorate", "region"}
    assert [code for code in codes if not re.fullmatch(r"IQ-[A-Z]{2}", code)] == []


def test_halabja_has_no_iso_code() -> None:
    assert by_id()["halabja"].iso_3166_2 is None
    assert [b.id for b in bodies() if b.kind == "governorate" and b.iso_3166_2 is None] == [
        "halabja"
    ]


def test_the_four_governorates_of_the_region_belong_to_it() -> None:
    of_region = {b.id for b in bodies() if b.parent == "kurdistan-region"}
    assert {"erbil", "dohuk", "sulaymaniyah", "halabja"} <= of_region


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_unique_normalised_and_clean(language: str) -> None:
    names = [body.names[language] for body in bodies()]
    assert len(set(names)) == len(names)
    for name in names:
        assert is_clean(name)
        assert name == " ".join(name.split())


def test_every_body_has_exactly_the_three_languages() -> None:
    assert {tuple(sorted(body.names)) for body in bodies()} == {LANGUAGES}


def test_sorani_names_use_sorani_letters_only() -> None:
    assert [b.names["ckb"] for b in bodies() if not is_sorani(b.names["ckb"])] == []


def test_arabic_names_use_no_kurdish_or_persian_letters() -> None:
    foreign = set("یکەێۆڵڕگچپژڤھ")
    assert [b.names["ar"] for b in bodies() if foreign & set(b.names["ar"])] == []


def test_names_cannot_be_changed_by_a_caller() -> None:
    with pytest.raises(TypeError):
        bodies()[0].names["ar"] = "x"  # type: ignore[index]  # the point of the test
