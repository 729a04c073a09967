"""Words for people: which language a caller reads, and what a code says in it.

Texts live in gettext catalogues under `locale/`, one entry per stable code; no other module holds a
sentence that a person reads. Catalogues are compiled from their `.po` source when first needed, so
that no binary copy can differ from it. This module must not know HTTP or what any code means.
"""

import gettext
import io
import re
import warnings
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES: Final = ("ar", "ckb", "en")  # where a caller accepts all alike, the first one wins
DEFAULT: Final = LANGUAGES[0]

_SCRIPTS: Final = {"ar": "arab", "ckb": "arab", "en": "latn"}
_HEADER_LIMIT_CHARACTERS: Final = 1_000
# RFC 9110 section 12.5.4 with the weight of 12.4.2; a tag is RFC 5646 in outline.
_PREFERENCE = re.compile(
    r"(?P<tag>\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    r"(?:[ \t]*;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


class MessageIncompleteWarning(UserWarning):
    """A text or one of its values is missing; an error in tests, while a reader gets the rest."""


class _Open(dict[str, str | int]):
    """Values for placeholders; one that is missing shows as an ellipsis."""

    def __missing__(self, name: str) -> str:
        return "…"


class _Values(_Open):
    """The same where the caller has to bring them all."""

    def __missing__(self, name: str) -> str:
        warnings.warn(f"no value for {{{name}}}", MessageIncompleteWarning, stacklevel=3)
        return super().__missing__(name)


def translate(language: str, code: str, /, **params: str | int) -> str:
    """The text of `code` in `language`, with `params` in the places of its `{name}` marks.

    An integer `count` also chooses the plural form, by the catalogue's own rule. A code without a
    text is answered with the code itself, as gettext does, because a missing sentence must never
    keep a verdict from its reader. `language` is one of `LANGUAGES`, else KeyError.
    """
    count = params.get("count")
    text = _counted(language, code, count) if isinstance(count, int) else _text(language, code)
    if text == code:
        message = f"no text for {code} in {language}"
        warnings.warn(message, MessageIncompleteWarning, stacklevel=2)
    return text.format_map(_Values(params)) if "{" in text else text


def outline(language: str, code: str) -> str | None:
    """The text of `code` with an ellipsis for every value, as for no case in particular.

    None where there is no such text. `language` is one of `LANGUAGES`, else KeyError.
    """
    text = _text(language, code)
    return None if text == code else text.format_map(_Open())


@cache
def texts(language: str, *prefixes: str) -> dict[str, str | list[str]]:
    """Every text whose id begins with one of these, as it stands; plural forms as a list.

    `language` is one of `LANGUAGES`, else KeyError.
    """
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            message.string if isinstance(message.string, str) else list(message.string or ())
        )
        for message in _source(language)
        if message.id
        and (message.id if isinstance(message.id, str) else message.id[0]).startswith(prefixes)
    }


def negotiate(accept_language: str) -> str:
    """The language to answer in, from an `Accept-Language` field value (RFC 9110, 12.5.4).

    Sorani is `ckb`. The tag `ku` usually means Kurmanji in Latin letters, so it counts as Sorani
    only where it names the Arabic script (`ku-Arab`). Malformed entries are passed over; where
    nothing fits the answer is `DEFAULT`, since a wrong language is better than no answer.
    """
    weights: dict[str, float] = {}
    anything: float = 0
    for item in accept_language[:_HEADER_LIMIT_CHARACTERS].split(","):
        preference = _PREFERENCE.fullmatch(item.strip(" \t"))
        if preference is None:
            continue
        weight = float(preference["weight"] or 1)
        if preference["tag"] == "*":
            anything = max(anything, weight)
        elif (language := _language_of(preference["tag"])) is not None:
            weights[language] = max(weights.get(language, 0), weight)
    ranked = _ranked(weights, anything)
    return ranked[0] if ranked else DEFAULT


def direction(language: str) -> Literal["ltr", "rtl"]:
    """The direction in which a language is written, as HTML's `dir` wants it."""
    return "rtl" if Locale.parse(language).text_direction == "rtl" else "ltr"


def _language_of(tag: str) -> str | None:
    """The catalogue that a language tag asks for, or None."""
    primary, *subtags = tag.lower().split("-")
    script = next((part for part in subtags if len(part) == 4 and part.isalpha()), None)  # noqa: PLR2004  # a script subtag has four letters (RFC 5646, 2.2.3)
    if primary == "ku":
        return "ckb" if script == "arab" else None
    if primary in _SCRIPTS and script in {None, _SCRIPTS[primary]}:
        return primary
    return None


def _ranked(weights: dict[str, float], anything: float) -> list[str]:
    """Acceptable languages, best first; ties keep the order in which the caller named them."""
    candidates = dict(weights)
    for language in LANGUAGES:
        candidates.setdefault(language, anything)
    acceptable = [language for language, weight in candidates.items() if weight > 0]
    return sorted(acceptable, key=lambda language: -candidates[language])


@cache
def _text(language: str, code: str) -> str:
    # Not every release of Python's `gettext` finds an entry that has plural forms.
    return _counted(language, code, 1)


def _counted(language: str, code: str, count: int) -> str:
    catalogue = _catalogue(language)
    text = catalogue.ngettext(code, code, count)
    return catalogue.gettext(code) if text == code else text


@cache
def _catalogue(language: str) -> gettext.GNUTranslations:
    compiled = io.BytesIO()
    write_mo(compiled, _source(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _source(language: str) -> Catalog:
    if language not in LANGUAGES:
        raise KeyError(language)
    source = files("api").joinpath("locale", language, "LC_MESSAGES", "sijill.po")
    with source.open("rb") as lines:
        return read_po(lines, locale=language, abort_invalid=True)
