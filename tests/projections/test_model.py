"""Generations: the same log makes the same rows, and a new generation takes over unnoticed."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from psycopg import AsyncConnection, errors

from infrastructure.log.follower import Follower, FollowerStopped, Recorded
from infrastructure.log.watch import Watch
from infrastructure.postgres import Role, connect_async
from projections import certificates, freshness, model
from projections.freshness import NoReadModel
from projections.model import PROJECTORS, ReadModel
from projections.projector import Projector
from tests.given_when_then import code, given, issue, linked, on_certificate
from tests.projections.conftest import Reading
from tests.projections.wandering import wander

pytestmark = pytest.mark.anyio
Connection = AsyncConnection[Any]

OTHER_RULES: Sequence[Projector] = tuple(
    replace(projector, version=projector.version + 1) for projector in PROJECTORS
)


async def build(conn: Connection, number: int, *, page_events: int, upto: int | None = None) -> str:
    schema = f"read_{number}"
    await model.create(conn, schema, generation=number)
    await Follower(ReadModel(schema), page_events=page_events).catch_up(conn, upto=upto)
    return schema


async def test_the_same_log_makes_the_same_rows_whatever_the_pages(reading: Reading) -> None:
    """Also: what stood after event N is what a rebuild that stopped at N has."""
    scenario = wander(7, 250)
    last = reading.write(scenario)
    keeper = reading.keeper
    schemas = {
        size: await build(keeper, number, page_events=size)
        for number, size in ((11, 1), (12, 7), (13, 5000))
    }
    digests = {await model.digest(keeper, at=last, schema=one) for one in schemas.values()}
    assert len(digests) == 1
    whole = schemas[5000]
    for number, at in enumerate((0, last // 3, last // 2, last - 1), start=20):
        part = await build(keeper, number, page_events=10, upto=at)
        stopped = await model.digest(keeper, at=at, schema=part)
        assert stopped == await model.digest(keeper, at=at, schema=whole)
        assert stopped not in digests
        # And going on from there leads to the same end.
        await Follower(ReadModel(part), page_events=4).catch_up(keeper)
        assert await model.digest(keeper, at=last, schema=part) in digests


async def test_an_event_of_an_unknown_kind_stops_it(reading: Reading) -> None:
    scenario = given(linked("moj"))
    reading.write(scenario)
    unknown = reading.scribe.record("sijill.thing.done.v1", {"agency": "moj"})
    reading.scribe.write()
    with pytest.raises(FollowerStopped, match="event_type_unknown") as stopped:
        await Follower(ReadModel()).catch_up(reading.keeper)
    assert (stopped.value.index, stopped.value.topic) == (unknown, "sijill.thing.done.v1")
    assert (await freshness.status(reading.service)).index == -1


@pytest.mark.parametrize("missing", ["subject", "names"])
async def test_an_event_that_makes_no_sense_stops_it(reading: Reading, missing: str) -> None:
    scenario = given(linked("moj"))
    reading.write(scenario)
    statement = {"agency": "ndc", "subject": "moj", "names": {}, "effective_date": "2026-01-01"}
    del statement[missing]
    index = reading.scribe.record("sijill.agency.renamed.v1", statement)
    reading.scribe.write()
    follower = Follower(ReadModel(), page_events=index)
    for _ in range(2):
        with pytest.raises(FollowerStopped, match="event_not_applicable") as stopped:
            await follower.catch_up(reading.keeper)
        assert stopped.value.index == index
        assert isinstance(stopped.value.__cause__, KeyError)
        assert (await freshness.status(reading.service)).index == index - 1


async def test_an_act_on_a_record_that_was_never_opened_stops_it(reading: Reading) -> None:
    reading.write(given(linked("moj")))
    index = reading.scribe.record(
        "sijill.certificate.suspended.v1", {"agency": "moj", "code": code("a")}
    )
    reading.scribe.write()
    with pytest.raises(FollowerStopped) as stopped:
        await Follower(ReadModel()).catch_up(reading.keeper)
    assert stopped.value.index == index


async def test_acts_whose_recorded_time_runs_backwards_stop_it(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"), issue("b"))
    reading.scribe.copy(scenario.world.recorded)
    *_, last = reading.scribe.pending
    two_days = 2 * 86_400_000_000
    reading.scribe.pending[-1] = (last[0], last[1] - two_days, *last[2:])
    reading.scribe.write()
    with pytest.raises(FollowerStopped, match="time_backwards"):
        await Follower(ReadModel()).catch_up(reading.keeper)


async def test_the_service_reads_and_may_not_write(reading: Reading) -> None:
    await reading.follow(given(linked("moj"), issue("a")))
    rows = await (await reading.service.execute("SELECT code FROM read.codes")).fetchall()
    assert rows == [(code("a"),)]
    with pytest.raises(errors.InsufficientPrivilege):
        await reading.service.execute("UPDATE read.codes SET state = 'revoked'")
    with pytest.raises(errors.InsufficientPrivilege):
        await reading.service.execute("CREATE TABLE read.mine ()")


async def test_other_rules_ask_for_a_rebuild(reading: Reading) -> None:
    last = await reading.follow(given(linked("moj"), issue("a")))
    assert await model.ensure(reading.keeper)
    assert not await model.ensure(reading.keeper, projectors=OTHER_RULES)
    with pytest.raises(FollowerStopped, match="read_model_outdated"):
        await Follower(ReadModel(projectors=OTHER_RULES)).catch_up(reading.keeper)
    assert await model.rebuild(reading.keeper, projectors=OTHER_RULES) == 2
    assert await model.ensure(reading.keeper, projectors=OTHER_RULES)
    with pytest.raises(FollowerStopped, match="read_model_outdated"):
        await Follower(ReadModel()).catch_up(reading.keeper)
    position = await model.made(reading.service, model.ACTIVE)
    assert position is not None
    assert (position.generation, position.index) == (2, last)


async def test_a_new_generation_takes_over_under_open_connections(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"))
    await reading.follow(scenario)
    for _ in range(10):
        # Often enough for the server to have prepared the statement.
        found = await certificates.by_code(reading.service, code("a"))
        assert found.code is not None
    before = await model.digest(reading.keeper, at=found.basis.index)
    # What the follower has not applied yet, the new generation has.
    scenario.given(on_certificate("revoke", "a", reason="decision"))
    last = reading.write(scenario)
    assert await model.rebuild(reading.keeper) == 2
    found = await certificates.by_code(reading.service, code("a"))
    assert found.basis.index == last
    assert found.facts is not None
    assert found.facts.withdrawn_index == last
    assert await model.digest(reading.keeper, at=last - 1) == before
    scenario.given(issue("b"))
    assert await reading.follow(scenario) == last + 1
    schemas = await reading.keeper.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ 'read'"
    )
    assert await schemas.fetchall() == [("read",)]
    assert await model.rebuild(reading.keeper) == 3


async def made(reading: Reading, schema: str) -> int:
    """Names a generation's tables, whatever their schema is called later."""
    query = f"SELECT '{schema}.codes'::regclass::oid"
    [[oid]] = await (await reading.keeper.execute(query.encode())).fetchall()
    return int(oid)


