"""One served ledger for all short rounds of a module, with clients that stand ready."""

from collections.abc import Iterator

import pytest

from tests.faults.load import Load
from tests.faults.service import Service

SEED = 20_261_127


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A ledger of the module's own."""
    with Service.founded(tmp_path_factory.mktemp("faults")) as served:
        yield served


@pytest.fixture(scope="module")
def load(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """Three agencies with two clients each."""
    made = Load(service, tmp_path_factory.mktemp("clients"), seed=SEED)
    yield made
    made.close()
