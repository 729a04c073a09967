"""What a check of a log is given, and how it is brought into one order for a single walk.

A source may be a server on the network, a database or a folder of copies. It may lie, be cut short
or come in the wrong order; all of that has to end as a finding and never as an exception.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from infrastructure.proofs import merkle, note
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.leaf import Leaf, parse_leaf
from infrastructure.proofs.tiles import Tile


class Source(Protocol):
    """Where the material comes from. Nothing that it gives is trusted.

    ``ends_at_checkpoint`` says that leaves beyond the newest checkpoint are kept back, as over
    HTTP: one that is not given may be there.
    """

    ends_at_checkpoint: bool

    def newest(self) -> bytes | None:
        """The note of the newest checkpoint; None where none was published."""

    def checkpoints(self) -> Iterable[bytes]:
        """The note of every published checkpoint, the smallest first."""

    def entries(self, start: int = 0) -> Iterable[bytes]:
        """The bytes of every leaf from index ``start`` on."""

    def openings(self, start: int = 0) -> Iterable[Opening]:
        """What is open to the checker, by index from ``start`` on; leaves may be passed over."""

    def tile(self, tile: Tile) -> bytes | None:
        """The bytes of a hash tile as it is served; None where the source has none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf as it was given; ``leaf`` is None where its bytes are not one."""

    index: int
    leaf_hash: bytes
    leaf: Leaf | None
    error: ProofError | None


class Head(NamedTuple):
    """A checkpoint that is still to be met on the walk; a high-water mark has no note."""

    checkpoint: Checkpoint
    note: bytes | None
    held: bool


class Heads:
    """Checkpoints by size: the published ones as they stream by, the held ones among them."""

    def __init__(
        self,
        published: Iterable[bytes],
        held: Iterable[bytes],
        marks: Iterable[Checkpoint] = (),
    ) -> None:
        self._published = iter(published)
        self._next: Head | None = None
        self._last = -1
        self._findings: list[Finding] = []
        kept = [*self._read(held), *(Head(mark, None, held=True) for mark in marks)]
        self._held = sorted(kept, key=lambda head: -head.checkpoint.size)
        self.met = -1
        self._advance()

    def at(self, size: int) -> Iterator[Head | Finding]:
        """The checkpoints up to this size, and what is wrong with their order."""
        yield from self._report()
        while self._next is not None and self._next.checkpoint.size <= size:
            head = self._next
            self._advance()
            if head.checkpoint.size == size:
                self.met = size
                yield head
            yield from self._report()
        while self._held and self._held[-1].checkpoint.size <= size:
            yield self._held.pop()

    def rest(self) -> Iterator[Head | Finding]:
        """What the walk did not reach."""
        while self._next is not None:
            yield self._next
            self._advance()
        yield from self._report()
        yield from reversed(self._held)

    def _advance(self) -> None:
        self._next = None
        for data in self._published:
            head = self._parse(data, held=False)
            if head is None:
                continue
            if head.checkpoint.size <= self._last:
                found = Finding("checkpoint_out_of_order", head.checkpoint.size, f"> {self._last}")
                self._findings.append(found)
                continue
            self._last = head.checkpoint.size
            self._next = head
            return

    def _read(self, notes: Iterable[bytes]) -> list[Head]:
        heads = [self._parse(data, held=True) for data in notes]
        return [head for head in heads if head is not None]

    def _parse(self, data: bytes, *, held: bool) -> Head | None:
        try:
            return Head(Checkpoint.parse(text_of(data)), data, held)
        except ProofError as error:
            self._findings.append(Finding.of(error, None))
            return None

    def _report(self) -> Iterator[Finding]:
        while self._findings:
            yield self._findings.pop(0)


class Openings:
    """Openings by index; what comes for no leaf, or a second time, is a finding."""

    def __init__(self, openings: Iterable[Opening]) -> None:
        self._openings = iter(openings)
        self._next = next(self._openings, None)
        self._strays: list[int] = []

    def at(self, index: int) -> Opening | None:
        """The opening of a leaf, if there is one."""
        while self._next is not None and self._next.index < index:
            self._strays.append(self._next.index)
            self._next = next(self._openings, None)
        if self._next is None or self._next.index != index:
            return None
        found, self._next = self._next, next(self._openings, None)
        return found

    def rest(self) -> Iterator[Finding]:
        """What was left over."""
        if self._next is not None:
            self._strays.append(self._next.index)
        for index in self._strays:
            yield Finding("opening_without_leaf", index)


def pairs(entries: Iterable[bytes], start: int = 0) -> Iterator[tuple[Entry, Entry | None]]:
    """Each entry with its successor; ``start`` is the index of the first."""
    current: Entry | None = None
    for index, data in enumerate(entries, start):
        following = _entry(index, data)
        if current is not None:
            yield current, following
        current = following
    if current is not None:
        yield current, None


def _entry(index: int, data: bytes) -> Entry:
    leaf_hash = merkle.leaf_hash(data)
    try:
        return Entry(index, leaf_hash, parse_leaf(data), None)
    except ProofError as error:
        return Entry(index, leaf_hash, None, error)


def text_of(data: bytes) -> str:
    """The text of a note, not yet verified: what it claims decides where it is checked."""
    if len(data) > note.MAX_NOTE_BYTES:
        raise ProofError("note_malformed", f"at most {note.MAX_NOTE_BYTES} bytes")
    try:
        text, separator, _ = data.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise ProofError("note_malformed", "not UTF-8") from None
    if not separator:
        raise ProofError("note_malformed", "text, an empty line and signature lines expected")
    return text + "\n"