async def test_an_upgrade_takes_over_what_was_built_while_the_old_release_went_on(
    reading: Reading,
) -> None:
    scenario = given(linked("moj"), issue("a"))
    last = await reading.follow(scenario)
    assert await model.prepare(reading.keeper, projectors=OTHER_RULES) == last
    prepared = await made(reading, "read_2")
    # The old release follows on, and answers; so does a second preparation.
    scenario.given(issue("b"))
    last = await reading.follow(scenario)
    status = await freshness.status(reading.service)
    assert (status.generation, status.index) == (1, last)
    assert await model.prepare(reading.keeper, projectors=OTHER_RULES) == last
    scenario.given(issue("c"))
    last = await reading.follow(scenario)

    assert await model.rebuild(reading.keeper, projectors=OTHER_RULES) == 2
    position = await model.made(reading.service, model.ACTIVE)
    assert position is not None
    assert (position.generation, position.index) == (2, last)
    assert await made(reading, "read") == prepared


async def test_an_upgrade_to_the_same_rules_prepares_nothing(reading: Reading) -> None:
    last = await reading.follow(given(linked("moj"), issue("a")))
    assert await model.prepare(reading.keeper) == last
    schemas = await reading.keeper.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ 'read'"
    )
    assert await schemas.fetchall() == [("read",)]


