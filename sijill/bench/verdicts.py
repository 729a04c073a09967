"""Questions to a served ledger about certificates that it holds."""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure import postgres
from infrastructure.log.reader import load_head
from infrastructure.postgres import Role, Urls
from projections import freshness
from sijill.bench import preparing
from sijill.bench.append import OPEN_SHARE
from sijill.bench.figures import Case, OnStep, Sample
from sijill.bench.issue import BULK_CONNECTIONS, Wish
from sijill.bench.loading import OK, Fire, fire_all, running
from sijill.bench.revoking import revoke
from sijill.bench.servers import Served

QUESTIONS = 50_000
REVOCATIONS = 50
PIECE = 20_000
"""So many certificates are prepared and sent at a time."""

LINES = 1_000
BACKGROUND_SHARE = 0.4
"""Revocations are watched while verdicts are asked for at this share of the full rate."""

HOLDS = '"outcome":"valid"'


@dataclass(slots=True)
class Verdicts:
    """Random questions, and revocations that are watched; `codes` are of good certificates."""

    served: Served
    place: Path
    wish: Wish
    codes: list[str]
    reached: float = field(default=0.0)
    _doomed: list[str] = field(default_factory=list)

    def cases(self) -> dict[str, Case]:
        """As fast as it goes, on a schedule, and revocations while others ask."""
        revoked = min(self.wish.rounds * REVOCATIONS, len(self.codes) // 2)
        self._doomed, good = self.codes[:revoked], self.codes[revoked:]
        chosen = random.choices(good, k=QUESTIONS)  # noqa: S311 - which record is asked for guards nothing
        preparing.questions(self._questions, chosen)
        return {
            f"sijill_{self.wish.connections}": self.closed,
            "sijill_open": self.open,
            "revocation": self.revoke,
        }

    def closed(self) -> Sample:
        """As many at a time as there are connections."""
        sample = fire_all(self._fire(None))
        self.reached = sample.rate
        return sample

    def open(self) -> Sample:
        """Due on a schedule."""
        return fire_all(self._fire(self.wish.rate or OPEN_SHARE * self.reached))

    def revoke(self) -> Sample:
        """A share of the revocations, watched in every worker while verdicts are asked for."""
        share = max(1, len(self._doomed) // self.wish.rounds)
        codes, self._doomed = self._doomed[:share], self._doomed[share:]
        background = self._fire(BACKGROUND_SHARE * self.reached)
        with running(background):
            return revoke(self.served, codes)

    @property
    def _questions(self) -> Path:
        return self.place / "questions"

    def _fire(self, rate: float | None) -> Fire:
        return asking(self.served, self._questions, self.wish, rate)


def asking(served: Served, questions: Path, wish: Wish, rate: float | None = None) -> Fire:
    """Ask again and again about certificates in force, for so long."""
    return Fire(
        served.url,
        questions,
        wish.connections,
        expect=OK,
        holds=HOLDS,
        rate=rate,
        seconds=wish.seconds,
        cycle=True,
    )


def issue_many(served: Served, place: Path, count: int, on_step: OnStep) -> list[str]:
    """Issue so many certificates by the bulk road, and wait until verdicts know them; the codes."""
    codes: list[str] = []
    path = place / "bulks"
    started = time.monotonic()
    while len(codes) < count:
        piece = min(PIECE, count - len(codes))
        lines = min(LINES, piece)
        made = preparing.bulks(served.office, path, -(-piece // lines), lines)
        fire_all(Fire(served.url, path, BULK_CONNECTIONS, expect=OK, lacks='"problem"'))
        codes += made
        on_step("issue", len(codes), count, len(codes) / (time.monotonic() - started))
    path.unlink()
    settle(served.urls)
    return codes


def settle(urls: Urls) -> int:
    """Wait until the read models hold all of the log; its size."""
    with postgres.connect(urls.service, Role.SERVICE, autocommit=True) as connection:
        size = load_head(connection).size
        connection.execute(f"LISTEN {freshness.CHANNEL}")
        while True:
            [[applied]] = connection.execute(freshness.APPLIED_EVENTS).fetchall()
            if applied >= size:
                return size
            list(connection.notifies(timeout=1, stop_after=1))
