"""`sijill bench issue`: signed issuances over HTTP, beside the stock recorder.

Requests are signed before the clock starts. The load generator shares the machine with the service.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from sijill.bench import Sample, interleaved, machine, median, scratch_server
from sijill.bench.append import stock
from sijill.client import Client, Draft, Prepared
from sijill.demo import served
from sijill.demo.cast import Cast, enrol_officers, founders, register
from sijill.founding import found
from sijill.settings import EXTERNAL

ORIGIN = "bench.sijill.example/ledger"
AGENCY = "health"
CONNECTIONS = 64
ORDERS = 4_000
CREATED = b"HTTP/1.1 201 "


def run(
    *, rounds: int, connections: int = CONNECTIONS, on_sample: Callable[[str, Sample], None]
) -> dict[str, Any]:
    """Measure; `ratio_to_stock` compares with the stock recorder's bare appends of 8 threads.

    The ledger is the benchmark's own: never the one that the environment names.
    """
    for name in EXTERNAL:
        os.environ.pop(name, None)
    with TemporaryDirectory(prefix="sijill-bench-") as folder, scratch_server() as server:
        data = Path(folder) / "ledger"
        found(data, ORIGIN)
        database = server.create_database("bench_stock")
        with served(data, 0) as (url, _):
            officer = _officer(url, data)
            cases: dict[str, Callable[[], Sample]] = {
                "stock_8": partial(stock, database.admin, 8),
                f"sijill_{connections}": lambda: _send(url, _prepare(officer), connections),
            }
            taken = {
                name: median(samples)
                for name, samples in interleaved(rounds, cases, on_sample).items()
            }
            officer.close()
    ours = taken[f"sijill_{connections}"]["rate"]
    return {
        "benchmark": "issue",
        "machine": machine(),
        "rounds": rounds,
        "cases": taken,
        "ratio_to_stock": round(ours / taken["stock_8"]["rate"], 2),
    }


def _officer(url: str, data: Path) -> Client:
    operator, authority = founders(url, data)
    cast = Cast(operator, authority, {})
    register(operator, AGENCY)
    [officer] = enrol_officers(cast, url, data, AGENCY, 1)
    cast.close()
    return officer


def _prepare(officer: Client) -> list[Prepared]:
    """Signed orders that were never sent, in a series that nobody has used."""
    series = f"bench-{secrets.token_hex(4)}"
    return [
        officer.prepare(draft.path, [draft.envelope], journal=False)
        for draft in (
            Draft.issue(
                AGENCY,
                {"deceased_name": "حامل", "death_date": "2026-01-01"},
                type="death_record_extract",
                unit="bench",
                series=series,
                number=str(number),
                date="2026-01-01",
                language="ar",
            )
            for number in range(ORDERS)
        )
    ]


def _send(url: str, prepared: list[Prepared], connections: int) -> Sample:
    address = urlsplit(url)
    requests = [_encode(one, address.netloc) for one in prepared]

    async def work() -> Sample:
        latencies: list[float] = []
        queue = iter(requests)

        async def call() -> None:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                for request in queue:
                    started = time.monotonic()
                    writer.write(request)
                    await _answer(reader)
                    latencies.append(time.monotonic() - started)
            finally:
                writer.close()
                await writer.wait_closed()

        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(call())
        return Sample.of(latencies, time.monotonic() - started)

    return asyncio.run(work())


def _encode(prepared: Prepared, host: str) -> bytes:
    lines = [f"POST {prepared.path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in prepared.headers.items()]
    lines += [f"Content-Length: {len(prepared.body)}", "", ""]
    return "\r\n".join(lines).encode() + prepared.body


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    body = await reader.readexactly(size)
    if not head.startswith(CREATED):
        raise RuntimeError(f"{head.splitlines()[0]!r} {body[:300]!r}")
