"""A short round of each fault, on one ledger; `make soak` runs them by turns for long.

What a round must show stands in check.py. Seeds are fixed, and told where something fails.
"""

import itertools
import random

from infrastructure import faults
from tests.faults.check import check
from tests.faults.conftest import SEED
from tests.faults.cutting import GoBetween
from tests.faults.kills import kill_at, stand_at
from tests.faults.load import Load
from tests.faults.service import Kind, Service

KILLS = [
    *[Kind.WORKER, Kind.KEEPER, Kind.BACKEND] * 2,
    Kind.POSTMASTER,
    Kind.SUPERVISOR,
]
CUTS = 12
# A role that dies again and again is started later each time; a new supervisor begins anew.
HALF = len(faults.SEALER_POINTS) // 2


def test_whatever_is_killed_at_any_moment_nothing_is_lost_or_doubled(
    service: Service, load: Load
) -> None:
    chance = random.Random(SEED)
    with load.running():
        for kind in chance.sample(KILLS, len(KILLS)):
            load.progress(chance.randrange(1, 30))
            service.kill(kind, chance)
            load.progress()
    checked = check(service, load)
    assert checked.receipts >= checked.figures.events > len(KILLS)


def test_killed_at_every_step_of_append_and_seal_nothing_is_lost_or_doubled(
    service: Service, load: Load
) -> None:
    """Steps of the append are walked while the keeper is on its way back from the last kill."""
    chance = random.Random(SEED)
    of_processes = (*faults.SEALER_POINTS, *faults.COMMITTER_POINTS)
    walked = []
    with load.running():
        for number, pair in enumerate(itertools.zip_longest(faults.APPEND_POINTS, of_processes)):
            for point in filter(None, pair):
                kill_at(service, point)
                walked.append(point)
                load.progress()
            if number + 1 == HALF:
                service.kill(Kind.SUPERVISOR, chance)
    assert set(walked) == faults.POINTS
    check(service, load)


def test_postgresql_and_the_service_killed_at_every_step_of_sealing_leave_one_story(
    service: Service, load: Load
) -> None:
    """The sealer stands at the step while its server dies, and once more while the service does.

    No two checkpoints contradict each other: all that was published, and all that clients were
    shown on the way, fit the one log that the check walks.
    """
    chance = random.Random(SEED)
    with load.running():
        for point in faults.SEALER_POINTS:
            for kind in (Kind.POSTMASTER, Kind.SUPERVISOR):
                service.kill(kind, chance, stand_at(service, point))
                load.progress()
    assert check(service, load).seen > 0


def test_cut_before_and_after_the_commit_nothing_is_lost_or_doubled(
    service: Service, load: Load, between: GoBetween
) -> None:
    before = load.figures
    with between.cut(), load.running():
        while min(between.cuts["request"], between.cuts["answer"]) < CUTS:
            load.progress()
    checked = check(service, load)
    assert checked.figures.retries > before.retries
    assert checked.figures.replays > before.replays
