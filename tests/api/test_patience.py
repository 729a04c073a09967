"""Whoever waits for the keeper keeps nobody out: not those who work, and no connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message, Scope

from api import authenticity, bundles, certificates, log, verify
from api.admission import AT_ONCE, Admission
from api.authenticity import HolderQuestion
from api.limits import EVIDENCE_AT_ONCE, REPORTS_AT_ONCE, Limits
from api.orders import now_us
from api.patience import WAITING_AT_ONCE, Patience
from api.policy import ANONYMOUS
from api.problems import Problem, respond
from api.services import Services
from api.surroundings import Surroundings
from infrastructure.log.checkpoints import CheckpointRow
from infrastructure.proofs import codes
from infrastructure.proofs.verdict import Basis, Reason
from projections.certificates import Found
from projections.freshness import Status
from sijill.bootstrap import READ_CONNECTIONS

pytestmark = pytest.mark.anyio
ENOUGH_SECONDS = 60
SIZE = 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Frozen:
    """A watch whose number stands still until the test lets everybody go."""

    def __init__(self) -> None:
        self.position = 0
        self.over = asyncio.Event()

    async def reach(self, _position: int, _seconds: float) -> bool:
        await self.over.wait()
        return False


class Head:
    """The log's reader: it only knows how long the log is."""

    async def head(self) -> Any:
        return SimpleNamespace(size=SIZE)


def frozen() -> Any:
    """Services whose keeper stands still; they have what is asked here, and nothing else."""
    made: Any = SimpleNamespace(
        sealed=Frozen(),
        applied=Frozen(),
        size=SIZE,
        for_checkpoints=Patience(),
        for_read_model=Patience(),
        limits=Limits(),
        reader=Head(),
        log_keys=lambda: [SimpleNamespace(verifier="ledger.example+key")],
    )
    for name in ("covered", "followed", "caught_up"):
        setattr(made, name, partial(getattr(Services, name), made))
    return made


