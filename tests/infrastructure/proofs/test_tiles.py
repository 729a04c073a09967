from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.tiles import Tile
from tests.infrastructure.proofs.vectors import load, why

VECTORS = load("tile")
LEAVES = [merkle.leaf_hash(str(n).encode()) for n in range(70_000)]
SIZES = [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000]

some_tiles = st.builds(
    Tile,
    level=st.none() | st.integers(0, 63),
    n=st.integers(0, 10**6) | st.integers(0, (2**63 - 1) // 256),
    width=st.integers(1, 256),
)


class Store:
    """The tiles of a tree, written as the tree grows and never twice with other bytes."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.size = 0

    def grow(self, size: int) -> None:
        for tile in [
            *tiles.full_tiles(old_size=self.size, new_size=size),
            *tiles.partial_tiles(size=size),
        ]:
            data = tiles.encode_tile(tile, self.get)
            assert self.files.setdefault(tile.path, data) == data
        self.size = size

    def get(self, level: int, n: int) -> bytes:
        """A level's hashes come from the full tiles of the level below."""
        if level == 0:
            return LEAVES[n]
        below = Tile(level // tiles.HEIGHT - 1, n)
        return merkle.root(tiles.parse_tile(below, self.files[below.path]))

    def read(self, tile: Tile) -> bytes:
        return self.files[tile.path]


@pytest.fixture(scope="module")
def store() -> Store:
    grown = Store()
    for size in SIZES:
        grown.grow(size)
    return grown


@pytest.mark.parametrize("case", VECTORS["paths"])
def test_a_path_is_written_and_read_as_the_vectors_say(case: dict[str, Any]) -> None:
    tile = Tile(case["level"], case["n"], case["width"])

    assert tile.path == case["path"]
    assert tiles.parse_path(case["path"]) == tile


@pytest.mark.parametrize("case", VECTORS["malformed_paths"], ids=why)
def test_a_malformed_path_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ProofError, match="tile_malformed"):
        tiles.parse_path(case["path"])


@given(some_tiles)
def test_every_path_survives_the_round_trip(tile: Tile) -> None:
    assert tiles.parse_path(tile.path) == tile


@given(st.text("tile/entriesx.p0123", max_size=24) | some_tiles.map(lambda t: t.path), st.data())
def test_a_path_has_one_spelling(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    spelling = text[:at] + data.draw(st.sampled_from(["0", "/", "x", "x000/", ".p/1"])) + text[at:]

    try:
        tile = tiles.parse_path(spelling)
    except ProofError:
        return
    assert tile.path == spelling


@pytest.mark.parametrize(
    "level, n, width",
    [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**55, 1), (0, 0, 0), (0, 0, 257), (None, 0, 0)],
)
def test_a_tile_that_no_path_can_name_is_refused(level: int | None, n: int, width: int) -> None:
    with pytest.raises(ProofError, match="tile_malformed"):
        Tile(level, n, width)


def test_a_partial_tile_knows_its_successor() -> None:
    assert Tile(1, 7, 3).full == Tile(1, 7)


@pytest.mark.parametrize("case", VECTORS["sizes"])
def test_a_tree_has_the_tiles_that_the_vectors_say(case: dict[str, Any]) -> None:
    full = list(tiles.full_tiles(old_size=0, new_size=case["size"]))

    assert full == [Tile(level, n) for level, count in case["full"] for n in range(count)]
    assert list(tiles.partial_tiles(size=case["size"])) == [Tile(*p) for p in case["partial"]]


@given(st.lists(st.integers(0, 3 * 2**16), max_size=4).map(sorted))
def test_growing_in_steps_fills_every_tile_once(steps: list[int]) -> None:
    found = [
        tile
        for old, new in zip([0, *steps], steps, strict=False)
        for tile in tiles.full_tiles(old_size=old, new_size=new)
    ]

    assert sorted(found) == sorted(tiles.full_tiles(old_size=0, new_size=steps[-1] if steps else 0))


@given(st.integers(0, merkle.MAX_SIZE))
def test_partial_tiles_and_widths_agree(size: int) -> None:
    widths = {tile.level: tile.width for tile in tiles.partial_tiles(size=size)}

    assert {
        level: width
        for level in range(9)
        if (width := tiles.partial_width(level=level, size=size)) > 0
    } == widths


def test_a_full_tile_of_one_level_is_one_hash_of_the_next(store: Store) -> None:
    first = tiles.parse_tile(Tile(0, 0), store.read(Tile(0, 0)))

    assert first == LEAVES[:256]
    assert store.read(Tile(1, 0, 1)) == merkle.root(LEAVES[:256])
    assert store.read(Tile(2, 0, 1)) == merkle.root(LEAVES[:65_536])


@pytest.mark.parametrize("size", SIZES)
def test_tiles_hold_all_that_a_root_and_its_proofs_need(store: Store, size: int) -> None:
    get = tiles.hashes_from(store.read, size=size)
    root = merkle.root(LEAVES[:size])

    edge = [get(level, n) for level, n in merkle.complete_subtrees(0, size)]
    assert merkle.CompactRange(size, edge).root() == root
    for index in {0, size // 3, size - 1}:
        merkle.verify_inclusion(
            leaf_hash=LEAVES[index],
            index=index,
            size=size,
            proof=merkle.inclusion_proof(index=index, size=size, get=get),
            root=root,
        )
    for old_size in (old for old in SIZES if old <= size):
        merkle.verify_consistency(
            old_size=old_size,
            new_size=size,
            proof=merkle.consistency_proof(old_size=old_size, new_size=size, get=get),
            old_root=merkle.root(LEAVES[:old_size]),
            new_root=root,
        )


@pytest.mark.parametrize("level, n", [(0, 257), (0, -1), (1, 128), (8, 1), (9, 0), (64, 0)])
def test_no_hash_beyond_the_tree_is_read(store: Store, level: int, n: int) -> None:
    get = tiles.hashes_from(store.read, size=257)

    with pytest.raises(ProofError, match="proof_out_of_range"):
        get(level, n)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_tile_of_another_length_is_refused(size: int) -> None:
    get = tiles.hashes_from(lambda _: bytes(size), size=1)

    with pytest.raises(ProofError, match="tile_malformed"):
        get(0, 0)


def test_an_entry_bundle_is_no_hash_tile(store: Store) -> None:
    with pytest.raises(ProofError, match="tile_malformed"):
        tiles.encode_tile(Tile(None, 0), store.get)
    with pytest.raises(ProofError, match="tile_malformed"):
        tiles.parse_tile(Tile(None, 0, 1), bytes(32))


@pytest.mark.parametrize("case", VECTORS["bundles"])
def test_a_bundle_is_written_and_read_as_the_vectors_say(case: dict[str, Any]) -> None:
    entries = [bytes.fromhex(entry) for entry in case["entries"]]
    data = bytes.fromhex(case["bundle"])

    assert tiles.encode_bundle(entries) == data
    assert tiles.parse_bundle(data, width=len(entries)) == entries


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8))
def test_a_bundle_gives_back_its_entries_and_takes_no_other_width(entries: list[bytes]) -> None:
    data = tiles.encode_bundle(entries)

    assert tiles.parse_bundle(data, width=len(entries)) == entries
    for width in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(ProofError, match="bundle_malformed"):
            tiles.parse_bundle(data, width=width)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8), st.data())
def test_a_cut_or_lengthened_bundle_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    bundle = tiles.encode_bundle(entries)
    end = data.draw(st.integers(0, len(bundle) - 1))

    for wrong in (bundle[:end], bundle + b"\x00"):
        with pytest.raises(ProofError, match="bundle_malformed"):
            tiles.parse_bundle(wrong, width=len(entries))


def test_a_bundle_holds_256_entries_of_65535_bytes() -> None:
    entries = [bytes(65_535)] * 256
    data = tiles.encode_bundle(entries)

    assert tiles.parse_bundle(data, width=tiles.WIDTH) == entries
    with pytest.raises(ProofError, match="bundle_malformed"):
        tiles.parse_bundle(data + b"\x00", width=tiles.WIDTH)


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(2**16)]])
def test_a_bundle_beyond_its_bounds_is_refused(entries: list[bytes]) -> None:
    with pytest.raises(ProofError, match="bundle_malformed"):
        tiles.encode_bundle(entries)


@pytest.mark.parametrize("width", [-1, 0, 257])
def test_a_bundle_of_no_possible_width_is_refused(width: int) -> None:
    with pytest.raises(ProofError, match="bundle_malformed"):
        tiles.parse_bundle(b"", width=width)
