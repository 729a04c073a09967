"""Load: several agencies' clients that issue and revoke, singly and in bulk, without rest.

Each client is a thread with a connection and a journal of its own. Whatever happens on the way, an
order is sent again as the same bytes until it is answered for good.
"""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from infrastructure.proofs import signing
from infrastructure.proofs.jwk import PrivateKey
from sijill.client import Client, Patience, Prepared, Refused, Unreachable, statement
from tests.faults.journal import Journal
from tests.faults.service import Service
from tests.serving import Agency, issuance

T = TypeVar("T")
BULK = "/v1/certificates/bulk"
ONCE = Patience(tries=1)
PAUSE_SECONDS = 0.05
PROGRESS_SECONDS = 90.0
GIVE_UP_SECONDS = 120.0
# How often a client asks for a checkpoint after an order.
LOOKS = 0.1


@dataclass(slots=True)
class Figures:
    """What clients went through: events and orders acknowledged, and how hard that was.

    `replays` are lines answered from what an earlier try had recorded. The outages are the longest
    times from the first sending of an order to its answer: of clients that go straight, and of
    those behind a go-between. `told` counts what stood in the answer's place, by its code.
    """

    orders: int = 0
    events: int = 0
    retries: int = 0
    replays: int = 0
    outage_seconds: float = 0.0
    outage_behind_seconds: float = 0.0
    told: dict[str, int] = field(default_factory=dict)


