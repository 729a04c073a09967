"""What text may say: names of public bodies, numbers of documents, and how numbers fold."""

import unicodedata

from pydantic_core import PydanticCustomError

_ZWNJ = "\u200c"
_TATWEEL = "\u0640"

# Latin letters, Arabic ones with Sorani's and tatweel, Syriac ones; the three sets of digits.
_LETTER = (
    r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
    r"\u0620-\u064a\u0671-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc\u0710\u0712-\u072f"
)
_DIGIT = r"0-9\u0660-\u0669\u06f0-\u06f9"
_RUN = f"[{_LETTER}{_DIGIT}]+"
NUMBER_PATTERN = f"^{_RUN}(?:[/.-]{_RUN})*$"
MAX_NUMBER_LETTERS = 12

_FOLDED: dict[int, str | None] = {
    ord(_TATWEEL): None,
    **{0x0660 + digit: str(digit) for digit in range(10)},
    **{0x06F0 + digit: str(digit) for digit in range(10)},
    # Keyboards mix these letters freely, and on paper nobody tells them apart.
    0x06CC: "\u064a",
    0x0649: "\u064a",
    0x06A9: "\u0643",
}


def public_name(text: str) -> str:
    """Accept the name of a public body, or raise the code of what is wrong with it.

    ZWNJ belongs to Sorani spelling. Every other invisible character is refused: with it two names
    could look the same, or one could read backwards.
    """
    if not unicodedata.is_normalized("NFC", text):
        raise PydanticCustomError("text_not_nfc", "not in Unicode normalisation form C")
    if any(_is_invisible(character) for character in text):
        raise PydanticCustomError("text_invisible", "an invisible or control character")
    if text.strip(f" {_ZWNJ}") != text or "  " in text:
        raise PydanticCustomError("text_spaces", "a space at an end, or two in a row")
    if not any(character.isalpha() for character in text):
        raise PydanticCustomError("text_without_letters", "a name has letters")
    return text


def _is_invisible(character: str) -> bool:
    return character not in (_ZWNJ, " ") and unicodedata.category(character)[0] in "CZ"


def document_number(text: str) -> str:
    """Accept a document's number (its characters were matched before), or raise what is wrong."""
    if not unicodedata.is_normalized("NFKC", text):
        raise PydanticCustomError("text_not_nfc", "not in Unicode normalisation form C and KC")
    if not any(character.isdecimal() for character in text):
        raise PydanticCustomError("number_without_digit", "a number has a digit")
    if sum(character.isalpha() for character in text) > MAX_NUMBER_LETTERS:
        # A register's prefix is short; more letters would make a sentence, or somebody's name.
        raise PydanticCustomError("number_too_wordy", "a number has at most twelve letters")
    return text


def fold_number(number: str) -> str:
    """The form of a number that uniqueness goes by: ASCII digits, no case, no tatweel, NFC."""
    folded = unicodedata.normalize("NFC", number).translate(_FOLDED).casefold()
    return unicodedata.normalize("NFC", folded)
