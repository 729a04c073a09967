"""What happens to registers and their entries. Each fact reads its statement."""

from datetime import date

from domain.ledger import Fact
from domain.registers.commands import EntryState, Grade
from domain.registers.record import Coverage, Entry, NumberNote, RegisterBook
from domain.registers.register import Register


def _register(fact: Fact) -> Register:
    said = fact.said
    owner = said.get("owner", fact.agency)
    return Register(owner, said["unit"], said["series"], said["year"])


class Covered(Fact):
    """A register was declared covered."""

    TOPIC = "sijill.register.covered.v1"
    OPENS = "sijill.register"

    def apply(self, aggregate: RegisterBook) -> None:
        """From now on *not found* is an answer."""
        aggregate.register = _register(self)
        aggregate.coverage = Coverage(Grade(self.said["grade"]), self.at)


class Uncovered(Fact):
    """The declaration was withdrawn."""

    TOPIC = "sijill.register.uncovered.v1"

    def apply(self, aggregate: RegisterBook) -> None:
        """*Not found* is none any more."""
        aggregate.coverage = None


class Closed(Fact):
    """A register was closed."""

    TOPIC = "sijill.register.closed.v1"
    OPENS = "sijill.register"

    def apply(self, aggregate: RegisterBook) -> None:
        """It takes no more numbers."""
        aggregate.register = _register(self)
        aggregate.closed_at = self.at


class Counted(Fact):
    """The count of a closed register was signed."""

    TOPIC = "sijill.register.counted.v1"

    def apply(self, aggregate: RegisterBook) -> None:
        """Remember that it was."""
        aggregate.counted_at = self.at


class Reserved(Fact):
    """A number was reserved."""

    TOPIC = "sijill.register.reserved.v1"
    OPENS = "sijill.register.number"

    def apply(self, aggregate: NumberNote) -> None:
        """It waits for whoever reserved it."""
        aggregate.register = _register(self)
        aggregate.number = self.said["number"]


class NumberVoided(Fact):
    """A number was voided."""

    TOPIC = "sijill.register.number_voided.v1"
    OPENS = "sijill.register.number"

    def apply(self, aggregate: NumberNote) -> None:
        """Nothing will ever stand under it."""
        aggregate.register = _register(self)
        aggregate.number = self.said["number"]
        aggregate.voided = True


class Captured(Fact):
    """An entry of a paper register was captured."""

    TOPIC = "sijill.register.captured.v1"
    OPENS = "sijill.register.entry"

    def apply(self, aggregate: Entry) -> None:
        """Make the entry."""
        said = self.said
        aggregate.register = _register(self)
        aggregate.number = said["number"]
        aggregate.type = said["type"]
        aggregate.date = date.fromisoformat(said["date"])
        aggregate.grade = Grade(said["grade"])
        aggregate.state = EntryState(said.get("entry_state", EntryState.STANDS))


class Confirmed(Fact):
    """An entry got another grade of evidence."""

    TOPIC = "sijill.register.confirmed.v1"

    def apply(self, aggregate: Entry) -> None:
        """What is known by now."""
        aggregate.grade = Grade(self.said["grade"])
        aggregate.state = EntryState(self.said.get("entry_state", EntryState.STANDS))


class Struck(Fact):
    """A captured entry was struck."""

    TOPIC = "sijill.register.struck.v1"

    def apply(self, aggregate: Entry) -> None:
        """It never stood in the register."""
        aggregate.struck_at = self.at
