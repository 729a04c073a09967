import json
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import disclosures
from infrastructure.proofs.errors import ProofError

# RFC 9901, sections 4.2.1 and 5.1: two of its disclosures and their digests. The salt of the first
# is over 128 bits long, which that standard allows and the record does not.
LONG_SALT = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
LONG_SALT_DIGEST = "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
GIVEN_NAME = "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd"
GIVEN_NAME_DIGEST = "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4"

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=10)
values = st.text("aZ9 /'é\"\\سجلەڕ\u200c", max_size=30)


def text_of(parts: Any) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


def refusal(text: str) -> str:
    with pytest.raises(ProofError) as caught:
        disclosures.parse(text)
    return caught.value.code


def test_the_examples_of_rfc_9901_have_their_digests() -> None:
    assert disclosures.digest(LONG_SALT) == LONG_SALT_DIGEST
    assert disclosures.digest(GIVEN_NAME) == GIVEN_NAME_DIGEST
    assert disclosures.parse(GIVEN_NAME) == ("2GLC42sKQveCfGfryNRN9w", "given_name", "John")
    assert refusal(LONG_SALT) == "disclosure_malformed"


@given(names, values)
def test_what_is_made_is_read_back_under_its_digest(name: str, value: str) -> None:
    text, committed = disclosures.make(name, value)
    assert disclosures.parse(text)[1:] == (name, value)
    assert disclosures.digest(text) == committed
    assert len(committed) == 43


def test_equal_values_have_unequal_commitments() -> None:
    assert disclosures.make("a", "x")[1] != disclosures.make("a", "x")[1]


def test_a_given_salt_gives_the_same_text() -> None:
    text, _ = disclosures.make("holder_name", "سجل", salt=bytes(16))
    assert text == text_of_canonical(["A" * 22, "holder_name", "سجل"])


def text_of_canonical(parts: list[str]) -> str:
    data = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


SALT = "A" * 22


@pytest.mark.parametrize(
    "text, code",
    [
        (text_of([SALT, "a"]), "disclosure_malformed"),
        (text_of([SALT, "a", "b", "c"]), "disclosure_malformed"),
        (text_of([SALT, "a", 1]), "disclosure_malformed"),
        (text_of([SALT, "a", True]), "disclosure_malformed"),
        (text_of([1, "a", "b"]), "disclosure_malformed"),
        (text_of({"a": "b"}), "disclosure_malformed"),
        (text_of("abc"), "disclosure_malformed"),
        (text_of([SALT, "a", None]), "json_null"),
        (text_of([SALT, "a", 1.5]), "json_number"),
        (text_of([SALT, "a", ["b"]]), "json_too_deep"),
        (text_of([SALT[:-1], "a", "b"]), "disclosure_malformed"),
        (text_of([SALT[:-1] + "B", "a", "b"]), "disclosure_malformed"),
        (text_of([SALT + "A", "a", "b"]), "disclosure_malformed"),
        (text_of([SALT, "A", "b"]), "disclosure_malformed"),
        (text_of([SALT, "", "b"]), "disclosure_malformed"),
        (text_of([SALT, "a" * 65, "b"]), "disclosure_malformed"),
        (text_of([SALT, "a", "e\u0301"]), "json_text"),
        (text_of([SALT, "a", "\u202e"]), "json_text"),
        (text_of([SALT, "a", "\x00"]), "json_text"),
        (text_of([SALT, "a", "\ud800"]), "json_text"),
        (text_of([SALT, "a", "b"]) + "=", "disclosure_malformed"),
        (text_of([SALT, "a", "b"])[:-1], "disclosure_malformed"),
        ("", "json_malformed"),
        ("سجل", "disclosure_malformed"),
        ("A" * 16_385, "disclosure_too_large"),
    ],
)
def test_each_faulty_disclosure_has_its_code(text: str, code: str) -> None:
    assert refusal(text) == code


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: urlsafe_b64encode(b).decode()))
def test_any_text_is_a_disclosure_or_a_refusal(text: str) -> None:
    with suppress(ProofError):
        disclosures.parse(text)


def test_a_value_too_long_or_not_plain_is_not_made() -> None:
    for value, code in (("x" * 16_384, "disclosure_too_large"), ("\n", "json_text")):
        with pytest.raises(ProofError) as caught:
            disclosures.make("a", value)
        assert caught.value.code == code


@given(st.dictionaries(names, values, max_size=5))
def test_claims_with_their_disclosures_yield_the_values(wanted: dict[str, str]) -> None:
    made = {name: disclosures.make(name, value) for name, value in wanted.items()}
    claims = {name: committed for name, (_, committed) in made.items()}
    assert disclosures.check_claims(claims, [text for text, _ in made.values()]) == wanted


def test_every_claim_has_exactly_one_disclosure() -> None:
    (a, a_digest), (b, b_digest) = disclosures.make("a", "1"), disclosures.make("b", "2")
    other_a, _ = disclosures.make("a", "3")
    for claims, texts, code in (
        ({"a": a_digest, "b": b_digest}, [a], "disclosure_missing"),
        ({"a": a_digest}, [], "disclosure_missing"),
        ({"a": a_digest}, [a, b], "disclosure_surplus"),
        ({"a": a_digest}, [a, a], "disclosure_surplus"),
        ({"a": a_digest, "b": b_digest}, [a, b, other_a], "disclosure_surplus"),
        ({"a": a_digest}, [other_a], "disclosure_mismatch"),
        ({"a": b_digest, "b": a_digest}, [a, b], "disclosure_mismatch"),
        ({"a": 1}, [a], "disclosure_mismatch"),
        ({"a": a_digest[:-1]}, [a], "disclosure_mismatch"),
        ({"A": a_digest}, [a], "disclosure_surplus"),
        ({"A": a_digest}, [], "disclosure_missing"),
    ):
        with pytest.raises(ProofError) as caught:
            disclosures.check_claims(claims, texts)
        assert caught.value.code == code
