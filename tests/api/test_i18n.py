import re
from functools import cache
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from api import i18n
from tests.api.codes_in_source import message_ids, raised_params
from tests.letters import is_clean, is_sorani

LOCALE = Path(i18n.__file__).parent / "locale"
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@cache
def catalogue(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / "sijill.po").open("rb") as source:
        return read_po(source, locale=language, abort_invalid=True)


@cache
def texts(language: str) -> dict[str, tuple[str, ...]]:
    """Every id of a catalogue with its text, or its texts where it has plural forms."""
    found: dict[str, tuple[str, ...]] = {}
    for message in catalogue(language):
        if message.id:
            code = message.id if isinstance(message.id, str) else message.id[0]
            text = message.string or ""
            found[code] = (text,) if isinstance(text, str) else tuple(text)
    return found


def placeholders(language: str, code: str) -> set[str]:
    forms = texts(language).get(code, ())
    return {name for text in forms for name in PLACEHOLDER.findall(text)}


def test_every_language_has_a_catalogue_and_no_other_stands_there() -> None:
    assert sorted(path.name for path in LOCALE.iterdir()) == sorted(i18n.LANGUAGES)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_code_that_a_person_can_meet_has_a_text(language: str) -> None:
    assert sorted(message_ids() - texts(language).keys()) == []


def test_the_catalogues_hold_the_same_codes_in_the_same_order() -> None:
    assert list(texts("ar")) == list(texts("ckb")) == list(texts("en"))


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_no_text_is_empty_fuzzy_or_untidy(language: str) -> None:
    assert [m.id for m in catalogue(language) if m.fuzzy and m.id] == []
    untidy = [
        code
        for code, forms in texts(language).items()
        if any(not form or form != " ".join(form.split()) for form in forms)
    ]
    assert untidy == []


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_no_text_holds_direction_controls_or_unnormalised_characters(language: str) -> None:
    assert [code for code, forms in texts(language).items() if not all(map(is_clean, forms))] == []


def test_sorani_texts_use_sorani_letters_only() -> None:
    assert [c for c, forms in texts("ckb").items() if not all(map(is_sorani, forms))] == []


def test_arabic_texts_use_no_kurdish_or_persian_letters() -> None:
    foreign = set("یکەێۆڵڕگچپژڤھ")
    assert [c for c, forms in texts("ar").items() if foreign & set("".join(forms))] == []


def test_braces_are_placeholders_and_the_same_in_every_language() -> None:
    for code in texts("en"):
        expected = placeholders("en", code)
        for language in i18n.LANGUAGES:
            assert placeholders(language, code) == expected, (language, code)
            for form in texts(language)[code]:
                assert "{" not in PLACEHOLDER.sub("", form), (language, code)
                assert "}" not in PLACEHOLDER.sub("", form), (language, code)


def test_every_plural_form_names_its_count() -> None:
    for language in i18n.LANGUAGES:
        for code, forms in texts(language).items():
            if len(forms) > 1:
                assert all("{count}" in form for form in forms), (language, code)


def test_a_refusal_brings_every_value_that_its_text_asks_for() -> None:
    lacking = [
        (code, part)
        for code, names in raised_params()
        for part in ("title", "detail", "advice")
        if not placeholders("en", f"problem.{code}.{part}") <= names
    ]
    assert lacking == []


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_plural_rule_is_the_one_of_the_language(language: str) -> None:
    """Counts that CLDR puts into one category read alike."""
    rule = Locale.parse(language).plural_form
    forms = {"ar": 6, "ckb": 2, "en": 2}
    assert catalogue(language).num_plurals == forms[language]
    form_of: dict[str, str] = {}
    for count in range(250):
        text = i18n.translate(language, "verdict.age.minutes", count=count)
        assert str(count) in text
        shape = text.replace(str(count), "#")
        assert form_of.setdefault(rule(count), shape) == shape


def test_arabic_has_its_own_words_for_two_and_for_a_few() -> None:
    one, two, three, eleven = (
        i18n.translate("ar", "verdict.age.minutes", count=count) for count in (1, 2, 3, 11)
    )
    assert "دقيقة واحدة" in one
    assert "دقيقتان" in two
    assert "3 دقائق" in three
    assert "11 دقيقة" in eleven


def test_values_take_the_places_of_their_marks() -> None:
    detail = i18n.translate("en", "problem.code_superseded.detail", by="7Q0A")
    assert detail == "This code was superseded by 7Q0A."


@given(st.text())
def test_a_value_is_never_read_as_a_mark_itself(value: str) -> None:
    detail = i18n.translate("ckb", "problem.code_superseded.detail", by="{" + value + "}")
    assert "{" + value + "}" in detail


def test_names_of_values_cannot_clash_with_the_functions_own() -> None:
    assert i18n.translate("en", "state.key.live", language="x", code="y") == "Live"


def test_a_missing_text_is_loud_in_tests_and_the_code_for_a_reader() -> None:
    with pytest.warns(i18n.MessageIncompleteWarning):
        assert i18n.translate("ar", "no.such.code") == "no.such.code"


def test_a_missing_value_is_loud_in_tests_and_an_ellipsis_for_a_reader() -> None:
    with pytest.warns(i18n.MessageIncompleteWarning):
        assert "…" in i18n.translate("en", "problem.code_superseded.detail")


def test_an_unknown_language_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        i18n.translate("fr", "state.key.live")


@pytest.mark.parametrize(
    "header,language",
    [
        ("", "ar"),
        ("fr", "ar"),
        ("*", "ar"),
        ("en", "en"),
        ("EN-us", "en"),
        ("ar-IQ", "ar"),
        ("ckb", "ckb"),
        ("ckb-Arab-IQ", "ckb"),
        ("ku", "ar"),
        ("ku-Latn, en;q=0.1", "en"),
        ("ku-Arab", "ckb"),
        ("ckb-Latn, en", "en"),
        ("fr, en;q=0.8, ckb;q=0.9", "ckb"),
        ("en;q=0.5, ckb;q=0.50", "en"),
        ("en;q=0, *", "ar"),
        ("ar;q=0, *;q=0.5", "ckb"),
        ("ar;q=0", "ar"),
        ("en;q=0.2, *;q=0.1", "en"),
        ("en;q=2, ckb;q=0.1", "ckb"),
        ("en_US, ckb", "ckb"),
        ("; , ,,en", "en"),
        ("en\u0663", "ar"),
    ],
)
def test_the_best_language_of_a_header_wins(header: str, language: str) -> None:
    assert i18n.negotiate(header) == language


@given(st.text())
def test_any_header_gets_some_language(header: str) -> None:
    assert i18n.negotiate(header) in i18n.LANGUAGES


def test_a_huge_header_is_read_in_part_only() -> None:
    assert i18n.negotiate("fr," * 1_000 + "en") == i18n.DEFAULT


@pytest.mark.parametrize("language,expected", [("ar", "rtl"), ("ckb", "rtl"), ("en", "ltr")])
def test_direction(language: str, expected: str) -> None:
    assert i18n.direction(language) == expected
