"""Clocks that step by minutes and by a year, the service's and the database's, while both work.

While they disagree nothing is recorded and no paper is judged; each order that was refused is
recorded when the clock is right again, with a right time.
"""

import time
from collections.abc import Iterator

import httpx2
import pytest

from infrastructure import postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.log.reader import load_events, load_head
from infrastructure.postgres import Role
from sijill.client import Client, Patience, Prepared, Unreachable
from sijill.founding import found_on
from tests.faults.check import check
from tests.faults.clocks import SteppedClock
from tests.faults.conftest import SEED
from tests.faults.load import Load
from tests.faults.service import Service
from tests.processes import until
from tests.serving import ORIGIN, Agency, act, issuance

MINUTES = 600
YEAR = 365 * 86_400
SECOND_US = 1_000_000
STEPS = [("service", MINUTES), ("service", -MINUTES), ("service", YEAR), ("service", -YEAR)]
STEPS += [(whose.replace("service", "database"), seconds) for whose, seconds in STEPS]


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SteppedClock]:
    """A clock of the service and one of the database."""
    folder = tmp_path_factory.mktemp("clocks")
    return {whose: SteppedClock(folder / whose) for whose in ("service", "database")}


@pytest.fixture(scope="module")
def service(
    clocks: dict[str, SteppedClock], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A ledger whose database has another clock than its service, as on two hosts."""
    folder = tmp_path_factory.mktemp("stepped")
    server = EmbeddedServer(folder / "pg", settings={"fsync": "off"})
    with pytest.MonkeyPatch.context() as patch:
        with patch.context() as starting:
            for name, value in clocks["database"].environment.items():
                starting.setenv(name, value)
            urls = server.start()
        try:
            found_on(urls, folder / "ledger", ORIGIN)
            patch.setenv("SIJILL_DATABASE_URL", urls.admin)
            service = Service(folder / "ledger", environment=clocks["service"].environment)
            yield service
            service.close()
        finally:
            server.stop()


@pytest.fixture(scope="module")
def load(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """Two clients that take their time: what counts is what they are told at each step."""
    folder = tmp_path_factory.mktemp("clients")
    made = Load(service, folder, seed=SEED, agencies=1, bulk_lines=8, pace_seconds=0.2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def asker(service: Service) -> Agency:
    """An agency that is no part of the load."""
    return service.served.agency()


def until_unsafe(client: Client, order: Prepared) -> None:
    """Send an order, which may never be recorded or refused for good, until the clock is why."""

    def unsafe() -> bool:
        with pytest.raises(Unreachable) as unreachable:
            client.send(order)
        # On a busy machine the database may not be asked in time.
        return (unreachable.value.problem or {}).get("code") == "clock_unsafe"

    until(unsafe, "nobody says that the clock is wrong")


def size(service: Service) -> int:
    with postgres.connect(service.urls.service, Role.SERVICE, autocommit=True) as connection:
        return load_head(connection).size


@pytest.mark.parametrize("whose, seconds", STEPS)
def test_nothing_is_recorded_and_no_paper_judged_by_a_wrong_clock(
    service: Service,
    load: Load,
    asker: Agency,
    clocks: dict[str, SteppedClock],
    whose: str,
    seconds: int,
) -> None:
    issued = asker.issue()
    service.served.settle()
    patience = Patience(tries=1)
    with (
        load.running(),
        Client(service.url, agency=asker.name, key=asker.key, patience=patience) as client,
    ):
        load.progress()
        clocks[whose].step(seconds)
        try:
            # Whatever was in the middle of its commit is through after an order that is refused.
            refused = client.prepare("/v1/certificates", [issuance(asker.name)])
            until_unsafe(client, refused)
            before = size(service)
            verdict = service.served.anybody().get(f"/v1/verify/{issued['code']}")
            ready = httpx2.get(f"{service.url}/readyz", timeout=60)
            assert size(service) == before
        finally:
            clocks[whose].step(0)
        assert (verdict["outcome"], verdict["reason"]) == ("could_not_check", "status_stale")
        assert ready.status_code == 503
        assert "[-]clock" in ready.text
        # The same bytes, as a client sends them when it was told "not now".
        assert client.send(refused)["index"] >= before
        load.progress()


def test_an_order_that_accepts_the_clock_is_recorded_all_the_same(
    service: Service, clocks: dict[str, SteppedClock]
) -> None:
    """The only order that is exempt; the time of the log never goes back."""
    operator = service.served.founder()
    operator.identity  # noqa: B018 - asked now, so that one order is all that follows
    clocks["database"].step(-MINUTES)
    try:
        now = int(time.time())
        accepted = act(operator, "/v1/ledger/clock", "ledger.accept_clock", clock_seconds=now)
    finally:
        clocks["database"].step(0)
    assert abs(accepted["time"] - now * SECOND_US) < 60 * SECOND_US


def test_every_time_in_the_log_is_right(service: Service, load: Load) -> None:
    """At the end of all steps, because whatever they left behind is in there."""
    check(service, load)
    with postgres.connect(service.urls.service, Role.SERVICE, autocommit=True) as connection:
        times = [event.time for event in load_events(connection, 0, size(service))]
    assert times == sorted(times)
    assert times[-1] <= time.time_ns() // 1_000
    assert times[-1] - times[0] < 3600 * SECOND_US
