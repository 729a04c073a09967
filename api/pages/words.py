"""How a page writes: days, times, digits, ages and codes, each as its language does.

Codes, numbers of documents and places in the log keep Latin digits, because they are compared sign
by sign; days and ages are read, and so are written in the language's own.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from babel.dates import format_date

from api.i18n import translate
from domain.values.moments import BAGHDAD, utc
from infrastructure.proofs import codes

_LOCALES: Final = {"ar": "ar_IQ", "ckb": "ckb", "en": "en_GB"}
_DIGITS: Final = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_EASTERN: Final = frozenset({"ar", "ckb"})
_MINUTE_SECONDS: Final = 60
_HOUR_SECONDS: Final = 3_600

WITHDRAWAL_WORDS: Final[Mapping[str, str]] = {
    "revoked": "revocation_reason",
    "original_revoked": "revocation_reason",
    "suspended": "suspension_reason",
    "superseded": "supersession_reason",
    "replaced": "replacement_reason",
    "voided": "voiding_reason",
}
"""Where the words for a withdrawal's reason stand, by the state that it led to."""


def digits(language: str, text: str) -> str:
    """The text with its digits in the language's own script."""
    return text.translate(_DIGITS) if language in _EASTERN else text


def day(language: str, iso: str) -> str:
    """A day, written out; what is no day stays as it is."""
    try:
        said = date.fromisoformat(iso)
    except ValueError:
        return iso
    return _day(language, said)


def moment(language: str, time_us: int) -> str:
    """A moment in Baghdad, to the minute."""
    said = utc(time_us).astimezone(BAGHDAD)
    clock = digits(language, said.strftime("%H:%M"))
    comma = "،" if language in _EASTERN else ","
    return f"{_day(language, said.date())}{comma} {clock}"


def _day(language: str, said: date) -> str:
    return digits(language, format_date(said, "long", locale=_LOCALES[language]))


def age(language: str, seconds: int) -> str:
    """How old a status is."""
    if seconds < _MINUTE_SECONDS:
        text = translate(language, "verdict.age.seconds", count=seconds)
    elif seconds < _HOUR_SECONDS:
        text = translate(language, "verdict.age.minutes", count=seconds // _MINUTE_SECONDS)
    else:
        text = translate(language, "verdict.age.hours", count=seconds // _HOUR_SECONDS)
    return digits(language, text)


def grouped(code: str) -> str:
    """A code as it is printed."""
    return codes.for_people(code)
