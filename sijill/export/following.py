"""Following a log: take what it has gained, prove it, and only then call it part of the copy.

The tree is computed from the leaves themselves, so nothing that is kept is the origin's word. What
was taken lies aside until the root of every checkpoint on the way has come out; a file that is
there is never written again with other bytes. A log that contradicts what is kept ends the
following, and what it said is kept beside the copy.
"""

import base64
import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from infrastructure.keyfiles import write_durably
from infrastructure.proofs import leaf, merkle, tiles
from infrastructure.proofs.authorship import KEY_ROTATED
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.opened import parse_opening
from infrastructure.proofs.tiles import Tile
from sijill.client.errors import Unreachable, Untrustworthy
from sijill.export import lines
from sijill.export.layout import CHECKPOINTS
from sijill.export.origins import Opened, Origin

STEP_EVENTS: Final = 65_536
"""A step ends at the first checkpoint that lies this far ahead: what was taken waits so long."""


class CopyInUse(Exception):
    """Another process follows into the same folder at this moment."""

    code = "copy_in_use"


class Grown(NamedTuple):
    """What the copy held before and holds now."""

    before: int
    size: int
    root: bytes


class Sink(Protocol):
    """Where what was taken goes; nothing of it counts before `publish`."""

    def resume(self, size: int) -> GrowingTree:
        """The tree of what is held, ready to grow; what a crash left half done is dropped."""

    def tile(self, tile: Tile, data: bytes) -> None:
        """A hash tile that is full."""

    def events(self, number: int, entries: Sequence[bytes], opened: Sequence[Opened]) -> None:
        """The leaves of one bundle with their openings, whole, also where some were held."""

    def publish(self, tree: GrowingTree) -> None:
        """Everything that was given is proven: make it part of the copy, durably."""


