"""A client on the stand-in, for tests of what the client believes and keeps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sijill.client import Client
from tests.sijill.client.standin import StandIn, connect


@pytest.fixture
def ledger() -> StandIn:
    return StandIn()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited before each try."""
    found: list[float] = []
    monkeypatch.setattr("sijill.client.wire.time.sleep", found.append)
    return found


@pytest.fixture
def client(ledger: StandIn, tmp_path: Path, pauses: list[float]) -> Iterator[Client]:
    del pauses
    with connect(ledger, tmp_path / "state") as made:
        yield made
