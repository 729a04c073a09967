import unicodedata
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from domain import values
from domain.values import (
    AgencyId,
    Claims,
    Day,
    Digest,
    LegalBasis,
    Nonce,
    Number,
    Origin,
    PublicCode,
    Unit,
    VerifierKey,
    baghdad_day,
    code_balances,
    fold_number,
    public_name,
    slug,
    thumbprint,
    utc,
    years_after,
)
from tests.given_when_then import SYMBOLS, code, digest

DIGITS = "0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"
LETTERS = "abzABZéŞأبجدهويىیكک"


def accepts(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


numbers = st.lists(
    st.text(st.sampled_from(DIGITS + LETTERS), min_size=1, max_size=4), min_size=1, max_size=5
).flatmap(
    lambda runs: st.lists(
        st.sampled_from("/-."), min_size=len(runs) - 1, max_size=len(runs) - 1
    ).map(lambda marks: "".join(r + m for r, m in zip(runs, [*marks, ""], strict=True)))
)


@given(numbers)
def test_folding_is_settled_after_once(number: str) -> None:
    assert fold_number(fold_number(number)) == fold_number(number)


@given(numbers)
def test_folding_looks_through_digits_case_and_tatweel(number: str) -> None:
    arabic = number.translate({ord(str(d)): 0x0660 + d for d in range(10)})
    extended = number.translate({ord(str(d)): 0x06F0 + d for d in range(10)})
    folded = fold_number(number)
    assert fold_number(arabic) == fold_number(extended) == folded
    assert fold_number(number.upper()) == fold_number(number.lower()) == folded
    assert fold_number("ـ".join(number)) == folded
    assert fold_number(unicodedata.normalize("NFD", number)) == folded


@given(numbers)
def test_a_folded_number_has_ascii_digits_and_its_marks(number: str) -> None:
    folded = fold_number(number)
    assert all(one.isascii() for one in folded if one.isdecimal())
    assert [one for one in folded if one in "/-."] == [one for one in number if one in "/-."]


@pytest.mark.parametrize("one,other", [("12", "21"), ("1/2", "1-2"), ("أ1", "ب1"), ("1/2", "12")])
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert fold_number(one) != fold_number(other)


@pytest.mark.parametrize(
    "number", ["1", "case-10011", "م.و/٤٥٦", "۱۲/ک", "2025/117-A", "ـ1", "1" * 32, "ܐ1"]
)
def test_numbers_of_registers_are_accepted(number: str) -> None:
    assert accepts(Number, number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "1" * 33,
        "1 2",
        "1//2",
        "/1",
        "1/",
        "1\n",
        "1\u0000",
        "1\u202e2",
        "1\u200c2",
        "abc",
        "①",
        "1_2",
        "1|2",
        "ﻻ1",
        "e\u0301" + "1",
        "٠١\u064e",
        "AhmedHassanAli-1",
        "حامل الوثيقة1",
    ],
)
def test_anything_else_is_no_number(number: str) -> None:
    assert not accepts(Number, number)


