"""How long the units' inboxes take to answer with the log recorded, as a unit's software waits.

Every unit asks in each way, a number of times, one question after the other over one connection:
signing the question and reading the answer are part of the time.
"""

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from permit_units import Units

from sijill.client import Client

TIMES = 5


def measure(units: Units) -> dict[str, list[float]]:
    """Milliseconds that each question took, by the way it was asked.

    Raises:
        Refused, Unreachable: as for any question.
    """
    taken: dict[str, list[float]] = defaultdict(list)
    for unit in sorted(units.clients):
        client = units.reader(unit)
        try:
            for way, query in _questions(client):
                started = time.perf_counter()
                client.get("/v1/inbox", **query)
                taken[way].append(1_000 * (time.perf_counter() - started))
        finally:
            client.close()
    return taken


def told(taken: dict[str, list[float]]) -> Iterator[str]:
    """A line for each way to ask: how often, the median, and what 95 of 100 do not exceed."""
    for way, each in taken.items():
        ordered = sorted(each)
        high = ordered[-(-95 * len(ordered) // 100) - 1]
        median = statistics.median(ordered)
        yield f"inbox, {way}: {len(each)} asked, median {median:.1f} ms, 95th {high:.1f} ms"


def _questions(client: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a unit looks for, each after something on its own first page."""
    page = client.get("/v1/inbox")["items"]
    for _ in range(TIMES if page else 0):
        letter = random.choice(page)["letter"]  # noqa: S311 - which one it is guards nothing
        place = letter["outgoing"]
        yield "first page", {}
        yield "a number", {"number": place["number"]}
        yield "a sender", {"party": letter["sender"]}
        yield "a day", {"from_day": place["date"], "to_day": place["date"]}
        yield "not registered", {"business": "awaiting_registration"}
        yield "due", {"due_by": place["date"]}
