"""What another release's rules have made is no read model of this one's."""

from contextlib import suppress
from typing import LiteralString

import pytest

from infrastructure.postgres import Role, async_pool
from projections import certificates, freshness, model, trust
from projections.freshness import NoReadModel
from tests.given_when_then import code, given, issue, linked
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(None, id="as they are"),
        pytest.param("codes DROP COLUMN effective_date", id="a column less"),
        pytest.param("certificates DROP COLUMN grants", id="a column less that is asked for"),
        pytest.param("certificates ADD COLUMN later text", id="a column more"),
    ],
)
async def test_what_other_rules_have_made_is_not_answered_from(
    reading: Reading, change: LiteralString | None
) -> None:
    """Also on connections that have prepared their questions for the tables that were there."""
    last = await reading.follow(given(linked("moj"), issue("a")))
    async with async_pool(reading.urls.service, Role.SERVICE, size=1, autocommit=True) as pool:

        async def found() -> certificates.Found:
            async with pool.connection() as connection:
                return await certificates.by_code(connection, code("a"))

        for _ in range(10):
            assert (await found()).code is not None
        if change is not None:
            await reading.keeper.execute(b"ALTER TABLE read." + change.encode())
        await reading.keeper.execute("UPDATE read.model SET fingerprint = 'other'")

        for _ in range(10):
            with pytest.raises(NoReadModel):
                await found()
        with pytest.raises(NoReadModel, match="another release"):
            await freshness.status(reading.service)
        assert await trust.sealed(reading.service) is None

        # The keeper of this release begins.
        await model.rebuild(reading.keeper)
        with suppress(NoReadModel):
            await found()
        assert (await found()).basis.index == last
    assert (await freshness.status(reading.service)).index == last
