"""Whole lives of letters: no sequence of orders leaves two holders, none, or no way to an end."""

from random import Random
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.transfers import Business, Consignment, Conveyance, Letter, Name
from tests.domain.test_succession import merge
from tests.given_when_then import Scenario, given, on_agency
from tests.letter_orders import name_of, offices, on
from tests.wandering_letters import OFFICES, Wanderer

OPEN = {Business.AWAITING, Business.REGISTERED, Business.CLOSED}


class Letters(RuleBasedStateMachine):
    """Orders come by chance; after each of them the records are looked through."""

    @initialize(chance=st.randoms(use_true_random=False))
    def begin(self, chance: Random) -> None:
        self.scenario: Scenario = given(*offices(*OFFICES))
        self.wanderer = Wanderer(chance)
        self.holders: dict[str, str] = {}

    @rule()
    def order(self) -> None:
        order = self.wanderer.draw()
        size = self.scenario.world.size
        outcome = self.scenario.when(order)
        if outcome.refusal is not None:
            return
        self.wanderer.learn(order, size)
        said = order.statement
        if said.get("kind") == "case_file":
            self.holders[Name(said["agency"], said["new_letter"]).key] = said["agency"]
        if said["act"] == "transfer.register":
            [record] = [one for one in self.records() if self.holds(one, said)]
            if isinstance(record, Letter):
                self.holders[record.name.key] = said["agency"]

    @staticmethod
    def holds(record: Conveyance, said: dict[str, str]) -> bool:
        return Name(said["sender"], said["consignment"]).key in record.consignments

    def records(self) -> list[Conveyance]:
        world = self.scenario.world
        found: dict[UUID, Any] = {
            stream: world.ledger.repository.get(stream)
            for (space, _), stream in world.claims.items()
            if space in ("letter", "consignment")
        }
        return [one for one in found.values() if isinstance(one, Conveyance)]

    @invariant()
    def an_original_has_one_holder_who_registered_it_last(self) -> None:
        for record in self.records():
            if not record.has_custody:
                assert record.holder is None
                continue
            assert isinstance(record, Letter)
            assert record.holder == self.holders[record.name.key]
            waiting = [one for one in record.consignments.values() if one.open_to_sender]
            assert len(waiting) <= 1
            holding = [
                one
                for one in record.consignments.values()
                if one.entered is not None and one.business is not Business.HANDED_ON
            ]
            assert len(holding) <= 1

    def teardown(self) -> None:
        """From wherever the letters are, their parties can bring each of them to an end."""
        if not hasattr(self, "scenario"):
            return
        if self.wanderer.chance.random() < 0.5:
            # A body that was closed leaves nothing behind that nobody can move.
            self.scenario.given(on_agency("close", "mof", reason="abolished"), merge("mof", "moj"))
        # A hand-over that is under way ends first: its sender takes it back.
        for state in (Business.AWAITING, Business.REGISTERED, Business.CLOSED):
            for record in self.records():
                for one in list(record.consignments.values()):
                    if one.business is state:
                        self.end(one)
        left = [
            one
            for record in self.records()
            for one in record.consignments.values()
            if one.business in OPEN
        ]
        assert left == []

    def end(self, one: Consignment) -> None:
        texts = {name_of(text): text for text in self.wanderer.texts.values()}
        name, sender = texts[one.name.id], one.name.sender
        agency, by = self.answering(one.addressee or ""), self.answering(sender)
        ways = {
            Business.AWAITING: on("withdraw", name, by, sender, reason="decision"),
            Business.REGISTERED: on("close", name, agency, sender, reason="done"),
            Business.CLOSED: on("archive", name, agency, sender),
        }
        outcome = self.scenario.when(ways[one.business])
        assert outcome.refusal is None, outcome.refusal

    def answering(self, agency: str) -> str:
        world = self.scenario.world
        return agency and world.ledger.responsible(agency, None, None, world)


TestLetters = Letters.TestCase
TestLetters.settings = settings(max_examples=15, stateful_step_count=60, deadline=None)
