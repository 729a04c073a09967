from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection

from infrastructure.postgres import Role, Urls, connect


@pytest.fixture
def service(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.service, Role.SERVICE, autocommit=True) as conn:
        yield conn


@pytest.fixture
def admin(database: Urls) -> Iterator[Connection[Any]]:
    with connect(database.admin, None, autocommit=True) as conn:
        yield conn
