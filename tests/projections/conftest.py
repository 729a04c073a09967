"""A log that a scenario is written into, and a read model that follows it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import AsyncConnection

from infrastructure.log.follower import Follower
from infrastructure.postgres import Role, Urls, connect_async
from projections import model
from projections.model import ReadModel
from tests.given_when_then import Scenario
from tests.scribe import Scribe


@dataclass
class Reading:
    """`keeper` follows; `service` reads, as requests do. `scribe` writes the log."""

    urls: Urls
    scribe: Scribe
    keeper: AsyncConnection[Any]
    service: AsyncConnection[Any]

    def write(self, scenario: Scenario) -> int:
        """Write what happened in a scenario and is not written yet; index of the last event."""
        self.scribe.copy(scenario.world.recorded[self.scribe.size :])
        return self.scribe.write() - 1

    async def follow(self, scenario: Scenario) -> int:
        """Write what happened in a scenario and apply it; index of the last event."""
        self.write(scenario)
        return await Follower(ReadModel()).catch_up(self.keeper)


@pytest.fixture
async def reading(database: Urls) -> AsyncIterator[Reading]:
    async with (
        await connect_async(database.keeper, Role.KEEPER, autocommit=True) as keeper,
        await connect_async(database.service, Role.SERVICE, autocommit=True) as service,
    ):
        assert await model.ensure(keeper)
        yield Reading(database, Scribe(database), keeper, service)
