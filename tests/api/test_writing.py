"""What becomes of an order that is refused by a clock which nobody may trust."""

from types import SimpleNamespace
from typing import Any

import pytest

from api import writing
from api.work import Outcome
from domain.errors import KeyEnded
from infrastructure.log.refusals import ClockUnsafe

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("doubt", [ClockUnsafe(), None])
async def test_a_single_order_is_refused_by_no_wrong_clock(
    monkeypatch: pytest.MonkeyPatch, doubt: Exception | None
) -> None:
    refusal = KeyEnded(key="k")

    async def refused(*_: Any) -> dict[int, Outcome]:
        return {0: Outcome(0, error=refusal)}

    async def nothing_found(*_: Any) -> None:
        return None

    async def doubted(_read_us: int) -> Exception | None:
        return doubt

    monkeypatch.setattr(writing, "_attempt", refused)
    monkeypatch.setattr(writing, "_find_replays", nothing_found)
    monkeypatch.setattr(writing, "order_of", lambda _work: None)
    services: Any = SimpleNamespace(doubt=doubted)
    request = SimpleNamespace(atomic=False)
    work: Any = SimpleNamespace(lines={0: None}, request=request, read_us=0)

    [outcome] = await writing.record(services, work)

    assert outcome.error is (doubt or refusal)
