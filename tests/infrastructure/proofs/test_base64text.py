from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import base64text
from infrastructure.proofs.errors import ProofError

SPELLINGS = [
    (base64text.encode, base64text.decode),
    (base64text.encode_url, base64text.decode_url),
]


@pytest.mark.parametrize("encode, decode", SPELLINGS)
@given(data=st.binary(max_size=80))
def test_bytes_have_one_text_and_come_back(
    encode: Callable[..., str], decode: Callable[..., bytes], data: bytes
) -> None:
    assert decode(encode(data), code="x", size_bytes=len(data)) == data


@pytest.mark.parametrize("encode, decode", SPELLINGS)
@given(text=st.text(max_size=12) | st.text("AZaz09+/-_=\n ", max_size=12))
def test_any_text_is_the_spelling_of_what_it_decodes_to_or_refused(
    encode: Callable[..., str], decode: Callable[..., bytes], text: str
) -> None:
    try:
        data = decode(text, code="x")
    except ProofError:
        return
    assert encode(data) == text


@pytest.mark.parametrize("text", ["QQ==\n", "QR==", "QQ", "Q===", "Q Q=", "-_-_", "QQ==QQ=="])
def test_second_spellings_of_base64_are_refused(text: str) -> None:
    with pytest.raises(ProofError):
        base64text.decode(text, code="x")


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "+/+/", "QQ ", "ＱＱ"])
def test_second_spellings_of_base64url_are_refused(text: str) -> None:
    with pytest.raises(ProofError):
        base64text.decode_url(text, code="x")


def test_the_code_is_the_callers() -> None:
    with pytest.raises(ProofError) as caught:
        base64text.decode("سجل", code="note_malformed")
    assert caught.value.code == "note_malformed"


def test_the_size_is_part_of_the_format() -> None:
    with pytest.raises(ProofError, match="2 bytes"):
        base64text.decode_url("QQ", code="x", size_bytes=2)
