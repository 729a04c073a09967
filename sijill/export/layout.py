"""Which file of an exported log lies where, and a check's material read from it."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.material import text_of
from infrastructure.proofs.opened import read_opening
from infrastructure.proofs.tiles import Tile
from sijill.export import lines

PAGES_REMEMBERED: Final = 8
CHECKPOINTS: Final = "checkpoints.ndjson"


class NotExported(Exception):
    """The folder holds no exported log."""

    code = "input_log_missing"


class Exported:
    """A folder of the form `tiles`. Nothing in it is trusted."""

    ends_at_checkpoint = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def newest(self) -> bytes | None:
        """The note of the newest checkpoint."""
        return self.read("checkpoint")

    @property
    def size(self) -> int:
        """The size that the newest checkpoint speaks of, its signature unread; 0 without one.

        Raises:
            ProofError: it is no checkpoint.
        """
        newest = self.newest()
        return Checkpoint.parse(text_of(newest)).size if newest else 0

    def checkpoints(self) -> Iterator[bytes]:
        """The note of every published checkpoint, as far as they can be read."""
        for line in self._lines():
            yield _note(line)

    def listed(self, after: int = -1) -> Iterator[dict[str, Any]]:
        """Every published checkpoint larger than `after` as it is listed, up to the newest.

        Raises:
            ProofError: the newest is none.
        """
        size = self.size
        try:
            file = (self.folder / CHECKPOINTS).open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(lines.place(file, "size", after))
            for line in file:
                item = json.loads(line) if line.endswith(b"\n") else {"size": merkle.MAX_SIZE}
                if item["size"] > size:
                    return
                yield item

    def _lines(self) -> Iterator[bytes]:
        try:
            with (self.folder / CHECKPOINTS).open("rb") as file:
                yield from file
        except FileNotFoundError:
            return

    def ledger(self) -> dict[str, Any]:
        """What `/v1/ledger` answered; empty where nothing was kept."""
        said = json.loads(self.read("ledger.json") or b"{}")
        return said if isinstance(said, dict) else {}

    def entries(self, start: int = 0) -> Iterator[bytes]:
        """The bytes of every leaf from `start` on; ends early where a bundle is missing or torn."""
        size = self.size
        for number in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
            width = min(tiles.WIDTH, size - number * tiles.WIDTH)
            entries = self.bundle(Tile(None, number, width))
            if entries is None:
                return
            yield from entries[max(0, start - number * tiles.WIDTH) :]

    def openings(self, start: int = 0) -> Iterator[Opening]:
        """What was opened to whoever exported, by index."""
        for item, order in self.opened(start):
            yield read_opening(item["index"], item, order)

    def opened(
        self, start: int = 0
    ) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
        """The openings as they are written, each with its order."""
        size = self.size
        page = lru_cache(PAGES_REMEMBERED)(self._page)
        for number in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
            for item in page(number, size, start)["openings"]:
                first = item.get("order", -1)
                place = first // tiles.WIDTH if type(first) is int else -1
                orders = page(place, size, start)["orders"] if 0 <= place <= number else {}
                if start <= item["index"] < size:
                    yield item, orders.get(str(first))

    def tile(self, tile: Tile) -> bytes | None:
        """A hash tile of any width that is held: a wider one begins with the same hashes."""
        for one in self._wider(tile):
            data = self.read(one.path)
            if data is not None:
                return data[: tile.width * merkle.HASH_BYTES]
        return None

    def _wider(self, tile: Tile) -> Iterator[Tile]:
        """The files that a tile may stand in: its own, the full one, the one of today's size."""
        yield tile
        if tile.width < tiles.WIDTH:
            yield tile.full
            held = (self.size >> tiles.HEIGHT * (tile.level or 0)) - tile.n * tiles.WIDTH
            if tile.width < held < tiles.WIDTH:
                yield Tile(tile.level, tile.n, held)

    def tree(self, size: int) -> GrowingTree:
        """The tree of `size` leaves as its partial tiles tell it, ready to grow.

        Raises:
            NotExported: one of them is missing.
            ProofError: one of them is none.
        """
        edges: dict[int, list[bytes]] = {}
        for tile in tiles.partial_tiles(size=size):
            data = self.tile(tile)
            if data is None:
                raise NotExported(tile.path)
            edges[tile.level or 0] = tiles.parse_tile(tile, data)
        return GrowingTree(size, edges)

    def read(self, path: str) -> bytes | None:
        """The bytes of one file, or None."""
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def bundle(self, bundle: Tile) -> list[bytes] | None:
        """The leaves of a bundle of any width that is held."""
        for one in self._wider(bundle):
            data = self.read(one.path)
            if data is not None:
                try:
                    return tiles.parse_bundle(data, width=one.width)[: bundle.width]
                except ProofError:
                    return None
        return None

    def _page(self, number: int, size: int, start: int) -> Mapping[str, Any]:
        width = min(tiles.WIDTH, size - number * tiles.WIDTH)
        data = self.read(openings_path(number, width))
        if data is None:
            data = self.read(openings_path(number, tiles.WIDTH))
        # Where a file is none, the first leaf that is asked for says so: without its parts it
        # cannot be read.
        first = max(start, number * tiles.WIDTH)
        broken = {"openings": [{"index": first, "header": None}], "orders": {}}
        if data is None:
            return {"openings": [], "orders": {}}
        try:
            said = json.loads(data)
            orders, indexes = said["orders"], [item["index"] for item in said["openings"]]
        except (KeyError, TypeError, ValueError, RecursionError):
            return broken
        whole = all(type(index) is int for index in indexes)
        good = isinstance(orders, dict) and whole and indexes == sorted(indexes)
        return said if good else broken


def openings_path(number: int, width: int) -> str:
    """Where the openings of a bundle's leaves lie."""
    name = Tile(None, number, width).path.removeprefix("tile/entries/")
    return f"openings/{name}.json"


def _note(line: bytes) -> bytes:
    """The note in one line of the list; what is none stands for itself, so that a check sees it."""
    try:
        return str(json.loads(line)["note"]).encode()
    except (KeyError, TypeError, ValueError):
        return line
