"""The sealer: signs the log's word for its content, and never two words that contradict.

A signature cannot be taken back, so everything that it rests on is durable before it is made, in
this order: full tiles; size and root in the database; size and root in the high-water mark, a file
that no restore of the database reaches; then the signature; then its publication. After a crash at
any step the next sealer finds what was about to be signed and signs exactly that before it goes on.

Where the database, the files and the mark do not tell one story, somebody lost or changed what
others may already hold. The sealer then signs nothing more and says why: the log is frozen, and
people decide (a successor log names its last checkpoint).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import Diagnostic

from infrastructure import faults
from infrastructure.keyfiles import HighWaterMark, KeyFileError
from infrastructure.log import checkpoints
from infrastructure.log.lease import Lease, LeaseLost
from infrastructure.log.leaves import (
    BrokenChain,
    checked_leaf_hashes,
    head_size,
    leaf_hashes,
)
from infrastructure.log.tilestore import (
    TileConflict,
    TileStore,
    TreeReader,
    write_missing,
)
from infrastructure.log.witnessed import NOBODY, Prove, WitnessAhead, Witnesses
from infrastructure.proofs import merkle, tiles
from infrastructure.proofs.checkpoint import Checkpoint, open_checkpoint, sign
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.growth import GrowingTree
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.tiles import Tile

LEASE: Final = "sealer"
INTERVAL_SECONDS: Final = 1.0
PASS_EVENTS: Final = 262_144
"""Most events under one new checkpoint: a log that grew unattended is sealed in several steps."""
PAGE_EVENTS: Final = 8_192
IDLE_SECONDS: Final = 60.0

FROZEN_CODES: Final = frozenset(
    {
        "checkpoint_altered",
        "checkpoint_contradicted",
        "checkpoint_not_ours",
        "leaf_hash_mismatch",
        "log_shorter_than_checkpoint",
        "log_shorter_than_mark",
        "log_shorter_than_witness",
        "mark_contradicted",
        "mark_lowered",
        "mark_malformed",
        "mark_missing",
        "mark_of_another_log",
        "tile_conflict",
        "witness_contradicted",
    }
)


class LogFrozen(Exception):
    """Nothing may be signed until people have looked; ``code`` is one of :data:`FROZEN_CODES`.

    ``index`` names the leaf or the tree size where the stories part, where there is one.
    """

    def __init__(self, code: str, index: int | None = None) -> None:
        super().__init__(code if index is None else f"{code} at {index}")
        self.code = code
        self.index = index


class DurabilityUnknown(Exception):
    """The server ended a commit before its standbys had confirmed it; nothing may rest on it."""


class Wake(Protocol):
    """What tells the sealer that the log has grown."""

    async def reach(self, position: int, timeout_seconds: float) -> object:
        """Return when the log holds ``position`` leaves or the time is up."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A published checkpoint and its signed note."""

    checkpoint: Checkpoint
    note: bytes


