"""Fixtures of the HTTP tests: an agency and an auditor for all tests of a module."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.api.talking import Wire
from tests.conforming import conforms
from tests.serving import Agency, Served


@pytest.fixture(scope="module")
def agency(served: Served) -> Agency:
    """An agency of this module's own, with an officer who may do everything."""
    return served.agency()


@pytest.fixture(scope="module")
def stranger(served: Served) -> Agency:
    """Another agency, to which nothing of `agency` belongs."""
    return served.agency()


@pytest.fixture(scope="session")
def wire(served: Served) -> Iterator[Wire]:
    """Requests as they are sent, answers as they come."""
    hooks = {"response": [conforms]}
    with httpx2.Client(base_url=served.url, timeout=60, event_hooks=hooks) as http:
        yield Wire(http, served)
