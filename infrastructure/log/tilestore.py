"""Full tiles as files that any web server can carry, and every other tile computed from them.

A full tile never changes, so a file is written once and never over other bytes: two writers that
disagreed would otherwise serve two histories under one name. Partial tiles are not kept; they are
put together from the tiles below and, at the right edge, from the leaf hashes of the log. Entry
bundles are not kept either. A folder that is lost or empty can be rebuilt from the log.
"""

import asyncio
import os
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from pathlib import Path

from infrastructure import faults
from infrastructure.keyfiles import sync_folder
from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.tiles import Tile

TILE_BYTES = tiles.WIDTH * merkle.HASH_BYTES
ROOTS_KEPT = 65_536
WRITERS = 16
BATCH_TILES = 64
FILE_MODE = 0o644
DISK_SECONDS = 30.0
"""A few dozen tiles that are not durable after so long will not be for a while."""

LeafHashes = Callable[[int, int], Awaitable[bytes]]
"""``await leaves(start, end)``: the leaf hashes of indexes [start, end), 32 bytes each, joined."""


class TileConflict(Exception):
    """A tile's file holds other bytes than the log gives; one of the two has been changed."""

    def __init__(self, tile: Tile) -> None:
        super().__init__(tile.path)
        self.tile = tile


class DiskSilent(Exception):
    """The disk neither takes tiles nor refuses them; whoever seals lets another host do it."""


class TileStore:
    """The full hash tiles under ``folder``, at the paths of C2SP tlog-tiles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._roots: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def has(self, tile: Tile) -> bool:
        """Whether the file of a full tile is there."""
        return (self.folder / tile.path).exists()

    def read(self, tile: Tile) -> bytes | None:
        """The 8,192 bytes of a full hash tile, or None where there is no such file.

        Raises:
            TileConflict: the file has another length, which no writer of ours leaves behind.
        """
        data = self.stored(tile)
        if data is not None and len(data) != TILE_BYTES:
            raise TileConflict(tile)
        return data

    def stored(self, tile: Tile) -> bytes | None:
        """The file of a full hash tile, whatever it holds; None where there is none."""
        try:
            return (self.folder / tile.full.path).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, filled: Mapping[Tile, bytes]) -> None:
        """Keep full hash tiles; they are durable when this returns. The same bytes again are fine.

        Lower levels are durable before a higher one is written, so that a tile which is there
        vouches for all below it. The disk is asked for many tiles of a level at the same time,
        which costs it little more than one.

        Raises:
            TileConflict: a file is there and holds other bytes.
        """
        top = self.folder if self.folder.exists() else self.folder.parent
        for level in sorted({tile.level or 0 for tile in filled}):
            together = {tile: data for tile, data in filled.items() if (tile.level or 0) == level}
            with ThreadPoolExecutor(max_workers=WRITERS) as writers:
                holders = set(writers.map(self._write, together.keys(), together.values()))
            # Also where the files were there: who wrote them may have lost power before this.
            folders = {one for holder in holders for one in (holder, *holder.parents)}
            for folder in sorted(folders, reverse=True):
                if folder.is_relative_to(top):
                    sync_folder(folder)

    async def keep(self, filled: Mapping[Tile, bytes]) -> None:
        """As `write`, in a thread, which is left behind where the disk does not answer.

        What such a thread writes later does no harm: a tile is never written over other bytes.

        Raises:
            DiskSilent: it has not answered for `DISK_SECONDS`. TileConflict: as `write`.
        """
        try:
            async with asyncio.timeout(DISK_SECONDS):
                await asyncio.to_thread(self.write, filled)
        except TimeoutError:
            raise DiskSilent(str(self.folder)) from None

    def known_root(self, tile: Tile) -> bytes | None:
        """The root of a full tile's subtree, where it was asked for lately."""
        return self._roots.get((tile.level or 0, tile.n))

    def root(self, tile: Tile, data: bytes) -> bytes:
        """The root of a full tile's subtree, remembered because the level above asks again."""
        found = self._roots[tile.level or 0, tile.n] = merkle.root(merkle.split_hashes(data))
        if len(self._roots) > ROOTS_KEPT:
            self._roots.popitem(last=False)
        return found

    def _write(self, tile: Tile, data: bytes) -> Path:
        """Write one tile's file; the folder that has to be made durable with it."""
        if tile.level is None or tile.width != tiles.WIDTH or len(data) != TILE_BYTES:
            raise ValueError("only full hash tiles are kept")
        path = self.folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        held = self.read(tile)
        if held is None:
            self._publish(path, tile, data)
            faults.point("seal.tile_written")
        elif held != data:
            raise TileConflict(tile)
        return path.parent

    def _publish(self, path: Path, tile: Tile, data: bytes) -> None:
        """Give durable bytes their name; link(2), unlike rename(2), never replaces a file.

        A crash may leave a file behind whose name begins with a dot. Nobody reads those.
        """
        descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), FILE_MODE)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(temporary)
        except FileExistsError:
            # A second writer was faster; with the same bytes it did our work.
            if self.read(tile) != data:
                raise TileConflict(tile) from None
        finally:
            temporary.unlink(missing_ok=True)