async def test_a_rebuild_that_was_cut_off_is_gone_on_with(reading: Reading) -> None:
    last = await reading.follow(given(linked("moj"), issue("a"), issue("b")))
    digest = await model.digest(reading.keeper, at=last)
    begun = await made(reading, await build(reading.keeper, 2, page_events=1, upto=2))
    assert await model.rebuild(reading.keeper) == 2
    assert await made(reading, "read") == begun
    assert await model.digest(reading.keeper, at=last) == digest


async def test_what_other_rules_began_is_begun_anew(reading: Reading) -> None:
    await reading.follow(given(linked("moj"), issue("a")))
    begun = await made(reading, await build(reading.keeper, 2, page_events=1))
    assert await model.rebuild(reading.keeper, projectors=OTHER_RULES) == 2
    assert await made(reading, "read") != begun


async def test_the_first_generation_may_come_from_a_rebuild(reading: Reading) -> None:
    reading.write(given(linked("moj")))
    await reading.keeper.execute("DROP SCHEMA read CASCADE")
    await reading.keeper.execute("CREATE SCHEMA read_9")
    assert await model.rebuild(reading.keeper) == 1
    assert (await freshness.status(reading.service)).lag_events == 0


async def test_what_was_prepared_where_there_was_none_is_taken_over(reading: Reading) -> None:
    """After a restore, before the ledger is served: an empty one stands in its place meanwhile."""
    reading.write(given(linked("moj"), issue("a")))
    await reading.keeper.execute("DROP SCHEMA read CASCADE")
    await model.prepare(reading.keeper)
    prepared = await made(reading, "read_1")

    for _ in range(2):
        assert not await model.ensure(reading.keeper)
        assert (await freshness.status(reading.service)).index == -1
    assert await model.prepare(reading.keeper) == await model.head(reading.keeper)
    assert await model.rebuild(reading.keeper) == 1

    assert await made(reading, "read") == prepared
    assert await model.ensure(reading.keeper)
    assert (await freshness.status(reading.service)).lag_events == 0


async def test_a_page_in_flight_lands_in_one_generation(reading: Reading) -> None:
    """The follower asked for its position before the swap; it must not go on from there."""
    scenario = given(linked("moj"), issue("a"))
    await reading.follow(scenario)
    scenario.given(issue("b"), issue("c"))
    last = reading.write(scenario)
    asked, swapped = asyncio.Event(), asyncio.Event()

    class Slow(ReadModel):
        async def position(self, conn: Connection) -> int:
            position = await super().position(conn)
            asked.set()
            await swapped.wait()
            return position

    async with await connect_async(reading.urls.keeper, Role.KEEPER, autocommit=True) as other:
        follower = asyncio.create_task(Follower(Slow()).catch_up(other))
        await asked.wait()
        rebuild = asyncio.create_task(model.rebuild(reading.keeper))
        # What waits is the dropping of the old generation: the swap itself is over.
        await _blocked(reading)
        assert (await freshness.status(reading.service)).generation == 2
        swapped.set()
        assert await follower == last
        assert await rebuild == 2
    rows = await (await reading.service.execute("SELECT count(*) FROM read.codes")).fetchall()
    assert rows == [(3,)]


