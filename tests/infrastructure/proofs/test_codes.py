from contextlib import nullcontext
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import codes
from infrastructure.proofs.errors import ProofError
from tests.infrastructure.proofs.vectors import load, why

VECTORS = load("code")

randoms = st.text(codes.ALPHABET, min_size=16, max_size=16)
valid_codes = randoms.map(lambda symbols: symbols + codes.check_symbol(symbols))


def is_refused(text: str) -> bool:
    try:
        codes.parse_code(text)
    except ProofError as error:
        return error.code == "code_malformed"
    return False


def multiply(a: int, b: int) -> int:
    """Product in GF(32) by its definition: polynomials over bits, reduced by x^5 + x^2 + 1."""
    product = 0
    for bit in range(5):
        product ^= (a << bit) * (b >> bit & 1)
    for bit in range(8, 4, -1):
        product ^= (0b100101 << bit - 5) * (product >> bit & 1)
    return product


@pytest.mark.parametrize("case", VECTORS["codes"])
def test_a_code_is_checked_and_shown_as_the_vectors_say(case: dict[str, Any]) -> None:
    assert codes.check_symbol(case["random"]) == case["check"]
    assert codes.parse_code(case["code"]) == case["code"] == case["random"] + case["check"]
    assert codes.for_people(case["code"]) == case["for_people"]
    assert codes.normalise(case["for_people"]) == case["code"]


def test_the_alphabet_is_that_of_the_vectors() -> None:
    assert VECTORS["alphabet"] == codes.ALPHABET


@pytest.mark.parametrize("case", VECTORS["typed"], ids=why)
def test_what_people_type_is_understood(case: dict[str, Any]) -> None:
    assert codes.normalise(case["typed"]) == case["code"]


@pytest.mark.parametrize("case", VECTORS["malformed"], ids=why)
def test_what_is_no_code_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError) as refusal:
        codes.normalise(case["typed"])

    assert refusal.value.code == "code_malformed"


@given(valid_codes)
def test_the_weighted_sum_of_a_code_is_zero(code: str) -> None:
    total, power = 0, 1
    for symbol in code:
        total ^= multiply(power, codes.ALPHABET.index(symbol))
        power = multiply(power, 2)

    assert total == 0


@given(valid_codes)
def test_every_single_wrong_symbol_is_caught(code: str) -> None:
    for at in range(codes.SYMBOLS):
        for symbol in codes.ALPHABET.replace(code[at], ""):
            assert is_refused(code[:at] + symbol + code[at + 1 :])


@given(valid_codes)
def test_every_swap_of_two_symbols_is_caught(code: str) -> None:
    for first, second in combinations(range(codes.SYMBOLS), 2):
        symbols = list(code)
        symbols[first], symbols[second] = symbols[second], symbols[first]
        assert is_refused("".join(symbols)) == (code[first] != code[second])


@given(valid_codes, st.data())
def test_a_code_is_read_however_it_is_grouped_and_cased(code: str, data: st.DataObject) -> None:
    typed = data.draw(st.lists(st.sampled_from(["", "-", " ", "\u2011"]), min_size=17, max_size=17))
    spelling = "".join(
        gap + data.draw(st.sampled_from([symbol, symbol.lower()]))
        for gap, symbol in zip(typed, code, strict=True)
    )

    assert codes.normalise(spelling) == code


@given(st.characters(codec="utf-8"))
def test_a_stray_character_is_folded_or_refused(character: str) -> None:
    code = VECTORS["codes"][-1]["code"]
    meant = character in {"7", "٧", "۷"}

    with nullcontext() if meant else pytest.raises(ProofError, match="code_malformed"):
        assert codes.normalise(character + code[1:]) == code


@pytest.mark.parametrize(
    "text",
    [
        "0123-4567-89AB-CDEF-E",
        "0123456789abcdefe",
        "O123456789ABCDEFE",
        "0123456789ABCDEFE\n",
        "٠123456789ABCDEFE",
        "",
    ],
)
def test_only_the_stored_spelling_is_a_code(text: str) -> None:
    with pytest.raises(ProofError, match="code_malformed"):
        codes.parse_code(text)
    with pytest.raises(ProofError, match="code_malformed"):
        codes.for_people(text)


@pytest.mark.parametrize("symbols", ["", "0" * 15, "0" * 17, "U" * 16, "a" * 16, "0" * 16 + "\n"])
def test_a_check_symbol_needs_sixteen_symbols(symbols: str) -> None:
    with pytest.raises(ProofError, match="code_malformed"):
        codes.check_symbol(symbols)


def test_new_codes_are_well_formed_and_use_the_whole_alphabet() -> None:
    drawn = [codes.generate() for _ in range(400)]

    assert all(codes.parse_code(code) == code for code in drawn)
    assert len(set(drawn)) == len(drawn)
    for at in range(codes.SYMBOLS):
        # Fair draws miss a symbol now and then, and half of the symbols never.
        assert len({code[at] for code in drawn}) > len(codes.ALPHABET) // 2


@given(valid_codes)
def test_a_codes_random_bits_are_ten_bytes_and_back(code: str) -> None:
    data = codes.to_bytes(code)

    # Written once more by the definition: five bits a symbol, the first symbol foremost.
    bits = "".join(f"{codes.ALPHABET.index(symbol):05b}" for symbol in code[:16])
    assert data == int(bits, 2).to_bytes(10, "big")
    assert codes.from_bytes(data) == code


@pytest.mark.parametrize("length", [0, 9, 11])
def test_other_than_ten_bytes_are_no_code(length: int) -> None:
    with pytest.raises(ProofError, match="code_malformed"):
        codes.from_bytes(bytes(length))


@pytest.mark.parametrize("text", ["0123456789ABCDEF0", "0" * 16, ""])
def test_what_is_no_code_has_no_bytes(text: str) -> None:
    with pytest.raises(ProofError, match="code_malformed"):
        codes.to_bytes(text)
