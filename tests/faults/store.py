"""The long form of test_store.py: tails over a million events, then maintenance again and again.

    python -m tests.faults.store --events 1000000 --passes 100 --seed 7

Progress goes to stderr, what was found as JSON to stdout; it ends with an exception where an event
was missed or an append failed.
"""

import argparse
import asyncio
import json
import logging
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infrastructure import migrations, postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.postgres import Urls
from sijill.bench.machine import host
from tests.faults.maintenance import maintain
from tests.faults.tailing import tail


@contextmanager
def _store(server: EmbeddedServer, name: str) -> Iterator[Urls]:
    """An empty log of its own."""
    urls = server.create_database(name)
    migrations.upgrade(urls.admin)
    postgres.prepare(urls)
    yield urls
    server.drop_database(name)


def run(*, events: int, passes: int, seed: int) -> dict[str, Any]:
    """Both runs on a server as it is shipped, every commit synced."""
    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        server = EmbeddedServer(Path(folder) / "pg")
        server.start()
        try:
            with _store(server, "tailed") as urls:
                sys.stderr.write(f"tailing {events} events\n")
                tailed = tail(urls, events, seed=seed)
            with _store(server, "maintained") as urls:
                sys.stderr.write(f"maintaining {passes} times\n")
                maintained = asyncio.run(maintain(urls, passes=passes))
        finally:
            server.stop()
    return {
        "command": f"python -m tests.faults.store --events {events} --passes {passes}"
        f" --seed {seed}",
        "machine": host(),
        "tails": asdict(tailed),
        "maintenance": asdict(maintained),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="tests.faults.store", description="Tail and maintain.")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--passes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options = parser.parse_args()
    # Each session that is ended on purpose would be told.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    found = run(events=options.events, passes=options.passes, seed=options.seed)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
