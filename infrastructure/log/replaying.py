"""Replay: the chain and the tree once more, from what lies in the database, on all processors.

Every leaf is put together from its stored parts, its hash compared with the stored one, and the
tree of RFC 6962 built over what came out. What lies behind the digests (headers, bodies,
signatures) is for `proofs.fsck`; this is the part of it that can be done every night.

The log is cut into subtrees that any process can check alone. A part begins behind a hash that it
has only read, so the parts are joined by what the one before has computed.
"""

import os
from binascii import hexlify
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from struct import Struct
from typing import Any, Final, Protocol, TypeVar

from psycopg import Connection
from psycopg.rows import tuple_row

from infrastructure import postgres
from infrastructure.log.leaves import BrokenChain
from infrastructure.log.queries import load
from infrastructure.postgres import Role
from infrastructure.proofs import merkle
from infrastructure.proofs.leaf import FIRST_PREV

PART_LEAVES: Final = 1 << 16
"""Leaves of one part; a power of two, so that every full part is a subtree."""

READY_SECONDS: Final = 60.0
Span = tuple[int, int]
_Asked = TypeVar("_Asked")
_Done = TypeVar("_Done")

_QUERIES = load("infrastructure.log", "checking.sql")
_RECORD = Struct(">qq32s32s32s")
# The leaf of the record format behind RFC 6962's 0x00; a test compares it with `leaf.Leaf`.
LEAF: Final = b'\x00{"body":"%b","header":"%b","index":%d,"prev":"%b","time":%d,"v":1}'


