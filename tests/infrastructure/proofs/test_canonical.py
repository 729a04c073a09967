import json
from contextlib import suppress
from typing import Any
from unicodedata import category, is_normalized, normalize

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import canonical
from infrastructure.proofs.errors import ProofError

LIMIT = 4096


REFUSED_CATEGORIES = {"Cc", "Cn", "Cs", "Zl", "Zp"}
REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"


def is_plain(character: str) -> bool:
    return (
        category(character) not in REFUSED_CATEGORIES
        and character not in REORDERING
        and is_normalized("NFC", character)
    )


BLOCKS = (range(0x250), range(0x300, 0x370), range(0x600, 0x780), range(0x2000, 0x2070))
ALPHABET = [
    c for block in (*BLOCKS, range(0x10400, 0x10440)) for c in map(chr, block) if is_plain(c)
]
texts = st.text(st.sampled_from(ALPHABET), max_size=20).map(lambda text: normalize("NFC", text))
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=8)
scalars = texts | st.integers(0, 2**53 - 1) | st.booleans()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(names, values, max_size=6)


def refusal(data: bytes, **other: Any) -> str:
    with pytest.raises(ProofError) as caught:
        canonical.parse(data, limit_bytes=LIMIT, **other)
    return caught.value.code


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, (dict, list)) + max(map(depth, inner), default=0)


@given(objects)
def test_what_rfc_8785_writes_is_read_back_unless_it_is_too_deep(value: dict[str, Any]) -> None:
    data = rfc8785.dumps(value)
    assert canonical.dumps(value) == data
    if depth(value) > canonical.LIMIT_DEPTH:
        assert refusal(data) == "json_too_deep"
    else:
        assert canonical.parse(data, limit_bytes=len(data)) == value


@given(objects.filter(lambda value: depth(value) <= canonical.LIMIT_DEPTH))
def test_any_other_spelling_of_the_same_value_is_refused(value: dict[str, Any]) -> None:
    data = rfc8785.dumps(value)
    for other in (
        json.dumps(value).encode(),
        json.dumps(value, ensure_ascii=False, indent=1).encode(),
        json.dumps(
            dict(reversed(value.items())), ensure_ascii=False, separators=(",", ":")
        ).encode(),
        data + b"\n",
        b" " + data,
    ):
        if other != data:
            assert refusal(other) == "json_not_canonical"
        assert canonical.parse_json(other, limit_bytes=LIMIT * 4) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_refusal(data: bytes) -> None:
    for read in (canonical.parse, canonical.parse_json, canonical.parse_envelope):
        with suppress(ProofError):
            read(data, limit_bytes=150)


@given(st.text('{}[]":,\\u0019de.-+ntf \n', max_size=60))
def test_any_text_made_of_jsons_own_characters_is_judged_too(text: str) -> None:
    for read in (canonical.parse, canonical.parse_json, canonical.parse_envelope):
        with suppress(ProofError):
            read(text.encode(), limit_bytes=LIMIT)


@given(objects, st.data())
def test_a_changed_byte_never_reads_as_the_same_statement(
    value: dict[str, Any], data: st.DataObject
) -> None:
    original = rfc8785.dumps(value)
    position = data.draw(st.integers(0, len(original) - 1))
    mutated = bytearray(original)
    mutated[position] ^= data.draw(st.integers(1, 255))
    try:
        read = canonical.parse(bytes(mutated), limit_bytes=LIMIT * 4)
    except ProofError:
        return
    assert read != value
    assert rfc8785.dumps(read) == mutated


@pytest.mark.parametrize(
    "literal",
    [
        *("1.0", "-0", "-1", "1e3", "1E3", "0.1", "1e400", "NaN", "Infinity", "-Infinity"),
        *("9007199254740992", "9" * 4000),
    ],
)
def test_numbers_are_plain_integers_in_range(literal: str) -> None:
    assert refusal(b'{"n":%b}' % literal.encode()) == "json_number"


@pytest.mark.parametrize("literal", ["01", "+1", "0x1", ".5", "1.", "١"])
def test_what_is_no_json_number_is_malformed(literal: str) -> None:
    assert refusal(b'{"n":%b}' % literal.encode()) == "json_malformed"


def test_the_largest_integer_is_read() -> None:
    data = b'{"n":9007199254740991}'
    assert canonical.parse(data, limit_bytes=LIMIT) == {"n": 2**53 - 1}


@pytest.mark.parametrize(
    "spelling",
    [
        r"\u0000",
        r"\n",
        r"\u001f",
        "\u007f",
        "\u0085",
        r"\ud800",
        r"\udc00\ud800",
        "\u061c",
        "\u200e",
        "\u200f",
        "\u202a",
        "\u202e",
        "\u2066",
        "\u2069",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\uffff",
        "\u0378",
        "e\u0301",
        "\u212b",
        "\u064a\u0654",
    ],
)
def test_strings_hold_no_control_bidi_unassigned_or_unnormalised_characters(spelling: str) -> None:
    assert refusal(f'{{"a":"{spelling}"}}'.encode()) == "json_text"
    with pytest.raises(ProofError) as caught:
        canonical.parse_json(f'{{"{spelling}":1}}'.encode(), limit_bytes=LIMIT)
    assert caught.value.code == "json_text"


