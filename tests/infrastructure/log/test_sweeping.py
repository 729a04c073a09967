"""Bytes and tree at once: the roots that the leaves lead to, or no at whatever differs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, LiteralString

import pytest

from infrastructure.log import sweeping
from infrastructure.log.leaves import BrokenChain
from infrastructure.log.replaying import connected
from infrastructure.log.sweeping import Found, Stretch, Swept, sweep
from infrastructure.log.tilestore import TileStore
from infrastructure.postgres import Role, Urls, connect
from infrastructure.proofs import merkle
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.leaf import FIRST_PREV
from infrastructure.proofs.tiles import WIDTH, Tile
from tests.appending import append_events

SIZE = 1_300
SIGNED = 1_200


@pytest.fixture(autouse=True)
def small_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "STRETCH_LEAVES", 2 * WIDTH)


@pytest.fixture
def log(database: Urls) -> Urls:
    append_events(database, SIZE)
    return database


@pytest.fixture
def store(log: Urls, tmp_path: Path) -> TileStore:
    """The tiles that a sealer has left behind."""
    kept = TileStore(tmp_path)
    kept.write({Tile(0, n): b"".join(hashes(log)[n * WIDTH :][:WIDTH]) for n in range(4)})
    return kept


def hashes(urls: Urls) -> list[bytes]:
    with connect(urls.service, Role.SERVICE) as conn:
        rows = conn.execute("SELECT leaf_hash FROM ledger.events ORDER BY index").fetchall()
    return [bytes(row[0]) for row in rows]


def swept(
    urls: Urls, store: TileStore | None = None, sizes: Iterable[int] = (), processes: int = 1
) -> Swept:
    with connected(urls.service, processes) as each:
        folder = store.folder if store else None
        return sweep(each, SIZE, signed=SIGNED, sizes=sizes, tiles_in=folder)


def change(urls: Urls, statement: LiteralString, *parameters: Any) -> None:
    """Behind the ledger's back, as somebody who owns the server can."""
    with connect(urls.admin, None, autocommit=True) as admin:
        admin.execute("ALTER TABLE ledger.events DISABLE TRIGGER refuse_change")
        admin.execute("ALTER TABLE ledger.events_0 DISABLE TRIGGER refuse_change")
        for table in ("events", "events_0"):
            for salt in ("header_salt", "body_salt"):
                admin.execute(
                    f"ALTER TABLE ledger.{table} DROP CONSTRAINT IF EXISTS events_{salt}_check"
                )
        assert admin.execute(statement, parameters).rowcount > 0


@pytest.mark.parametrize("processes", [1, 2])
def test_the_roots_are_those_of_the_leaves_whoever_computes_them(
    log: Urls, store: TileStore, processes: int
) -> None:
    leaves = hashes(log)
    sizes = [1, 255, 256, 257, 511, 512, 513, 1_024, 1_200, SIZE]
    found = swept(log, store, sizes, processes)

    assert found.size == SIZE
    assert found.first == leaves[0]
    assert found.roots == {size: merkle.root(leaves[:size]) for size in sizes}
    assert found.tiles == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.events SET header = set_byte(header, 3, 0) WHERE index = %s",
        "UPDATE ledger.events SET body = set_byte(body, 3, 0) WHERE index = %s",
        "UPDATE ledger.events SET body = body || '\\x20' WHERE index = %s",
        "UPDATE ledger.events SET header_salt = sha256(body)::bytea WHERE index = %s",
        "UPDATE ledger.events SET body_salt = substr(sha256(body), 1, 16) WHERE index = %s",
        "UPDATE ledger.events SET header_digest = sha256(header) WHERE index = %s",
        "UPDATE ledger.events SET body_digest = sha256(body) WHERE index = %s",
        "UPDATE ledger.events SET leaf_hash = sha256(body) WHERE index = %s",
        "UPDATE ledger.events SET leaf_hash = '\\x00' WHERE index = %s",
        "UPDATE ledger.events SET time = time + 1 WHERE index = %s",
        "UPDATE ledger.events SET time = 0 WHERE index = %s",
        "DELETE FROM ledger.events WHERE index = %s",
        # A byte that changes sides leaves what is hashed as it was.
        (
            "UPDATE ledger.events SET header_salt = substr(header_salt, 1, 15),"
            " header = substr(header_salt, 16) || header WHERE index = %s"
        ),
        (
            "UPDATE ledger.events SET body = substr(body, 2),"
            " body_salt = body_salt || substr(body, 1, 1) WHERE index = %s"
        ),
        (
            "UPDATE ledger.events SET leaf_hash = leaf_hash || substr(header_digest, 1, 1),"
            " header_digest = substr(header_digest, 2) WHERE index = %s"
        ),
    ],
)
def test_nothing_that_was_changed_comes_out(log: Urls, statement: LiteralString) -> None:
    change(log, statement, 512)
    with pytest.raises(BrokenChain):
        swept(log)


