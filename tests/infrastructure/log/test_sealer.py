import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import sql

from infrastructure import faults
from infrastructure.keyfiles import write_durably
from infrastructure.log import checkpoints
from infrastructure.log.lease import Lease, LeaseLost
from infrastructure.log.queries import QUERIES
from infrastructure.log.reader import CHANNEL, Watch
from infrastructure.log.sealer import LEASE, DurabilityUnknown, LogFrozen
from infrastructure.postgres import Role, Urls, connect, connect_async
from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint, sign
from infrastructure.proofs.note import SignerKey
from tests.appending import append_events
from tests.infrastructure.log import sealing
from tests.infrastructure.log.sealing import ORIGIN, SealedLog, check_note, root_of

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


def as_superuser(log: SealedLog, *statements: str | sql.Composed, **values: int) -> None:
    """What no role of ours may do: change what is recorded."""
    with connect(log.urls.admin, Role.OWNER) as conn:
        tables = conn.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace"
            " AND relkind IN ('r', 'p')"
        ).fetchall()
        for switch in ("DISABLE", "ENABLE"):
            for (table,) in tables:
                conn.execute(f"ALTER TABLE ledger.{table} {switch} TRIGGER USER")
            for statement in statements if switch == "DISABLE" else ():
                conn.execute(statement, values or None)


def restore_to(log: SealedLog, size: int) -> None:
    """What restoring an older backup comes to: events and checkpoints beyond it are gone."""
    as_superuser(
        log,
        "DELETE FROM ledger.events WHERE index >= %(size)s",
        "DELETE FROM ledger.orders WHERE first_index >= %(size)s",
        "DELETE FROM ledger.order_lines WHERE first_index >= %(size)s",
        "DELETE FROM ledger.order_keys WHERE first_index >= %(size)s",
        "DELETE FROM ledger.checkpoints WHERE size > %(size)s",
        "UPDATE ledger.head SET (size, time, leaf_hash) = (SELECT index + 1, time, leaf_hash"
        " FROM ledger.events WHERE index = %(size)s - 1)",
        size=size,
    )


async def frozen_code(log: SealedLog) -> str:
    """The code that a sealer freezes with, having signed nothing."""
    before = log.signed
    with pytest.raises(LogFrozen) as frozen:
        await log.seal()
    assert log.signed == before
    async with await connect_async(log.urls.keeper, Role.KEEPER) as conn:
        assert await Lease.state(conn, LEASE) == frozen.value.code
    return frozen.value.code


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


Sabotage = Callable[[SealedLog], None]


def _flip_tile(log: SealedLog) -> None:
    path = log.folder / "log/tile/0/000"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def _flip(column: str, index: int) -> Sabotage:
    statement = sql.SQL(
        "UPDATE ledger.events SET {0} = set_byte({0}, 0, get_byte({0}, 0) # 1) WHERE index = {1}"
    ).format(sql.Identifier(column), index)
    return lambda log: as_superuser(log, statement)


def _mark(size: int, root: bytes = bytes(32), origin: str = ORIGIN) -> Sabotage:
    text = Checkpoint(origin, size, root).encode().encode()
    return lambda log: write_durably(log.mark.path, text)


def _restore(size: int, *, then: int) -> Sabotage:
    def sabotage(log: SealedLog) -> None:
        restore_to(log, size)
        if then:
            append_events(log.urls, then)

    return sabotage


