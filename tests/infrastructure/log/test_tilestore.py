import asyncio
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.log import tilestore
from infrastructure.log.tilestore import (
    DiskSilent,
    TileConflict,
    TileStore,
    TreeReader,
    missing_tiles,
)
from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.tiles import Tile

COUNT = 66_500
LEAVES = [sha256(n.to_bytes(8, "big")).digest() for n in range(COUNT)]
DATA = bytes(range(256)) * 32


async def some_leaves(start: int, end: int) -> bytes:
    return b"".join(LEAVES[start:end])


def root_of(start: int, end: int) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if end - start == 1:
        return LEAVES[start]
    split = 1
    while split * 2 < end - start:
        split *= 2
    pair = root_of(start, start + split) + root_of(start + split, end)
    return sha256(b"\x01" + pair).digest()


def hash_tile(level: int, n: int, width: int) -> bytes:
    span = 256**level
    first = n * 256
    return b"".join(root_of(i * span, (i + 1) * span) for i in range(first, first + width))


def filled(store: TileStore, size: int) -> GrowingTree:
    tree = GrowingTree()
    for leaf in LEAVES[:size]:
        for tile, data in tree.append(leaf):
            store.write({tile: data})
    return tree


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[TileStore, GrowingTree]:
    store = TileStore(tmp_path_factory.mktemp("log"))
    return store, filled(store, COUNT)


def test_a_growing_tree_writes_exactly_the_full_tiles_at_their_c2sp_paths(
    grown: tuple[TileStore, GrowingTree],
) -> None:
    store, tree = grown
    files = {
        str(path.relative_to(store.folder)) for path in store.folder.rglob("*") if path.is_file()
    }
    assert files == {f"tile/0/{n:03}" for n in range(259)} | {"tile/1/000"}
    assert tree.size == COUNT
    assert (store.folder / "tile/0/258").read_bytes() == hash_tile(0, 258, 256)
    assert (store.folder / "tile/1/000").read_bytes() == hash_tile(1, 0, 256)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537])
def test_a_tree_can_go_on_growing_from_any_size(
    grown: tuple[TileStore, GrowingTree], size: int
) -> None:
    tree = asyncio.run(TreeReader(grown[0], some_leaves).growing(size))
    assert (tree.size, tree.root()) == (size, root_of(0, size))
    branch = tree.copy()
    for leaf in LEAVES[size : size + 300]:
        for tile, data in branch.append(leaf):
            assert data == hash_tile(tile.level or 0, tile.n, 256)
    assert branch.root() == root_of(0, size + 300)
    assert tree.root() == root_of(0, size)


def test_the_empty_tree_has_its_root(tmp_path: Path) -> None:
    assert GrowingTree().root() == merkle.EMPTY_ROOT
    reader = TreeReader(TileStore(tmp_path), some_leaves)
    assert asyncio.run(reader.root(0)) == merkle.EMPTY_ROOT


@pytest.mark.parametrize(
    "tile", [Tile(0, 3), Tile(0, 259, 196), Tile(1, 0), Tile(1, 0, 7), Tile(1, 1, 3)]
)
def test_any_tile_is_served_with_files_and_without(
    grown: tuple[TileStore, GrowingTree], tmp_path: Path, tile: Tile
) -> None:
    expected = hash_tile(tile.level or 0, tile.n, tile.width)
    for store in (grown[0], TileStore(tmp_path / "empty")):
        assert asyncio.run(TreeReader(store, some_leaves).tile(tile)) == expected


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_proof_verifies(grown: tuple[TileStore, GrowingTree], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, COUNT))
    index = data.draw(st.integers(0, size - 1))
    old_size = data.draw(st.integers(0, size))
    reader = TreeReader(grown[0], some_leaves)
    root, old_root = asyncio.run(reader.root(size)), asyncio.run(reader.root(old_size))
    merkle.verify_inclusion(
        leaf_hash=LEAVES[index],
        index=index,
        size=size,
        proof=asyncio.run(reader.inclusion_proof(index=index, size=size)),
        root=root,
    )
    merkle.verify_consistency(
        old_size=old_size,
        new_size=size,
        proof=asyncio.run(reader.consistency_proof(old_size=old_size, new_size=size)),
        old_root=old_root,
        new_root=root,
    )


def test_a_tile_is_written_once_and_never_over_other_bytes(tmp_path: Path) -> None:
    store = TileStore(tmp_path)
    store.write({Tile(0, 1_234_067): DATA})
    path = tmp_path / "tile/0/x001/x234/067"
    inode = path.stat().st_ino
    store.write({Tile(0, 1_234_067): DATA})
    assert path.stat().st_ino == inode
    with pytest.raises(TileConflict):
        store.write({Tile(0, 1_234_067): DATA[::-1]})
    assert path.read_bytes() == DATA
    assert [entry.name for entry in path.parent.iterdir()] == ["067"]


def test_a_disk_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a sealer would keep its lease, and every other host's from it, for as long."""
    answers = threading.Event()
    monkeypatch.setattr(tilestore, "DISK_SECONDS", 0.05)
    monkeypatch.setattr(TileStore, "write", lambda _self, _filled: answers.wait())

    async def seal() -> None:
        try:
            with pytest.raises(DiskSilent):
                await TileStore(tmp_path).keep({Tile(0, 0): DATA})
        finally:
            answers.set()

    asyncio.run(seal())


def test_a_torn_file_is_a_conflict_and_never_served(tmp_path: Path) -> None:
    store = TileStore(tmp_path)
    store.write({Tile(0, 0): DATA})
    (tmp_path / "tile/0/000").write_bytes(DATA[:-32])
    with pytest.raises(TileConflict):
        store.read(Tile(0, 0))
    with pytest.raises(TileConflict):
        store.write({Tile(0, 0): DATA})


@pytest.mark.parametrize(
    "tile, data",
    [(Tile(0, 0, 255), DATA[:-32]), (Tile(0, 0), DATA[:-1]), (Tile(None, 0), DATA)],
)
def test_only_full_hash_tiles_are_kept(tmp_path: Path, tile: Tile, data: bytes) -> None:
    with pytest.raises(ValueError, match="only full hash tiles"):
        TileStore(tmp_path).write({tile: data})
    assert not list(tmp_path.iterdir())


def test_missing_tiles_are_found_below_what_is_there(tmp_path: Path) -> None:
    store = TileStore(tmp_path)
    everything = list(tiles.full_tiles(old_size=0, new_size=COUNT))
    missing = list(missing_tiles(store, size=COUNT))
    assert sorted(missing) == sorted(everything)
    assert missing.index(Tile(1, 0)) > missing.index(Tile(0, 255))
    reader = TreeReader(store, some_leaves)
    store.write({tile: asyncio.run(reader.tile(tile)) for tile in missing[:200]})
    assert list(missing_tiles(store, size=COUNT)) == missing[200:]
    store.write({tile: asyncio.run(reader.tile(tile)) for tile in missing[200:]})
    assert list(missing_tiles(store, size=COUNT)) == []
    (tmp_path / "tile/0/258").unlink()
    assert list(missing_tiles(store, size=COUNT)) == [Tile(0, 258)]


def test_files_may_be_read_by_a_web_server(tmp_path: Path) -> None:
    TileStore(tmp_path).write({Tile(0, 0): DATA})
    assert (tmp_path / "tile/0/000").stat().st_mode & 0o777 == 0o644
