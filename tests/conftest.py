"""Fixtures that every test may ask for.

server          a running PostgreSQL of this worker's own (`EmbeddedServer`), for the whole session
database        `Urls` (service, keeper, admin) of a fresh, migrated database on that server
empty_database  `Urls` of a fresh database that no migration has touched
wheel           path of the project's wheel, built once per session

Tests under tests/infrastructure run on every kind of server, embedded and PostgreSQL 15, because
the store must; the layers above it run on the embedded one. Where PostgreSQL 15 is absent its half
is skipped with a reason. With SIJILL_TEST_NO_SKIPS=1 every skip is a failure, except where the test
has tried and the machine itself forbids it (tests/machine.py).
"""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from infrastructure import migrations, postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.postgres import Urls
from tests.machine import FORBIDDEN

pytest_plugins = ["tests.serving"]

TEMPLATE = "template_sijill"
POSTGRESQL_15 = Path("/usr/lib/postgresql/15/bin")
SERVERS = {"embedded": None, "postgresql15": POSTGRESQL_15}
# What a test may leave to chance is the input, not the time of day on a busy machine.
hypothesis.settings.register_profile("sijill", deadline=None)
hypothesis.settings.load_profile("sijill")

_numbers = itertools.count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        everywhere = Path(__file__).parent / "infrastructure" in metafunc.definition.path.parents
        kinds = list(SERVERS) if everywhere else ["embedded"]
        metafunc.parametrize("server", kinds, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    forbidden = FORBIDDEN in report.longreprtext
    if skipped and not forbidden and os.environ.get("SIJILL_TEST_NO_SKIPS") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, although this run allows no skip: {report.longreprtext}"
    return report


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedServer]:
    binaries = SERVERS[request.param]
    if binaries is not None and not (binaries / "postgres").exists():
        pytest.skip(f"no PostgreSQL 15 in {binaries} (Debian: apt-get install postgresql-15)")
    folder = tmp_path_factory.mktemp(request.param)
    # No test cuts the power, so none needs the disk to have written what the kernel holds.
    server = EmbeddedServer(folder, binaries=binaries, settings={"fsync": "off"})
    server.start()
    try:
        template = server.create_database(TEMPLATE)
        migrations.upgrade(template.admin)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[Urls]:
    name = f"ledger_{next(_numbers)}"
    urls = server.create_database(name, template=TEMPLATE)
    # What a database grants to roles is not copied from its template.
    postgres.prepare(urls)
    yield urls
    server.drop_database(name)


@pytest.fixture
def empty_database(server: EmbeddedServer) -> Iterator[Urls]:
    name = f"empty_{next(_numbers)}"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        check=True,
        cwd=Path(__file__).parents[1],
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built