class Following:
    """One folder that follows one origin. `strict` also checks chain and openings as they come."""

    def __init__(self, origin: Origin, folder: Path, sink: Sink, *, strict: bool = True) -> None:
        self._origin = origin
        self._folder = folder
        self._sink = sink
        self._strict = strict
        self._keys: Sequence[VerifierKey] = ()
        self._name = ""
        self._told: dict[str, Any] = {}
        self._named: dict[int, str] = {}
        """The log's keys by the index of the event that names each, as the log itself has them."""

    def run(self, on_events: Callable[[int], None] = lambda _: None) -> Grown:
        """Take everything that a published checkpoint covers.

        Raises:
            Untrustworthy: the log contradicts its own word, or what is held here.
            Unreachable: it shows no checkpoint any more.
            CopyInUse: somebody else follows into this folder just now.
        """
        with _alone(self._folder):
            try:
                return self._run(on_events)
            except ProofError as error:
                raise self._suspicion(str(error)) from error

    def _run(self, on_events: Callable[[int], None]) -> Grown:
        self._identify()
        note = self._folder / "checkpoint"
        held = self._open(note.read_bytes()) if note.exists() else None
        size = held.size if held else 0
        tree = self._sink.resume(size)
        if held is not None and tree.root() != held.root:
            raise self._suspicion("what is held here does not lead to the root held here")
        data = self._origin.newest()
        if data is None and size:
            raise Unreachable(f"size {size} was signed, and now no checkpoint is shown")
        if data is None:
            return Grown(size, size, tree.root())
        newest = self._open(data)
        if newest.size < size or (newest.size == size and newest.root != tree.root()):
            raise self._suspicion(f"size {size} was signed, and now {newest.size}", data)
        for step in self._steps(size, newest.size):
            self._take(tree, step, on_events)
        if tree.size != newest.size:
            raise self._suspicion("the newest checkpoint is not among the published ones", data)
        if tree.root() != newest.root:
            raise self._suspicion(f"two roots of {newest.size} were signed", data)
        return Grown(size, tree.size, tree.root())

    def _identify(self) -> None:
        """Which ledger this is: the same as ever, and its keys."""
        told = self._origin.told()
        path = self._folder / "ledger.json"
        if path.exists():
            known = json.loads(path.read_bytes())
            if (known["ledger"], known["origin"]) != (told.ledger["ledger"], told.ledger["origin"]):
                raise self._suspicion("this is another ledger than the one held here")
            # What the log's own events named as they were taken; nobody is asked again.
            told.ledger["receipts_vkey"] = known["receipts_vkey"]
            self._named = dict(zip(known["log_key_indexes"], known["log_vkeys"], strict=True))
        self._keys, self._name, self._told = told.keys, str(told.ledger["origin"]), told.ledger

    def _learn(self, first: int, entries: Sequence[bytes], page: Sequence[Opened]) -> None:
        """Take up the log's keys from the events that name them, strict or not.

        Event 0 names the origin and the key of receipts as well, and its leaf is the ledger's id.
        """
        for index, (entry, one) in enumerate(zip(entries, page, strict=True), first):
            if index and _ROTATED not in base64.b64decode(one.item.get("header", "")):
                continue
            shown = parse_opening(one.item, None)
            if shown.body is None:
                raise self._suspicion(f"event {index} names a key of the log, unopened", entry)
            if leaf.body_digest(shown.body_salt, shown.body) != leaf.parse_leaf(entry).body:
                raise self._suspicion(f"leaf {index} commits to another body", shown.body)
            said = leaf.split_body(shown.body).parsed
            if index == 0:
                ledger = merkle.leaf_hash(entry).hex()
                founded = (ledger, said.get("origin"), said.get("receipt_key"))
                if founded != tuple(self._told[name] for name in _FOUNDED):
                    raise self._suspicion("event 0 is of another ledger than was told", entry)
            self._named[index] = str(said.get("log_key"))

    def _keep_ledger(self, heads: Sequence[Mapping[str, Any]]) -> None:
        """Which ledger is held, by the keys that its own events name; they signed what is kept."""
        indexes = sorted(self._named)
        keys = [self._named[index] for index in indexes]
        named = [VerifierKey.parse(key) for key in keys]
        for head in heads:
            data = head["note"].encode()
            known = [key for key, at in zip(named, indexes, strict=True) if at < head["size"]]
            try:
                open_checkpoint(data, origin=self._name, verifiers=known)
            except ProofError as error:
                raise self._suspicion(f"by no key that the log names: {error}", data) from error
        said = {**self._told, "log_vkeys": keys, "log_key_indexes": indexes}
        text = json.dumps({**said, "log_vkey": keys[-1]}, ensure_ascii=False, indent=1)
        path = self._folder / "ledger.json"
        if not path.exists() or path.read_bytes() != text.encode() + b"\n":
            write_durably(path, text.encode() + b"\n")

    def _open(self, data: bytes) -> Checkpoint:
        return open_checkpoint(data, origin=self._name, verifiers=self._keys)

    def _head(self, item: Mapping[str, Any]) -> Checkpoint:
        """A published checkpoint, of the size under which the origin lists it."""
        data = item["note"].encode()
        head = self._open(data)
        if head.size != item["size"]:
            raise self._suspicion(f"{head.size} is listed as {item['size']}", data)
        return head

    def _steps(self, size: int, end: int) -> Iterator[list[dict[str, Any]]]:
        """The published checkpoints up to `end`, in steps that end at one of them."""
        step: list[dict[str, Any]] = []
        for item in self._origin.checkpoints(size):
            if item["size"] > end:
                break
            step.append(item)
            if item["size"] - size >= STEP_EVENTS:
                yield step
                size, step = item["size"], []
        if step:
            yield step

    def _take(
        self, tree: GrowingTree, step: list[dict[str, Any]], on_events: Callable[[int], None]
    ) -> None:
        start, end = tree.size, step[-1]["size"]
        heads = iter([(item, self._head(item)) for item in step])
        item, head = next(heads)
        first = start // tiles.WIDTH
        opened = self._origin.openings(first * tiles.WIDTH, end)
        for number in range(first, -(-end // tiles.WIDTH)):
            width = min(tiles.WIDTH, end - number * tiles.WIDTH)
            entries = self._origin.bundle(number, width)
            page = list(islice(opened, width))
            if len(page) != width or [one.item["index"] for one in page] != list(
                range(number * tiles.WIDTH, number * tiles.WIDTH + width)
            ):
                raise self._suspicion(f"openings from {number * tiles.WIDTH} on are missing")
            hashes = [merkle.leaf_hash(entry) for entry in entries]
            known = max(0, start - number * tiles.WIDTH)
            if hashes[:known] != tree.edge(0)[:known]:
                raise self._suspicion(f"leaves from {number * tiles.WIDTH} on are not those held")
            self._learn(number * tiles.WIDTH, entries, page)
            if self._strict:
                self._check(number, entries, page)
            for one in hashes[known:]:
                for tile, data in tree.append(one):
                    self._sink.tile(tile, data)
                while head.size <= tree.size:
                    if (head.size, head.root) != (tree.size, tree.root()):
                        raise self._suspicion(
                            f"the leaves do not lead to the root of {head.size}",
                            item["note"].encode(),
                        )
                    item, head = next(heads, (item, _BEYOND))
            self._sink.events(number, entries, page)
            on_events(width - known)
        if head is not _BEYOND:
            raise self._suspicion(f"the root of {head.size} was not met", item["note"].encode())
        self._keep_ledger(step)
        self._sink.publish(tree)
        lines.append(self._folder / CHECKPOINTS, "size", step)
        write_durably(self._folder / "checkpoint", step[-1]["note"].encode())

    def _check(self, number: int, entries: Sequence[bytes], page: Sequence[Opened]) -> None:
        """Each leaf stands in its place, and commits to what is shown of it."""
        prev: bytes | None = leaf.FIRST_PREV if number == 0 else None
        for index, (entry, one) in enumerate(zip(entries, page, strict=True), number * tiles.WIDTH):
            said = leaf.parse_leaf(entry)
            if said.index != index or prev not in {None, said.prev}:
                raise self._suspicion(f"leaf {index} is out of its chain", entry)
            prev = merkle.leaf_hash(entry)
            shown = parse_opening(one.item, one.order)
            for part, salt, digest, digested in (
                (shown.header, shown.header_salt, said.header, leaf.header_digest),
                (shown.body, shown.body_salt, said.body, leaf.body_digest),
            ):
                if part is not None and digested(salt, part) != digest:
                    raise self._suspicion(f"leaf {index} commits to something else", part)

    def _suspicion(self, detail: str, data: bytes = b"") -> Untrustworthy:
        if data:
            write_durably(self._folder / ".suspect" / str(time.time_ns()), data)
        return Untrustworthy(detail, data)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that follow into one folder would each clear away what the other has taken aside."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CopyInUse(str(folder)) from error
        yield


_ROTATED: Final = f'"type":"{KEY_ROTATED}"'.encode()
"""As it stands in a header, and in nothing else of one: the others' values hold no quote."""
_FOUNDED: Final = ("ledger", "origin", "receipts_vkey")
_BEYOND: Final = Checkpoint("beyond", merkle.MAX_SIZE, bytes(merkle.HASH_BYTES))