@pytest.mark.parametrize("index", [0, 255, 256, 511, 1_024, SIZE - 1])
def test_a_change_is_seen_wherever_it_is(log: Urls, index: int) -> None:
    change(log, "UPDATE ledger.events SET body = body || '\\x20' WHERE index = %s", index)
    with pytest.raises(BrokenChain):
        swept(log)


def test_the_end_that_is_missing_is_missed(log: Urls) -> None:
    change(log, "DELETE FROM ledger.events WHERE index >= %s", SIZE - 2)
    with pytest.raises(BrokenChain):
        swept(log)


def test_a_tile_with_other_hashes_does_not_come_out(log: Urls, store: TileStore) -> None:
    path = store.folder / Tile(0, 2).path
    path.chmod(0o600)
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(BrokenChain):
        swept(log, store)


def test_a_tile_that_is_not_there_is_not_counted(log: Urls, store: TileStore) -> None:
    (store.folder / Tile(0, 2).path).unlink()
    assert swept(log, store).tiles == 3


@pytest.mark.parametrize("flaw", ["", "above", "foreign", "early", "gap"])
def test_stretches_are_joined_to_one_tree(tmp_path: Path, flaw: str) -> None:
    """As many blocks as fill a tile above the leaves, without the leaves."""
    blocks = [bytes([n]) * 32 for n in range(WIDTH)]
    tree = GrowingTree()
    [(_, data)] = [made for block in blocks for made in tree.append(block)]
    store = TileStore(tmp_path)
    store.write({Tile(1, 0): data if flaw != "above" else data[::-1]})
    half, size = WIDTH * WIDTH // 2, WIDTH * WIDTH

    def found(start: int, end: int, **other: Any) -> Found:
        said: dict[str, Any] = {
            "asked": Stretch(start, end, tmp_path, size, ()),
            "prev": bytes([start % 251]) * 32 if start else FIRST_PREV,
            "first": bytes(32),
            "last": bytes([end % 251]) * 32,
            "first_time": start,
            "last_time": end,
            "blocks": blocks[start // WIDTH : end // WIDTH],
            "edges": {size: ()} if end == size else {},
            "tiles": 0,
        }
        return Found(**(said | other))

    parts = [found(0, half), found(half, size)]
    if flaw == "foreign":
        parts[1] = found(half, size, prev=bytes(32))
    elif flaw == "early":
        parts[1] = found(half, size, first_time=1)
    elif flaw == "gap":
        parts = parts[1:]

    def each(task: Any, asked: Any) -> Any:
        del task, asked
        return parts

    if flaw:
        with pytest.raises(BrokenChain):
            sweep(each, size, signed=size, sizes=[size], tiles_in=tmp_path)
        return
    told = sweep(each, size, signed=size, sizes=[size], tiles_in=tmp_path)
    assert told.roots == {size: merkle.perfect_root(blocks)}
    assert told.tiles == 1
