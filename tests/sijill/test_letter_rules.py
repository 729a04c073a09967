"""Letters as an auditor judges them: what the service took is right, what it would not is found."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from domain.ledger import Fact
from domain.registers import Counted
from domain.transfers import Dispatched, RegisteredIncoming, RegisteredOutgoing
from domain.values import MICROSECONDS
from infrastructure.proofs.findings import Summary
from infrastructure.proofs.leaf import Header, Leaf, encode_body, split_body
from infrastructure.proofs.orders import POSSESSION_TAG
from sijill.rules import Rules
from tests.given_when_then import Order, Scenario, given, on_agency
from tests.letter_orders import case_file, dispatch, letter, offices, paper_in, register
from tests.registering import close, count, cover, uncover
from tests.wandering_letters import wander_letters


def judged(facts: Sequence[Fact]) -> Iterator[tuple[str, str, str]]:
    """What stands against each event: its topic, and the finding."""
    rules = Rules(Summary())
    for index, fact in enumerate(facts):
        header = Header(
            agency=fact.agency,
            evidence=fact.evidence,
            keys=fact.keys,
            line=fact.line,
            stream=fact.originator_id,
            type=fact.TOPIC,
            version=fact.originator_version,
        )
        body = split_body(encode_body(fact.statement, fact.chosen))
        time = int(fact.timestamp.timestamp()) * MICROSECONDS
        leaf = Leaf(index=index, time=time, prev=bytes(32), header=bytes(32), body=bytes(32))
        signed: Any = ()
        if fact.TOPIC == "sijill.key.enrolled.v1":
            signed = (SimpleNamespace(tag=POSSESSION_TAG, keyid=fact.keys[-1]),)
        for code, found in rules.judge(leaf, header, body, signed):
            yield fact.TOPIC, code, found


def forged(scenario: Scenario, event: type[Fact], order: Order, like: Fact) -> Fact:
    """An event that the service would not take, on the stream of another."""
    _, statement, signed = scenario.world.read(order)
    return replace(
        like,
        statement=statement,
        agency=signed.agency,
        keys=signed.keys,
        evidence=signed.evidence,
        index=None,
        originator_version=like.originator_version + (0 if event is type(like) else 1),
    )


@pytest.mark.parametrize("seed", [3, 8])
def test_what_the_service_takes_is_right(seed: int) -> None:
    assert list(judged(wander_letters(seed, 300).world.recorded)) == []


def test_a_letter_that_another_dispatches_is_found() -> None:
    scenario = given(*offices("moj", "moh", "mof")).given(letter(), dispatch())
    *before, sent = scenario.world.recorded
    assert isinstance(sent, Dispatched)
    order = dispatch(name="other").saying(agency="mof").signed_by("mof")
    [(topic, code, _)] = judged([*before, forged(scenario, Dispatched, order, sent)])
    assert (topic, code) == (Dispatched.TOPIC, "record_foreign")


def test_custody_that_another_takes_is_found() -> None:
    scenario = given(*offices("moj", "moh", "mof"))
    scenario.given(case_file(), dispatch("f"), register("f-moh"))
    *before, taken = scenario.world.recorded
    assert isinstance(taken, RegisteredIncoming)
    order = register("f-moh", "mof")
    [(_, code, found)] = judged([*before, forged(scenario, RegisteredIncoming, order, taken)])
    assert (code, found) == ("record_foreign", "transfer_unknown")


def test_a_number_that_is_used_twice_is_found() -> None:
    scenario = given(*offices("moj", "moh")).given(letter("a", number="5/1"), letter("b"))
    *before, second = scenario.world.recorded
    assert isinstance(second, RegisteredOutgoing)
    order = letter("b", number="٥/١")
    [(_, code, _)] = judged([*before, forged(scenario, RegisteredOutgoing, order, second)])
    assert code == "number_repeated"


def closing(*, incoming: bool) -> list[Order]:
    """Moj closes its register of 1998, or the book of its incoming letters."""
    return [close(incoming=incoming or None), count(1, incoming=incoming or None)]


@pytest.mark.parametrize("incoming", [False, True], ids=["outgoing", "incoming"])
def test_letters_are_counted_with_the_register_that_they_stand_in(*, incoming: bool) -> None:
    scenario = given(*offices("moj", "moh"))
    scenario.given(letter("a", year=1998, date="1998-05-01"))
    scenario.given(paper_in("b", "moj", year=1998, date="1998-05-01"))
    scenario.given(*closing(incoming=incoming))
    assert list(judged(scenario.world.recorded)) == []

    *before, counted = scenario.world.recorded
    wrong = forged(scenario, Counted, count(0, incoming=incoming or None), counted)
    [(topic, code, _)] = judged([*before, wrong])
    assert (topic, code) == (Counted.TOPIC, "register_count_wrong")


def test_a_letter_in_a_register_that_is_closed_is_found() -> None:
    scenario = given(*offices("moj", "moh"))
    scenario.given(letter("a", year=1998, date="1998-05-01"), close())
    *_, first, _ = scenario.world.recorded
    late = letter("b", year=1998, date="1998-05-02")
    found = replace(
        forged(scenario, RegisteredOutgoing, late, first), originator_id=uuid4(), index=None
    )
    assert [code for _, code, _ in judged([*scenario.world.recorded, found])] == ["register_closed"]


def test_what_a_split_leaves_to_a_body_it_goes_on_keeping() -> None:
    """And what it gave away, its successor keeps: the judge permits what the desk did."""
    shares = [{"unit": "main", "series": "degrees", "successor": "moe"}]
    split = on_agency(
        "split", "moj", shares=shares, effective_date="2026-11-20", legal_basis="law:5/2026"
    ).also_by("comsec")
    scenario = given(*offices("moj", "moe"), cover(), cover(series="degrees"), split)
    scenario.given(uncover(), cover(series="degrees").saying(agency="moe").signed_by("moe"))
    assert list(judged(scenario.world.recorded)) == []
    scenario.when(uncover(series="degrees")).refused("record_moved", successor="moe")
