"""Two machines keep one log by turns: each has tiles and a mark of its own, and the same key."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infrastructure.log import standing_by, tilestore
from infrastructure.log.leaves import BrokenChain
from infrastructure.log.sealer import LogFrozen
from infrastructure.postgres import Role, Urls, connect_async
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.note import SignerKey
from tests.appending import append_events
from tests.infrastructure.log.sealing import ORIGIN, SealedLog, as_superuser, restore_to

pytestmark = pytest.mark.anyio

Machine = Callable[[str], SealedLog]


@pytest.fixture
def machine(database: Urls, tmp_path: Path) -> Machine:
    def make(name: str) -> SealedLog:
        folder = tmp_path / name
        folder.mkdir()
        return SealedLog(database, folder).create()

    return make


async def stand_by(log: SealedLog, key: SignerKey | None = None) -> int:
    """One look of a keeper that stands by; the size of its mark."""
    async with await connect_async(log.urls.keeper, Role.KEEPER, autocommit=True) as conn:
        await standing_by.stand_by(
            conn, origin=ORIGIN, keys=[key or log.key], mark=log.mark, store=log.store
        )
    return log.mark.read().size


async def test_they_take_turns_and_sign_one_history(machine: Machine) -> None:
    one, other = machine("one"), machine("other")
    for turn in range(4):
        append_events(one.urls, 300)
        assert await (one if turn % 2 else other).seal() == 300 * (turn + 1)
    assert one.mark.read().size == 1200
    # Each made anew what only the other had written; none signed two roots of a size.
    assert one.signed.keys() | other.signed.keys() == {300, 600, 900, 1200}
    assert await other.seal() == 1200
    assert other.mark.read() == one.mark.read()


async def test_a_mark_follows_what_the_other_one_publishes(machine: Machine) -> None:
    one, other = machine("one"), machine("other")
    append_events(one.urls, 10)
    assert await stand_by(other) == 0
    await one.seal()
    assert await stand_by(other) == 10
    assert other.mark.read() == one.mark.read()
    assert await stand_by(other) == 10


def tiles_of(log: SealedLog) -> dict[str, bytes]:
    folder = log.store.folder
    files = (path for path in folder.rglob("[!.]*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


async def test_the_tiles_are_there_before_the_stand_by_takes_over(machine: Machine) -> None:
    one, other = machine("one"), machine("other")
    append_events(one.urls, 600)
    await stand_by(other)
    assert tiles_of(other) == {}
    await one.seal()

    await stand_by(other)

    assert tiles_of(other).keys() == {"tile/0/000", "tile/0/001"}
    assert tiles_of(other) == tiles_of(one)


async def test_a_stand_by_asks_for_the_lease_while_it_still_lacks_tiles(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tilestore, "BATCH_TILES", 1)
    monkeypatch.setattr(standing_by, "SECONDS", 0.0)
    one, other = machine("one"), machine("other")
    append_events(one.urls, 600)
    await one.seal()
    for number in (1, 2):
        await stand_by(other)
        assert len(tiles_of(other)) == number


async def test_a_stand_by_keeps_no_tile_of_rows_that_were_changed(machine: Machine) -> None:
    one, other = machine("one"), machine("other")
    append_events(one.urls, 300)
    await one.seal()
    as_superuser(one, "UPDATE ledger.events SET body_digest = header_digest WHERE index = 7")
    with pytest.raises(BrokenChain):
        await stand_by(other)
    assert tiles_of(other) == {}


async def test_the_stand_by_takes_no_older_database_for_the_whole_log(machine: Machine) -> None:
    """Without following, its mark is the copy that it was given on its first day."""
    one, other = machine("one"), machine("other")
    append_events(one.urls, 20)
    await one.seal()
    append_events(one.urls, 20)
    await one.seal()
    await stand_by(other)
    restore_to(one, 20)
    with pytest.raises(LogFrozen) as frozen:
        await other.seal()
    assert frozen.value.code == "log_shorter_than_mark"
    assert other.signed == {}


async def test_a_mark_that_is_ahead_waits(machine: Machine) -> None:
    """It intended this checkpoint and lost the lease; the other one publishes it in a moment."""
    one, other = machine("one"), machine("other")
    append_events(one.urls, 10)
    await one.seal()
    ahead = Checkpoint(ORIGIN, 12, bytes(32))
    other.mark.raise_to(ahead)
    await stand_by(other)
    assert other.mark.read() == ahead


async def test_a_stand_by_says_when_its_keys_or_the_stories_are_others(machine: Machine) -> None:
    one, other = machine("one"), machine("other")
    append_events(one.urls, 10)
    await one.seal()
    with pytest.raises(LogFrozen) as foreign:
        await stand_by(other, SignerKey(ORIGIN, b"\x09" * 32))
    assert foreign.value.code == "checkpoint_not_ours"
    other.mark.raise_to(Checkpoint(ORIGIN, 10, bytes(32)))
    with pytest.raises(LogFrozen) as contradicted:
        await stand_by(other)
    assert contradicted.value.code == "mark_contradicted"
    as_superuser(
        one,
        "UPDATE ledger.checkpoints SET root = leaf_hash FROM ledger.events WHERE index = 0",
    )
    with pytest.raises(LogFrozen) as altered:
        await stand_by(other)
    assert altered.value.code == "checkpoint_altered"
