"""What a bulk asks is attested beside all else: a few at a time, and no more than fits."""

import asyncio
from typing import Any, cast

import pytest

from api import attesting
from api.attesting import Asked, Attester
from api.services import Services

SERVICES = cast("Services", None)


@pytest.mark.anyio
async def test_bulks_are_attested_a_few_requests_at_a_time_and_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    enough = asyncio.Event()

    async def answer(_: object, request: str, code: str) -> None:
        begun.append(f"{request} {code}")
        if len(begun) == attesting._AT_ONCE:
            enough.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(attesting, "answer", answer)
    attester = Attester("ndc", lambda: None)
    for bulk in range(attesting._BULKS + 2):
        attester.begin(SERVICES, [Asked(f"{bulk}", f"{one}") for one in range(100)])
    await asyncio.wait_for(enough.wait(), 60)

    running: set[Any] = set(attester._running)
    assert len(running) == attesting._BULKS
    assert len(begun) == attesting._AT_ONCE
    attester.stop()
    await asyncio.gather(*running, return_exceptions=True)
    assert not attester._running
