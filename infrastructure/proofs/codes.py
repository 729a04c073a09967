"""Public codes: how people name a certificate to one another, on paper and by telephone.

Sixteen random symbols of Crockford's base 32 (80 bits) and one check symbol of the same alphabet,
so that the whole stays within the alphanumeric mode of QR codes. The check symbol makes
``sum(alpha**i * d[i]) == 0`` over GF(32) with x^5 + x^2 + 1, where alpha is x and d[0] the first
symbol: any single wrong symbol and any swap of two symbols is caught. Record format, section 7.
"""

import re
import secrets
from typing import Final

from infrastructure.proofs.errors import ProofError

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_SYMBOLS: Final = 16
SYMBOLS: Final = RANDOM_SYMBOLS + 1
CODE_BYTES: Final = 10
MAX_TYPED_CHARACTERS: Final = 64

_GROUP = 4
_FIELD = 32
_POLYNOMIAL = 0b100101
_ORDER = _FIELD - 1
_FORM = re.compile(f"[{ALPHABET}]{{{SYMBOLS}}}")
_RANDOM_FORM = re.compile(f"[{ALPHABET}]{{{RANDOM_SYMBOLS}}}")
_VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}


def _powers() -> tuple[int, ...]:
    powers = [1]
    while len(powers) < _ORDER:
        doubled = powers[-1] << 1
        powers.append(doubled ^ _POLYNOMIAL if doubled & _FIELD else doubled)
    return tuple(powers)


_POWER = _powers()
_LOG = {power: exponent for exponent, power in enumerate(_POWER)}

# What people type or paste, and what it means. Nothing else is taken: general upper-casing and
# digit folding also know letters that no code was ever printed with.
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_SPACES = " \t\r\n\u00a0\u2009\u202f"
# Invisible; they come along when a code is copied out of a line of Arabic.
_DIRECTION_MARKS = "\u061c\u200e\u200f\u2066\u2067\u2068\u2069"
_TYPED = str.maketrans(
    dict.fromkeys(_HYPHENS + _SPACES + _DIRECTION_MARKS, "")
    | {symbol.lower(): symbol for symbol in ALPHABET}
    | dict.fromkeys("oO", "0")
    | dict.fromkeys("iIlL", "1")
    | dict(zip("٠١٢٣٤٥٦٧٨٩", ALPHABET, strict=False))
    | dict(zip("۰۱۲۳۴۵۶۷۸۹", ALPHABET, strict=False))
)


def generate() -> str:
    """A new code: 80 bits from the operating system and the check symbol."""
    symbols = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_SYMBOLS))
    return symbols + check_symbol(symbols)


def check_symbol(symbols: str) -> str:
    """The seventeenth symbol for sixteen symbols in their stored spelling.

    Raises:
        ProofError: ``code_malformed``.
    """
    if not _RANDOM_FORM.fullmatch(symbols):
        raise ProofError("code_malformed", f"{RANDOM_SYMBOLS} symbols of the alphabet")
    total = _weigh(symbols)
    if total == 0:
        return ALPHABET[0]
    # alpha**16 * check == total, because in GF(32) a sum is zero when both halves are equal.
    return ALPHABET[_POWER[(_LOG[total] - RANDOM_SYMBOLS) % _ORDER]]


def parse_code(text: str) -> str:
    """The same text, if it is a code in its stored spelling: upper-case, undashed, check right.

    Raises:
        ProofError: ``code_malformed``.
    """
    if not _FORM.fullmatch(text):
        raise ProofError("code_malformed", f"{SYMBOLS} symbols of the alphabet")
    if _weigh(text) != 0:
        raise ProofError("code_malformed", "the check symbol does not fit")
    return text


def normalise(text: str) -> str:
    """The stored spelling of a code as somebody typed or pasted it.

    Dashes, spaces and the direction marks of Arabic text are dropped; case, the look-alikes O, I
    and L, and both sets of Arabic digits are folded.

    Raises:
        ProofError: ``code_malformed``.
    """
    if len(text) > MAX_TYPED_CHARACTERS:
        raise ProofError("code_malformed", f"at most {MAX_TYPED_CHARACTERS} characters")
    return parse_code(text.translate(_TYPED))


def for_people(code: str) -> str:
    """A stored code in groups: ``XXXX-XXXX-XXXX-XXXX-X``; ``code_malformed`` if it is none."""
    parse_code(code)
    return "-".join(code[at : at + _GROUP] for at in range(0, SYMBOLS, _GROUP))


def to_bytes(code: str) -> bytes:
    """The 80 random bits of a stored code, its first symbol foremost; ``code_malformed``."""
    parse_code(code)
    bits = 0
    for symbol in code[:RANDOM_SYMBOLS]:
        bits = bits << 5 | _VALUE[symbol]
    return bits.to_bytes(CODE_BYTES, "big")


def from_bytes(data: bytes) -> str:
    """The stored code of what :func:`to_bytes` gives; ``code_malformed`` for another length."""
    if len(data) != CODE_BYTES:
        raise ProofError("code_malformed", f"{CODE_BYTES} bytes")
    bits = int.from_bytes(data, "big")
    shifts = range(5 * (RANDOM_SYMBOLS - 1), -1, -5)
    symbols = "".join(ALPHABET[bits >> shift & (_FIELD - 1)] for shift in shifts)
    return symbols + check_symbol(symbols)


def _weigh(symbols: str) -> int:
    """Sum of alpha**i * d[i]; addition in GF(32) is exclusive or."""
    total = 0
    for position, symbol in enumerate(symbols):
        if value := _VALUE[symbol]:
            total ^= _POWER[(position + _LOG[value]) % _ORDER]
    return total
