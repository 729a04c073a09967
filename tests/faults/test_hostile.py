"""Others are served while ten thousand hold connections open, dribble, or do not read."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sijill.founding import found
from tests.api.test_connections import CHUNKED, chunks, exchange, statuses, verify
from tests.faults.hostile import Honest, grown, many_files, siege
from tests.serving import ORIGIN, Agency, Served, serving

# What a worker may grow by under all of it; a head or a body without bounds would be gigabytes.
GROWTH_MB = 200
BODY = b"x" * 10_000_000


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger that only this module's callers ask."""
    folder = tmp_path_factory.mktemp("besieged") / "ledger"
    found(folder, ORIGIN)
    with serving(folder, workers=2) as served:
        yield served


@pytest.fixture(scope="module")
def besieged(ledger: Served) -> Agency:
    """An agency that goes on issuing."""
    return ledger.agency()


def test_others_are_served_in_a_crowd_that_says_nothing_or_little(
    ledger: Served, besieged: Agency
) -> None:
    """The crowd is as large as this machine lets one process open files."""
    with many_files() as crowd:
        figures = siege(ledger, besieged, crowd=crowd)

    assert figures.cut > figures.dribbling / 2
    assert figures.growth_mb < GROWTH_MB


def test_others_are_served_while_many_send_ten_megabytes(ledger: Served, besieged: Agency) -> None:
    declared = verify(b"Content-Length: %d" % len(BODY), b"Connection: close", body=BODY)
    in_chunks = verify(CHUNKED, b"Connection: close", body=chunks(BODY) + b"0\r\n\r\n")
    honest = Honest(ledger, besieged)

    with honest.asking(), grown(ledger) as growth, ThreadPoolExecutor(8) as senders:
        honest.progress(10)
        said = list(senders.map(lambda sent: exchange(ledger, sent), [declared, in_chunks] * 20))
        honest.progress(10)

    assert [statuses(one) for one in said] == [[413]] * len(said)
    assert growth() < GROWTH_MB
