from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from infrastructure import migrations, postgres
from infrastructure.postgres import Role, Urls, connect

WIDTH = 8


@pytest.fixture
def service(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.service, Role.SERVICE, autocommit=True) as conn:
        yield conn


@pytest.fixture
def admin(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.admin, None, autocommit=True) as conn:
        yield conn


@pytest.fixture
def narrow(empty_database: Urls) -> Urls:
    """A ledger whose partitions hold eight events."""
    setting = f"-c sijill.partition_size={WIDTH}"
    migrations.upgrade(make_conninfo(empty_database.admin, options=setting))
    postgres.prepare(empty_database)
    return empty_database
