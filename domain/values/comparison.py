"""Folding for comparison: one form for all the spellings that people use for the same value.

Used where a presented value is compared with a committed one and where an agency looks a value up.
It is lenient on purpose: a bank clerk's keyboard must not make a genuine document look forged. It
never touches what is signed or stored.
"""

import unicodedata

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
        "\u200c": None,
        "\u200d": None,
    }
)


def fold_value(text: str) -> str:
    """The form in which all spellings of a value are equal.

    Case, compatibility forms, vowel marks, tatweel, joiners, letter variants of the two keyboards,
    the script of digits and the number of blanks do not count.
    """
    text = unicodedata.normalize("NFKD", text.translate(_LETTERS)).translate(_LETTERS)
    kept = (
        str(unicodedata.digit(character)) if character.isdigit() else character
        for character in text
        if unicodedata.category(character) != "Mn"
    )
    return " ".join("".join(kept).casefold().split())