@pytest.mark.parametrize(
    "sabotage, code",
    [
        (lambda log: log.mark.path.unlink(), "mark_missing"),
        (lambda log: log.mark.path.write_bytes(b"garbage"), "mark_malformed"),
        (_mark(600, origin="another.example"), "mark_of_another_log"),
        (_mark(700), "log_shorter_than_mark"),
        (_mark(600), "mark_contradicted"),
        (_mark(20), "mark_contradicted"),
        (_restore(300, then=0), "log_shorter_than_mark"),
        (_restore(300, then=299), "log_shorter_than_mark"),
        (_restore(300, then=310), "mark_contradicted"),
        (_restore(256, then=400), "mark_contradicted"),
        (_flip_tile, "mark_contradicted"),
        (lambda log: (log.folder / "log/tile/0/001").write_bytes(b""), "tile_conflict"),
        (_flip("leaf_hash", 599), "mark_contradicted"),
        (_flip("body_digest", 599), "leaf_hash_mismatch"),
        (_flip("header_digest", 600), "leaf_hash_mismatch"),
        (_flip("leaf_hash", 601), "leaf_hash_mismatch"),
        (
            lambda log: as_superuser(log, "UPDATE ledger.events SET time = 1 WHERE index = 602"),
            "leaf_hash_mismatch",
        ),
        (
            lambda log: as_superuser(log, "DELETE FROM ledger.events WHERE index = 601"),
            "leaf_hash_mismatch",
        ),
        (
            lambda log: as_superuser(
                log,
                "UPDATE ledger.checkpoints SET root = leaf_hash FROM ledger.events WHERE index = 0",
            ),
            "checkpoint_altered",
        ),
        (
            lambda log: as_superuser(
                log,
                "INSERT INTO ledger.checkpoints (size, root) SELECT 601, leaf_hash"
                " FROM ledger.events WHERE index = 0",
            ),
            "checkpoint_contradicted",
        ),
        (
            lambda log: as_superuser(
                log,
                "INSERT INTO ledger.checkpoints (size, root) SELECT 9999, leaf_hash"
                " FROM ledger.events WHERE index = 0",
            ),
            "log_shorter_than_checkpoint",
        ),
    ],
)
async def test_where_the_stories_differ_the_log_freezes_and_says_why(
    log: SealedLog, sabotage: Sabotage, code: str
) -> None:
    append_events(log.urls, 600)
    await log.seal()
    append_events(log.urls, 3)
    sabotage(log)
    assert await frozen_code(log) == code


async def test_a_restore_to_a_tiles_edge_is_told_by_the_join(log: SealedLog) -> None:
    append_events(log.urls, 512)
    await log.seal()
    restore_to(log, 256)
    append_events(log.urls, 256)
    # The files still hold the lost leaves and lead to the old root; the rows went another way.
    log.mark.path.unlink()
    log.create()
    _publish_old_note(log)
    assert await frozen_code(log) == "tile_conflict"


def _publish_old_note(log: SealedLog) -> None:
    root = merkle.root(
        merkle.split_hashes(
            b"".join((log.folder / f"log/tile/0/{n:03}").read_bytes() for n in range(2))
        )
    )
    note = sign(Checkpoint(ORIGIN, 512, root), [SignerKey(ORIGIN, log.key.seed)])
    with connect(log.urls.keeper, Role.KEEPER) as conn:
        conn.execute("INSERT INTO ledger.checkpoints (size, root) VALUES (512, %s)", (root,))
        conn.execute("UPDATE ledger.checkpoints SET note = %s, time = 1 WHERE size = 512", (note,))


async def test_a_checkpoint_by_another_key_freezes_the_log(log: SealedLog) -> None:
    append_events(log.urls, 3)
    await log.seal()
    stranger = SignerKey(ORIGIN, b"\x09" * 32)
    with pytest.raises(LogFrozen) as frozen:
        async with log.sealer(stranger):
            pass
    assert frozen.value.code == "checkpoint_not_ours"


async def test_a_log_that_shrinks_under_a_running_sealer_freezes_it(log: SealedLog) -> None:
    append_events(log.urls, 10)
    async with log.sealer() as sealer:
        await sealer.seal_once()
        restore_to(log, 5)
        with pytest.raises(LogFrozen) as frozen:
            await sealer.seal_once()
    assert frozen.value.code == "log_shorter_than_checkpoint"


async def test_a_thawed_log_says_so(log: SealedLog) -> None:
    append_events(log.urls, 3)
    mark = log.mark.path.read_bytes()
    log.mark.path.unlink()
    await frozen_code(log)
    write_durably(log.mark.path, mark)
    await log.seal()
    async with await connect_async(log.urls.keeper, Role.KEEPER) as conn:
        assert await Lease.state(conn, LEASE) == ""