@given(st.text(st.sampled_from("اأبتيىكەێڕڵۆcABz0 ٣-()'،"), min_size=1, max_size=200))
def test_a_name_is_accepted_exactly_when_it_keeps_the_rules(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    tidy = text.strip() == text and "  " not in text
    assert accepts(values.PublicName, text) == (tidy and any(one.isalpha() for one in text))


@given(
    st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"]),
    st.integers(0, 5),
)
def test_no_invisible_character_but_blank_and_zwnj_is_part_of_a_name(one: str, at: int) -> None:
    text = "وزارة"[:at] + one + "وزارة"[at:]
    if one in " \u200c":
        return
    with pytest.raises(PydanticCustomError):
        public_name(text)


def test_zwnj_belongs_to_sorani_spelling() -> None:
    assert public_name("ده\u200cسته") == "ده\u200cسته"
    for edge in ("\u200cده", "ده\u200c"):
        with pytest.raises(PydanticCustomError, match="space"):
            public_name(edge)


@pytest.mark.parametrize("bad", ["e\u0301cole", "", "123", "ا" * 201])
def test_a_name_is_nfc_has_letters_and_is_bounded(bad: str) -> None:
    assert not accepts(values.PublicName, bad)
    assert accepts(values.PublicName, "ا" * 200)


@pytest.mark.parametrize(
    "text,made", [("Group 1", "group-1"), ("EMPTY", "empty"), ("  Ünit_7 / b ", "unit-7-b")]
)
def test_recorded_names_of_units_make_identifiers(text: str, made: str) -> None:
    assert slug(text) == made
    assert accepts(Unit, made)
    assert accepts(AgencyId, made)


@given(st.text(max_size=80))
def test_a_slug_is_an_identifier_or_nothing(text: str) -> None:
    try:
        made = slug(text)
    except ValueError:
        return
    assert accepts(Unit, made)
    assert slug(made) == made


def test_a_name_without_latin_letters_has_no_slug() -> None:
    with pytest.raises(ValueError, match="identifier"):
        slug("دائرة")


@pytest.mark.parametrize(
    "basis",
    [
        "law:78/2012",
        "law:78/2012:13",
        "law:78/2012:13:2:1",
        "order:22/2020",
        "decision:1/1999",
        "constitution:2005:102",
    ],
)
def test_legal_references_follow_a_grammar(basis: str) -> None:
    assert accepts(LegalBasis, basis)


@pytest.mark.parametrize(
    "basis",
    [
        "law",
        "law:78",
        "law:78/12",
        "Law:78/2012",
        "law:78/2012:a",
        "law:٧٨/٢٠١٢",
        "because he said so",
    ],
)
def test_nothing_else_is_a_legal_reference(basis: str) -> None:
    assert not accepts(LegalBasis, basis)


@pytest.mark.parametrize("day", ["2026-11-22", "1899-12-31", "2024-02-29"])
def test_days_are_days_of_the_calendar(day: str) -> None:
    assert accepts(Day, day)


@pytest.mark.parametrize(
    "day", ["2026-02-29", "2026-13-01", "2026-1-1", "20261122", "٢٠٢٦-١١-٢٢", "0001-01-01", ""]
)
def test_nothing_else_is_a_day(day: str) -> None:
    assert not accepts(Day, day)


def test_days_turn_in_baghdad() -> None:
    evening = int(datetime(2026, 12, 31, 20, 59, 59, tzinfo=UTC).timestamp()) * 10**6
    assert baghdad_day(evening) == date(2026, 12, 31)
    assert baghdad_day(evening + 10**6) == date(2027, 1, 1)


@given(st.integers(0, 4 * 10**15))
def test_microseconds_are_not_lost_in_floats(time_us: int) -> None:
    moment = utc(time_us)
    assert int(moment.timestamp()) == time_us // 10**6
    assert moment.microsecond == time_us % 10**6


def test_a_leap_day_some_years_later() -> None:
    assert years_after(date(2024, 2, 29), 4) == date(2028, 2, 29)
    assert years_after(date(2024, 2, 29), 5) == date(2029, 3, 1)


@given(st.text(st.sampled_from(SYMBOLS), min_size=16, max_size=16), st.data())
def test_a_code_catches_a_wrong_symbol_and_a_swap_of_neighbours(body: str, data: Any) -> None:
    whole = next(body + last for last in SYMBOLS if code_balances(body + last))
    assert accepts(PublicCode, whole)
    at = data.draw(st.integers(0, 16))
    wrong = data.draw(st.sampled_from(SYMBOLS.replace(whole[at], "")))
    assert not code_balances(whole[:at] + wrong + whole[at + 1 :])
    swapped = whole[:at] + whole[at : at + 2][::-1] + whole[at + 2 :]
    assert code_balances(swapped) == (swapped == whole)


@pytest.mark.parametrize("text", [code("a")[:-1], code("a").lower(), code("a") + "0", "I" * 17])
def test_a_code_has_one_spelling(text: str) -> None:
    assert not accepts(PublicCode, text)


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    # RFC 8037, appendix A.3
    example = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "ignored",
    }
    assert thumbprint(example) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_thumbprint_of_a_p256_key_covers_both_coordinates() -> None:
    one = {"kty": "EC", "crv": "P-256", "x": digest("x"), "y": digest("y")}
    assert thumbprint(one) != thumbprint({**one, "y": digest("z")})
    assert thumbprint(one) == thumbprint(dict(reversed(one.items())))


@pytest.mark.parametrize(
    "kind,good,bad",
    [
        (AgencyId, "group-1", "1-group"),
        (AgencyId, "ab", "a"),
        (Nonce, "A" * 22, "A" * 21 + "B"),
        (Digest, "A" * 43, "A" * 42 + "B"),
        (Origin, "sijill.example/log", "https://sijill.example/log"),
        (VerifierKey, "a/b+00112233+" + "A" * 44, "a+b+00112233+" + "A" * 44),
    ],
)
def test_identifiers_have_patterns(kind: Any, good: str, bad: str) -> None:
    assert accepts(kind, good)
    assert not accepts(kind, bad)
    assert not accepts(kind, good + "\n")


def test_claims_are_digests_by_name_and_bounded() -> None:
    assert accepts(Claims, {"holder_name": digest("x")})
    assert not accepts(Claims, {})
    assert not accepts(Claims, {"holder_name": "Ahmed"})
    assert not accepts(Claims, {"Holder": digest("x")})
    assert not accepts(Claims, {f"claim_{at}": digest("x") for at in range(65)})
