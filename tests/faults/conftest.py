"""One served ledger for all short rounds of a module, with clients that stand ready."""

import os
from collections.abc import Iterator

import pytest

from tests.faults.cutting import GoBetween
from tests.faults.load import Load
from tests.faults.service import Service

# `python -m tests.faults.again` runs the rounds under others.
SEED = int(os.environ.get("SIJILL_FAULT_SEED", "20261127"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger of the module's own."""
    with Service.founded(tmp_path_factory.mktemp("faults"), synced=False) as served:
        yield served


@pytest.fixture(scope="module")
def between(service: Service) -> Iterator[GoBetween]:
    """A go-between for every other client; it cuts nothing yet."""
    with GoBetween(service.url, seed=SEED).listening() as made:
        yield made


@pytest.fixture(scope="module")
def load(
    service: Service, between: GoBetween, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Load]:
    """Three agencies with two clients each."""
    folder = tmp_path_factory.mktemp("clients")
    made = Load(service, folder, seed=SEED, pace_seconds=0.1, url=between.url)
    yield made
    made.close()
