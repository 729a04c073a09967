"""The store alone under load: tails that miss nothing, and maintenance that stops nobody."""

from collections.abc import Callable

import pytest

from infrastructure.postgres import Role, Urls, connect
from tests.faults.conftest import SEED
from tests.faults.maintenance import maintain
from tests.faults.tailing import tail
from tests.infrastructure.log.making import log_size

TAILED_EVENTS = 20_000


def test_tails_miss_nothing_and_see_nothing_twice(database: Urls) -> None:
    tailed = tail(database, TAILED_EVENTS, seed=SEED)
    assert tailed.breaks > 0


@pytest.mark.anyio
async def test_maintenance_fails_no_append(
    database: Urls, record_property: Callable[[str, object], None]
) -> None:
    """How long one waited at most is told with the results, and no bound is put on it here."""
    maintained = await maintain(database, passes=1)
    record_property("longest_append_wait_seconds", maintained.longest_seconds)
    with connect(database.service, Role.SERVICE) as service:
        assert log_size(service) == maintained.events
    assert maintained.events > maintained.statements