class Sealer:
    """The one sealer of a log; made by :meth:`open`, of no further use after any exception.

    ``size`` is that of the newest published checkpoint.
    """

    def __init__(
        self,
        conn: AsyncConnection[Any],
        lease: Lease,
        *,
        origin: str,
        keys: Sequence[SignerKey],
        store: TileStore,
        mark: HighWaterMark,
        witnesses: Witnesses = NOBODY,
    ) -> None:
        self._conn = conn
        self._lease = lease
        self._origin = origin
        self._keys = tuple(keys)
        self._store = store
        self._mark = mark
        self._witnesses = witnesses
        self._tree = GrowingTree()
        self._reader = TreeReader(store, self._leaf_hashes)
        self._doubtful = False
        conn.add_notice_handler(self._on_notice)

    @classmethod
    async def open(
        cls,
        conn: AsyncConnection[Any],
        lease: Lease,
        *,
        origin: str,
        keys: Sequence[SignerKey],
        store: TileStore,
        mark: HighWaterMark,
        witnesses: Witnesses = NOBODY,
    ) -> "Sealer":
        """Check that all stories agree, and sign what the last sealer was about to sign.

        ``conn`` is an autocommit connection to the primary, the lease's or another. ``keys`` sign
        in their order; while a rotation overlaps, the old one and the new one both do.

        Raises:
            LogFrozen: the stories differ; the lease then carries the code for others to read.
            LeaseLost, DurabilityUnknown, psycopg.Error: try again with a new connection.
        """
        sealer = cls(
            conn, lease, origin=origin, keys=keys, store=store, mark=mark, witnesses=witnesses
        )
        async with sealer._freezing():
            await sealer._resume()
        await lease.report("")
        return sealer

    @property
    def size(self) -> int:
        """Size of the newest published checkpoint, 0 before the first."""
        return self._tree.size

    async def seal_once(self) -> Sealed | None:
        """Seal what the log has gained, at most :data:`PASS_EVENTS`; None where it gained nothing.

        Raises:
            LogFrozen, LeaseLost, DurabilityUnknown, psycopg.Error: as :meth:`open`.
        """
        async with self._freezing():
            end = await head_size(self._conn)
            if end < self.size:
                raise LogFrozen("log_shorter_than_checkpoint", self.size)
            if end == self.size:
                return None
            tree = self._tree.copy()
            await self._grow(tree, min(end, self.size + PASS_EVENTS))
            sealed = await self._seal(Checkpoint(self._origin, tree.size, tree.root()))
            self._tree = tree
            return sealed

    async def run(self, wake: Wake, *, interval_seconds: float = INTERVAL_SECONDS) -> NoReturn:
        """Seal whenever the log grows, at most once an interval; ends by cancellation or exception.

        Raises:
            LogFrozen, LeaseLost, DurabilityUnknown, psycopg.Error: as :meth:`open`.
        """
        while True:
            await wake.reach(self.size + 1, IDLE_SECONDS)
            if await self.seal_once() is not None:
                await asyncio.sleep(interval_seconds)

    async def _resume(self) -> None:
        mark = self._mark.read()
        if mark.origin != self._origin:
            raise LogFrozen("mark_of_another_log")
        published = await checkpoints.newest(self._conn)
        end = await head_size(self._conn)
        promised = await self._promised(published, mark, end=end)
        for seen in await self._witnesses.remembered():
            if seen.size > end:
                raise LogFrozen("log_shorter_than_witness", seen.size)
            await self._check_root(seen.size, seen.root, "witness_contradicted")
        size = published.size if published else 0
        if published is not None and mark.size < size:
            # Another machine's sealer went on meanwhile, under a mark of its own.
            self._mark.raise_to(Checkpoint(self._origin, size, published.root))
        async for _ in write_missing(self._store, self._reader, size=size):
            pass
        self._tree = await self._reader.growing(size)
        await self._check_join(size)
        for checkpoint in promised:
            tree = self._tree.copy()
            await self._grow(tree, checkpoint.size)
            if tree.root() != checkpoint.root:
                raise LogFrozen("checkpoint_contradicted", checkpoint.size)
            await self._seal(checkpoint)
            self._tree = tree

    async def _promised(
        self, published: checkpoints.CheckpointRow | None, mark: Checkpoint, *, end: int
    ) -> list[Checkpoint]:
        """What may be signed already but is not published; everything that may be is checked."""
        if mark.size > end:
            raise LogFrozen("log_shorter_than_mark", mark.size)
        await self._check_root(mark.size, mark.root, "mark_contradicted")
        rows = await checkpoints.intents(self._conn)
        if published is not None:
            _check_note(published, self._origin, self._keys)
            rows.append(published)
        for row in rows:
            if row.size > end:
                raise LogFrozen("log_shorter_than_checkpoint", row.size)
            await self._check_root(row.size, row.root, "checkpoint_contradicted")
        known = {row.size: row.root for row in rows} | {mark.size: mark.root}
        size = published.size if published else 0
        return [
            Checkpoint(self._origin, ahead, known[ahead]) for ahead in sorted(known) if ahead > size
        ]

    async def _check_root(self, size: int, root: bytes, code: str) -> None:
        if await self._reader.root(size) != root:
            raise LogFrozen(code, size)

    async def _check_join(self, size: int) -> None:
        """Tiles and rows must agree on the last sealed leaf, to which the next one is chained.

        That leaf's hash commits to all before it, so this tells a database that was restored to an
        earlier day and then went another way.
        """
        if size == 0:
            return
        (stored,) = await checked_leaf_hashes(self._conn, size - 1, size)
        number, before = divmod(size - 1, tiles.WIDTH)
        tile = await self._reader.tile(Tile(0, number, before + 1))
        if tile[-merkle.HASH_BYTES :] != stored:
            raise LogFrozen("tile_conflict", size - 1)

    async def _grow(self, tree: GrowingTree, end: int) -> None:
        """Take leaves into ``tree`` up to ``end`` and make the tiles that they fill durable."""
        for start in range(tree.size, end, PAGE_EVENTS):
            stop = min(start + PAGE_EVENTS, end)
            hashes = await checked_leaf_hashes(self._conn, start, stop)
            await faults.point_async("seal.read")
            filled = {tile: data for one in hashes for tile, data in tree.append(one)}
            if filled:
                await self._store.keep(filled)
        await faults.point_async("seal.tiles_durable")

    async def _prove(self, checkpoint: Checkpoint) -> None:
        """The tree that is about to be signed only adds to the last one that was.

        The tree grew in memory; the proof is made anew from what lies in the files and the
        database, so that neither can have gone astray unnoticed.
        """
        proof = await self._reader.consistency_proof(old_size=self.size, new_size=checkpoint.size)
        try:
            merkle.verify_consistency(
                old_size=self.size,
                new_size=checkpoint.size,
                proof=proof,
                old_root=self._tree.root(),
                new_root=checkpoint.root,
            )
        except ProofError as error:
            raise LogFrozen("checkpoint_contradicted", checkpoint.size) from error
        await faults.point_async("seal.consistency_proved")

    async def _seal(self, checkpoint: Checkpoint) -> Sealed:
        await self._prove(checkpoint)
        async with self._durably():
            if not await checkpoints.intend(self._conn, checkpoint.size, checkpoint.root):
                raise LogFrozen("checkpoint_contradicted", checkpoint.size)
            await faults.point_async("seal.intent_written")
        await faults.point_async("seal.intended")
        if self._mark.read().size < checkpoint.size:
            # In no thread: one that a silent disk held back could lower the mark when it goes on.
            self._mark.raise_to(checkpoint)
        await faults.point_async("seal.mark_raised")
        note = sign(checkpoint, self._keys)
        await faults.point_async("seal.signed")
        note = await self._witnesses.cosign(checkpoint, note, self._proof_to(checkpoint.size))
        await faults.point_async("seal.witnessed")
        async with self._durably():
            if not await checkpoints.publish(self._conn, checkpoint.size, checkpoint.root, note):
                raise LogFrozen("checkpoint_contradicted", checkpoint.size)
            await faults.point_async("seal.note_written")
        await faults.point_async("seal.published")
        return Sealed(checkpoint, note)

    def _proof_to(self, size: int) -> Prove:
        return lambda old: self._reader.consistency_proof(old_size=old, new_size=size)

    @asynccontextmanager
    async def _durably(self) -> AsyncIterator[None]:
        """A transaction under the lease that has reached every place it must when this returns."""
        self._doubtful = False
        async with self._conn.transaction():
            await self._lease.check(self._conn)
            yield
        if self._doubtful:
            raise DurabilityUnknown

    def _on_notice(self, notice: Diagnostic) -> None:
        # "canceling wait for synchronous replication" comes as a warning, and the commit succeeds.
        if notice.severity_nonlocalized == "WARNING":
            self._doubtful = True

    @asynccontextmanager
    async def _freezing(self) -> AsyncIterator[None]:
        """Give every contradiction its code and leave that where readiness checks find it."""
        try:
            try:
                yield
            except BrokenChain as error:
                raise LogFrozen("leaf_hash_mismatch", error.index) from error
            except TileConflict as error:
                raise LogFrozen("tile_conflict", error.tile.n) from error
            except KeyFileError as error:
                raise LogFrozen(error.code) from error
            except WitnessAhead as error:
                raise LogFrozen("log_shorter_than_witness", error.size) from error
        except LogFrozen as error:
            with suppress(psycopg.Error):
                await self._lease.report(error.code)
            raise

    async def _leaf_hashes(self, start: int, end: int) -> bytes:
        return await leaf_hashes(self._conn, start, end)


