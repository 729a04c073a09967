"""`sijill bench append`: durable single events through the committer, beside the stock recorder."""

import asyncio
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from domain.values import uuid7
from infrastructure import migrations, postgres
from infrastructure.log.batch import AppendRequest, Event, Order
from infrastructure.log.committer import Committer
from infrastructure.postgres import Urls
from infrastructure.proofs.leaf import Header, encode_body
from sijill.bench import Sample, interleaved, machine, median, scratch_server

TOPIC = "sijill.certificate.issued.v1"
STATE_BYTES = 278
EVIDENCE_BYTES = 600
SECONDS = 3.0
WAITERS = (1, 16, 128)
STOCK_THREADS = (1, 8)
HOUR_US = 3_600_000_000


def run(*, rounds: int, on_sample: Callable[[str, Sample], None]) -> dict[str, Any]:
    """Measure both; `ratio_to_stock` compares 128 waiting with the stock's best thread count."""
    with scratch_server() as server:
        ours = server.create_database("bench_sijill")
        migrations.upgrade(ours.admin)
        postgres.prepare(ours)
        library = server.create_database("bench_stock")
        cases: dict[str, Callable[[], Sample]] = {
            f"stock_{threads}": partial(stock, library.admin, threads) for threads in STOCK_THREADS
        }
        cases |= {f"sijill_{waiters}": partial(_ours, ours, waiters) for waiters in WAITERS}
        taken = {
            name: median(samples) for name, samples in interleaved(rounds, cases, on_sample).items()
        }
    best = max(taken[f"stock_{threads}"]["rate"] for threads in STOCK_THREADS)
    return {
        "benchmark": "append",
        "machine": machine(),
        "rounds": rounds,
        "cases": taken,
        "ratio_to_stock": round(taken[f"sijill_{WAITERS[-1]}"]["rate"] / best, 2),
    }


def stock(url: str, threads: int) -> Sample:
    """The library's own recorder: one event a transaction, under its table lock."""
    known = conninfo_to_dict(url)
    environment = Environment(
        "bench",
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(known["dbname"]),
            "POSTGRES_HOST": str(known["host"]),
            "POSTGRES_PORT": str(known.get("port", "5432")),
            "POSTGRES_USER": str(known["user"]),
            "POSTGRES_PASSWORD": str(known["password"]),
            "POSTGRES_POOL_SIZE": str(threads + 2),
        },
    )
    factory: PostgresFactory = PostgresFactory(environment)
    recorder = factory.application_recorder()
    latencies: list[float] = []
    until = time.monotonic() + SECONDS

    def work() -> None:
        own: list[float] = []
        while (started := time.monotonic()) < until:
            state = os.urandom(STATE_BYTES)
            recorder.insert_events([StoredEvent(uuid4(), 1, TOPIC, state)])
            own.append(time.monotonic() - started)
        latencies.extend(own)

    started = time.monotonic()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.monotonic() - started
    factory.close()
    return Sample.of(latencies, seconds)


def _ours(urls: Urls, waiters: int) -> Sample:
    """The committer with so many callers waiting; claims, evidence, vault and chain included."""

    async def work() -> Sample:
        latencies: list[float] = []
        async with Committer(urls.service) as committer:
            until = time.monotonic() + SECONDS

            async def call() -> None:
                while (started := time.monotonic()) < until:
                    await committer.submit(_request())
                    latencies.append(time.monotonic() - started)

            started = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for _ in range(waiters):
                    group.create_task(call())
            return Sample.of(latencies, time.monotonic() - started)

    return asyncio.run(work())


def _request() -> AppendRequest:
    """One issuance as the store sees it: a new stream, three claims, a sealed line."""
    now = time.time_ns() // 1000
    stream: UUID = uuid7(now)
    name = secrets.token_urlsafe(24)
    digest = hashlib.sha256(name.encode()).digest()
    header = Header(
        agency="bench",
        evidence=digest,
        keys=("A" * 43,),
        line=0,
        stream=stream,
        type=TOPIC,
        version=1,
    )
    body = encode_body(b'{"act":"certificate.issue","nonce":"%b"}' % name.encode(), {})
    return AppendRequest(
        order=Order(
            agency="bench",
            idempotency_key=name,
            request_digest=digest,
            evidence=os.urandom(EVIDENCE_BYTES),
            statement_digests=digest,
            lines=1,
            not_before=now - HOUR_US,
            not_after=now + HOUR_US,
        ),
        events=[
            Event(
                stream=stream,
                version=1,
                type=TOPIC,
                line=0,
                header=header.encode(),
                header_salt=os.urandom(16),
                body=body,
                body_salt=os.urandom(16),
                sealed=os.urandom(STATE_BYTES),
            )
        ],
        claims=[(space, name, stream) for space in ("code", "number", "status")],
        record_keys={stream: os.urandom(40)},
    )
