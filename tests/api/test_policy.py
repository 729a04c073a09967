import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.policy import ANONYMOUS, Caller, Part, RecordParties, may_open, noun_of

ISSUER = Caller("moh", frozenset({"issue"}))
STRANGER = Caller("moj", frozenset({"issue", "court", "operate"}))
AUDITOR = Caller("fbsa", frozenset({"audit"}))
RECORD = RecordParties("moh", frozenset({"mof"}))


@pytest.mark.parametrize("noun", ["ledger", "agency", "key"])
@pytest.mark.parametrize("part", Part)
def test_registers_of_public_bodies_are_open_to_everybody(noun: str, part: Part) -> None:
    assert may_open(ANONYMOUS, noun, part, RECORD)


@pytest.mark.parametrize("part", Part)
def test_of_a_certificate_everybody_sees_who_acted_and_not_what_it_says(part: Part) -> None:
    for who in (ANONYMOUS, STRANGER):
        assert may_open(who, "certificate", part, RECORD) is (part is not Part.BODY)
    for who in (ISSUER, Caller("mof"), AUDITOR):
        assert may_open(who, "certificate", part, RECORD)


@given(noun=st.text(), part=st.sampled_from(Part))
def test_an_unknown_noun_is_for_its_parties_and_auditors(noun: str, part: Part) -> None:
    noun = f"unknown {noun}"
    assert not may_open(ANONYMOUS, noun, part, RECORD)
    assert not may_open(STRANGER, noun, part, RECORD)
    for who in (ISSUER, Caller("mof"), AUDITOR):
        assert may_open(who, noun, part, RECORD)


def test_an_auditor_is_one_by_scope_and_not_by_name() -> None:
    assert not may_open(Caller("audit"), "transfer", Part.BODY, RECORD)
    assert not may_open(Caller(None, frozenset({"auditor"})), "transfer", Part.BODY, RECORD)


@pytest.mark.parametrize(
    "topic, noun",
    [
        ("sijill.certificate.issued.v1", "certificate"),
        ("sijill.key.enrolled.v12", "key"),
        ("other.key.enrolled.v1", ""),
        ("sijill.key.v1", ""),
        ("sijill.key.a.b.v1", ""),
        ("", ""),
    ],
)
def test_the_noun_is_the_second_word_of_our_topics(topic: str, noun: str) -> None:
    assert noun_of(topic) == noun
