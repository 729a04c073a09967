"""`sijill bench inbox`: an inbox with many letters, asked in every way that people ask it.

Letters are registered, dispatched, registered again and closed by signed bulk orders over HTTP,
the follower makes the read models of them, and then the served ledger is asked, with signed reads,
one after the other: a person waits for a page, not for a rate.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from domain.values import baghdad_day
from infrastructure.keyfiles import load_private_key
from infrastructure.log.committer import now_us
from infrastructure.proofs import signing
from infrastructure.proofs.jwk import PrivateKey
from sijill.bench import letters
from sijill.bench.figures import Aim, Case, OnSample, OnStep, Sample, interleaved
from sijill.bench.issue import Wish
from sijill.bench.load import write_requests
from sijill.bench.loading import OK, Fire, fire_all
from sijill.bench.machine import describe
from sijill.bench.preparing import HOST
from sijill.bench.servers import Served, founded, require_room, scratch
from sijill.bench.verdicts import settle

LETTERS = 1_000_000
LETTER_BYTES = 16_000
"""What one letter takes with its two to four events, rounded up; measured."""

P95_MS = 20.0
QUESTIONS = 500
READ_SECONDS = 290
SENDERS = ("interior", "finance")
_PATH = "/v1/inbox"
_FULL = '"items":[{'


def run(wish: Wish, count: int, on_sample: OnSample, on_step: OnStep) -> dict[str, Any]:
    """Fill an inbox and ask it; nothing is compared, so both ratios are null.

    Raises:
        DiskTooSmall: so many letters would not fit.
    """
    with ExitStack() as stack:
        place = stack.enter_context(scratch(wish.folder))
        require_room(place, count * LETTER_BYTES)
        ledger = stack.enter_context(founded(place))
        served = stack.enter_context(ledger.serving(wish.workers or 2))
        first, second = served.enrol(*SENDERS)
        today = baghdad_day(now_us())
        office = letters.Post(served.url, (first, second), served.office, today)
        written, registered = letters.write(office, count, on_step)
        waited = time.monotonic()
        events = settle(served.urls)
        behind = time.monotonic() - waited
        asked = Questions(served, place, wish, office, count)
        machine = describe(place, served.urls.admin)
        cases = interleaved(wish.rounds, asked.cases(), on_sample)
    return {
        "benchmark": "inbox",
        "machine": machine,
        "rounds": wish.rounds,
        "letters": count,
        "events": events,
        "steps": [
            {"step": "letters", **written.told},
            {"step": "registered", **registered.told},
        ],
        "read_models_behind_seconds": round(behind, 1),
        "workers": served.workers,
        "cases": cases,
        "ratio_to_stock": None,
        "ratio_to_copy": None,
        "aims": [
            Aim(f"{name}_p95_ms", P95_MS, case["p95_ms"], most=True).told
            for name, case in cases.items()
        ],
    }


@dataclass(slots=True)
class Questions:
    """Signed reads of an inbox, each drawn at random, one at a time over one connection."""

    served: Served
    place: Path
    wish: Wish
    post: letters.Post
    letters: int
    _key: PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        """The receiver's key signs them."""
        self._key = load_private_key(self.post.receiver.key)

    def cases(self) -> Mapping[str, Case]:
        """Every way to ask, by name."""
        asked: dict[str, Callable[[], dict[str, str]]] = {
            "first_page": dict,
            "page_by_place": self._place,
            "overdue": lambda: {"due_by": self.post.today.isoformat()},
            "number": lambda: {"number": f"{self._any()}/L"},
            "seldom_sender": lambda: {"party": self.post.senders[1].agency},
            "month": self._month,
            "unit": lambda: {"unit": f"in-{self._any() % letters.UNITS}"},
            "closed": lambda: {"business": "closed"},
            "urgent": lambda: {"priority": "urgent"},
        }
        return {name: partial(self.ask, name, draw) for name, draw in asked.items()}

    def ask(self, name: str, draw: Callable[[], dict[str, str]]) -> Sample:
        """Ask so, again and again, for so long."""
        path = self.place / name
        write_requests(path, [self._request(draw()) for _ in range(QUESTIONS)])
        fire = Fire(
            self.served.url,
            path,
            1,
            expect=OK,
            holds=_FULL,
            seconds=self.wish.seconds,
            cycle=True,
        )
        return fire_all(fire)

    def _any(self) -> int:
        return random.randrange(self.letters)  # noqa: S311 - which letter is asked for guards nothing

    def _place(self) -> dict[str, str]:
        """Somewhere in the first half of the list, after which there are others."""
        last = self.letters // 4
        due = self.post.day_of(self._any()) + timedelta(days=letters.DUE_DAYS)
        return {"after": f"0|{due.isoformat()}|{random.randrange(last + 1):016d}"}  # noqa: S311 - as above

    def _month(self) -> dict[str, str]:
        # Every tenth waits, so that its own date is what is asked for.
        day = self.post.day_of(self._any() // 10 * 10)
        span = {"from_day": day, "to_day": day + timedelta(days=30)}
        return {name: one.isoformat() for name, one in span.items()}

    def _request(self, asked: dict[str, str]) -> bytes:
        query = urlencode(asked)
        now = int(time.time())
        headers = signing.sign_read(
            self._key,
            method="GET",
            path=_PATH,
            query=query,
            ledger=self.post.receiver.ledger,
            created=now,
            expires=now + READ_SECONDS,
        )
        head = [f"GET {_PATH}{'?' if query else ''}{query} HTTP/1.1", f"Host: {HOST}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*head, "", ""]).encode()
