"""A short round of each fault, on one ledger; `make soak` runs them by turns for long.

What a round must show stands in check.py. Seeds are fixed here and told where something fails.
"""

import random
from concurrent.futures import ThreadPoolExecutor

from infrastructure import faults
from tests.faults.check import check
from tests.faults.conftest import SEED
from tests.faults.kills import kill_at
from tests.faults.load import Load
from tests.faults.service import Kind, Service

ROUND = [
    *[Kind.WORKER, Kind.KEEPER, Kind.BACKEND] * 2,
    Kind.POSTMASTER,
    Kind.SUPERVISOR,
]


def test_whatever_is_killed_at_any_moment_nothing_is_lost_or_doubled(
    service: Service, load: Load
) -> None:
    chance = random.Random(SEED)
    with load.running():
        for kind in chance.sample(ROUND, len(ROUND)):
            load.progress(chance.randrange(1, 30))
            assert service.kill(kind, chance), f"no {kind} lives (seed {SEED})"
            load.progress()
        load.progress(30)
    checked = check(service, load)
    assert checked.receipts >= checked.figures.events


def test_killed_at_every_step_of_append_and_seal_nothing_is_lost_or_doubled(
    service: Service, load: Load
) -> None:
    """Both walks go on at once: while the keeper is started again, appends die."""

    def walk(points: tuple[str, ...]) -> None:
        for point in points:
            kill_at(service, point)
            load.progress()

    with load.running(), ThreadPoolExecutor(2) as walkers:
        walks = [
            walkers.submit(walk, faults.APPEND_POINTS),
            walkers.submit(walk, (*faults.SEALER_POINTS, *faults.COMMITTER_POINTS)),
        ]
        for one in walks:
            one.result()
    check(service, load)
