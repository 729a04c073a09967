"""Whole lives of certificates: no sequence of orders ends in a state that cannot be.

A model of a few lines keeps its own books beside the ledger; after every step both must agree.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from domain.certificates import Certificate, OriginalStatus, Status
from tests.certificate_orders import (
    annul,
    another,
    certificate,
    correct,
    reinstate,
    replaced,
    revoke,
    supersede,
    suspend,
    void,
)
from tests.given_when_then import Order, Outcome, Scenario, code, given, issue, linked

ALIVE = {"in_force", "suspended"}


@dataclass
class Copy:
    """What a name should answer: its original's status, and which name took its place."""

    status: str = "current"
    successor: str = ""


@dataclass
class Life:
    """What one certificate should look like."""

    number: str
    status: str = "in_force"
    before: str = "in_force"
    editions: int = 1
    copies: dict[str, Copy] = field(default_factory=dict)


class Lives(RuleBasedStateMachine):
    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.lives: dict[str, Life] = {}
        self.numbers: set[str] = set()
        self.count = 0

    @initialize()
    def begin(self) -> None:
        self.scenario: Scenario = given(linked("moj")).on("2026-11-29")

    def fresh(self) -> str:
        self.count += 1
        return f"name-{self.count}"

    def order(self, order: Order, *, allowed: bool) -> Outcome:
        """The ledger and the model must agree on whether the order is refused."""
        outcome = self.scenario.when(order)
        assert (outcome.refusal is None) == allowed, (order.statement["act"], outcome.refusal)
        return outcome

    def named(self, name: str) -> tuple[Life, Copy, bool]:
        life = self.lives[name]
        copy = life.copies[name]
        return life, copy, not copy.successor

    @rule(target=names, number=st.integers(1, 6))
    def issue(self, number: int) -> str:
        name, taken = self.fresh(), str(number) in self.numbers
        self.order(issue(name, number=str(number)), allowed=not taken)
        if taken:
            return next(one for one, life in self.lives.items() if life.status != "voided")
        self.numbers.add(str(number))
        self.lives[name] = Life(str(number), copies={name: Copy()})
        return name

    @rule(name=names)
    def suspend(self, name: str) -> None:
        life, _, named = self.named(name)
        allowed = named and life.status == "in_force"
        self.order(suspend(name), allowed=allowed)
        if allowed:
            life.status = "suspended"

    @rule(name=names)
    def reinstate(self, name: str) -> None:
        life, _, named = self.named(name)
        allowed = named and life.status == "suspended"
        self.order(reinstate(name), allowed=allowed)
        if allowed:
            life.status = "in_force"

    @rule(name=names)
    def revoke(self, name: str) -> None:
        life, _, named = self.named(name)
        allowed = named and life.status in ALIVE
        self.order(revoke(name), allowed=allowed)
        if allowed:
            life.before, life.status = life.status, "revoked"

    @rule(name=names)
    def annul(self, name: str) -> None:
        life, _, named = self.named(name)
        allowed = named and life.status == "revoked"
        self.order(annul(name), allowed=allowed)
        if allowed:
            life.status = life.before

    @rule(name=names)
    def revoke_original(self, name: str) -> None:
        life, copy, _ = self.named(name)
        allowed = copy.status == "current" and life.status in ALIVE
        self.order(revoke(name, original_only=True), allowed=allowed)
        if allowed:
            copy.status = "revoked"

    @rule(name=names)
    def annul_original(self, name: str) -> None:
        life, copy, _ = self.named(name)
        allowed = copy.status == "revoked" and not copy.successor and life.status in ALIVE
        self.order(annul(name, original_only=True), allowed=allowed)
        if allowed:
            copy.status = "current"

    @rule(target=names, name=names)
    def correct(self, name: str) -> str:
        life, _, named = self.named(name)
        allowed, new = named and life.status == "in_force", self.fresh()
        self.order(correct(name, new), allowed=allowed)
        if not allowed:
            return name
        for copy in life.copies.values():
            if not copy.successor:
                # What was revoked alone stays so, and has no other end any more.
                copy.status = "superseded" if copy.status == "current" else copy.status
                copy.successor = new
        life.editions += 1
        return self.add(life, new)

    @rule(target=names, name=names)
    def another(self, name: str) -> str:
        life, _, named = self.named(name)
        allowed, new = named and life.status == "in_force", self.fresh()
        self.order(another(name, new), allowed=allowed)
        return self.add(life, new) if allowed else name

    @rule(target=names, name=names)
    def replace(self, name: str) -> str:
        life, copy, _ = self.named(name)
        allowed, new = copy.status == "current" and life.status == "in_force", self.fresh()
        self.order(replaced(name, new), allowed=allowed)
        if not allowed:
            return name
        copy.status, copy.successor = "replaced", new
        return self.add(life, new)

    @rule(name=names)
    def void(self, name: str) -> None:
        life, _, named = self.named(name)
        allowed = named and life.status in ALIVE
        self.order(void(name), allowed=allowed)
        if allowed:
            life.status = "voided"
            self.numbers.discard(life.number)

    @rule(name=names, by=names)
    def supersede(self, name: str, by: str) -> None:
        life, _, named = self.named(name)
        other, copy, _ = self.named(by)
        fit = copy.status == "current" and other.status == "in_force" and other is not life
        allowed = named and life.status in ALIVE and fit
        self.order(supersede(name, by), allowed=allowed)
        if allowed:
            life.status = "superseded"

    def add(self, life: Life, name: str) -> str:
        life.copies[name] = Copy()
        self.lives[name] = life
        return name

    @invariant()
    def ledger_and_model_agree(self) -> None:
        for name, life in self.lives.items():
            record = certificate(self.scenario, name)
            assert record.status is Status(life.status)
            assert len(record.editions) == life.editions
            for one, copy in life.copies.items():
                original = record.originals[code(one)]
                assert original.status is OriginalStatus(copy.status)
                assert original.successor == (code(copy.successor) if copy.successor else None)
            self.check_possible(record)

    def check_possible(self, record: Certificate) -> None:
        numbers = [original.number for original in record.originals.values()]
        assert numbers == list(range(1, len(numbers) + 1))
        for original in record.originals.values():
            last = original.successor is None
            assert last or original.status is not OriginalStatus.CURRENT
            assert not last or original.edition == record.edition.number
            assert last <= (original.status in {OriginalStatus.CURRENT, OriginalStatus.REVOKED})
        assert (record.superseded_by is not None) == (record.status is Status.SUPERSEDED)

    @invariant()
    def a_number_belongs_to_one_living_entry(self) -> None:
        claimed = {key for space, key in self.scenario.world.claims if space == "number"}
        assert claimed == {f"moj|main|general|2026|{number}" for number in self.numbers}


def test_until_a_day_a_correction_washed_an_original_that_was_revoked() -> None:
    """What was corrected then keeps that meaning; what is corrected since stays revoked."""
    scenario = given(linked("moj"), issue("a"), issue("b"))
    scenario.given(*(revoke(name, original_only=True) for name in ("a", "b")))
    scenario.on("2026-11-28").given(correct("a", "a2")).on("2026-11-29").given(correct("b", "b2"))

    washed, kept = (certificate(scenario, name).originals[code(name)] for name in ("a", "b"))
    assert (washed.status, washed.successor) == (OriginalStatus.SUPERSEDED, code("a2"))
    assert (kept.status, kept.successor) == (OriginalStatus.REVOKED, code("b2"))
    for act in (annul("b", original_only=True), suspend("b"), correct("b", "b3")):
        scenario.when(act).refused("code_superseded", by=code("b2"))


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