class TreeReader:
    """Any tile, and so any proof, of a tree of which the log holds every leaf hash.

    A full tile whose file is missing is computed instead, so a fresh machine can serve at once.
    Nothing is authenticated: wrong files or rows make proofs that do not verify.
    """

    def __init__(self, store: TileStore, leaves: LeafHashes) -> None:
        self._store = store
        self._leaves = leaves

    async def tile(self, tile: Tile) -> bytes:
        """The bytes of a hash tile of any width; the caller knows that the log reaches that far."""
        if tile.level is None:
            raise ValueError("an entry bundle is not a hash tile")
        if (held := self._store.read(tile)) is not None:
            return held[: tile.width * merkle.HASH_BYTES]
        first = tile.n * tiles.WIDTH
        if tile.level == 0:
            return await self._leaves(first, first + tile.width)
        hashes = []
        for n in range(first, first + tile.width):
            below = Tile(tile.level - 1, n)
            known = self._store.known_root(below)
            hashes.append(known or self._store.root(below, await self.tile(below)))
        return b"".join(hashes)

    async def root(self, size: int) -> bytes:
        """Root of the first ``size`` leaves."""
        return (await self.growing(size)).root()

    async def growing(self, size: int) -> GrowingTree:
        """The tree of ``size`` leaves, ready to grow."""
        edges: dict[int, list[bytes]] = {}
        for tile in tiles.partial_tiles(size=size):
            edges[tile.level or 0] = merkle.split_hashes(await self.tile(tile))
        return GrowingTree(size, edges)

    async def inclusion_proof(self, *, index: int, size: int) -> list[bytes]:
        """See :func:`merkle.inclusion_proof`."""
        return await self._with_hashes(
            lambda get: merkle.inclusion_proof(index=index, size=size, get=get), size=size
        )

    async def consistency_proof(self, *, old_size: int, new_size: int) -> list[bytes]:
        """See :func:`merkle.consistency_proof`."""
        return await self._with_hashes(
            lambda get: merkle.consistency_proof(old_size=old_size, new_size=new_size, get=get),
            size=new_size,
        )

    async def _with_hashes(
        self, build: Callable[[merkle.GetHash], list[bytes]], *, size: int
    ) -> list[bytes]:
        """Run ``build`` twice: to learn which tiles it reads, then on their bytes.

        The proof functions are synchronous and read the same hashes for the same arguments, while
        tiles come from a database that is awaited.
        """
        needed: dict[Tile, bytes] = {}

        def note(tile: Tile) -> bytes:
            needed[tile] = bytes(tile.width * merkle.HASH_BYTES)
            return needed[tile]

        build(tiles.hashes_from(note, size=size))
        for tile in needed:
            needed[tile] = await self.tile(tile)
        return build(tiles.hashes_from(needed.__getitem__, size=size))


def missing_tiles(store: TileStore, *, size: int) -> Iterator[Tile]:
    """Full tiles of a tree of ``size`` leaves that have no file, lower levels first within a part.

    Tiles are written bottom-up and made durable one by one, so a tile that is there vouches for
    all below it; this costs a few hundred look-ups however long the log is.
    """
    level = 0
    while size >> tiles.HEIGHT * (level + 2):
        level += 1
    # From the top: each level only looks at what no full tile above covers.
    covered = 0
    for top in range(level, -1, -1):
        count = size >> tiles.HEIGHT * (top + 1)
        for n in range(covered, count):
            yield from _missing_under(store, Tile(top, n))
        covered = count * tiles.WIDTH


async def write_missing(
    store: TileStore, reader: TreeReader, *, size: int
) -> AsyncIterator[list[Tile]]:
    """Write the full tiles of a tree of ``size`` leaves that have no file, batch by batch.

    A batch is of one level, so that a tile above is put together from files, and it is written in a
    thread: a folder that was lost has tens of thousands, and each waits for the disk.

    Raises:
        TileConflict: a file holds other bytes. DiskSilent: as :meth:`TileStore.keep`.
    """
    for _, level in groupby(missing_tiles(store, size=size), key=lambda tile: tile.level):
        while batch := list(islice(level, BATCH_TILES)):
            filled = {tile: await reader.tile(tile) for tile in batch}
            await store.keep(filled)
            yield batch


def _missing_under(store: TileStore, tile: Tile) -> Iterator[Tile]:
    if store.has(tile):
        return
    if tile.level:
        for n in range(tile.n * tiles.WIDTH, (tile.n + 1) * tiles.WIDTH):
            yield from _missing_under(store, Tile(tile.level - 1, n))
    yield tile
