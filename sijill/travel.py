"""The ledger at another time: the read models as they were, and what happened between two sizes.

The same index gives the same bytes on any machine. In an operator's database the log is followed
into a scratch schema beside the read models in use; from anywhere else (an export, an address) its
openings are followed into a database that lives as long as the question.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from infrastructure import postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.log.follower import Recorded, recorded
from infrastructure.postgres import Role
from infrastructure.proofs import leaf
from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.material import Openings, Source, text_of
from infrastructure.proofs.reaching import leaves_to
from projections import comparing, model
from projections.model import ReadModel
from projections.rows import Connection

PAGE_EVENTS: Final = 1_000

OnEvents = Callable[[int], None]
"""Told how many events the read models hold by now."""


class NotOpen(Exception):
    """What is asked for cannot be made from what this caller may see, or from so short a log."""

    def __init__(self, code: str, *, index: int) -> None:
        super().__init__(code)
        self.code = code
        self.params = {"index": index}


@dataclass(frozen=True, slots=True)
class Replayed:
    """The read models after event `at`: SHA-256 over all their rows, and over each table's."""

    at: int
    digest: bytes
    tables: dict[str, bytes]
    live: bytes | None = None
    """The same digest of the read models in use, where there are any that have come so far."""
    ahead: tuple[str, ...] = ()
    """Rows in use, by table and key, that begin or end behind the last event: nothing made them."""

    @property
    def same(self) -> bool:
        """Whether nothing in use is other than the log makes it."""
        return self.live in (None, self.digest) and not self.ahead


class Deed(NamedTuple):
    """What happened: the event's topic and the agency that ordered it."""

    type: str
    agency: str


@dataclass(slots=True)
class Happened:
    """How often, and where first and last."""

    count: int
    first: int
    last: int


def replay_database(
    url: str, at: int, *, keep: str | None = None, on_events: OnEvents | None = None
) -> Replayed:
    """Make the read models of a database once more as they were after event `at`.

    Args:
        url: the keeper's connection string.
        at: the log index.
        keep: under which name the schema is kept, `scratch_` before it; without one it is dropped.
        on_events: told how far it has come.

    Raises:
        NotOpen: the log ends before.
        FollowerStopped, psycopg.Error: the log cannot be read, or not be applied.
    """

    async def run() -> Replayed:
        async with await postgres.connect_async(
            url, Role.KEEPER, autocommit=True, limits=postgres.PATIENT
        ) as conn:
            if at > await model.head(conn):
                raise NotOpen("input_index_unknown", index=at)
            name = keep or f"{conn.info.backend_pid}"
            async with comparing.scratch(
                conn, at, name=name, keep=keep is not None, on_page=on_events
            ) as schema:
                made = await model.digests(conn, at=at, schema=schema)
                reached = await comparing.position(conn)
                live = None
                ahead: list[str] = []
                if reached is not None and reached >= at:
                    live = (await model.digests(conn, at=at)).whole
                    ahead = [one.place async for one in comparing.ahead(conn)]
        return Replayed(at, made.whole, made.tables, live, tuple(ahead))

    return asyncio.run(run())


def replay_source(source: Source, at: int, on_events: OnEvents | None = None) -> Replayed:
    """Make the read models from a log's openings, in a database of their own that is gone then.

    Raises:
        NotOpen: an event up to `at` is not open to this caller, or is not what its leaf commits to,
            or the log ends before.
        ProofError: a leaf is not in the form of the record format.
        EmbeddedServerError: no PostgreSQL can be started here.
    """

    async def run(url: str) -> Replayed:
        async with await postgres.connect_async(url, Role.KEEPER, autocommit=True) as conn:
            await model.create(conn, "replayed")
            await _feed(conn, source, at, on_events)
            made = await model.digests(conn, at=at, schema="replayed")
        return Replayed(at, made.whole, made.tables)

    with _own_server() as urls:
        return asyncio.run(run(urls.keeper))


def happened(
    source: Source, old: int, new: int, *, agency: str | None = None
) -> tuple[dict[Deed, Happened], int]:
    """What was recorded between two sizes, and of how many events the header was not open.

    Raises:
        NotOpen: the log is not that long; or its leaves do not lead to the root of its newest
            checkpoint, or commit to other headers.
        ProofError: a leaf or header is not in the form of the record format.
    """
    deeds: dict[Deed, Happened] = {}
    closed = new - old
    openings = Openings(source.openings(old))
    for index, data in _proven(source, old, new):
        opening = openings.at(index)
        if opening is None or opening.header is None:
            continue
        closed -= 1
        said = leaf.parse_leaf(data)
        if leaf.header_digest(opening.header_salt, opening.header) != said.header:
            raise NotOpen("input_not_proven", index=index)
        header = leaf.parse_header(opening.header)
        if agency not in (None, header.agency):
            continue
        known = deeds.setdefault(
            Deed(header.type, header.agency), Happened(0, opening.index, opening.index)
        )
        known.count += 1
        known.last = opening.index
    return deeds, closed


def _proven(source: Source, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The leaves between two sizes with their indexes.

    Raises:
        NotOpen: the newest checkpoint does not reach so far; or, behind the last of them, they are
            not the leaves that it was signed over.
    """
    note = source.newest()
    newest = None if note is None else Checkpoint.parse(text_of(note))
    if newest is None or end > newest.size:
        raise NotOpen("input_index_unknown", index=end - 1)
    try:
        yield from enumerate(leaves_to(source, start, end, newest), start)
    except ProofError as error:
        raise NotOpen("input_not_proven", index=end - 1) from error


async def _feed(conn: Connection, source: Source, at: int, on_events: OnEvents | None) -> None:
    sink = ReadModel("replayed")
    openings = Openings(source.openings())
    page: list[Recorded] = []
    for index, data in _proven(source, 0, at + 1):
        page.append(_opened(index, data, openings.at(index)))
        if len(page) == PAGE_EVENTS or index == at:
            async with conn.transaction():
                await sink.position(conn)
                await sink.apply(conn, page)
            page = []
            if on_events is not None:
                on_events(index + 1)


def _opened(index: int, data: bytes, opening: Opening | None) -> Recorded:
    if opening is None or opening.header is None or opening.body is None:
        raise NotOpen("input_not_open", index=index)
    said = leaf.parse_leaf(data)
    if leaf.header_digest(opening.header_salt, opening.header) != said.header:
        raise NotOpen("input_not_proven", index=index)
    if leaf.body_digest(opening.body_salt, opening.body) != said.body:
        raise NotOpen("input_not_proven", index=index)
    return recorded(index, said.time, opening.header, opening.body)


@contextmanager
def _own_server() -> Iterator[postgres.Urls]:
    with tempfile.TemporaryDirectory(prefix="sijill-replay-") as folder:
        # Nothing here outlives the question, so nothing has to reach the disk.
        server = EmbeddedServer(Path(folder) / "postgresql", settings={"fsync": "off"})
        urls = server.start()
        try:
            yield urls
        finally:
            server.stop()
