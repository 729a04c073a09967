"""A committer whose database comes back shorter, or otherwise, than it was, records nothing."""

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from infrastructure.log.committer import Committer
from infrastructure.log.refusals import LogBehind
from infrastructure.postgres import Urls
from tests.appending import append_events
from tests.infrastructure.log.making import a_request, log_size
from tests.infrastructure.log.sealing import SealedLog, restore_to

pytestmark = pytest.mark.anyio


def come_back(admin: Connection[Any], log: SealedLog, size: int) -> None:
    """The server was stopped, an older copy was put in its place, and it was started again."""
    restore_to(log, size)
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def test_what_was_acknowledged_must_still_be_there(
    database: Urls, tmp_path: Path, admin: Connection[Any]
) -> None:
    log = SealedLog(database, tmp_path)
    async with Committer(database.service) as committer:
        for _ in range(3):
            await committer.submit(a_request())
        come_back(admin, log, 2)
        with pytest.raises(LogBehind):
            await committer.submit(a_request())
        # Another process, which knows nothing of it, makes the log as long as it was.
        append_events(database, 1)
        with pytest.raises(LogBehind):
            await committer.submit(a_request())
        assert log_size(admin) == 3


async def test_a_connection_that_only_broke_is_used_again(
    database: Urls, tmp_path: Path, admin: Connection[Any]
) -> None:
    async with Committer(database.service, promised=lambda: log_size(admin)) as committer:
        for _ in range(3):
            await committer.submit(a_request())
        come_back(admin, SealedLog(database, tmp_path), 3)
        assert (await committer.submit(a_request())).index == 3


async def test_what_was_signed_must_still_be_there_also_for_a_new_process(
    database: Urls, admin: Connection[Any]
) -> None:
    append_events(database, 5)
    async with Committer(database.service, promised=lambda: 5) as committer:
        assert (await committer.submit(a_request())).index == 5
    async with Committer(database.service, promised=lambda: 7) as committer:
        with pytest.raises(LogBehind):
            await committer.submit(a_request())
    assert log_size(admin) == 6


async def test_it_goes_on_when_the_missing_end_was_found(
    database: Urls, admin: Connection[Any]
) -> None:
    promised = 0
    async with Committer(database.service, promised=lambda: promised) as committer:
        await committer.submit(a_request())
        promised = 4
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(LogBehind):
            await committer.submit(a_request())
        append_events(database, 3)
        assert (await committer.submit(a_request())).index == 4
