"""The check of a whole log from its bytes: leaves, chain, tree, tiles, checkpoints, signatures.

Nothing is believed but what the checker brings: the ledger's id, keys of the log, and the
checkpoints and receipts that it kept. Everything else is computed again. A finding does not end the
walk, and what could not be checked is counted by name, so that silence is never taken for health.

The walk goes once from left to right and holds one bundle of leaves, the tree's right edge, the
keys, and what :class:`authorship.Judge` remembers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from infrastructure.proofs import merkle, note, tiles
from infrastructure.proofs.acts import ActRule
from infrastructure.proofs.authorship import OPENED, Judge, Opening
from infrastructure.proofs.before import Before
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.earlier import Earlier
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.keyring import KeyRing
from infrastructure.proofs.leaf import FIRST_PREV
from infrastructure.proofs.material import Entry, Head, Heads, Openings, Source, pairs, text_of
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.promises import Promises
from infrastructure.proofs.reaching import ends_of, tree_at
from infrastructure.proofs.readying import Read
from infrastructure.proofs.remembering import Memory
from infrastructure.proofs.rules import KeptRules
from infrastructure.proofs.tiles import Tile


class Met(NamedTuple):
    """What the walk meets: a leaf, its successor, what is open of it and was read of that ahead."""

    entry: Entry
    following: Entry | None
    opening: Opening | None
    read: Read | None = None


Ahead = Callable[[Iterator[Met], KeyRing], Iterator[Met]]
"""Gives back what the walk will meet, in its order, with some of it read ahead."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the checker brings along.

    ``ledger`` is the id it expects, ``log_keys`` the log's keys that it knows. ``checkpoints`` and
    ``receipts`` are notes that it kept, ``marks`` what the log may have signed. ``acts`` are the
    act table, by the act's name; ``rules`` begins a judge of who had to sign and where an event
    belongs. ``on_leaf`` is called for each leaf, so that somebody can tell how far the walk is.
    ``memory`` is where the walk remembers what grows with the log; ``ahead`` reads before it.
    ``since`` is a checkpoint before which nothing is looked at: of keys and records that are older
    nothing is known then.
    """

    ledger: bytes | None = None
    log_keys: Sequence[VerifierKey] = ()
    checkpoints: Sequence[bytes] = ()
    receipts: Sequence[bytes] = ()
    marks: Sequence[Checkpoint] = ()
    acts: Mapping[str, ActRule] = field(default_factory=dict)
    rules: Callable[[Summary], KeptRules] | None = None
    on_leaf: Callable[[], None] | None = None
    memory: Memory | None = None
    ahead: Ahead | None = None
    since: Checkpoint | None = None


class Fsck:
    """One check of one log. Iterate :meth:`run`, then read ``summary``.

    With ``state`` it goes on where another check stood, with the memory that that one had: of what
    lies before only the last leaf is looked at again, so that a log that was cut is found.
    """

    def __init__(
        self, source: Source, trust: Trust | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        self._source = source
        self._trust = trust or Trust()
        self.summary = Summary()
        self._rules = self._trust.rules(self.summary) if self._trust.rules else None
        self._judge = Judge(self.summary, self._trust.acts, self._rules, self._trust.memory)
        self._tree = GrowingTree()
        self._prev = FIRST_PREV
        self._time = 0
        self._tile_number = -1
        self._earlier = Earlier()
        if state is not None:
            self._resume(state)
        elif self._trust.since is not None:
            self._begin_at(self._trust.since)
        self._start = self._tree.size
        self._tile: list[bytes] | None = None
        self._newest: Checkpoint | None = None
        self._before = Before(source, self._tree, self.summary)
        self._promises = Promises(self._trust.receipts, self.summary)
        self._newer = self._other = False
        self._lost_at: int | None = None
        self._lost_last = 0

    def state(self) -> dict[str, Any]:
        """Where the walk stands between two leaves, as JSON can hold it."""
        edges = self._tree.edges()
        return {
            "size": self._tree.size,
            "root": self._tree.root().hex(),
            "edges": {str(level): [one.hex() for one in edge] for level, edge in edges.items()},
            "prev": self._prev.hex(),
            "time": self._time,
            "earlier": self._earlier.state(self.summary),
            "judge": self._judge.state(),
            "rules": self._rules.state() if self._rules else None,
        }

    def _resume(self, said: Mapping[str, Any]) -> None:
        edges = {int(level): map(bytes.fromhex, edge) for level, edge in said["edges"].items()}
        self._tree = GrowingTree(said["size"], {level: list(edge) for level, edge in edges.items()})
        self._prev = bytes.fromhex(said["prev"])
        self._time = said["time"]
        if "earlier" in said:
            self._earlier.resume(said["earlier"], self.summary)
        self._judge.resume(said["judge"])
        if self._rules is not None and said["rules"] is not None:
            self._rules.resume(said["rules"])

    def _begin_at(self, checkpoint: Checkpoint) -> None:
        """Begin at a checkpoint's size, where the source's tiles lead to its root; else at 0."""
        try:
            ledger, last = ends_of(self._source, checkpoint)
            tree = tree_at(self._source, checkpoint.size)
        except ProofError:
            return
        self._tree, self._prev = tree, last
        self._judge.begin_unseen(ledger, self._trust.log_keys)

    def run(self) -> Iterator[Finding]:
        """Everything that does not fit, in the order of the walk."""
        for finding in self._earlier.told():
            self.summary.findings += 1
            yield finding
        for finding in self._walk():
            self._earlier.keep(finding)
            self.summary.findings += 1
            yield finding

    def _walk(self) -> Iterator[Finding]:
        newest = self._source.newest()
        if newest is not None:
            try:
                self._newest = Checkpoint.parse(text_of(newest))
            except ProofError as error:
                yield Finding.of(error, None)
        trusted = self._trust
        heads = Heads(self._source.checkpoints(), trusted.checkpoints, trusted.marks)
        start = self._start
        openings = Openings(self._source.openings(start))
        walk = self._met(max(0, start - 1), openings)
        if start:
            yield from self._go_on(next(walk, None))
            if self._other:
                return
            yield from self._begin(self._judge.ledger)
        if self._trust.ahead is not None:
            walk = self._trust.ahead(walk, self._judge.keys)
        for met in walk:
            yield from self._meet(heads)
            unread = met.entry.error
            if unread is not None and unread.code == "leaf_version_unknown":
                self._newer = True
            yield from self._take(met)
            if self._trust.on_leaf is not None:
                self._trust.on_leaf()
        yield from self._meet(heads)
        yield from self._end(heads)
        yield from openings.rest()

    def _met(self, start: int, openings: Openings) -> Iterator[Met]:
        for entry, following in pairs(self._source.entries(start), start):
            yield Met(entry, following, openings.at(entry.index))

    def _go_on(self, last: Met | None) -> Iterator[Finding]:
        """The leaf behind which this check begins must still be there, and the same.

        An earlier check may have met leaves that no checkpoint covers even now; a log that ends at
        its checkpoint has none of them, and one that shows no checkpoint has lost every leaf.
        """
        start, known = self._start, self._judge.ledger
        first = self._source.tile(Tile(0, 0, 1))
        if first and first != known:
            # What was remembered is of another ledger: no leaf of this one is to blame.
            yield Finding("ledger_other", 0, known.hex(), first.hex())
            entry = next(iter(self._source.entries()), b"")
            self._other = merkle.leaf_hash(entry) == first
            return
        covered = 0 if self._newest is None else self._newest.size
        if self._source.ends_at_checkpoint and covered < start:
            yield Finding("entry_missing", covered, str(start), str(covered))
        elif last is None:
            yield Finding("entry_missing", start - 1, str(start))
        elif last.entry.leaf_hash != self._prev:
            found = last.entry.leaf_hash.hex()
            yield Finding("leaf_altered", start - 1, self._prev.hex(), found)

    def _take(self, met: Met) -> Iterator[Finding]:
        """One leaf: its bytes, its place in the chain and in the tiles, and what it commits to."""
        entry, following = met.entry, met.following
        index = entry.index
        yield from self._load_tile(index)
        true_hash = entry.leaf_hash
        listed = self._listed(index)
        if listed is not None and listed != entry.leaf_hash:
            # The next leaf was chained to the hash that the log had for this one at that time.
            if following and following.leaf and following.leaf.prev == entry.leaf_hash:
                yield Finding("tile_altered", index, entry.leaf_hash.hex(), listed.hex())
            else:
                yield Finding("leaf_altered", index, listed.hex(), entry.leaf_hash.hex())
                true_hash = listed
        if not self._newer:
            yield from self._check_leaf(entry, altered=true_hash != entry.leaf_hash)
        self.summary.leaves += 1
        yield from self._grow(true_hash)
        if self._newest is None or index >= self._newest.size:
            self.summary.skip("leaf_not_signed", index)
        if self._newer:
            # Tree, tiles and roots are over bytes whatever they say; what they say is not judged.
            self.summary.skip("newer_format", index)
        elif entry.leaf is not None and entry.leaf.index == index:
            yield from self._judge.judge(entry.leaf, met.opening, met.read)
        if index == 0:
            yield from self._begin(true_hash)
        yield from self._promises.met(index, true_hash)
        self._prev = true_hash

    def _begin(self, ledger: bytes) -> Iterator[Finding]:
        """After event 0: which ledger this is, and by which keys it speaks."""
        self._judge.ledger = ledger
        trusted = self._trust
        if trusted.ledger is not None and trusted.ledger != ledger:
            yield Finding("ledger_other", 0, trusted.ledger.hex(), ledger.hex())
        if trusted.ledger is not None and not (self._judge.log_keys or trusted.log_keys):
            # Who brings no more than the id must be shown event 0: only it names the log's key.
            yield Finding("genesis_invalid", 0, OPENED, "not open")
        yield from self._promises.open(ledger, self._judge.receipt_key, self._before)

    def _check_leaf(self, entry: Entry, *, altered: bool) -> Iterator[Finding]:
        index, leaf = entry.index, entry.leaf
        if leaf is None:
            if entry.error is not None:
                yield Finding.of(entry.error, index)
            return
        if leaf.index != index:
            yield Finding("index_wrong", index, str(index), str(leaf.index))
        if altered:
            return
        if leaf.prev != self._prev:
            yield Finding("chain_broken", index, self._prev.hex(), leaf.prev.hex())
        if leaf.time < self._time:
            yield Finding("time_reversed", index, str(self._time), str(leaf.time))
        self._time = leaf.time

    def _load_tile(self, index: int) -> Iterator[Finding]:
        """At the first leaf met of each level 0 tile: the hashes that the log serves for it."""
        number = index // tiles.WIDTH
        if number == self._tile_number:
            return
        self._tile, self._tile_number = None, number
        if self._newest is None or index >= self._newest.size:
            return
        tile = Tile(0, number, min(tiles.WIDTH, self._newest.size - number * tiles.WIDTH))
        data = self._source.tile(tile)
        if data is None:
            self.summary.skip("tile_not_given", index, tile.width)
            return
        self.summary.tiles += 1
        try:
            self._tile = tiles.parse_tile(tile, data)
        except ProofError as error:
            yield Finding.of(error, index)

    def _listed(self, index: int) -> bytes | None:
        """The hash that the level 0 tile lists for a leaf, where there is one."""
        before = index % tiles.WIDTH
        return self._tile[before] if self._tile and before < len(self._tile) else None

    def _grow(self, leaf_hash: bytes) -> Iterator[Finding]:
        for tile, data in self._tree.append(leaf_hash):
            if tile.level and self._newest and self._tree.size <= self._newest.size:
                yield from self._compare(tile, data)

    def _compare(self, tile: Tile, data: bytes) -> Iterator[Finding]:
        """A tile above level 0, which the leaves' hashes lead to."""
        first = tile.n * tiles.WIDTH << tiles.HEIGHT * (tile.level or 0)
        served = self._source.tile(tile)
        if served is None:
            self.summary.skip("tile_not_given", first)
            return
        self.summary.tiles += 1
        if served != data:
            yield Finding(
                "tile_altered", first, sha256(data).hexdigest(), sha256(served).hexdigest()
            )

    def _meet(self, heads: Heads) -> Iterator[Finding]:
        """Every checkpoint of the size that the walk has reached."""
        size = self._tree.size
        for head in heads.at(size):
            if isinstance(head, Finding):
                yield head
            elif head.checkpoint.size >= self._start:
                yield from self._check_head(head)
            elif head.held:
                yield from self._before.checkpoint(head.checkpoint)
            else:
                self.summary.skip("before_start", head.checkpoint.size)
        if self._newest is not None and size == self._newest.size:
            for tile in tiles.partial_tiles(size=size):
                if tile.level:
                    yield from self._compare(tile, b"".join(self._tree.edge(tile.level)))

    def _check_head(self, head: Head) -> Iterator[Finding]:
        checkpoint, size = head.checkpoint, head.checkpoint.size
        self.summary.checkpoints += head.note is not None
        known = [*self._judge.log_keys, *self._trust.log_keys]
        if head.note is not None and not known:
            self.summary.skip("checkpoint_signature", size)
        elif head.note is not None:
            try:
                note.open_note(head.note, dict.fromkeys(known))
            except ProofError as error:
                if self._judge.log_key_unseen and error.code == "note_unsigned":
                    self.summary.skip("checkpoint_signature", size)
                else:
                    yield Finding.of(error, size)
        if self._judge.log_keys and checkpoint.origin != self._judge.log_keys[0].name:
            origin = self._judge.log_keys[0].name
            yield Finding("checkpoint_origin_mismatch", size, origin, checkpoint.origin)
        root = self._tree.root()
        if root == checkpoint.root:
            return
        if head.held:
            yield Finding("held_root_mismatch", size, checkpoint.root.hex(), root.hex())
        elif self._lost_at is None:
            self._lost_at = self._lost_last = size
            yield Finding("root_mismatch", size, checkpoint.root.hex(), root.hex())
        else:
            self._lost_last = size

    def _behind(self) -> Iterator[int]:
        """The size of the newest checkpoint where an earlier check has met it."""
        if self._newest is not None and self._newest.size < self._start:
            yield self._newest.size

    def _end(self, heads: Heads) -> Iterator[Finding]:
        """What the log promised beyond its last leaf."""
        size = self.summary.size = self._tree.size
        if self._newest is not None and self._newest.size > size:
            yield Finding("entry_missing", size, str(self._newest.size), str(size))
        elif self._newest is not None and self._newest.size not in (heads.met, *self._behind()):
            yield Finding("checkpoint_not_listed", self._newest.size)
        for head in heads.rest():
            if isinstance(head, Finding):
                yield head
            elif head.held:
                yield Finding("entry_missing", size, str(head.checkpoint.size), str(size))
            elif self._newest is None or head.checkpoint.size > self._newest.size:
                yield Finding("checkpoint_unexpected", head.checkpoint.size)
        if self._lost_at is not None and self._lost_last > self._lost_at:
            yield Finding("root_mismatch_goes_on", self._lost_last)
        known, trusted = set(self._judge.log_keys), set(self._trust.log_keys)
        if known and trusted and not known & trusted:
            found = ", ".join(key.encode() for key in self._judge.log_keys)
            yield Finding("log_key_other", None, self._trust.log_keys[0].encode(), found)
        covered = 0 if self._newest is None else self._newest.size
        yield from self._promises.rest(size, covered if self._source.ends_at_checkpoint else None)
