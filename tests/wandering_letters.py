"""Random lives of letters: orders that mostly make sense, by a seeded chance."""

import random
from dataclasses import dataclass, field

from tests.given_when_then import Order, Scenario, given
from tests.letter_orders import (
    REGISTER,
    case_file,
    dispatch,
    letter,
    name_of,
    note,
    number_of,
    offices,
    on,
    on_letter,
    on_paper,
    onward,
    paper_in,
    register,
)

OFFICES = ("moj", "moh", "mof")


@dataclass
class Wanderer:
    """Draws the next order from what there is."""

    chance: random.Random
    letters: list[tuple[str, str, str]] = field(default_factory=list)
    consignments: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[tuple[str, str, str, int]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def fresh(self) -> str:
        text = f"w{len(self.texts)}"
        self.texts[name_of(text)] = text
        return text

    def draw(self) -> Order:
        """The next order."""
        roads = [self.begin, self.send, *[self.act] * 8, *[self.more] * 4]
        return self.chance.choice(roads)()

    def begin(self) -> Order:
        agency, other = self.chance.sample(OFFICES, 2)
        name = self.fresh()
        if self.chance.random() < 0.2:
            return paper_in(name, agency)
        if self.chance.random() < 0.4:
            return case_file(name, agency, to=self.chance.choice([[other], []]))
        answers = {}
        if self.consignments and self.chance.random() < 0.4:
            answered, sender, agency = self.chance.choice(self.consignments)
            other = sender if sender != agency else other
            answers = {"answers": {"sender": sender, "consignment": name_of(answered)}}
        to = [one for one in OFFICES if one != agency]
        return letter(name, agency, to=to, **answers)

    def send(self) -> Order:
        if not self.letters:
            return self.begin()
        name, agency, to = self.chance.choice(self.letters)
        if self.chance.random() < 0.3:
            to = self.chance.choice(OFFICES)
        new = self.fresh()
        if self.chance.random() < 0.15:
            return on_paper(name, agency, to, new_consignment=name_of(new))
        due = self.chance.choice(["2026-12-20", None])
        return dispatch(name, agency, to, name=new, due_date=due)

    def act(self) -> Order:
        if not self.consignments:
            return self.send()
        # Those that are still young have something left to live.
        name, sender, agency = self.chance.choice(self.consignments[-6:])
        return self.chance.choice(
            [
                on("acknowledge", name, agency, sender),
                on("open", name, agency, sender),
                register(name, agency, sender),
                register(name, agency, sender),
                note(name, agency, sender=sender, released=self.chance.choice([True, None])),
                on("refer", name, agency, sender, unit="legal"),
                on("close", name, agency, sender, reason="done"),
                on("reopen", name, agency, sender, reason="new_facts"),
                on("archive", name, agency, sender),
                on("return", name, agency, sender, reason="incomplete"),
                on("refuse", name, agency, sender, reason="duplicate"),
                self.hand_on(name, agency, sender),
                self.hand_on(name, agency, sender),
            ]
        )

    def hand_on(self, name: str, agency: str, sender: str) -> Order:
        new, to = self.fresh(), self.chance.choice(OFFICES)
        return onward(name, agency, to, new, sender)

    def more(self) -> Order:
        if not self.consignments or not self.letters:
            return self.begin()
        name, sender, agency = self.chance.choice(self.consignments[-6:])
        written, owner, _ = self.chance.choice(self.letters)
        place = {**REGISTER, "number": number_of(self.fresh())}
        index = self.notes[-1][3] if self.notes else 0
        noted = self.notes[-1][:3] if self.notes else (name, agency, sender)
        return self.chance.choice(
            [
                on("withdraw", name, sender, sender, reason="decision"),
                on("remind", name, sender, sender),
                on("set_due_date", name, sender, sender, due_date="2026-12-24"),
                on("extend_due_date", name, sender, sender, due_date="2026-12-31"),
                on("rectify", name, agency, sender, **place),
                on_letter("rectify_outgoing", written, owner, **place),
                on_letter("cancel", written, owner, reason="superseded"),
                on("release", *noted, note_index=index),
                on("rectify_note", *noted, note_index=index, claims=note().statement["claims"]),
            ]
        )

    def learn(self, order: Order, index: int) -> None:
        """Remember what was recorded."""
        said = order.statement
        agency = said["agency"]
        if "new_letter" in said:
            to = said["to"][0] if said["to"] else self.chance.choice(OFFICES)
            self.letters.append((self.texts[said["new_letter"]], agency, to))
        elif "new_consignment" in said:
            to = said.get("addressee", agency)
            self.consignments.append((self.texts[said["new_consignment"]], agency, to))
        elif said["act"] == "transfer.annotate":
            name = self.texts[said["consignment"]]
            self.notes.append((name, agency, said["sender"], index))


def wander_letters(seed: int, steps: int) -> Scenario:
    """A ledger in which so many orders about letters came, refused ones included."""
    scenario = given(*offices(*OFFICES))
    wanderer = Wanderer(random.Random(seed))
    for _ in range(steps):
        order = wanderer.draw()
        size = scenario.world.size
        if scenario.when(order).refusal is None:
            wanderer.learn(order, size)
    return scenario