async def asked(app: Any, path: str, query: bytes = b"") -> int:
    """The status that one request is answered with."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [],
        "app": app,
    }
    await app(scope, receive, send)
    return statuses[0]


async def test_whoever_waits_for_a_checkpoint_keeps_nobody_out() -> None:
    services = frozen()
    inner = FastAPI()
    inner.include_router(log.router)
    inner.add_exception_handler(Problem, respond)
    inner.state.services = services
    app = Surroundings(Admission(inner))
    async with asyncio.timeout(ENOUGH_SECONDS):
        waiting = [
            asyncio.create_task(asked(app, "/log/checkpoint", b"covers=3"))
            for _ in range(2 * AT_ONCE)
        ]
        too_many = 2 * AT_ONCE - WAITING_AT_ONCE
        refused = [await one for one in islice(asyncio.as_completed(waiting), too_many)]

        assert set(refused) == {503}
        assert await asked(app, "/log/vkey") == 200
        services.sealed.over.set()
        await asyncio.gather(*waiting)


async def test_to_who_comes_too_late_to_wait_the_time_is_over_and_others_may_wait_again() -> None:
    patience, watch = Patience(at_once=2), Frozen()
    seen: Any = watch
    waiting = [asyncio.create_task(patience.reach(seen, 5, 30.0)) for _ in range(2)]
    await asyncio.sleep(0)

    assert await patience.reach(seen, 5, 30.0) is False
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    again = asyncio.create_task(patience.reach(seen, 5, 30.0))
    await asyncio.sleep(0)
    assert not again.done()

    watch.position = 5
    assert await patience.reach(seen, 5, 30.0) is True
    watch.over.set()
    assert [await waiting[1], await again] == [False, False]


async def test_those_who_wait_for_all_of_it_leave_half_of_the_places() -> None:
    services = frozen()
    asking = [
        asyncio.create_task(call)
        for _ in range(AT_ONCE)
        for call in (
            services.covered(SIZE, 30.0),
            services.followed(SIZE, 5.0),
            services.caught_up(),
        )
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    still = sum(not task.done() for task in asking)
    assert still == 2 * WAITING_AT_ONCE <= AT_ONCE // 2
    services.sealed.over.set()
    services.applied.over.set()
    await asyncio.gather(*asking)


class Pool:
    """Connections, and how many are held."""

    def __init__(self) -> None:
        self.held = 0

    @asynccontextmanager
    async def connection(self, **_: Any) -> AsyncIterator[None]:
        self.held += 1
        try:
            yield None
        finally:
            self.held -= 1


@pytest.mark.parametrize("covered", [False, True], ids=["sealer", "follower"])
async def test_a_bundle_that_waits_holds_no_connection_and_no_place(
    monkeypatch: pytest.MonkeyPatch, *, covered: bool
) -> None:
    services, pool, held = frozen(), Pool(), []

    async def by_code(_: str) -> Found:
        return Found(Basis(SIZE, 0), 0, decided_index=SIZE - 1)

    async def newest(_: Any) -> CheckpointRow:
        return CheckpointRow(SIZE, bytes(32), b"", 0)

    async def status(_: Any) -> Status:
        return Status(1, "", SIZE - 1, 0, SIZE, 0, None, 0)

    async def reach(_position: int, _seconds: float) -> bool:
        held.append(pool.held)
        # Nobody else is kept from gathering evidence meanwhile.
        async with services.limits.evidence_place().held():
            return False

    monkeypatch.setattr("api.bundles.checkpoints.newest", newest)
    monkeypatch.setattr("api.bundles.freshness.status", status)
    services.pool = pool
    services.codes = SimpleNamespace(by_code=by_code)
    services.sealed.position = SIZE if covered else 0
    services.sealed.reach = services.applied.reach = reach

    for asking in (bundles.bundle_of(services, ANONYMOUS, "code"), bundles._settled(services)):
        with pytest.raises(Problem) as told:
            await asking
        assert told.value.code == "checkpoint_pending"
    assert set(held) == {0}


async def test_evidence_waits_for_a_place_before_it_takes_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.limits.BULK_PATIENCE_SECONDS", 0.01)
    services = frozen()
    for _ in range(EVIDENCE_AT_ONCE):
        await services.limits.evidence_place().take()

    async def nobody(*_: Any) -> Any:
        return ANONYMOUS

    monkeypatch.setattr("api.log.caller", nobody)
    # It has no pool: whoever asks it for a connection fails otherwise.
    for asking in (log.open_leaves(services, services), bundles._place(services).__aenter__()):
        with pytest.raises(Problem) as told:
            await asking
        assert told.value.code == "busy"
    assert READ_CONNECTIONS - REPORTS_AT_ONCE - EVIDENCE_AT_ONCE >= 4


async def test_who_may_not_wait_is_not_told_that_a_new_certificate_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services, code = frozen(), codes.generate()
    services.for_read_model = Patience(at_once=0)
    services.pool, services.replica, services.missing = Pool(), None, 0

    async def by_code(*_: Any, **__: Any) -> Found:
        return Found(Basis(SIZE - 2, 0), now_us())

    async def nobody(*_: Any, **__: Any) -> Any:
        return ANONYMOUS

    services.codes = SimpleNamespace(by_code=by_code)
    monkeypatch.setattr("api.certificates.certificates.by_code", by_code)
    monkeypatch.setattr("api.certificates.caller", nobody)
    request = Request({"type": "http", "method": "GET", "headers": [], "client": None})

    answer = await verify.judge(request, services, verify.Presented(code=code, fields={}))
    assert answer.verdict.reason is Reason.STATUS_STALE
    for asking in (
        authenticity.online(request, services, HolderQuestion(code=code, secret="secret")),
        certificates.show(request, services, code),
    ):
        with pytest.raises(Problem) as told:
            await asking
        assert told.value.code == "status_stale"

    # Of an earlier index nothing is missing, and neither where the log has nothing more.
    with pytest.raises(Problem) as told:
        await certificates.show(request, services, code, at=0)
    assert told.value.code == "certificate_unknown"
    services.size = SIZE - 1
    answer = await verify.judge(request, services, verify.Presented(code=code, fields={}))
    assert answer.verdict.reason is Reason.CODE_UNKNOWN
