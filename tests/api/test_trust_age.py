"""How old a trust list says it is, and that nobody waits for one, whatever stands still."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from api import trust
from api.problems import Problem
from api.shelves import Kept
from infrastructure.postgres import Role, Urls, async_pool, connect, connect_async
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.trust import TrustNote
from projections import model
from tests.appending import append_events
from tests.clock import now_seconds
from tests.infrastructure.log.sealing import ORIGIN, SealedLog

pytestmark = pytest.mark.anyio
MANY = 200


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Ledger:
    """A sealed log of three events with a read model of which the test says how far it is."""

    log: SealedLog
    services: Any

    def applied(self, size: int) -> None:
        with connect(self.log.urls.admin, None, autocommit=True) as admin:
            admin.execute("UPDATE read.model SET index = %s", (size - 1,))

    def recorded(self, *, ago: int) -> int:
        """One more event, recorded so many seconds ago; its time in seconds."""
        size = append_events(self.log.urls, 1)
        with connect(self.log.urls.admin, None, autocommit=True) as admin:
            for table in ("ledger.events", "ledger.events_0"):
                admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
            [time] = admin.execute(
                "UPDATE ledger.events SET time = time - %s WHERE index = %s RETURNING time",
                (ago * 1_000_000, size - 1),
            ).fetchone() or (0,)
        return int(time) // 1_000_000

    async def list(self) -> tuple[int, TrustNote]:
        """The list's size by its content, and its note."""
        request = Request({"type": "http", "method": "GET", "headers": []})
        answer = await trust.trust_list(request, self.services)
        said = json.loads(bytes(answer.body))
        text, _, _ = said["note"].partition("\n\n")
        return said["content"]["size"], TrustNote.parse(f"{text}\n")

    def forget(self) -> None:
        """As after half a minute, when the list that is kept is looked at anew."""
        self.services.trust.size = -1


@pytest.fixture
async def ledger(database: Urls, tmp_path: Path) -> AsyncIterator[Ledger]:
    log = SealedLog(database, tmp_path).create()
    append_events(database, 3)
    assert await log.seal() == 3
    async with await connect_async(database.keeper, Role.KEEPER, autocommit=True) as keeper:
        assert await model.ensure(keeper)
    async with async_pool(database.service, Role.SERVICE, size=2, autocommit=True) as pool:
        services = SimpleNamespace(
            pool=pool,
            missing=0,
            trust=Kept(),
            ledger_id=bytes(32),
            origin=ORIGIN,
            founders=frozenset({"ndc"}),
            receipts=SignerKey(f"{ORIGIN}/receipts", bytes(32)),
        )
        made = Ledger(log, services)
        made.applied(3)
        yield made


async def test_a_list_of_the_whole_log_is_of_now(ledger: Ledger) -> None:
    before = now_seconds()

    size, note = await ledger.list()

    assert (size, note.size) == (3, 3)
    assert before - 1 <= note.issued <= now_seconds() + 1


async def test_a_list_that_lacks_an_event_is_as_old_as_that(ledger: Ledger) -> None:
    since = ledger.recorded(ago=trust.STALE_SECONDS // 2)
    # However lately another one came.
    ledger.recorded(ago=0)

    first = await ledger.list()
    ledger.forget()
    again = await ledger.list()

    assert [note.issued for _, note in (first, again)] == [since, since]
    assert first[1].expires - since == 7 * 86_400


async def test_a_list_that_has_lacked_an_event_for_long_is_handed_out_to_nobody(
    ledger: Ledger,
) -> None:
    await ledger.list()
    ledger.recorded(ago=trust.STALE_SECONDS + 1)

    told = await asyncio.gather(*(ledger.list() for _ in range(MANY)), return_exceptions=True)

    # The one that is kept was of the whole log, and is not known to be any more.
    assert {one.code for one in told if isinstance(one, Problem)} == {"status_stale"}
    assert {type(one) for one in told} == {Problem}


async def test_a_read_model_that_is_behind_is_not_waited_for(ledger: Ledger) -> None:
    ledger.recorded(ago=0)
    assert await ledger.log.seal() == 4

    size, note = await ledger.list()
    assert (size, note.size) == (3, 3)

    ledger.applied(4)
    size, note = await ledger.list()
    assert (size, note.size) == (4, 4)


async def test_without_a_checkpoint_that_the_read_model_reaches_there_is_no_list(
    ledger: Ledger,
) -> None:
    ledger.applied(2)
    with pytest.raises(Problem) as told:
        await ledger.list()

    assert told.value.code == "checkpoint_pending"


async def test_a_database_that_lost_events_has_no_list(ledger: Ledger) -> None:
    await ledger.list()
    ledger.services.missing = 1
    with pytest.raises(Problem) as told:
        await ledger.list()

    assert told.value.code == "status_stale"


async def test_after_the_databases_clock_went_back_nobody_knows_how_old_a_list_is(
    ledger: Ledger,
) -> None:
    ledger.recorded(ago=-trust.STALE_SECONDS - 10)

    with pytest.raises(Problem) as told:
        await ledger.list()

    assert told.value.code == "status_stale"
