"""Letters to one body from others, made, signed and sent as bulks by the real road.

What a letter says follows from its number, so that the process that registers it needs no list.
Of ten letters five wait, four are registered, and one of those and one more are closed; every third
has a due date. Their dates go back over a year, so that a third of what is due is overdue.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from typing import Any

from infrastructure.keyfiles import load_private_key
from infrastructure.proofs import signing
from infrastructure.proofs.orders import NDJSON
from sijill.bench.figures import OnStep, Sample
from sijill.bench.filling import MORE_THAN_PROCESSORS, post
from sijill.bench.preparing import head_of, request
from sijill.bench.servers import Office
from sijill.client import Draft

PATH = "/v1/transfers/bulk"
LETTERS = 1_000
"""So many letters are made and sent at a time; a letter is two lines."""

DAYS = 365
DUE_DAYS = 240
RARE = 1_000
"""One letter in so many comes from the second body."""

UNITS = 7
_REGISTERED = frozenset({5, 6, 7, 8, 9})
_CLOSED = frozenset({8, 9})


@dataclass(frozen=True, slots=True)
class Post:
    """Who writes to whom: two senders, of whom the second writes seldom, and one receiver."""

    url: str
    senders: tuple[Office, Office]
    receiver: Office
    today: date

    def sender_of(self, number: int) -> Office:
        """Who has sent a letter."""
        return self.senders[number % RARE == 0]

    def day_of(self, number: int) -> date:
        """The date that a letter bears."""
        return self.today - timedelta(days=number * 7 % DAYS)

    def letter(self, number: int) -> Iterator[bytes]:
        """The two lines by which a letter is registered and dispatched."""
        sender, day = self.sender_of(number).agency, self.day_of(number)
        name, new = drawn("letter", number), drawn("consignment", number)
        yield Draft.about(
            "transfer.register_outgoing",
            sender,
            "",
            {"subject": f"Letter {number}"},
            new_letter=name,
            kind="letter",
            language="en",
            priority="urgent" if number % UNITS == 0 else "normal",
            secrecy="public",
            to=[self.receiver.agency],
            **_place("out", number, day),
        ).envelope
        due = (day + timedelta(days=DUE_DAYS)).isoformat() if number % 3 == 0 else None
        said = {"letter": name, "new_consignment": new, "addressee": self.receiver.agency}
        said |= {} if due is None else {"due_date": due}
        yield _plain("dispatch", sender, sender=sender, **said)

    def receipt(self, number: int) -> Iterator[bytes]:
        """What the receiver orders of a letter: nothing, its registration, and its closing."""
        place = number % 10
        agency = self.receiver.agency
        on = {"sender": self.sender_of(number).agency, "consignment": drawn("consignment", number)}
        if place in _REGISTERED:
            entered = _place(f"in-{number % UNITS}", number, self.today)
            yield _plain("register", agency, **on, **entered)
        if place in _CLOSED:
            yield _plain("close", agency, reason="done", **on)


@dataclass(frozen=True, slots=True)
class _Task:
    post: Post
    first: int
    last: int
    received: bool


def drawn(what: str, number: int) -> str:
    """The id of a letter or consignment; a benchmark's ledger sees each number once."""
    digest = hashlib.blake2b(f"{what}/{number}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def write(office: Post, letters: int, on_step: OnStep) -> tuple[Sample, Sample]:
    """Send so many letters, and then have some of them registered and closed; both as events.

    Raises:
        LoadFailed: a line was refused.
    """
    starts = range(0, letters, LETTERS)
    found = []
    with ProcessPoolExecutor(
        (os.cpu_count() or 1) + MORE_THAN_PROCESSORS, mp_context=get_context("spawn")
    ) as pool:
        for step, received in (("letters", False), ("registered", True)):
            tasks = [_Task(office, at, min(at + LETTERS, letters), received) for at in starts]
            started, events, done = time.monotonic(), 0, 0
            for task, recorded in zip(tasks, pool.map(_send, tasks), strict=True):
                events += recorded
                done += task.last - task.first
                on_step(step, done, letters, done / (time.monotonic() - started))
            found.append(Sample(events, time.monotonic() - started))
    written, registered = found
    return written, registered


def _send(task: _Task) -> int:
    """Make, sign and send what is to be sent of some letters; how many events that was."""
    by_office: dict[Office, list[bytes]] = {}
    for number in range(task.first, task.last):
        make = task.post.receipt if task.received else task.post.letter
        office = task.post.receiver if task.received else task.post.sender_of(number)
        by_office.setdefault(office, []).extend(make(number))
    for office, lines in by_office.items():
        if lines:
            key = load_private_key(office.key)
            head = head_of(office, PATH)
            signed = signing.sign_order(key, head, lines, content_type=NDJSON)
            post(task.post.url, request(PATH, signed), len(lines))
    return sum(map(len, by_office.values()))


def _place(unit: str, number: int, day: date) -> dict[str, Any]:
    said = {"unit": unit, "series": "letters", "year": day.year, "date": day.isoformat()}
    return {**said, "number": f"{number}/L"}


def _plain(act: str, agency: str, **said: Any) -> bytes:
    return Draft.plain(f"transfer.{act}", agency, "", **said).envelope
