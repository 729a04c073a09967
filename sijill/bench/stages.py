"""The steps of a nation's ledger, one after the other, each with its time."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from infrastructure import postgres
from infrastructure.log import replaying, sealer
from infrastructure.log.follower import Follower
from infrastructure.log.lease import Lease
from infrastructure.log.reader import load_head
from infrastructure.log.sealer import Sealer
from infrastructure.postgres import Role, Urls
from infrastructure.proofs.receipts import open_receipt
from projections import model
from sijill import audit
from sijill.bench.figures import OnStep, Sample
from sijill.bench.filling import fill
from sijill.bench.sealing import seal_all
from sijill.bench.servers import ORIGIN, Ledger
from sijill.client import Client
from sijill.folder import Folder
from sijill.settings import Settings

FOLLOWER_LEASE = "follower"
PROOFS = 10_000
PROVERS = 4


@dataclass(slots=True)
class Stages:
    """One ledger's steps; `steps` has what each took, `curve` how issuing went on."""

    ledger: Ledger
    workers: int
    on_step: OnStep
    events: int = 0
    steps: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, float]] = field(default_factory=list)
    _receipts: list[str] = field(default_factory=list)

    def issue(self, certificates: int) -> None:
        """Signed bulk orders over HTTP, with sealer and follower kept waiting."""
        with self.ledger.serving(1):
            pass  # its office is enrolled
        with (
            self.database() as urls,
            held_back(urls),
            self.ledger.serving(self.workers) as served,
        ):
            filled = fill(served, certificates, PROOFS, self.on_step)
        self._receipts, self.curve = filled.receipts, filled.curve
        self._took("issue", Sample(certificates, filled.seconds))

    def seal_and_follow(self) -> None:
        """Seal everything here while another process builds the read models."""
        with self.database() as urls:
            with postgres.connect(urls.service, Role.SERVICE) as connection:
                self.events = load_head(connection).size
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
                following = apart.submit(_follow, urls.keeper)
                self._took("seal", asyncio.run(_seal(self.ledger.folder, urls, self)))
                self._took("read_models", following.result(), told=False)

    def replay(self) -> None:
        """Chain and tree again, by one process and by all."""
        with self.database() as urls:
            checkpoint = audit.newest_checkpoint(urls.service)
            if checkpoint is None:
                raise RuntimeError("the log was not sealed")
            for processes in sorted({1, os.cpu_count() or 1}):
                name = f"replay_{processes}"
                with replaying.workers(urls.service, processes) as work:
                    started = time.monotonic()

                    def on_part(done: int, since: float = started, name: str = name) -> None:
                        rate = done / (time.monotonic() - since)
                        self.on_step(name, done, checkpoint.size, rate)

                    found = audit.replay(work, checkpoint, on_part)
                    self._took(name, Sample(found.size, time.monotonic() - started))

    def prove(self) -> None:
        """Have the served ledger prove receipts drawn at random against its newest checkpoint."""
        with self.ledger.serving(self.workers) as served, ExitStack() as stack:
            clients = [stack.enter_context(Client(served.url)) for _ in range(PROVERS)]
            shares = [self._receipts[at::PROVERS] for at in range(PROVERS)]
            started = time.monotonic()
            with ThreadPoolExecutor(PROVERS) as pool:
                proven = sum(pool.map(_prove, clients, shares))
            self._took("prove", Sample(proven, time.monotonic() - started), told=False)

    @contextmanager
    def database(self) -> Iterator[Urls]:
        """The ledger's database, whether anybody serves it meanwhile or not."""
        server = Settings(data=self.ledger.folder).embedded()
        urls = server.start()
        try:
            yield urls
        finally:
            server.stop()

    def _took(self, step: str, sample: Sample, *, told: bool = True) -> None:
        """Keep what a step took; say so where nothing was said on the way."""
        self.steps.append({"step": step, **sample.told})
        if not told:
            self.on_step(step, sample.events, sample.events, sample.rate)


@contextmanager
def held_back(urls: Urls) -> Iterator[None]:
    """Hold the leases of sealer and follower: the keeper of a served ledger then stands by."""
    with asyncio.Runner() as runner:
        opened = [runner.run(_take(urls.keeper, name)) for name in (sealer.LEASE, FOLLOWER_LEASE)]
        try:
            yield
        finally:
            for conn, _ in opened:
                runner.run(conn.close())


async def _take(url: str, name: str) -> tuple[AsyncConnection[Any], Lease]:
    conn = await postgres.connect_async(url, Role.KEEPER, autocommit=True, limits=postgres.PATIENT)
    lease = await Lease.take(conn, name, "bench")
    if lease is None:
        raise RuntimeError(f"somebody else holds the lease {name}")
    return conn, lease


async def _seal(folder: Path, urls: Urls, stages: Stages) -> Sample:
    conn, lease = await _take(urls.keeper, sealer.LEASE)
    files = Folder(folder)
    async with conn:
        found = await Sealer.open(
            conn,
            lease,
            origin=ORIGIN,
            keys=files.log_keys(ORIGIN),
            store=files.tiles,
            mark=files.mark,
        )
        return await seal_all(found, stages.events, stages.on_step)


def _follow(url: str) -> Sample:
    """In a process of its own: what the keeper's follower does."""

    async def work() -> Sample:
        conn, lease = await _take(url, FOLLOWER_LEASE)
        async with conn:
            await model.ensure(conn)
            before = await _applied(conn)
            started = time.monotonic()
            reached = await Follower(model.ReadModel(), guard=lease).catch_up(conn)
            return Sample(reached + 1 - before, time.monotonic() - started)

    return asyncio.run(work())


async def _applied(conn: AsyncConnection[Any]) -> int:
    async with conn.transaction():
        return await model.ReadModel().position(conn) + 1


def _prove(client: Client, receipts: Sequence[str]) -> int:
    """How many receipts the ledger has proven; an untrue one is an exception of the client's."""
    head = client.checkpoint()
    for text in receipts:
        client.prove(open_receipt(text.encode(), [client.identity.receipts]), head)
    return len(receipts)
