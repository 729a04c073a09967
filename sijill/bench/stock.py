"""The library's own recorder, as it comes: the yardstick of every benchmark."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID, uuid4

from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from sijill.bench.figures import OnSample, Sample, best
from sijill.bench.threads import run_threads

THREADS = (1, 2, 4, 8, 16)
TOPIC = "sijill.certificate.issued.v1"
SOCKET_BYTES = 100_000
"""A batch stays below what a socket takes at once: in the driver's pipeline mode, which the
recorder uses, two threads with larger ones wait for each other for ever (the one that holds the
table's lock has the rest of its statement unsent and only listens)."""

SCOUT_SHARE = 0.3
"""How long each thread count is tried before the best is chosen, beside a round's length."""


class Stock:
    """The recorder over one database. `state` is what each event holds."""

    def __init__(self, factory: PostgresFactory, state: bytes) -> None:
        self._state = state
        self.recorder: ApplicationRecorder = factory.application_recorder()

    @property
    def batch(self) -> int:
        """How many events are appended at a time in bulk; they travel as hexadecimal digits."""
        return max(1, SOCKET_BYTES // (2 * len(self._state) + len(TOPIC) + 64))

    def scout(
        self, seconds: float, on_sample: OnSample, *, batch: int = 1, most: int
    ) -> tuple[int, dict[str, float]]:
        """The best thread count, and the rate of each; `most` events a second are prepared."""
        cases = {
            threads: partial(self.append, threads, SCOUT_SHARE * seconds, batch=batch, most=most)
            for threads in THREADS
        }
        return best(cases, on_sample, "stock")

    def append(self, threads: int, seconds: float, *, batch: int = 1, most: int) -> Sample:
        """Append batches for so long, or until `most` events a second are used up."""
        count = max(threads, int(most * seconds) // batch)
        batches = [self._batch(batch) for _ in range(count)]
        return run_threads(threads, seconds, batches, self.recorder.insert_events, events=batch)

    def fill(self, aggregates: int) -> list[UUID]:
        """Store so many aggregates of one event; their ids."""
        ids: list[UUID] = []
        while len(ids) < aggregates:
            batch = self._batch(min(self.batch, aggregates - len(ids)))
            self.recorder.insert_events(batch)
            ids += [UUID(str(one.originator_id)) for one in batch]
        return ids

    def _batch(self, size: int) -> list[StoredEvent]:
        return [StoredEvent(uuid4(), 1, TOPIC, self._state) for _ in range(size)]


@contextmanager
def stock(url: str, state: bytes) -> Iterator[Stock]:
    """The recorder on the database behind a connection string."""
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
            "POSTGRES_POOL_SIZE": str(max(THREADS)),
            "POSTGRES_MAX_OVERFLOW": str(max(THREADS)),
        },
    )
    factory = PostgresFactory(environment)
    try:
        yield Stock(factory, state)
    finally:
        factory.close()
