"""However many holders ask at once, those who ask for verdicts get an answer."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from api import authenticity
from api.authenticity import HolderQuestion, _shown
from api.limits import Limits
from api.problems import Problem
from infrastructure.proofs import codes
from infrastructure.proofs.verdict import Basis
from projections.authenticity import Request as Row
from projections.certificates import Found, Gathering, asking
from sijill.bootstrap import READ_CONNECTIONS

pytestmark = pytest.mark.anyio
ENOUGH_SECONDS = 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Pool:
    """As many connections as a worker has; whoever wants one more waits until one is free."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(READ_CONNECTIONS)

    @asynccontextmanager
    async def connection(self, **_: Any) -> AsyncIterator[None]:
        async with self._free:
            yield None


async def test_more_holders_than_connections_keep_none_that_a_verdict_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unknown(_: Any, asked: Collection[str]) -> dict[str, Found]:
        return dict.fromkeys(asked, Found(Basis(7, 0), 0))

    monkeypatch.setattr("projections.certificates.gathering.by_codes", unknown)
    pool: Any = Pool()

    async def caught_up() -> bool:
        return True

    services: Any = SimpleNamespace(
        pool=pool,
        limits=Limits(),
        caught_up=caught_up,
        codes=Gathering(asking(pool, wait_seconds=2.0)),
    )
    request = Request({"type": "http", "method": "POST", "headers": [], "client": None})
    questions = [
        authenticity.online(request, services, HolderQuestion(code=codes.generate(), secret="x"))
        for _ in range(READ_CONNECTIONS + 1)
    ]

    async with asyncio.timeout(ENOUGH_SECONDS):
        told, _ = await asyncio.gather(
            asyncio.gather(*questions, return_exceptions=True),
            services.codes.by_code(codes.generate()),
        )

    assert {one.code for one in told if isinstance(one, Problem)} == {"code_or_secret_wrong"}
    assert len(told) == READ_CONNECTIONS + 1


async def test_late_is_judged_by_the_day_of_the_answer() -> None:
    """The same index gives the same answer on every day."""
    nothing = Row._make([None] * len(Row._fields))
    row = nothing._replace(due_date="2026-11-29", state="open")

    assert not _shown(row, "2026-11-29")["overdue"]
    assert _shown(row, "2026-11-30")["overdue"]
    assert not _shown(row._replace(ended_index=7), "2026-11-30")["overdue"]
