import re

import pytest

from domain import errors
from domain.errors import Refusal, taken

FAMILIES = {errors.Malformed, errors.Forbidden, errors.Unknown}
NOUNS = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, Refusal) and one not in FAMILIES | {Refusal}
]


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [noun.code for noun in NOUNS]
    assert len(codes) == len(set(codes))
    assert "refused" not in codes


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_the_code_is_the_noun_in_snake_case(noun: type[Refusal]) -> None:
    words = re.findall("[A-Z][a-z]*", noun.__name__)
    assert noun.code == "_".join(words).lower()
    assert noun.__doc__


def test_a_refusal_says_its_code_and_what_it_is_about() -> None:
    refusal = errors.KeyRetired(key="abc")
    assert (refusal.code, refusal.params) == ("key_retired", {"key": "abc"})
    assert str(refusal) == "key_retired (key=abc)"
    assert str(errors.KeyRetired()) == "key_retired"


@pytest.mark.parametrize(
    "space,code",
    [
        ("agency", "agency_exists"),
        ("key", "key_already_enrolled"),
        ("code", "code_taken"),
        ("number", "number_taken"),
        ("register-closed", "register_closed"),
        ("ledger", "ledger_already_open"),
        ("anything", "claim_taken"),
    ],
)
def test_a_claim_that_is_taken_is_a_refusal_with_a_name(space: str, code: str) -> None:
    assert taken(space).code == code
