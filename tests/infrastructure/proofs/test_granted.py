"""What a code rests on is told from headers and bodies alone, and told as the domain has it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from random import Random
from typing import Any

import pytest

from domain.ledger import Fact
from domain.values import MICROSECONDS
from infrastructure.proofs.standing import Act, granted
from tests.certificate_orders import (
    annul,
    another,
    certificate,
    correct,
    reaffirm,
    reinstate,
    replaced,
    revoke,
    supersede,
    suspend,
)
from tests.domain.test_compromise import compromise
from tests.domain.test_court import by_court, court
from tests.given_when_then import Order, Scenario, enrol, given, issue, linked

SEEDS = range(8)
_KINDS = (
    "corrected",
    "court_suspension_lifted",
    "original_added",
    "original_replaced",
    "reaffirmed",
    "reinstated",
    "revocation_annulled",
    "superseded",
    "suspended_by_court",
)


@dataclass
class History:
    """What chance does to one certificate, with keys that are stolen now and then."""

    random: Random
    scenario: Scenario = field(
        default_factory=lambda: given(
            linked("moj"), court("hjc"), court("appeal"), issue("a"), issue("b")
        )
    )
    names: list[str] = field(default_factory=lambda: ["a"])
    keys: dict[str, str] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=count)
    proposed: str = ""

    def wander(self, steps: int) -> None:
        for body in ("moj", "hjc", "appeal"):
            self.enrol(body)
        for _ in range(steps):
            self.attempt(self.random.choice(_TURNS)(self))

    def attempt(self, order: Order | None) -> None:
        """Give an order that may be refused; what it makes is named from then on."""
        if order is not None and self.scenario.when(order).refusal is None:
            self.names += [self.proposed] if "new_code" in order.statement else []

    def enrol(self, body: str) -> None:
        """A new key, which signs from now on."""
        self.keys[body] = f"{body}-{next(self.numbers)}-new"
        if body == "moj":
            self.scenario.given(enrol(self.keys[body], body, ("issue", "revoke")))
            return
        key = enrol(self.keys[body], body, ("court",))
        self.scenario.given(key.also_by("ndc", "comsec"))

    def own(self, made: Callable[[str], Order], *also: str) -> Order:
        name = self.random.choice(self.names[-4:])
        return made(name).signed_by(self.keys["moj"], *also)

    def new(self, made: Callable[[str, str], Order]) -> Order:
        self.proposed = f"n{next(self.numbers)}"
        return self.own(lambda name: made(name, self.proposed))

    def court(self) -> Order:
        body, reference = self.random.choice(("hjc", "appeal")), self.random.randrange(2)
        cited, name = f"judgment:{reference}/2026", self.random.choice(self.names[-4:])
        if self.random.random() < 0.4:
            asked = by_court("suspend_by_court", name, cited, body)
        else:
            lifting = "judgment:9/2026"
            asked = by_court("lift_court_suspension", name, lifting, body, ends=cited)
        return asked.signed_by(self.keys[body])

    def steal(self) -> None:
        body = self.random.choice(("moj", "hjc", "appeal"))
        begins = self.scenario.world.size - self.random.randrange(12)
        stolen = compromise(self.keys[body], begins, body)
        self.scenario.given(stolen)
        self.enrol(body)

    def alone(self) -> dict[str, bool]:
        return {"original_only": True} if self.random.random() < 0.8 else {}


_TURNS: tuple[Callable[[History], Order | None], ...] = (
    *(History.court,) * 9,
    *(History.steal,) * 2,
    *(lambda one: one.own(reaffirm),) * 4,
    lambda one: one.own(suspend),
    *(lambda one: one.own(reinstate),) * 3,
    *(lambda one: one.own(lambda name: revoke(name, **one.alone())),) * 2,
    *(lambda one: one.own(lambda name: annul(name, **one.alone()), "moj-2"),) * 4,
    *(lambda one: one.new(correct),) * 2,
    *(lambda one: one.new(another),) * 3,
    *(lambda one: one.new(replaced),) * 3,
)


def seen(fact: Fact, *, opened: bool = True) -> Act:
    """The event as a bundle has it."""
    time = int(fact.timestamp.timestamp()) * MICROSECONDS
    said = fact.said if opened else None
    return Act(fact.at, fact.TOPIC, said, fact.agency, time)


@cache
def history(seed: int) -> Scenario:
    """The last days of one rule and the first of the other; half of it is replaced in the end."""
    one = History(Random(seed))
    one.scenario.on("2026-11-28")
    one.wander(120)
    one.scenario.on("2026-11-29")
    one.wander(200)
    if seed % 2:
        for _ in range(40):
            one.attempt(one.own(lambda name: supersede(name, "b")))
            one.wander(5)
    return one.scenario


@pytest.fixture(scope="module", params=SEEDS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return history(request.param)


def test_after_every_event_a_code_rests_on_what_the_domain_says(scenario: Scenario) -> None:
    record = certificate(scenario, "a")
    facts = [one for one in scenario.world.recorded if one.originator_id == record.id]
    replayed: Any = None
    for version, fact in enumerate(facts, start=1):
        replayed = fact.mutate(replayed)
        acts = [seen(one) for one in facts[:version]]
        for code in replayed.originals:
            rests = sorted(one.at for one in replayed.grants if one.code in (None, code))
            assert sorted(one.at for one in granted(acts, code)) == rests, (version, code)


def test_what_is_closed_adds_nothing_to_what_a_code_rests_on(scenario: Scenario) -> None:
    """Whoever keeps bodies back makes an honest ledger no liar."""
    record = certificate(scenario, "a")
    facts = [one for one in scenario.world.recorded if one.originator_id == record.id]
    random = Random(0)
    for _ in range(20):
        acts = [seen(one, opened=random.random() < 0.6) for one in facts]
        for code in record.originals:
            rests = {one.at for one in record.grants if one.code in (None, code)}
            assert {one.at for one in granted(acts, code)} <= rests


def test_everything_happens_in_these_histories() -> None:
    topics = {fact.TOPIC for seed in SEEDS for fact in history(seed).world.recorded}
    assert {f"sijill.certificate.{kind}.v1" for kind in _KINDS} <= topics