@pytest.mark.parametrize("text", ["نامه\u200cیەک", "سجل", "كوردستان", "é", '"\\', "𐐷", "\u0301"])
def test_kurdish_joiners_and_honest_scripts_are_read(text: str) -> None:
    data = rfc8785.dumps({"a": text})
    assert canonical.parse(data, limit_bytes=LIMIT) == {"a": text}


def test_line_feeds_are_admitted_only_on_request() -> None:
    data = b'{"a":"one\\ntwo"}'
    assert refusal(data) == "json_text"
    assert canonical.parse(data, limit_bytes=LIMIT, line_feeds=True) == {"a": "one\ntwo"}
    assert refusal(b'{"a":"\\t"}', line_feeds=True) == "json_text"
    # The accent stands at the start of its own line; removing the line feed must not join them.
    apart = '{"a":"e\\n\u0301"}'.encode()
    assert canonical.parse(apart, limit_bytes=LIMIT, line_feeds=True) == {"a": "e\n\u0301"}


@pytest.mark.parametrize(
    "data, code",
    [
        (b'\xef\xbb\xbf{"a":1}', "json_text"),
        (b'{"a":"\xff"}', "json_text"),
        (b'{"a":"\xed\xa0\x80"}', "json_text"),
        (b'{"a":"\xc0\x80"}', "json_text"),
        (b'{"a":1,"a":1}', "json_duplicate_name"),
        (b'{"a":1,"\\u0061":2}', "json_duplicate_name"),
        (b'{"a":{"b":[{"c":1,"c":2}]}}', "json_duplicate_name"),
        (b'{"A":1}', "json_name"),
        (b'{"":1}', "json_name"),
        (b'{"a-b":1}', "json_name"),
        ('{"é":1}'.encode(), "json_name"),
        (b'{"a":null}', "json_null"),
        (b'{"a":[null]}', "json_null"),
        (b"[]", "json_not_object"),
        (b'"a"', "json_not_object"),
        (b"", "json_malformed"),
        (b"{", "json_malformed"),
        (b'{"a":1}x', "json_malformed"),
        (b"{'a':1}", "json_malformed"),
        (b'{"a":1,}', "json_malformed"),
        (b'{"a":"\n"}', "json_malformed"),
        (b'{"b":1,"a":1}', "json_not_canonical"),
        (b'{"a":"\\u0061"}', "json_not_canonical"),
        (b'{"a":"\\/"}', "json_not_canonical"),
        (b"x" * (LIMIT + 1), "json_too_large"),
    ],
)
def test_each_fault_has_its_code(data: bytes, code: str) -> None:
    assert refusal(data) == code


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def test_nesting_is_bounded_before_anything_recurses() -> None:
    assert canonical.parse(nested(8), limit_bytes=LIMIT)
    assert refusal(nested(9)) == "json_too_deep"
    for hostile in (b"[" * 3_000_000, b'{"a":' * 500_000, b'[{"' * 1_000_000, b'"\\' * 1_000_000):
        with pytest.raises(ProofError):
            canonical.parse_json(hostile, limit_bytes=len(hostile))


def test_brackets_in_strings_are_not_nesting() -> None:
    data = rfc8785.dumps({"a": '[[[[{{{{"\\[[[[[[[[[[', "b": "]]]"})
    assert canonical.parse(data, limit_bytes=LIMIT)["b"] == "]]]"


def test_a_digest_is_a_leaf_hash_of_rfc_6962() -> None:
    # The leaf hash of the empty entry, as RFC 6962 implementations publish it.
    empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert canonical.statement_digest(b"").hex() == empty


@given(objects.filter(lambda value: depth(value) <= canonical.LIMIT_DEPTH), st.lists(texts))
def test_an_envelope_keeps_the_statements_bytes(
    value: dict[str, Any], disclosures: list[str]
) -> None:
    statement = rfc8785.dumps(value)
    listed = json.dumps(disclosures).encode()
    for raw in (
        b'{"statement":%b,"disclosures":%b}' % (statement, listed),
        b' {\t"disclosures" :\n%b , "statement": %b\r}\n ' % (listed, statement),
        b'{"\\u0073tatement":%b,"disclosures":%b}' % (statement, listed),
    ):
        envelope = canonical.parse_envelope(raw, limit_bytes=len(raw))
        assert envelope == (statement, value, disclosures)


def test_an_envelope_without_disclosures_has_none() -> None:
    assert canonical.parse_envelope(b'{"statement":{}}', limit_bytes=LIMIT) == (b"{}", {}, [])


