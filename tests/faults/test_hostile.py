"""Others are served while ten thousand hold connections open, dribble, or do not read."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.test_connections import CHUNKED, chunks, exchange, statuses, verify
from tests.faults.check import check
from tests.faults.hostile import Honest, grown, many_files, siege
from tests.faults.load import Load
from tests.faults.service import Service
from tests.serving import Agency

# What a worker may grow by under all of it; a head or a body without bounds would be gigabytes.
GROWTH_MB = 200
BODY = b"x" * 10_000_000


@pytest.fixture(scope="module")
def besieged(service: Service) -> Agency:
    """An agency that goes on issuing."""
    return service.served.agency()


def test_others_are_served_in_a_crowd_that_says_nothing_or_little(
    service: Service, load: Load, besieged: Agency
) -> None:
    """The crowd is as large as this machine lets one process open files."""
    with many_files() as crowd, load.running():
        figures = siege(service.served, besieged, crowd=crowd, calm=20)

    assert figures.cut > figures.dribbling / 2
    assert figures.growth_mb < GROWTH_MB
    check(service, load)


def test_others_are_served_while_many_send_ten_megabytes(
    service: Service, besieged: Agency
) -> None:
    declared = verify(b"Content-Length: %d" % len(BODY), b"Connection: close", body=BODY)
    in_chunks = verify(CHUNKED, b"Connection: close", body=chunks(BODY) + b"0\r\n\r\n")
    honest = Honest(service.served, besieged)

    with honest.asking(), grown(service.served) as growth, ThreadPoolExecutor(8) as senders:
        honest.progress(10)
        said = list(
            senders.map(lambda sent: exchange(service.served, sent), [declared, in_chunks] * 20)
        )
        honest.progress(10)

    assert [statuses(one) for one in said] == [[413]] * len(said)
    assert growth() < GROWTH_MB
