import pytest

from domain.values.comparison import fold_day, fold_presented_number, fold_value, is_blank


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-02",
        "٢٠٢٦-١١-٠٢",
        "۲۰۲۶/۱۱/۲",
        "2026/11/02",
        "2026.11.2",
        "2/11/2026",
        "٢/١١/٢٠٢٦",
        " 02 / 11 / 2026 ",
        "\u200f٠٢/١١/٢٠٢٦\u200f",
        "２０２６-１１-０２",
    ],
)
def test_a_day_is_the_same_in_whatever_figures(text: str) -> None:
    assert fold_day(text) == "2026-11-02"


@pytest.mark.parametrize(
    "text",
    ["", "2026", "11/2026", "2026-13-02", "31/2/2026", "2/11/26", "2026-11/02", "2 تشرين الثاني"],
)
def test_what_is_no_day_in_figures_is_not_guessed(text: str) -> None:
    assert fold_day(text) is None


def test_blanks_and_marks_of_a_copied_number_do_not_count() -> None:
    assert fold_presented_number(" \u200fم.و / ٤٥٦\u200f") == "م.و/456"


@pytest.mark.parametrize(
    "one, other",
    [
        ("فاطمة", "فاطمه"),
        ("كوردستان", "کوردستان"),
        ("کورد\u200cستان", "کوردستان"),
        ("أحمد  علي", "احمد علی"),
        ("مُحَمَّد", "محمد"),
        ("Zoe\u0308", "ZOE"),
        ("العدد ١٢", "العدد 12"),
        *((f"عل{unseen}ي", "علي") for unseen in "\u200b\u00ad\u2060\u3164\u115f\ufe0f\U000e0041"),
    ],
)
def test_spellings_that_two_keyboards_interchange_are_one_value(one: str, other: str) -> None:
    assert fold_value(one) == fold_value(other)


@pytest.mark.parametrize("one, other", [("علي", "عليا"), ("1/2", "12"), ("أ ب", "أب")])
def test_other_values_stay_others(one: str, other: str) -> None:
    assert fold_value(one) != fold_value(other)


@pytest.mark.parametrize(
    "text", ["", " \u00a0\u3000", "\u200b\u200d", "\u3164\u115f", "ـ", "\u064e"]
)
def test_a_value_of_nothing_that_is_seen_is_blank(text: str) -> None:
    assert is_blank(text)


def test_whether_a_value_is_blank_goes_by_how_values_are_compared() -> None:
    every = (chr(point) for point in range(0x10000) if not 0xD800 <= point < 0xE000)
    assert [one for one in every if is_blank(one) != (fold_value(one) == "")] == []
    assert not is_blank("\u200bعلي")
