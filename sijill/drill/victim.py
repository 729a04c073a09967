"""A copy of the drill's ledger in the hands of somebody who may do everything with it."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, dict_row, tuple_row

from infrastructure import postgres
from infrastructure.keyfiles import write_durably
from infrastructure.log.follower import Follower
from infrastructure.log.lease import Lease
from infrastructure.log.queries import load
from infrastructure.postgres import Role, Urls
from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint, sign
from infrastructure.proofs.leaf import FIRST_PREV, Leaf, body_digest
from projections import model
from sijill.drill.story import ORIGIN, Story
from sijill.folder import Folder

SQL: Final = load("sijill.drill", "drill.sql")
DATABASE: Final = "drill_victim"
COPIED: Final = ("log", "high-water", "keys", "attachments")


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the log, without its leaf hash: that is made anew."""

    index: int
    time: int
    version: int
    order_index: int
    stream: Any
    header_digest: bytes = field(repr=False)
    body_digest: bytes = field(repr=False)
    header_salt: bytes = field(repr=False)
    body_salt: bytes = field(repr=False)
    type: str
    agency: str
    header: bytes = field(repr=False)
    body: bytes = field(repr=False)

    def saying(self, body: bytes) -> "Event":
        """The same event with another body, its digest put right."""
        return replace(self, body=body, body_digest=body_digest(self.body_salt, body))


@dataclass(slots=True)
class Victim:
    """The copy: a superuser's connection, the files beside it, and what the story told."""

    story: Story
    urls: Urls
    folder: Folder
    conn: Connection[Any]

    def run(self, name: str, values: Any = None) -> int:
        """Run one statement of drill.sql; how many rows it touched."""
        return self.conn.execute(SQL[name], values).rowcount

    def events(self) -> list[Event]:
        """The log as it is."""
        return self.conn.cursor(row_factory=class_row(Event)).execute(SQL["events"]).fetchall()

    def orders(self) -> list[dict[str, Any]]:
        """All orders, by first index."""
        return self.conn.cursor(row_factory=dict_row).execute(SQL["orders"]).fetchall()

    def rewrite(
        self, events: Sequence[Event], orders: Sequence[dict[str, Any]] | None = None
    ) -> list[bytes]:
        """Put this log in the place of the one that is there, chain and head put right.

        Events go by where they stand in the sequence; orders move with their first event. Returns
        the leaf hashes.
        """
        places = {event.index: at for at, event in enumerate(events)}
        kept = self.orders() if orders is None else list(orders)
        for name in ("forget_events", "forget_streams", "forget_orders"):
            self.run(name)
        prev, hashes = FIRST_PREV, []
        for at, event in enumerate(events):
            leaf = Leaf(
                index=at,
                time=event.time,
                prev=prev,
                header=event.header_digest,
                body=event.body_digest,
            )
            prev = leaf.hash()
            hashes.append(prev)
            row = {name: getattr(event, name) for name in Event.__dataclass_fields__}
            row |= {"index": at, "leaf_hash": prev}
            row["order_index"] = places.get(event.order_index, event.order_index)
            self.run("put_event", row)
            self.run("put_stream", row)
        for order in kept:
            if order["first_index"] in places:
                self.run("put_order", {**order, "first_index": places[order["first_index"]]})
        head = {"size": len(hashes), "time": events[-1].time, "leaf_hash": prev}
        self.run("move_head", head)
        return hashes

    def sign(self, hashes: Sequence[bytes]) -> None:
        """With the log key: one checkpoint over these leaves, and a mark, as if never another."""
        head = Checkpoint(ORIGIN, len(hashes), merkle.root(hashes))
        note = sign(head, self.folder.log_keys(ORIGIN))
        self.run("forget_checkpoints")
        self.run("put_checkpoint", (head.size, head.root, note, self.events()[-1].time))
        write_durably(self.folder.path / "high-water", head.encode().encode())

    def rebuild(self) -> None:
        """Have the read models made anew from what the log says now."""
        asyncio.run(self._rebuild())

    async def _rebuild(self) -> None:
        async with await postgres.connect_async(
            self.urls.admin, Role.KEEPER, autocommit=True
        ) as conn:
            lease = await Lease.take(conn, "follower", "drill")
            if lease is None:
                raise RuntimeError("somebody else follows the drill's ledger")
            await model.rebuild(conn)
            await Follower(model.ReadModel(), guard=lease).catch_up(conn)


@contextmanager
def victim(story: Story, folder: Path, template: str = "sijill") -> Iterator[Victim]:
    """A copy that is gone behind it: the database as `template` has it, the files as they are."""
    story.server.drop_database(DATABASE)
    urls = story.server.create_database(DATABASE, template=template)
    # What is granted on a database does not come with its template.
    postgres.prepare(urls)
    for name in COPIED:
        source = story.folder.path / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        elif source.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    try:
        with postgres.connect(urls.admin, None, autocommit=True) as conn:
            conn.execute("SET session_replication_role = replica")
            for (table,) in conn.cursor(row_factory=tuple_row).execute(SQL["tables"]).fetchall():
                conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            yield Victim(story, urls, Folder(folder), conn)
    finally:
        story.server.drop_database(DATABASE)
        shutil.rmtree(folder, ignore_errors=True)
