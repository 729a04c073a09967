"""The permit log as it was recorded: cases, their stays with units, and who asked whom for advice.

It knows the file and nothing of any ledger. A case's file stays with the unit of its first step
until a step is done by another unit: that is a hand-over. Steps T07 are advice: asked for by the
unit that did the last other step, given by the unit that did T07. T08 asks parties outside, each
of which answers by a T09.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DETERMINED, INTERNAL, EXTERNAL, ANSWERED = "T04", "T07", "T08", "T09"
_ADVICE = (INTERNAL, EXTERNAL, ANSWERED)
_DAY = len("2011-10-11")


@dataclass(frozen=True, slots=True)
class Step:
    """What one unit did on one day; `code` is `T07-1` and the like."""

    text: str
    unit: str
    day: str

    @property
    def code(self) -> str:
        """The first word of its name."""
        return self.text.partition(" ")[0]


@dataclass(slots=True)
class Stay:
    """A file with one unit, from a day on, and the notes that the unit wrote meanwhile."""

    unit: str
    since: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Advice:
    """Advice that one unit asked another for, on one day, and got on another."""

    text: str
    asker: str
    asked: str
    asked_on: str
    given_on: str


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Parties outside that a unit asked for advice, and the steps by which they answered."""

    step: Step
    answers: list[Step] = field(default_factory=list)

    @property
    def parties(self) -> list[str]:
        """Everybody who was asked, as far as they answered: the log names nobody else."""
        return list(dict.fromkeys(party_of(one) for one in self.answers))


@dataclass(frozen=True, slots=True)
class Case:
    """One case, its steps in order."""

    name: str
    opened: str
    deadline: str | None
    steps: Sequence[Step]
    stays: Sequence[Stay]
    advices: Sequence[Advice]
    inquiries: Sequence[Inquiry]

    @property
    def handovers(self) -> int:
        """How often the file went from one unit to another."""
        return len(self.stays) - 1

    @property
    def confirmed(self) -> Step:
        """The step that its receipt is confirmed by: the first T04, else the first of all."""
        return next(iter(self._determined), self.steps[0])

    @property
    def confirmed_again(self) -> bool:
        """Whether the receipt was determined twice."""
        return len(self._determined) > 1

    @property
    def _determined(self) -> list[Step]:
        return [step for step in self.steps if step.code == DETERMINED]


def party_of(step: Step) -> str:
    """The party outside that a step T09 heard: `party-3`."""
    return f"party-{step.code.partition('-')[2]}"


def read(path: Path, most: int | None = None) -> list[Case]:
    """The cases of the file in order of appearance, at most so many.

    The rows of a case are in order of time; they need not stand together.
    """
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["case:concept:name"]].append(row)
    return [_case(name, rows[name]) for name in list(rows)[:most]]


def units_of(cases: Iterable[Case]) -> list[str]:
    """Every unit that did a step; `EMPTY` is a unit like the others."""
    return sorted({step.unit for case in cases for step in case.steps})


def parties_of(cases: Iterable[Case]) -> list[str]:
    """Every party outside."""
    asked = (inquiry.parties for case in cases for inquiry in case.inquiries)
    return sorted({party for parties in asked for party in parties})


def _case(name: str, rows: Sequence[dict[str, str]]) -> Case:
    steps = [
        Step(row["concept:name"], row["org:group"], row["time:timestamp"][:_DAY]) for row in rows
    ]
    started = rows[0].get("case:startdate", "")[:_DAY] or steps[0].day
    stays = list(_stays(steps))
    return Case(
        name=name,
        # Two files were started, by their own word, after their first step.
        opened=min(started, steps[0].day),
        deadline=rows[0].get("case:deadline", "")[:_DAY] or None,
        steps=steps,
        stays=stays,
        advices=list(_advices(steps, stays)),
        inquiries=_inquiries(steps),
    )


def _stays(steps: Iterable[Step]) -> Iterator[Stay]:
    unit = None
    for step in steps:
        if step.unit != unit:
            unit = step.unit
            yield Stay(unit, step.day)


def _advices(steps: Iterable[Step], stays: Sequence[Stay]) -> Iterator[Advice]:
    """Advice between units; what a unit advises itself is a note on the file that it has."""
    office: Step | None = None
    place, unit = -1, None
    for step in steps:
        if step.unit != unit:
            place, unit = place + 1, step.unit
        if not step.code.startswith(_ADVICE):
            office = step
        elif step.code.startswith(INTERNAL):
            if office is None or office.unit == step.unit:
                stays[place].notes.append(step.text)
            else:
                yield Advice(step.text, office.unit, step.unit, office.day, step.day)


def _inquiries(steps: Iterable[Step]) -> list[Inquiry]:
    found: list[Inquiry] = []
    for step in steps:
        if step.code == EXTERNAL:
            found.append(Inquiry(step))
        elif step.code.startswith(ANSWERED) and found:
            found[-1].answers.append(step)
    return found
