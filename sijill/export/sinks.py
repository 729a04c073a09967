"""What an exported log is written as: files that are served as they lie, or lines for programs."""

import base64
import json
import os
import shutil
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from infrastructure.keyfiles import write_durably
from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.tiles import Tile
from sijill.client.errors import Untrustworthy
from sijill.export import lines
from sijill.export.layout import Exported, openings_path
from sijill.export.origins import Opened

_INCOMING: Final = ".incoming"


class TilesSink:
    """The form `tiles`: the layout that :mod:`sijill.export` describes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder / _INCOMING

    def resume(self, size: int) -> GrowingTree:
        """The tree by the partial tiles that lie here."""
        shutil.rmtree(self._aside, ignore_errors=True)
        return Exported(self._folder).tree(size)

    def tile(self, tile: Tile, data: bytes) -> None:
        """Aside first, like all."""
        self._write(tile.path, data)

    def events(self, number: int, entries: Sequence[bytes], opened: Sequence[Opened]) -> None:
        """A bundle and the openings of its leaves."""
        width = len(entries)
        self._write(Tile(None, number, width).path, tiles.encode_bundle(entries))
        first = number * tiles.WIDTH
        orders = {
            str(one.item["order"]): one.order
            for one in opened
            if one.order is not None and one.item["order"] >= first
        }
        page = {"openings": [one.item for one in opened], "orders": orders}
        text = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
        self._write(openings_path(number, width), text.encode() + b"\n")

    def publish(self, tree: GrowingTree) -> None:
        """Give every file its place; a partial one goes when the full one is there."""
        for tile in tiles.partial_tiles(size=tree.size):
            self._write(tile.path, b"".join(tree.edge(tile.level or 0)))
        # One call for the whole file system instead of one for each of many small files.
        os.sync()
        for path in sorted(self._aside.rglob("*")):
            if path.is_file():
                self._move(path, self._folder / path.relative_to(self._aside))
        os.sync()
        shutil.rmtree(self._aside, ignore_errors=True)

    def _write(self, name: str, data: bytes) -> None:
        path = self._aside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _move(self, path: Path, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        opened = place.relative_to(self._folder).parts[0] == "openings"
        # What was opened may grow with the reader's rights; what was hashed never changes.
        if place.exists() and not opened and place.read_bytes() != path.read_bytes():
            raise Untrustworthy(f"{place.relative_to(self._folder)} is held with other bytes")
        path.replace(place)
        shutil.rmtree(place.with_name(f"{place.name.removesuffix('.json')}.p"), ignore_errors=True)


class LinesSink:
    """The form `ndjson`: one event a line, with what was opened of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events = folder / "events.ndjson"
        self._aside = folder / _INCOMING
        self._tree = folder / ".tree"

    def resume(self, size: int) -> GrowingTree:
        """The tree by the edges that were kept beside the lines, else by the lines."""
        self._aside.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            kept = json.loads(self._tree.read_bytes())
            if kept["size"] == size:
                edges = {
                    int(level): merkle.split_hashes(base64.b64decode(edge))
                    for level, edge in kept["edges"].items()
                }
                return GrowingTree(size, edges)
        tree = GrowingTree()
        if size:
            with self._events.open("rb") as file:
                for line in islice(file, size):
                    entry = json.loads(line)["leaf"].encode()
                    deque(tree.append(merkle.leaf_hash(entry)), maxlen=0)
        return tree

    def tile(self, tile: Tile, data: bytes) -> None:
        """Lines have no tiles."""

    def events(self, number: int, entries: Sequence[bytes], opened: Sequence[Opened]) -> None:
        """A line for each event; its order's evidence stands where the order begins."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._aside.open("a") as file:
            for index, (entry, one) in enumerate(
                zip(entries, opened, strict=True), number * tiles.WIDTH
            ):
                line = {"index": index, "leaf": entry.decode("ascii"), **one.item}
                if one.order is not None and one.item["order"] == index:
                    line |= one.order
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def publish(self, tree: GrowingTree) -> None:
        """Lines first, the tree behind them."""
        with self._aside.open("rb") as file:
            lines.append(self._events, "index", map(json.loads, file))
        self._aside.unlink()
        edges = {
            tile.level or 0: base64.b64encode(b"".join(tree.edge(tile.level or 0))).decode()
            for tile in tiles.partial_tiles(size=tree.size)
        }
        write_durably(self._tree, json.dumps({"size": tree.size, "edges": edges}).encode())