class Sender:
    """One client of one agency: makes orders, sends them, keeps the journal."""

    def __init__(
        self, url: str, agency: str, key: PrivateKey, journal: Path, chance: random.Random
    ) -> None:
        self.url = url
        self.agency = agency
        self.figures = Figures()
        self.longest_seconds = 0.0
        self.codes: list[str] = []
        self.revoked: list[str] = []
        self._journal = Journal(journal)
        self._chance = chance
        self._client = Client(url, agency=agency, key=key, patience=ONCE, timeout_seconds=30)
        self._pause = threading.Event()

    def order(self, *, bulk_lines: int) -> int:
        """Send one order until it is answered; how many events it was.

        Raises:
            Refused, Untrustworthy: the ledger said what it must not; Unreachable: no answer in
            `GIVE_UP_SECONDS`.
        """
        revoked, prepared = self._prepared(bulk_lines)
        lines = self._send(prepared)
        self.revoked += revoked
        new = (line["code"] for line in lines if "code" in line)
        self.codes += [code for code in new if code not in revoked]
        if self._chance.random() < LOOKS:
            self._look()
        return len(lines)

    def issue(self) -> dict[str, Any]:
        """Send one issuance until it is answered; the answer."""
        [line] = self._send(self._sign("/v1/certificates", [issuance(self.agency)]))
        self.codes.append(line["code"])
        return line

    def close(self) -> None:
        """Let connection and journal go."""
        self._client.close()
        self._journal.close()

    def _send(self, prepared: Prepared) -> list[dict[str, Any]]:
        """The answers to all lines; before and after, the journal is written."""
        self._journal.sent(prepared)
        started = time.monotonic()
        try:
            answer = self._patiently(lambda: self._client.send(prepared))
        except Refused as refused:
            self._journal.refused(prepared, refused.code)
            raise
        lines = answer if isinstance(answer, list) else [answer]
        self._journal.answered(prepared, lines)
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - started)
        self.figures.orders += 1
        self.figures.events += len(lines)
        self.figures.replays += sum(bool(line.get("replayed")) for line in lines)
        return lines

    def _prepared(self, bulk_lines: int) -> tuple[set[str], Prepared]:
        """An order that was never sent, and the codes that it revokes."""
        kind = self._chance.random()
        if kind < 0.5 or not self.codes:
            return set(), self._sign("/v1/certificates", [issuance(self.agency)])
        if kind < 0.75:
            code = self._drawn()
            return {code}, self._sign(
                f"/v1/certificates/{code}/revocation", [self._revocation(code)]
            )
        codes = {self._drawn() for _ in range(min(len(self.codes), bulk_lines // 4))}
        lines = [self._revocation(code) for code in sorted(codes)]
        lines += [issuance(self.agency) for _ in range(bulk_lines - len(lines))]
        self._chance.shuffle(lines)
        return codes, self._sign(BULK, lines, bulk=True)

    def _sign(self, path: str, lines: list[bytes], *, bulk: bool = False) -> Prepared:
        # The first signature asks which ledger this is.
        return self._patiently(lambda: self._client.prepare(path, lines, bulk=bulk))

    def _drawn(self) -> str:
        return self.codes.pop(self._chance.randrange(len(self.codes)))

    def _revocation(self, code: str) -> bytes:
        said = statement("certificate.revoke", self.agency, code=code, reason="decision")
        return signing.envelope(said)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """What is answered in the end; Unreachable only after `GIVE_UP_SECONDS`."""
        started = time.monotonic()
        while True:
            try:
                return ask()
            except Unreachable as error:
                self.figures.retries += 1
                code = (error.problem or {}).get("code", "silence")
                self.figures.told[code] = self.figures.told.get(code, 0) + 1
                if time.monotonic() - started > GIVE_UP_SECONDS:
                    raise
                self._pause.wait(PAUSE_SECONDS)

    def _look(self) -> None:
        """Ask for the newest checkpoint; what was shown is kept, and no answer is no matter."""
        try:
            self._journal.saw(self._client.text("/log/checkpoint"))
        except (Unreachable, Refused):
            return


@dataclass(slots=True)
class Load:
    """All clients together. Agencies and keys are enrolled when it is made.

    Args:
        service: whose ledger they talk to.
        folder: where their journals lie, a file each.
        seed: of everything that is left to chance, except codes, numbers, keys and salts.
        agencies: how many of them.
        senders: clients of each agency.
        bulk_lines: the length of a bulk.
        pace_seconds: how long each client rests between orders.
        url: the address of a go-between, for every other client; None goes straight.
    """

    service: Service
    folder: Path
    seed: int = 0
    agencies: int = 3
    senders: int = 2
    bulk_lines: int = 20
    pace_seconds: float = 0.02
    url: str | None = None
    clients: list[Sender] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    bodies: list[Agency] = field(default_factory=list)
    _moved: threading.Condition = field(default_factory=threading.Condition)
    _acknowledged: int = 0

    def __post_init__(self) -> None:
        """Enrol the agencies; nothing is sent yet."""
        self.bodies = [self.service.served.agency() for _ in range(self.agencies)]
        numbers = itertools.count(1)
        for turn in range(self.senders):
            for body in self.bodies:
                number = next(numbers)
                self.clients.append(
                    Sender(
                        (turn % 2 and self.url) or self.service.url,
                        body.name,
                        body.key,
                        self.folder / f"{number}.journal",
                        random.Random(f"{self.seed}/{number}"),
                    )
                )

    @property
    def journals(self) -> list[Path]:
        """The files that all clients wrote."""
        return sorted(self.folder.glob("*.journal"))

    @property
    def figures(self) -> Figures:
        """The figures of all clients together."""
        each = [client.figures for client in self.clients]
        return Figures(
            orders=sum(one.orders for one in each),
            events=sum(one.events for one in each),
            retries=sum(one.retries for one in each),
            replays=sum(one.replays for one in each),
            outage_seconds=self._longest(behind=False),
            outage_behind_seconds=self._longest(behind=True),
            told=dict(sum((Counter(one.told) for one in each), Counter())),
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send while the block runs; at its end every order that was begun has been answered."""
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._work, args=(client, stop), daemon=True)
            for client in self.clients
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def progress(self, events: int = 1, *, seconds: float = PROGRESS_SECONDS) -> None:
        """Return when so many more events have been acknowledged from now on.

        Raises:
            AssertionError: they were not in time, or a client failed.
        """
        with self._moved:
            wanted = self._acknowledged + events
            self._moved.wait_for(lambda: self.failures or self._acknowledged >= wanted, seconds)
            assert not self.failures, "\n".join(self.failures)
            missing = wanted - self._acknowledged
            assert missing <= 0, f"{missing} of {events} events not acknowledged in {seconds} s"

    def close(self) -> None:
        """Let connections and journals go."""
        for client in self.clients:
            client.close()

    def _longest(self, *, behind: bool) -> float:
        waits = [
            client.longest_seconds for client in self.clients if (client.url == self.url) is behind
        ]
        return round(max(waits, default=0.0), 2)

    def _work(self, client: Sender, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                events = client.order(bulk_lines=self.bulk_lines)
            except Exception as error:  # noqa: BLE001 - whatever ends a client is a finding
                with self._moved:
                    self.failures.append(f"{client.agency}: {type(error).__name__}: {error}")
                    self._moved.notify_all()
                return
            with self._moved:
                self._acknowledged += events
                self._moved.notify_all()
            stop.wait(self.pace_seconds)
