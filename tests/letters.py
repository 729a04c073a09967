"""Letters that belong and characters that do not, for tests of text in three languages."""

import re
import unicodedata

# Arabic ي (U+064A), ى (U+0649), ك (U+0643), ة (U+0629) and the letters that Sorani does not write
# (ث ذ ص ض ط ظ) are absent on purpose.
LETTERS = frozenset("ئابپتجچحخدرڕزژسشعغفڤقکگلڵمنوۆهھەیێ")
PUNCTUATION = frozenset(" .,:;!?()-/«»\"'،؛؟%…\n")
# ZWNJ is legal in Sorani; catalogues may quote codes, headers and placeholders in Latin letters.
JOINER = "\u200c"
BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_LATIN = re.compile(r"\{[a-z_]+\}|[A-Za-z0-9_]+")


def is_clean(text: str) -> bool:
    """True for text in NFC without bidirectional controls."""
    return unicodedata.is_normalized("NFC", text) and not BIDI_CONTROLS & set(text)


def is_sorani(text: str) -> bool:
    """True when every letter outside Latin words belongs to the Sorani alphabet."""
    rest = set(_LATIN.sub("", text))
    return rest <= LETTERS | PUNCTUATION | {JOINER}
