"""A real standby beside a served ledger: what it answers, and that it never answers too late.

The promise is the verdict's: what was withdrawn shows within two seconds, or nothing is said.
"""

import fcntl
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from infrastructure import migrations
from infrastructure.embedded import EmbeddedServer
from sijill.doctor import examine
from sijill.founding import found
from sijill.settings import Settings
from tests.api.talking import revoke
from tests.appending import append_events
from tests.serving import ORIGIN, Agency, Served, serving
from tests.standby import Standby, standby

PROMISED_SECONDS = 2.0


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    folder = tmp_path_factory.mktemp("replica") / "ledger"
    found(folder, ORIGIN)
    server = Settings(data=folder).embedded()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def second(primary: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    with standby(primary, tmp_path_factory.mktemp("standby") / "s") as made:
        yield made


@pytest.fixture(scope="module")
def ledger(primary: EmbeddedServer, second: Standby) -> Iterator[Served]:
    environment = {"SIJILL_DATABASE_REPLICA_URL": second.urls.service}
    with serving(primary.folder.parent, environment=environment) as served:
        yield served


@pytest.fixture(scope="module")
def agency(ledger: Served) -> Agency:
    return ledger.agency()


@pytest.fixture
def http(ledger: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=ledger.url, timeout=60) as client:
        yield client


@contextmanager
def paused(second: Standby) -> Iterator[None]:
    second.pause()
    try:
        yield
    finally:
        second.resume()


def reads(http: httpx2.Client, server: str) -> float:
    """How many reads such a server has answered."""
    line = rf'^sijill_replica_reads_total\{{server="{server}"\}} (\S+)$'
    told = re.search(line, http.get("/metrics").text, re.MULTILINE)
    return float(told[1]) if told else 0.0


def until(http: httpx2.Client, path: str, server: str) -> httpx2.Response:
    """Ask for a path until such a server has answered; its answer."""
    while True:
        before = reads(http, server)
        answer = http.get(path)
        if reads(http, server) > before:
            return answer


@pytest.mark.parametrize(
    "path", ["/v1/agencies", "/v1/reports/issuance", "/log/tile/entries/000.p/2"]
)
def test_lists_reports_and_the_log_are_read_from_the_standby(
    path: str, agency: Agency, http: httpx2.Client
) -> None:
    agency.issue()
    agency.served.settle()

    assert until(http, path, "replica").status_code == 200


def test_verdicts_by_code_are_read_from_the_standby(agency: Agency, http: httpx2.Client) -> None:
    code = agency.issue()["code"]
    agency.served.settle()

    answer = until(http, f"/v1/verify/{code}", "replica").json()

    assert answer["outcome"] == "valid"
    assert answer["basis"]["age_seconds"] <= PROMISED_SECONDS


def test_a_code_that_the_standby_does_not_know_is_asked_of_the_primary(
    second: Standby, agency: Agency, http: httpx2.Client
) -> None:
    with paused(second):
        code = agency.issue()["code"]
        assert http.get(f"/v1/verify/{code}").json()["outcome"] == "valid"


def test_a_withdrawal_shows_in_time_although_the_standby_does_not_move(
    second: Standby, agency: Agency, http: httpx2.Client
) -> None:
    code = agency.issue()["code"]
    agency.served.settle()
    until(http, f"/v1/verify/{code}", "replica")
    with paused(second):
        revoke(agency, code)
        acknowledged = time.monotonic()
        outcome = ""
        while outcome != "withdrawn":
            asked = time.monotonic()
            outcome = http.get(f"/v1/verify/{code}").json()["outcome"]
            assert outcome in {"valid", "withdrawn"}
            if asked > acknowledged + PROMISED_SECONDS:
                assert outcome == "withdrawn"
        # And it stays so: nobody goes back to the standby before that has moved.
        for _ in range(20):
            assert http.get(f"/v1/verify/{code}").json()["outcome"] == "withdrawn"
    until(http, f"/v1/verify/{code}", "replica")


def test_whoever_writes_finds_it_although_the_standby_does_not_move(
    second: Standby, agency: Agency
) -> None:
    with paused(second):
        code = agency.issue()["code"]
        listed = agency.client.get("/v1/certificates", agency=agency.name, limit=200)["items"]
        assert code in {one["code"] for one in listed}
        newest = agency.served.agency(link=False).name
        assert agency.client.get(f"/v1/agencies/{newest}")["agency"] == newest


def test_the_doctor_says_why_a_standby_is_left_alone(
    primary: EmbeddedServer,
    second: Standby,
    agency: Agency,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def told() -> str:
        [code] = [
            line.code for line in examine(agency.served.folder) if line.code.startswith("replica")
        ]
        return code

    def named(url: str) -> None:
        monkeypatch.setenv("SIJILL_DATABASE_REPLICA_URL", url)

    named(second.urls.service)
    agency.issue()
    while told() == "replica_behind":
        pass
    assert told() == "replica"
    with paused(second):
        agency.issue()
        while told() == "replica":
            pass
        assert told() == "replica_behind"
    other = primary.create_database("other")
    migrations.upgrade(other.admin)
    append_events(other, 1)
    named(other.service)
    assert told() == "replica_foreign"
    named("postgresql://nobody@127.0.0.1:1/none")
    assert told() == "replica_unreachable"


def test_without_the_standby_the_primary_answers(
    second: Standby, agency: Agency, http: httpx2.Client
) -> None:
    code = agency.issue()["code"]
    agency.served.settle()
    second.server.stop()
    try:
        for _ in range(5):
            assert http.get(f"/v1/verify/{code}").json()["outcome"] == "valid"
            assert http.get("/v1/agencies").status_code == 200
    finally:
        second.server.start()
    until(http, f"/v1/verify/{code}", "replica")


def test_without_the_primary_the_standby_says_nothing_after_two_seconds(
    primary: EmbeddedServer, second: Standby, agency: Agency, http: httpx2.Client
) -> None:
    code = agency.issue()["code"]
    agency.served.settle()
    until(http, f"/v1/verify/{code}", "replica")
    pid = primary.pid()
    assert pid is not None
    # Held, so that nobody starts it again.
    with Path(primary.folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(pid, signal.SIGQUIT)
        while primary.pid() is not None:
            pass
        gone = time.monotonic()
        reason = ""
        while reason != "store_unavailable":
            asked = time.monotonic()
            answer = http.get(f"/v1/verify/{code}")
            reason = answer.json()["reason"]
            assert asked < gone + PROMISED_SECONDS or answer.status_code == 503, reason
        assert http.get("/v1/agencies").status_code == 503
    assert second.server.pid() is not None
    while http.get(f"/v1/verify/{code}").status_code != 200:
        pass
    until(http, f"/v1/verify/{code}", "replica")
