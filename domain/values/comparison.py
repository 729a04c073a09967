"""Folding for comparison: one form for all the spellings that people use for the same value.

Used where a presented value is compared with a committed one and where an agency looks a value up.
It is lenient on purpose: a bank clerk's keyboard must not make a genuine document look forged. It
never touches what is signed or stored.
"""

import re
import unicodedata
from datetime import date

from domain.values.text import fold_number

# A day in figures, as forms are filled in: the year (of four digits) first, or the day first.
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_DAY_FIRST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
# Letters that Arabic and Kurdish keyboards interchange; what is not here stays itself.
_LETTERS = str.maketrans(
    {
        "أ": "ا",
        "إ": "ا",
        "آ": "ا",
        "ٱ": "ا",
        "ى": "ي",
        "ی": "ي",
        "ئ": "ي",
        "ک": "ك",
        "ة": "ه",
        "ە": "ه",
        "ھ": "ه",
        "ہ": "ه",
        "ؤ": "و",
        "ـ": None,
    }
)
# What neither screen nor paper shows, so that nobody could type it: Unicode's property
# Default_Ignorable_Code_Point, which `unicodedata` does not have.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


# Letters and digits that folding leaves something of. Nearly every value begins with one, and a
# bulk has tens of thousands.
_PLAIN = re.compile("[0-9A-Za-z\u0621-\u063a\u0641-\u064a\u0660-\u0669\u0671-\u06d3]")


def fold_value(text: str) -> str:
    """The form in which all spellings of a value are equal.

    Case, compatibility forms, vowel marks, tatweel, invisible characters, letter variants of the
    two keyboards, the script of digits and the number of blanks do not count.
    """
    text = UNSEEN.sub("", text).translate(_LETTERS)
    text = unicodedata.normalize("NFKD", text).translate(_LETTERS)
    kept = (
        str(unicodedata.digit(character)) if character.isdigit() else character
        for character in text
        if unicodedata.category(character) != "Mn"
    )
    return " ".join("".join(kept).casefold().split())


def is_blank(text: str) -> bool:
    """Whether a value says nothing: whatever blank is presented would be the same as it.

    So it is of blanks, and of what neither screen nor paper shows: joiners, fillers, marks alone.
    """
    return _PLAIN.match(text) is None and not fold_value(text)


def fold_presented_number(text: str) -> str:
    """A document's number as uniqueness goes by it, from what is typed or copied off a paper.

    No number holds blanks or direction marks, so those that came along do not count.
    """
    return fold_number(_without_marks("".join(text.split())))


def fold_day(text: str) -> str | None:
    """The day that people wrote in figures, as ISO 8601; None where that is not what it says.

    In whatever digits, with dashes, slashes or dots, `2026-11-02` as well as `2/11/2026`: Arabic
    and Kurdish papers write the day before the month.
    """
    folded = fold_value(_without_marks(text)).replace(" ", "")
    if found := _YEAR_FIRST.fullmatch(folded):
        year, _, month, day = found.groups()
    elif found := _DAY_FIRST.fullmatch(folded):
        day, _, month, year = found.groups()
    else:
        return None
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def is_no_day(name: str, text: str | None) -> bool:
    """Whether what stands where a day belongs, going by the field's name, is none."""
    return (name == "date" or name.endswith("_date")) and fold_day(text or "") is None


def _without_marks(text: str) -> str:
    """The text without the invisible format characters that copying brings along."""
    return "".join(one for one in text if unicodedata.category(one) != "Cf")
