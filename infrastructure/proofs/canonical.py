"""Strict JSON: the only door through which an agency's words enter the record.

A statement is signed as bytes and kept as bytes for ever, so two parsers must never read it in two
ways. Stock parsers take duplicate names, ``1.0``, ``-0``, unpaired surrogates and any nesting; this
one takes none of them. Standards: RFC 8259 (JSON), RFC 7493 (I-JSON), RFC 8785 (canonical form).
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from unicodedata import category, is_normalized

import rfc8785

from infrastructure.proofs.errors import ProofError

LIMIT_DEPTH = 8
STATEMENT_LIMIT_BYTES = 65_536
INTEGER_MAX = 2**53 - 1

_NAME = re.compile(r"[a-z0-9_]+")
# One token a bracket; a string, closed or not, is swallowed whole. Possessive, so that hostile
# input costs one pass.
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
# Names not made of a-z, 0-9 and _, in a text without escapes. Possessive for the same reason.
_ODD_NAME = re.compile(r'"(?:[a-z0-9_]*+[^"a-z0-9_][^"]*+)?+":')
_SPACE = re.compile(r"[ \t\n\r]*+")
# Marks that reorder what people see without changing what programs compare, and the byte-order
# mark. U+200C (ZWNJ) is not among them: Kurdish and Persian are not written without it.
_REORDERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# Control, lone surrogate, line and paragraph separator. Unassigned characters too, because whether
# they are NFC depends on the reader's edition of Unicode, and a record must read the same for ever.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cn", "Cs", "Zl", "Zp"})


class Envelope(NamedTuple):
    """One line of an order: the statement as it was signed, as it reads, and its disclosures."""

    statement: bytes
    parsed: dict[str, Any]
    disclosures: list[str]


def parse(
    data: bytes, *, limit_bytes: int, limit_depth: int = LIMIT_DEPTH, line_feeds: bool = False
) -> dict[str, Any]:
    """The object in ``data``, which must be its own RFC 8785 form (record format, section 3).

    Names match ``[a-z0-9_]+``; values are objects, arrays, NFC strings without control characters,
    integers from 0 to 2^53-1 and booleans. An absent value is left out, never null. ``line_feeds``
    admits U+000A in strings, for the signature bases and notes that the server itself stores.

    Raises:
        ProofError: ``json_too_large``, ``json_text``, ``json_too_deep``, ``json_malformed``,
            ``json_duplicate_name``, ``json_number``, ``json_null``, ``json_name``,
            ``json_not_object`` or ``json_not_canonical``.
    """
    text = _text(data, limit_bytes=limit_bytes, limit_depth=limit_depth)
    plain = _plain(text)
    if plain is not None:
        return plain
    value = _decode(text)
    if type(value) is not dict:
        raise ProofError("json_not_object", "an object is expected")
    _check(value, strict_names=True, line_feeds=line_feeds)
    if _ENCODER.encode(value) != text:
        raise ProofError("json_not_canonical", "the bytes are not their own RFC 8785 form")
    return value


def parse_json(
    data: bytes, *, limit_bytes: int, limit_depth: int = LIMIT_DEPTH, line_feeds: bool = False
) -> Any:
    """Any JSON value in ``data``: the same strictness for values, free names, any spelling.

    Raises:
        ProofError: as :func:`parse`, without ``json_name``, ``json_not_object`` and
            ``json_not_canonical``.
    """
    value = _decode(_text(data, limit_bytes=limit_bytes, limit_depth=limit_depth))
    _check(value, strict_names=False, line_feeds=line_feeds)
    return value


def parse_envelope(raw: bytes, *, limit_bytes: int) -> Envelope:
    """One ``{"statement": …, "disclosures": […]}``; the statement's bytes are kept verbatim.

    The envelope may be spelt freely (spaces, order of its two members) and may omit an empty list
    of disclosures; the statement inside it must be canonical, because its bytes are what is signed.

    Raises:
        ProofError: ``envelope_malformed`` or any code of :func:`parse`.
    """
    text = _text(raw, limit_bytes=limit_bytes, limit_depth=LIMIT_DEPTH + 1)
    found: dict[str, tuple[str, Any]] = {}
    for name, spelling, value in _members(text):
        if name in found:
            raise ProofError("json_duplicate_name", "a member occurs twice")
        found[name] = spelling, value
    if "statement" not in found or not found.keys() <= {"statement", "disclosures"}:
        raise ProofError("envelope_malformed", "the members are statement and disclosures")
    spelling, statement = found["statement"]
    disclosures = found.get("disclosures", ("", []))[1]
    if type(statement) is not dict:
        raise ProofError("envelope_malformed", "the statement is an object")
    if type(disclosures) is not list or any(type(text) is not str for text in disclosures):
        raise ProofError("envelope_malformed", "disclosures are an array of strings")
    _check(disclosures, strict_names=False, line_feeds=False)
    _check(statement, strict_names=True, line_feeds=False)
    if _ENCODER.encode(statement) != spelling:
        raise ProofError("json_not_canonical", "the statement is not its own RFC 8785 form")
    data = spelling.encode()
    if len(data) > STATEMENT_LIMIT_BYTES:
        raise ProofError("json_too_large", f"a statement has at most {STATEMENT_LIMIT_BYTES} bytes")
    return Envelope(data, statement, disclosures)


def dumps(value: Any) -> bytes:
    """The RFC 8785 form of ``value``; ``rfc8785.CanonicalizationError`` where there is none."""
    return rfc8785.dumps(value)


def statement_digest(statement: bytes) -> bytes:
    """SHA-256(0x00 || statement), 32 bytes: the leaf of the tree that an order signs."""
    return hashlib.sha256(b"\x00" + statement).digest()


def check_text(value: str) -> None:
    """Refuse with ``json_text`` a string that no statement or disclosure may hold."""
    if value.isascii():
        if not value.isprintable():
            raise ProofError("json_text", "a control character")
        return
    if _REORDERING.search(value) or not _REFUSED_CATEGORIES.isdisjoint(map(category, value)):
        raise ProofError("json_text", "a control, bidirectional or unassigned character")
    if not is_normalized("NFC", value):
        raise ProofError("json_text", "a string that is not in Unicode form NFC")


def _text(data: bytes, *, limit_bytes: int, limit_depth: int) -> str:
    """The bytes as text, bounded in size and nesting before any parser recurses into them."""
    if len(data) > limit_bytes:
        raise ProofError("json_too_large", f"at most {limit_bytes} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ProofError("json_text", "the bytes are not UTF-8") from None
    if text.startswith("\ufeff"):
        raise ProofError("json_text", "a byte-order mark")
    if text.count("{") + text.count("[") > limit_depth:
        _check_depth(text, limit_depth)
    return text


def _check_depth(text: str, limit: int) -> None:
    depth = 0
    for token in _BRACKETS.finditer(text):
        bracket = token.group()[0]
        if bracket in "{[":
            depth += 1
            if depth > limit:
                raise ProofError("json_too_deep", f"at most {limit} levels")
        elif bracket in "}]":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ProofError("json_duplicate_name", "a name occurs twice in one object")
    return members


def _integer(literal: str) -> int:
    # The length is judged first: int() of a million digits is an attack.
    if literal[0] == "-" or len(literal) > len(str(INTEGER_MAX)) or int(literal) > INTEGER_MAX:
        raise ProofError("json_number", "integers are between 0 and 2^53-1")
    return int(literal)


def _no_number(_literal: str) -> Any:
    raise ProofError("json_number", "only plain integers are numbers here")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_no_number,
    parse_constant=_no_number,
)
_PLAIN_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=_no_number, parse_constant=_no_number
)
# Equal to RFC 8785 for what _check lets through: ASCII names (where code points and UTF-16 units
# sort alike), no float, no negative number; and several times as fast as the library.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
)


def _decode(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ProofError("json_malformed", f"{error.msg} at character {error.pos}") from None


def _plain(text: str) -> dict[str, Any] | None:
    """The object in most texts, by a short cut; None is no refusal, the long way decides.

    Printable ASCII without an escape holds no string that `check_text` would refuse, and every
    quote in it begins or ends one: so names are found by what follows them. That no name comes
    twice, and all else about spelling, the encoder tells, which would write another text.
    """
    if not text.isascii() or not text.isprintable() or "\\" in text or "null" in text:
        return None
    if _ODD_NAME.search(text):
        return None
    try:
        value = _PLAIN_DECODER.decode(text)
    except (ProofError, json.JSONDecodeError):
        return None
    return value if type(value) is dict and _ENCODER.encode(value) == text else None


def _members(text: str) -> Iterator[tuple[str, str, Any]]:
    """Name, verbatim spelling and value of each member of the object in ``text``."""
    at = _skip(text, 0)
    separator = "{"
    while text[at : at + 1] == separator:
        name, at = _value(text, _skip(text, at + 1))
        at = _skip(text, at)
        if type(name) is not str or text[at : at + 1] != ":":
            raise ProofError("json_malformed", f"a name and a colon expected before {at}")
        start = _skip(text, at + 1)
        value, end = _value(text, start)
        yield name, text[start:end], value
        at = _skip(text, end)
        separator = ","
    if text[at : at + 1] != "}" or separator == "{" or _skip(text, at + 1) != len(text):
        raise ProofError("json_malformed", f"one object expected, broken at character {at}")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise ProofError("json_malformed", f"{error.msg} at character {error.pos}") from None


def _check(value: Any, *, strict_names: bool, line_feeds: bool) -> None:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is str:
            # A space in its place: the two sides of a line feed must not compose with one another.
            check_text(value.replace("\n", " ") if line_feeds else value)
        elif kind is dict:
            if strict_names and not all(map(_NAME.fullmatch, value)):
                raise ProofError("json_name", "names are made of a-z, 0-9 and _")
            if not strict_names:
                waiting.extend(value)
            waiting.extend(value.values())
        elif kind is list:
            waiting.extend(value)
        elif value is None:
            raise ProofError("json_null", "an absent value is left out, never null")
