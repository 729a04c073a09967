"""What the lag of the read model means for an answer."""

import pytest

from infrastructure.proofs.verdict import Basis
from projections.freshness import STALE_MICROSECONDS, basis

CLOCK = 1_795_000_000_000_000


@pytest.mark.parametrize(
    "waiting_since, expected",
    [
        (None, Basis(index=7, age_seconds=0)),
        (CLOCK, Basis(index=7, age_seconds=0)),
        (CLOCK - STALE_MICROSECONDS, Basis(index=7, age_seconds=2)),
        (CLOCK - STALE_MICROSECONDS - 1, Basis(index=7, age_seconds=2, stale=True)),
        (CLOCK - 86_400_000_000, Basis(index=7, age_seconds=86_400, stale=True)),
        # A clock that went back hides how long an event has waited.
        (CLOCK + STALE_MICROSECONDS, Basis(index=7, age_seconds=0)),
        (CLOCK + STALE_MICROSECONDS + 1, Basis(index=7, age_seconds=0, stale=True)),
    ],
)
def test_knowledge_is_as_old_as_the_oldest_event_that_it_lacks(
    waiting_since: int | None, expected: Basis
) -> None:
    assert basis(index=7, waiting_since=waiting_since, clock=CLOCK) == expected
