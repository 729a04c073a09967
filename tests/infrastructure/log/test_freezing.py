"""Where database, files and mark tell different stories the log freezes and says why."""

from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg import sql

from infrastructure.keyfiles import write_durably
from infrastructure.log.lease import Lease
from infrastructure.log.sealer import LEASE, LogFrozen
from infrastructure.postgres import Role, Urls, connect, connect_async
from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint, sign
from infrastructure.proofs.note import SignerKey
from tests.appending import append_events
from tests.infrastructure.log.sealing import (
    ORIGIN,
    SealedLog,
    as_superuser,
    restore_to,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def log(database: Urls, tmp_path: Path) -> SealedLog:
    return SealedLog(database, tmp_path).create()


async def frozen_code(log: SealedLog) -> str:
    """The code that a sealer freezes with, having signed nothing."""
    before = log.signed
    with pytest.raises(LogFrozen) as frozen:
        await log.seal()
    assert log.signed == before
    async with await connect_async(log.urls.keeper, Role.KEEPER) as conn:
        assert await Lease.state(conn, LEASE) == frozen.value.code
    return frozen.value.code


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
