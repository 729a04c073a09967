"""What an order is answered by that was only found again: the log that records must have it too.

The connections that read may still be those of a primary whose place another one has taken.
"""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from api import waiting, writing
from api.work import Outcome, Work
from domain.errors import NumberTaken, TransferRepeated
from infrastructure.log.ending import Place
from infrastructure.log.reader import RecordedLine, RecordedOrder
from infrastructure.log.refusals import StoreUnavailable
from infrastructure.proofs.leaf import encode_body

pytestmark = pytest.mark.anyio

LINES = {0: RecordedLine(5, 1, b"five" * 8), 1: RecordedLine(7, 1, b"seven" * 8)}
FOUND = [(line.index, line.leaf_hash) for line in LINES.values()]


class Recording:
    """A committer whose primary has these events."""

    def __init__(self, events: Collection[Place]) -> None:
        self.events = events

    async def confirm(self, events: Collection[Place]) -> None:
        if not events or not set(events) <= set(self.events):
            raise StoreUnavailable


class Reading:
    """A reader of a server that has both lines of the order."""

    async def recorded(self, *_: Any) -> RecordedOrder:
        return RecordedOrder(b"digest", 5, LINES)

    async def events(self, index: int, _: int) -> list[Any]:
        return [
            SimpleNamespace(leaf_hash=one.leaf_hash, time=1, body=encode_body(b"{}"))
            for one in LINES.values()
            if one.index == index
        ]


def serving(events: Collection[Place]) -> Any:
    """As much of the services as looks for what is recorded."""
    return SimpleNamespace(
        reader=Reading(),
        committer=Recording(events),
        directory=None,
        ledger=SimpleNamespace(key=lambda *_: SimpleNamespace(agency="moj")),
    )


def work(lines: Collection[int] = (0,)) -> Work:
    request: Any = SimpleNamespace(keyid="k", idempotency_key="i", request_digest=b"digest")
    command: Any = SimpleNamespace(agency="moj")
    return Work(request, {}, dict.fromkeys(lines, command), ())


@pytest.mark.parametrize("error", [NumberTaken(), TransferRepeated(index=5)])
async def test_a_line_that_was_found_again_is_answered_where_the_primary_has_it(
    error: Exception,
) -> None:
    there = await writing.recall(serving(FOUND[:1]), work(), error)
    gone = await writing.recall(serving(FOUND[1:]), work(), error)

    assert (there.place, there.error) == (FOUND[0], None)
    assert (gone.place, type(gone.error)) == (None, StoreUnavailable)


async def test_a_consignment_that_is_not_where_it_is_read_may_be_asked_for_again() -> None:
    elsewhere = await writing.recall(serving(FOUND), work(), TransferRepeated(index=9))

    assert (elsewhere.place, type(elsewhere.error)) == (None, StoreUnavailable)


async def test_an_order_that_waited_is_answered_where_the_primary_has_its_last_line() -> None:
    kept: Any = SimpleNamespace(
        order=SimpleNamespace(agency="moj", idempotency_key="i", lines=2),
        work=SimpleNamespace(request=None, signatures=()),
    )

    await waiting.recorded(serving(FOUND[1:]), kept)
    with pytest.raises(StoreUnavailable):
        await waiting.recorded(serving(FOUND[:1]), kept)


def test_a_refused_line_stands_nowhere() -> None:
    assert Outcome(0, error=NumberTaken()).place is None
