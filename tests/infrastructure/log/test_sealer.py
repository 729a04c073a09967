import asyncio
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from infrastructure import faults
from infrastructure.log import checkpoints
from infrastructure.log.lease import Lease, LeaseLost
from infrastructure.log.queries import QUERIES
from infrastructure.log.reader import CHANNEL, Watch
from infrastructure.log.sealer import LEASE, DurabilityUnknown
from infrastructure.log.tilestore import TileStore
from infrastructure.postgres import Role, Urls, connect_async
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.tiles import Tile
from tests.appending import append_events
from tests.infrastructure.log import sealing
from tests.infrastructure.log.sealing import (
    ORIGIN,
    SealedLog,
    as_superuser,
    check_note,
    root_of,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def log(database: Urls, tmp_path: Path) -> SealedLog:
    return SealedLog(database, tmp_path).create()


def check_everything(log: SealedLog) -> None:
    """Signed roots, published notes, tiles and the mark against an independent computation."""
    leaves = log.leaf_hashes()
    notes = log.notes()
    assert notes
    for size, root in log.signed.items():
        assert Checkpoint.parse(f"{ORIGIN}\n{size}\n{root}\n").root == root_of(leaves[:size])
    for size, note in notes.items():
        assert note is not None
        assert check_note(note, ORIGIN) == (size, root_of(leaves[:size]))
    newest = max(notes)
    assert log.signed.keys() == notes.keys()
    assert log.mark.read() == Checkpoint(ORIGIN, newest, root_of(leaves[:newest]))
    # A kill may leave a tile without its name behind, which begins with a dot and is never read.
    files = {path for path in (log.folder / "log").rglob("[!.]*") if path.is_file()}
    wanted = {log.folder / f"log/tile/0/{n:03}": n for n in range(newest // 256)}
    assert files == wanted.keys()
    for path, n in wanted.items():
        assert path.read_bytes() == b"".join(leaves[n * 256 : (n + 1) * 256])


async def test_growth_is_sealed_and_an_idle_log_is_not(log: SealedLog) -> None:
    async with log.sealer() as sealer:
        assert await sealer.seal_once() is None
        for count in (1, 2, 700, 321):
            size = append_events(log.urls, count)
            sealed = await sealer.seal_once()
            assert sealed is not None
            assert sealed.checkpoint.size == sealer.size == size
            assert log.notes()[size] == sealed.note
            assert await sealer.seal_once() is None
    assert sorted(log.notes()) == [1, 3, 703, 1024]
    check_everything(log)


async def test_a_log_that_grew_unattended_is_sealed_in_bounded_steps(
    log: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.log.sealer.PASS_EVENTS", 300)
    monkeypatch.setattr("infrastructure.log.sealer.PAGE_EVENTS", 70)
    append_events(log.urls, 1000)
    assert await log.seal() == 1000
    assert sorted(log.notes()) == [300, 600, 900, 1000]
    check_everything(log)


@pytest.mark.parametrize("point", faults.SEALER_POINTS)
async def test_an_error_at_any_step_leaves_nothing_that_a_later_checkpoint_contradicts(
    log: SealedLog, point: str
) -> None:
    append_events(log.urls, 300)
    await log.seal()
    append_events(log.urls, 300)
    with faults.armed(point), pytest.raises(faults.FaultReached):
        await log.seal()
    append_events(log.urls, 100)
    assert await log.seal() == 700
    check_everything(log)
    # What was promised before the fault is published afterwards, at exactly its size.
    promised = faults.SEALER_POINTS.index(point) >= faults.SEALER_POINTS.index("seal.intended")
    assert sorted(log.notes()) == ([300, 600, 700] if promised else [300, 700])


async def test_a_kill_at_every_step_in_turn_leaves_one_story(log: SealedLog) -> None:
    for round_, point in enumerate(faults.SEALER_POINTS * 2):
        size = append_events(log.urls, 150 + round_)
        killed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", sealing.__name__, point, log.urls.keeper, str(log.folder)],
            check=False,
        )
        # One round in which no tile fills up does not pass by the point where one is written.
        assert killed.returncode == (-9 if point != "seal.tile_written" else killed.returncode)
    assert await log.seal() == size
    check_everything(log)


async def test_a_second_sealer_finds_the_lease_taken(log: SealedLog) -> None:
    append_events(log.urls, 3)
    async with log.sealer() as sealer, await connect_async(log.urls.keeper, Role.KEEPER) as conn:
        assert await Lease.take(conn, LEASE, "second") is None
        assert await sealer.seal_once() is not None


async def test_a_sealer_whose_lease_went_to_another_signs_nothing(log: SealedLog) -> None:
    append_events(log.urls, 3)
    async with log.sealer() as sleeper:
        as_superuser(log, "UPDATE ledger.lease SET fence = fence + 1")
        with pytest.raises(LeaseLost):
            await sleeper.seal_once()
    assert log.signed == {}
    assert log.notes() == {}


async def test_a_commit_that_standbys_did_not_confirm_is_not_signed(log: SealedLog) -> None:
    append_events(log.urls, 3)
    # The server reports an abandoned wait for its standbys as a warning at the end of a commit.
    as_superuser(
        log,
        "CREATE FUNCTION ledger.warn() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE WARNING 'canceling wait'; RETURN NULL; END $$",
        "CREATE TRIGGER warn AFTER INSERT ON ledger.checkpoints EXECUTE FUNCTION ledger.warn()",
    )
    with pytest.raises(DurabilityUnknown):
        await log.seal()
    assert log.signed == {}
    as_superuser(log, "DROP TRIGGER warn ON ledger.checkpoints")
    assert await log.seal() == 3
    check_everything(log)


async def test_while_keys_rotate_both_sign_and_either_verifies(log: SealedLog) -> None:
    append_events(log.urls, 3)
    await log.seal()
    old, new = log.key, SignerKey(ORIGIN, b"\x07" * 32)
    append_events(log.urls, 1)
    async with log.sealer(old, new) as sealer:
        sealed = await sealer.seal_once()
    assert sealed is not None
    for key in (old, new):
        opened = open_checkpoint(sealed.note, origin=ORIGIN, verifiers=[key.verifier])
        assert opened == sealed.checkpoint
    append_events(log.urls, 1)
    async with log.sealer(new) as sealer:
        sealed = await sealer.seal_once()
    assert sealed is not None
    assert check_note(sealed.note, ORIGIN, new.seed)[0] == 5


async def test_tiles_that_are_gone_are_written_again_byte_for_byte(log: SealedLog) -> None:
    append_events(log.urls, 900)
    await log.seal()
    (log.folder / "log/tile/0/001").unlink()
    await log.seal()
    check_everything(log)


async def test_tiles_that_are_gone_are_written_many_at_a_time(
    log: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_events(log.urls, 1300)
    await log.seal()
    for tile in (log.folder / "log/tile/0").iterdir():
        tile.unlink()
    monkeypatch.setattr("infrastructure.log.tilestore.BATCH_TILES", 3)
    written: list[tuple[int, bool]] = []
    write = TileStore.write

    def recording(store: TileStore, filled: Mapping[Tile, bytes]) -> None:
        on_loop = threading.current_thread() is threading.main_thread()
        written.append((len(filled), on_loop))
        write(store, filled)

    monkeypatch.setattr(TileStore, "write", recording)

    await log.seal()

    assert written == [(3, False), (2, False)]
    check_everything(log)


async def test_another_machines_sealer_goes_on_under_a_mark_of_its_own(
    log: SealedLog, tmp_path: Path
) -> None:
    append_events(log.urls, 600)
    await log.seal()
    other = SealedLog(log.urls, tmp_path / "other").create()
    other.folder.joinpath("signed").write_text(log.folder.joinpath("signed").read_text())
    append_events(log.urls, 10)
    assert await other.seal() == 610
    check_everything(other)
    append_events(log.urls, 10)
    assert await log.seal() == 620
    assert log.mark.read().size == 620


async def test_run_seals_when_woken_and_only_then(log: SealedLog) -> None:
    class Bell:
        """Rings when it is told to, and counts how often somebody waits for it."""

        def __init__(self) -> None:
            self.waits: asyncio.Queue[int] = asyncio.Queue()
            self.rings: asyncio.Queue[None] = asyncio.Queue()

        async def reach(self, position: int, timeout_seconds: float) -> None:
            assert timeout_seconds > 0
            self.waits.put_nowait(position)
            await self.rings.get()

    bell = Bell()
    async with log.sealer() as sealer:
        running = asyncio.create_task(sealer.run(bell, interval_seconds=0))
        for size in (1, 2, 3):
            assert await bell.waits.get() == size
            append_events(log.urls, 1)
            bell.rings.put_nowait(None)
        assert await bell.waits.get() == 4
        bell.rings.put_nowait(None)
        assert await bell.waits.get() == 4
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert sorted(log.notes()) == [1, 2, 3]


async def test_run_is_woken_by_the_append_itself_and_wakes_its_own_followers(
    log: SealedLog,
) -> None:
    sealed = Watch(
        log.urls.keeper,
        checkpoints.CHANNEL,
        "SELECT max(size) FROM ledger.checkpoints WHERE note IS NOT NULL",
        role=Role.KEEPER,
    )
    grown = Watch(log.urls.keeper, CHANNEL, QUERIES["size"], role=Role.KEEPER)
    async with log.sealer() as sealer, grown, sealed:
        running = asyncio.create_task(sealer.run(grown))
        for _ in range(2):
            size = append_events(log.urls, 3)
            assert await sealed.reach(size, 60)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    check_everything(log)