@pytest.mark.parametrize(
    "raw, code",
    [
        (b'{"statement":{ }}', "json_not_canonical"),
        (b'{"statement":{"a":1.0}}', "json_number"),
        (b'{"statement":{"a":"\\u0061"}}', "json_not_canonical"),
        (b'{"statement":{"a":"e\xcc\x81"}}', "json_text"),
        (b'{"statement":{},"statement":{}}', "json_duplicate_name"),
        (b'{"statement":{},"disclosures":[],"disclosures":[]}', "json_duplicate_name"),
        (b'{"statement":{},"note":"x"}', "envelope_malformed"),
        (b'{"disclosures":[]}', "envelope_malformed"),
        (b'{"statement":[]}', "envelope_malformed"),
        (b'{"statement":"{}"}', "envelope_malformed"),
        (b'{"statement":{},"disclosures":{}}', "envelope_malformed"),
        (b'{"statement":{},"disclosures":[1]}', "envelope_malformed"),
        (b'{"statement":{},"disclosures":null}', "envelope_malformed"),
        (b'{"statement":{},"disclosures":["\\u0000"]}', "json_text"),
        (b"{}", "json_malformed"),
        (b"[]", "json_malformed"),
        (b"", "json_malformed"),
        (b'{"statement":{}', "json_malformed"),
        (b'{"statement":{},}', "json_malformed"),
        (b'{"statement"}', "json_malformed"),
        (b"{1:2}", "json_malformed"),
        (b'{"statement":{}}{}', "json_malformed"),
        (b'{"statement":%b}' % nested(9), "json_too_deep"),
        (b'{"statement":{"a":"%b"}}' % (b"x" * 70_000), "json_too_large"),
        (b" " * 200_000, "json_too_large"),
    ],
)
def test_a_faulty_envelope_has_its_code(raw: bytes, code: str) -> None:
    with pytest.raises(ProofError) as caught:
        canonical.parse_envelope(raw, limit_bytes=100_000)
    assert caught.value.code == code


def test_a_statement_may_be_eight_deep_inside_its_envelope() -> None:
    raw = b'{"statement":%b}' % nested(8)
    assert canonical.parse_envelope(raw, limit_bytes=LIMIT).statement == nested(8)


def test_every_character_is_judged_by_what_it_is() -> None:
    for character in map(chr, [*range(0x20, 0x3000), *range(0xFB50, 0xFFFF)]):
        try:
            canonical.check_text(character)
        except ProofError:
            assert not is_plain(character), hex(ord(character))
        else:
            assert is_plain(character), hex(ord(character))


SPELT_NAMES = ("a", "b", "z9_", "A", "", "a b", "a-b", "null", ":", "a\\u0062", "é", "x" * 40)
SPELT_SCALARS = (
    *("0", "7", "-0", "-1", "01", "1.0", "1e3", "9007199254740991", "9007199254740992", "9" * 30),
    *("true", "false", "null", "NaN", "Infinity", '""', '"a"', '"null"', '":"', '":a"', '"a":'),
    *(
        '"\\u0041"',
        '"a\\nb"',
        '"\\ud800"',
        '"é"',
        '"e\u0301"',
        '"a\tb"',
        '"\u200e"',
        '"a',
        "[",
        "}",
    ),
)
gaps = st.sampled_from(("", "", "", "", " ", "\n"))


def joined(parts: Any, ends: str) -> Any:
    return st.tuples(st.lists(parts, max_size=4), st.sampled_from((",", ",", ", ", ",,"))).map(
        lambda drawn: ends[0] + drawn[1].join(drawn[0]) + ends[1]
    )


def members(inner: Any) -> Any:
    return st.tuples(st.sampled_from(SPELT_NAMES), gaps, inner).map(
        lambda drawn: f'"{drawn[0]}":{drawn[1]}{drawn[2]}'
    )


spelt = st.recursive(
    st.sampled_from(SPELT_SCALARS),
    lambda inner: joined(inner, "[]") | joined(members(inner), "{}"),
    max_leaves=8,
)


@given(joined(members(spelt), "{}") | spelt)
def test_the_short_cut_takes_and_refuses_what_the_long_way_does(text: str) -> None:
    def read() -> tuple[Any, str]:
        try:
            return canonical.parse(text.encode("utf-8", "surrogatepass"), limit_bytes=LIMIT), ""
        except ProofError as error:
            return None, error.code

    by_any_way = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "_plain", lambda _: None)
        assert read() == by_any_way


@given(objects)
def test_the_short_cut_is_taken_by_most_statements(value: dict[str, Any]) -> None:
    text = canonical.dumps(value).decode()
    short = canonical._plain(text)
    assert short in (None, value)
    if text.isascii() and "\\" not in text and "null" not in text and '":"' not in text:
        assert short == value


def test_hostile_names_cost_one_pass() -> None:
    text = '{"' + " " * 60_000 + '"' + ",a" * 2_000
    assert canonical._ODD_NAME.search(text) is None