@dataclass(frozen=True, slots=True)
class Part:
    """Leaves [start, end) as they were computed: `prev` was read, `last` came out.

    `subtrees` are the complete subtrees that they make, each as (level, root), largest first.
    """

    start: int
    end: int
    prev: bytes
    last: bytes
    first_time: int
    last_time: int
    subtrees: list[tuple[int, bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A log of `size` leaves whose every stored hash came out, and the root of its tree."""

    size: int
    root: bytes


Work = Callable[[Iterable[Span]], Iterable[Part]]
"""Replays parts, in order, one after the other or several at the same time."""

Task = Callable[[Connection[Any], _Asked], _Done]
"""What is done with one part; a function of a module's, for other processes find it by its name."""


class Each(Protocol):
    """Does something with every part, in order, one after the other or several at the same time."""

    def __call__(self, task: Task[_Asked, _Done], asked: Iterable[_Asked]) -> Iterable[_Done]:
        """What came of each."""


@contextmanager
def workers(url: str, processes: int = 1) -> Iterator[Work]:
    """What replays parts; as `connected`."""
    with connected(url, processes) as each:
        yield lambda spans: each(_replay_span, spans)


@contextmanager
def connected(url: str, processes: int = 1) -> Iterator[Each]:
    """What works on parts: this process, or several of their own, each with its connection.

    Raises:
        psycopg.Error: the database cannot be reached.
    """
    if processes == 1:
        with _connect(url) as conn:

            def here(task: Task[_Asked, _Done], asked: Iterable[_Asked]) -> Iterable[_Done]:
                return (task(conn, one) for one in asked)

            yield here
        return
    context = get_context("spawn")
    ready = context.Barrier(processes + 1)
    _connect(url).close()
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_open, initargs=(url, ready)
    ) as pool:
        # A process starts when there is a task and nobody is free.
        for _ in range(processes):
            pool.submit(os.getpid)
        ready.wait(READY_SECONDS)

        def apart(task: Task[_Asked, _Done], asked: Iterable[_Asked]) -> Iterable[_Done]:
            return pool.map(partial(_with_connection, task), asked)

        yield apart


def replay(work: Work, size: int, on_part: Callable[[int], None] | None = None) -> Replayed:
    """Compute the first `size` leaves of a log again; `on_part` is told how many are done.

    Raises:
        BrokenChain: at the first leaf, in the order of the log, that is missing or not what its
            stored hash says.
        psycopg.Error: the database cannot be read.
    """
    starts = range(0, size, PART_LEAVES)
    return join(work([(at, min(at + PART_LEAVES, size)) for at in starts]), on_part)


def join(parts: Iterable[Part], on_part: Callable[[int], None] | None = None) -> Replayed:
    """One log from its parts, in order: each begins where, and behind what, the last one ended.

    Raises:
        BrokenChain: it does not.
    """
    size, last, time = 0, FIRST_PREV, 0
    edge = merkle.CompactRange()
    for part in parts:
        if (part.start, part.prev) != (size, last) or part.first_time < time:
            raise BrokenChain(part.start)
        edge = edge.joined(part.subtrees)
        size, last, time = part.end, part.last, part.last_time
        if on_part is not None:
            on_part(size)
    return Replayed(size, edge.root())


def replay_part(conn: Connection[Any], start: int, end: int) -> Part:
    """Compute the leaves [start, end) again; `start` is a multiple of `PART_LEAVES`.

    Raises:
        BrokenChain: as `replay`.
    """
    prev = hash_before(conn, start)
    hashes: list[bytes] = []
    times = [0]
    for piece in _pieces(conn, start, end):
        # A stored value of another length would shift all behind it.
        if len(piece) % _RECORD.size:
            raise BrokenChain(start + len(hashes))
        _extend(hashes, times, piece, start, prev)
    if len(hashes) != end - start:
        raise BrokenChain(start + len(hashes))
    subtrees = [
        (level, merkle.perfect_root(hashes[(n << level) - start : (n + 1 << level) - start]))
        for level, n in merkle.complete_subtrees(start, end)
    ]
    return Part(start, end, prev, hashes[-1], times[1], times[-1], subtrees)


def _extend(hashes: list[bytes], times: list[int], piece: bytes, start: int, prev: bytes) -> None:
    """Add the hashes of some leaves that follow; `times` keeps the first and the newest time."""
    index, time = start + len(hashes), times[-1]
    link = hexlify(hashes[-1] if hashes else prev)
    for at, moment, stored, header, body in _RECORD.iter_unpack(piece):
        found = sha256(LEAF % (hexlify(body), hexlify(header), at, link, moment)).digest()
        if found != stored or at != index or moment < time:
            raise BrokenChain(index)
        hashes.append(found)
        link, index, time = hexlify(found), index + 1, moment
    times[1:] = [times[1] if len(times) > 1 else _RECORD.unpack_from(piece)[1], time]


def _pieces(conn: Connection[Any], start: int, end: int) -> Iterator[bytes]:
    """The stored parts of some leaves, a few hundred joined: far cheaper than row by row."""
    limits = {"start": start, "end": end}
    with (
        conn.cursor(row_factory=tuple_row) as cursor,
        cursor.copy(_QUERIES["replayed"], limits) as copy,
    ):
        copy.set_types(["bytea"])
        for (piece,) in copy.rows():
            yield piece


def hash_before(conn: Connection[Any], start: int) -> bytes:
    """The stored hash that the first leaf is chained to.

    Raises:
        BrokenChain: there is none.
    """
    if start == 0:
        return FIRST_PREV
    cursor = conn.cursor(row_factory=tuple_row, binary=True)
    row = cursor.execute(_QUERIES["leaf_hashes"], (start - 1, start)).fetchone()
    if row is None:
        raise BrokenChain(start - 1)
    return bytes(row[0])


def _connect(url: str) -> Connection[Any]:
    return postgres.connect(url, Role.SERVICE, autocommit=True, limits=postgres.PATIENT)


_opened: list[Connection[Any]] = []
"""The connection of a process of the pool; it ends with the process."""


def _open(url: str, ready: Barrier) -> None:
    try:
        _opened.append(_connect(url))
    except BaseException:
        ready.abort()
        raise
    ready.wait(READY_SECONDS)


def _with_connection(task: Task[_Asked, _Done], asked: _Asked) -> _Done:
    return task(_opened[0], asked)


def _replay_span(conn: Connection[Any], span: Span) -> Part:
    return replay_part(conn, *span)