async def follow_mark(
    conn: AsyncConnection[Any], *, origin: str, keys: Sequence[SignerKey], mark: HighWaterMark
) -> int:
    """Raise this machine's mark to what another machine's sealer has published; for a stand-by.

    A mark that stayed where it was would let this machine, once it seals, take an older database
    for the whole log. The size that it has followed to; 0 where it is ahead itself.

    Raises:
        LogFrozen: what is published is not by our keys, or contradicts the mark. KeyFileError: the
        mark cannot be read.
    """
    published = await checkpoints.newest(conn)
    held = mark.read()
    if published is None or published.size < held.size:
        # The other one may be about to publish what this one had intended.
        return 0
    _check_note(published, origin, keys)
    if published.size > held.size:
        mark.raise_to(Checkpoint(origin, published.size, published.root))
    elif published.root != held.root:
        raise LogFrozen("mark_contradicted", held.size)
    return published.size


def _check_note(row: checkpoints.CheckpointRow, origin: str, keys: Sequence[SignerKey]) -> None:
    try:
        found = open_checkpoint(
            row.note or b"", origin=origin, verifiers=[key.verifier for key in keys]
        )
    except ProofError as error:
        raise LogFrozen("checkpoint_not_ours", row.size) from error
    if (found.size, found.root) != (row.size, row.root):
        raise LogFrozen("checkpoint_altered", row.size)


__all__ = [
    "LEASE",
    "DurabilityUnknown",
    "LeaseLost",
    "LogFrozen",
    "Sealed",
    "Sealer",
    "follow_mark",
]
