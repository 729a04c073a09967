"""The custody chains as the ledger tells them, beside those of the recorded log."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from permit_acts import Acts, agency_of
from permit_log import Case
from permit_units import Units

from sijill.client import Client

READERS = 4
MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class Chain:
    """Who had a file from which day on, in order, and who has it now."""

    stays: Sequence[tuple[str, str]]
    holder: str

    @property
    def handovers(self) -> int:
        """How often it was handed over."""
        return len(self.stays) - 1


def recorded(case: Case) -> Chain:
    """The chain that the file of the recorded log tells."""
    first, *others = case.stays
    stays = [(agency_of(first.unit), case.opened)]
    stays += [(agency_of(stay.unit), stay.since) for stay in others]
    return Chain(stays, stays[-1][0])


def told(client: Client, agency: str, file: str) -> Chain:
    """The chain that the ledger tells: each registration hands the file to whoever registers."""
    path = f"/v1/transfers/{agency}/{file}/chain"
    answer = client.get(path, limit=MOST_STEPS)
    stays = [
        (one["agency"], one["said"]["date"])
        for one in answer["items"]
        if one["event"] in ("registered_outgoing", "registered_incoming")
    ]
    return Chain(stays, answer["letter"]["holder"])


def compare(
    units: Units, acts: Acts, cases: Sequence[Case], on_case: Callable[[], None]
) -> tuple[int, int]:
    """How many chains are the same in both, and how many hand-overs the ledger tells of."""
    own = threading.local()
    opened: list[Client] = []

    def read(case: Case) -> Chain:
        """By the unit that opened the file, each thread over connections of its own."""
        unit = case.stays[0].unit
        clients = own.__dict__.setdefault("clients", {})
        if unit not in clients:
            clients[unit] = units.reader(unit)
            opened.append(clients[unit])
        return told(clients[unit], agency_of(unit), acts.file(case))

    matching = handovers = 0
    try:
        with ThreadPoolExecutor(READERS) as pool:
            for case, chain in zip(cases, pool.map(read, cases), strict=True):
                matching += chain == recorded(case)
                handovers += chain.handovers
                on_case()
    finally:
        for client in opened:
            client.close()
    return matching, handovers
