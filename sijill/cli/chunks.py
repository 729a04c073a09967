"""What goes into one order of a bulk, within its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infrastructure.proofs.orders import BODY_LIMIT_BYTES, LINES_LIMIT
from sijill.client import Draft

_LINE_FEED_BYTES = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of the input that is to be sent: its number, its mark, and what it asks for."""

    number: int
    mark: str
    item: dict[str, Any] = field(repr=False)
    wait: bool


@dataclass(slots=True)
class Chunk:
    """Drafts that go into one order, within its limits."""

    wait: bool
    asked: list[Asked] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    size_bytes: int = 0

    def fits(self, draft: Draft) -> bool:
        """Whether one more line keeps within the limits of an order."""
        size = self.size_bytes + len(draft.envelope) + _LINE_FEED_BYTES
        return len(self.drafts) < LINES_LIMIT and size <= BODY_LIMIT_BYTES

    def add(self, asked: Asked, draft: Draft) -> None:
        """Take one more line."""
        self.asked.append(asked)
        self.drafts.append(draft)
        self.size_bytes += len(draft.envelope) + _LINE_FEED_BYTES

    @property
    def envelopes(self) -> list[bytes]:
        """The lines of the order."""
        return [draft.envelope for draft in self.drafts]


def must_wait(draft: Draft, problem: Mapping[str, Any]) -> bool:
    """Whether a line was refused only because its order does not wait for a second officer."""
    return problem["code"] == "valid_until_missing" and b'"valid_until":' not in draft.statement