async def test_the_swap_waits_for_a_page_in_flight(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"))
    await reading.follow(scenario)
    scenario.given(issue("b"))
    last = reading.write(scenario)
    moved, go_on = asyncio.Event(), asyncio.Event()

    class Slow(ReadModel):
        async def apply(self, conn: Connection, page: Sequence[Recorded]) -> None:
            await super().apply(conn, page)
            moved.set()
            await go_on.wait()

    async with await connect_async(reading.urls.keeper, Role.KEEPER, autocommit=True) as other:
        follower = asyncio.create_task(Follower(Slow()).step(other))
        await moved.wait()
        rebuild = asyncio.create_task(model.rebuild(reading.keeper))
        await _blocked(reading)
        go_on.set()
        assert await follower == last
        assert await rebuild == 2
    status = await freshness.status(reading.service)
    assert (status.generation, status.index) == (2, last)


async def _blocked(reading: Reading) -> None:
    """Return once some statement of the keeper's waits for a lock."""
    query = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    async with await connect_async(reading.urls.admin, None, autocommit=True) as admin:
        async with asyncio.timeout(20):
            # The server tells nobody when somebody begins to wait.
            waiting = False
            while not waiting:
                await asyncio.sleep(0.01)
                row = await (await admin.execute(query)).fetchone()
                waiting = row == (True,)


async def test_without_a_read_model_nothing_is_answered(reading: Reading) -> None:
    await reading.keeper.execute("DROP SCHEMA read CASCADE")
    with pytest.raises(NoReadModel, match="no read model yet"):
        await freshness.status(reading.service)
    with pytest.raises(NoReadModel):
        await certificates.by_code(reading.service, code("a"))


async def test_two_rebuilds_at_once_are_refused(reading: Reading) -> None:
    async with await connect_async(reading.urls.keeper, Role.KEEPER, autocommit=True) as other:
        await other.execute("SELECT pg_advisory_lock(hashtextextended('sijill.read.rebuild', 0))")
        with pytest.raises(FollowerStopped, match="rebuild_running"):
            await model.rebuild(reading.keeper)
        await other.execute("SELECT pg_advisory_unlock_all()")
        assert await model.rebuild(reading.keeper) == 2


async def test_whoever_waits_for_an_index_is_woken_by_it(reading: Reading) -> None:
    scenario = given(linked("moj"), issue("a"))
    watch = Watch(
        reading.urls.service,
        freshness.CHANNEL,
        freshness.APPLIED_EVENTS,
        role=Role.SERVICE,
        # Only a notification comes in time.
        poll_seconds=600,
    )
    async with watch:
        index = scenario.world.size - 1
        assert not await watch.reach(index + 1, 0)
        waiting = asyncio.create_task(watch.reach(index + 1, 20))
        await reading.follow(scenario)
        assert await waiting


async def test_how_far_it_has_come_is_told(reading: Reading) -> None:
    empty = await freshness.status(reading.service)
    assert (empty.index, empty.head_size, empty.lag_events, empty.lag_microseconds) == (-1, 0, 0, 0)
    scenario = given(linked("moj"))
    last = await reading.follow(scenario)
    scenario.given(issue("a"), issue("b"))
    reading.write(scenario)
    status = await freshness.status(reading.service)
    assert (status.index, status.head_size, status.lag_events) == (last, last + 3, 2)
    assert status.waiting_since == scenario.world.now - 2_000_000
    assert status.lag_microseconds == status.clock - status.waiting_since
    await reading.follow(scenario)
    assert (await freshness.status(reading.service)).lag_microseconds == 0


async def test_a_reader_of_the_old_generation_does_not_hold_the_swap_up(reading: Reading) -> None:
    await reading.follow(given(linked("moj"), issue("a")))
    async with reading.service.transaction():
        await reading.service.execute("SELECT FROM read.codes")
        assert await model.rebuild(reading.keeper) == 2
        rows = await (await reading.service.execute("SELECT code FROM read.codes")).fetchall()
        assert rows == [(code("a"),)]
    assert await model.rebuild(reading.keeper) == 3
    schemas = await reading.keeper.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ 'read'"
    )
    assert await schemas.fetchall() == [("read",)]
