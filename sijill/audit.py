"""The check of a ledger as an auditor runs it: from a database, or from any address.

It brings the act table and the rules of the record to the checker in infrastructure/proofs, which
knows no noun, and the material to it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection

from infrastructure import postgres
from infrastructure.log import replaying
from infrastructure.log.checking import DatabaseSource
from infrastructure.log.follower import FollowerStopped
from infrastructure.log.tilestore import TileStore
from infrastructure.postgres import Role
from infrastructure.proofs import material
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.fsck import Fsck, Trust
from infrastructure.proofs.material import Source
from projections import comparing, reports
from sijill import acting, books
from sijill.collecting import seldom_meanwhile
from sijill.notebook import Notebook, notebook
from sijill.rules import Rules

act_rules = acting.act_rules
"""What a check compares acts with."""

KEPT_EVERY = 50_000
"""Leaves after which a check makes durable what it knows, where it keeps a notebook."""


def check(
    source: Source,
    trust: Trust,
    on_finding: Callable[[Finding], None],
    on_leaf: Callable[[], None] | None = None,
    *,
    kept: Notebook | None = None,
    name: str = "",
) -> Summary:
    """Check a log; every finding is told as it is made, every leaf as it is met.

    Args:
        source: the material.
        trust: what the checker brings along.
        on_finding: told each finding.
        on_leaf: told each leaf.
        kept: where an earlier check of this log has left what it knew: only what lies behind that
            is checked. One that is cut off goes on from there as well.
        name: by which `kept` tells this source from others of the same log.
    """
    with (
        seldom_meanwhile(),
        contextlib.nullcontext(kept) if kept is not None else notebook() as memory,
    ):
        state = memory.state()
        tell = on_leaf or _silent
        leaves = 0

        def met() -> None:
            nonlocal leaves
            leaves += 1
            tell()
            if kept is not None and leaves % KEPT_EVERY == 0:
                kept.keep(books.page(fsck.state(), state or {}, name))

        wanted = replace(
            trust, rules=lambda summary: Rules(summary, memory), on_leaf=met, memory=memory
        )
        fsck = Fsck(source, wanted, state)
        for finding in fsck.run():
            on_finding(finding)
        if kept is not None:
            kept.keep(books.page(fsck.state(), state or {}, name))
    return fsck.summary


def _silent() -> None:
    """Nobody asked."""


@contextmanager
def database_source(url: str, tiles: Path | None = None) -> Iterator[DatabaseSource]:
    """A database as material: one consistent view, however long the check takes.

    Raises:
        psycopg.Error: it cannot be read.
    """
    with postgres.connect(url, Role.SERVICE, limits=postgres.PATIENT) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield DatabaseSource(connection, TileStore(tiles) if tiles else None)


def compare_projections(
    url: str,
    summary: Summary,
    on_finding: Callable[[Finding], None],
    on_events: Callable[[int], None] | None = None,
) -> None:
    """Make the read models again, from the log as it was checked, and compare those in use.

    Args:
        url: the keeper's connection string: a scratch schema is made, and gone afterwards.
        summary: of the check of that log.
        on_finding: told each row that differs, with its table and key.
        on_events: told how far the scratch has come.

    Raises:
        psycopg.Error: the database cannot be read, or the scratch not be made.
    """

    def report(code: str, index: int | None, expected: str = "", found: str = "") -> None:
        summary.findings += 1
        on_finding(Finding(code, index, expected, found))

    async def compare() -> None:
        async with await postgres.connect_async(
            url, Role.KEEPER, autocommit=True, limits=postgres.PATIENT
        ) as conn:
            reached = await comparing.position(conn)
            if reached is None:
                summary.skip("projection_of_other_rules", 0, summary.size)
                return
            if reached >= summary.size and reached > await comparing.head(conn):
                report("projection_ahead", reached, str(summary.size - 1), str(reached))
            at = min(reached, summary.size - 1)
            name = f"{conn.info.backend_pid}"
            async with comparing.scratch(conn, at, name=name, on_page=on_events) as made:
                async for one in comparing.differences(conn, made, at):
                    expected, found = (
                        f"{one.place} {one.told(side)}" for side in (one.expected, one.found)
                    )
                    report("projection_differs", one.since, expected, found)
            for row in await _recounted(conn, at):
                report("report_mismatch", row.index, row.expected, row.found)
            summary.projected = at + 1

    try:
        with seldom_meanwhile():
            asyncio.run(compare())
    except FollowerStopped as stopped:
        report("projection_stopped", stopped.index, found=stopped.topic or stopped.code)


async def _recounted(conn: AsyncConnection[Any], at: int) -> list[Finding]:
    """Every published report whose figures do not come out again."""
    wrong = []
    after = -1
    while rows := await reports.published(conn, after=after, at=at):
        for row in rows:
            figures = await reports.issuance(conn, row.narrowed, at=row.of_index)
            digest = reports.digest(figures, row.narrowed, at=row.of_index)
            if digest != row.digest:
                wrong.append(Finding("report_mismatch", row.log_index, digest, row.digest))
            after = row.log_index
    return wrong


class RootMismatch(Exception):
    """The leaves do not lead to the root of the checkpoint; its size is the text."""


def newest_checkpoint(url: str) -> Checkpoint | None:
    """What the newest published checkpoint says, its signature unread; None: there is none."""
    with database_source(url) as source:
        note = source.newest()
    return None if note is None else Checkpoint.parse(material.text_of(note))


def replay(
    work: replaying.Work, checkpoint: Checkpoint, on_part: Callable[[int], None] | None = None
) -> replaying.Replayed:
    """Compute chain and tree again as far as a checkpoint reaches, and compare the root.

    Raises:
        BrokenChain: at the first leaf that is missing or not what its stored hash says.
        RootMismatch: all of them are, and lead to another root.
    """
    found = replaying.replay(work, checkpoint.size, on_part)
    if found.root != checkpoint.root:
        raise RootMismatch(str(checkpoint.size))
    return found
