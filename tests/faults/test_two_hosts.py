"""Two hosts on one database: both answer, one keeper seals, and each has a mark that follows."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from infrastructure import postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.keyfiles import create_private_key, create_secret
from infrastructure.postgres import Role, Urls
from sijill.client import Client, Patience, Unreachable
from sijill.client.attachments import Attachments
from sijill.folder import Folder
from sijill.founding import found_on
from tests.api.test_attachments import made
from tests.faults.check import check
from tests.faults.conftest import SEED
from tests.faults.load import Load
from tests.faults.service import Kind, Service, serve_is_refused
from tests.infrastructure.log.sealing import SealedLog, restore_to
from tests.processes import until
from tests.serving import ORIGIN, Agency, issuance

# What a second host is given; founders' keys are on neither.
GIVEN = ("keys/log.pem", "keys/receipts.pem", "keys/vault.key", "high-water")
SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def given_to(host: Path, first: Path) -> Path:
    """A second host's folder, as docs/how-to/run-in-production.md makes it."""
    (host / "keys").mkdir(parents=True, mode=0o700)
    for name in GIVEN:
        shutil.copy2(first / name, host / name)
    return host


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Urls]:
    """A database that neither host runs, named in the environment as operators name it."""
    server = EmbeddedServer(tmp_path_factory.mktemp("pg"), settings={"fsync": "off"})
    urls = server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIJILL_DATABASE_URL", urls.admin)
        yield urls
    server.stop()


@pytest.fixture(scope="module")
def service(database: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The first host."""
    folder = tmp_path_factory.mktemp("one") / "ledger"
    found_on(database, folder, ORIGIN)
    service = Service(folder, workers=1)
    yield service
    service.close()


@pytest.fixture(scope="module")
def second(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The second host."""
    folder = given_to(tmp_path_factory.mktemp("two") / "ledger", service.folder)
    second = Service(folder, workers=1)
    yield second
    second.close()


@pytest.fixture(scope="module")
def load(
    service: Service, second: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Load]:
    """Every agency talks to both hosts at the same time."""
    folder = tmp_path_factory.mktemp("clients")
    made = Load(service, folder, seed=SEED, agencies=2, url=second.url)
    yield made
    made.close()


def sealing_host(database: Urls) -> int:
    """The process that holds the sealer's lease."""
    with postgres.connect(database.admin, None) as admin:
        row = admin.execute("SELECT holder FROM ledger.lease WHERE name = 'sealer'").fetchone()
    assert row is not None
    return int(str(row[0]).rpartition(":")[2])


def test_both_answer_and_the_other_one_takes_over(
    service: Service, second: Service, load: Load, database: Urls
) -> None:
    with load.running():
        load.progress(20)
        holder = sealing_host(database)
        [sealing] = [one for one in (service, second) if holder in one.processes(Kind.KEEPER)]
        assert sealing.kill(Kind.SUPERVISOR, random.Random(SEED))
        until(lambda: sealing_host(database) != holder, "nobody takes over")
        load.progress(20)
    check(service, load)
    check(second, load)
    until(
        lambda: Folder(service.folder).mark.read() == Folder(second.folder).mark.read(),
        "the mark of the host that stands by stays behind",
    )


@pytest.mark.parametrize("name", ["receipts.pem", "vault.key"])
def test_a_host_with_the_keys_of_another_ledger_is_refused(
    service: Service, tmp_path: Path, name: str
) -> None:
    """Nobody would believe the receipts that it gave, nor open what it sealed."""
    folder = given_to(tmp_path / "ledger", service.folder)
    (folder / "keys" / name).unlink()
    create = create_secret if name == "vault.key" else create_private_key
    create(folder / "keys" / name)

    assert serve_is_refused(folder) == (2, "key_file_foreign")


def test_an_older_database_is_believed_by_neither_host(
    service: Service, second: Service, database: Urls, tmp_path: Path
) -> None:
    """Last, because it takes away what was signed.

    Neither host goes on as if it were all there, whether it was running or is started again.
    """
    asker = service.served.agency()
    upload = Attachments(asker.client).upload(made(tmp_path, 10)[0])["attachment"]
    code = asker.issue()["code"]
    service.served.anybody().text(f"/log/checkpoint?covers={asker.issue()['index']}")
    size = service.served.settle()
    marks = [Folder(host.folder).mark for host in (service, second)]
    until(lambda: all(mark.read().size >= size for mark in marks), "a mark stays behind")

    restore_to(SealedLog(database, tmp_path), size - 1)
    with postgres.connect(database.admin, None, autocommit=True) as admin:
        admin.execute(SESSIONS)

    for host in (service, second):
        until_refused(host, asker)
        assert dropping(host, asker, upload) == "log_frozen"
        verdict = host.served.anybody().get(f"/v1/verify/{code}")
        assert verdict["outcome"] == "could_not_check"
        ready = httpx2.get(f"{host.url}/readyz", timeout=60)
        assert ready.status_code == 503
        assert "[-]entries" in ready.text
        host.close()
        assert serve_is_refused(host.folder) == (1, "rolled_back")
    with postgres.connect(database.service, Role.SERVICE) as connection:
        assert connection.execute("SELECT size FROM ledger.head").fetchone() == (size - 1,)


def dropping(host: Service, agency: Agency, upload: str) -> str:
    """The code that an agency meets which wants an upload to go: a lost record may have it."""
    patience = Patience(tries=1)
    with (
        Client(host.url, agency=agency.name, key=agency.key, patience=patience) as client,
        pytest.raises(Unreachable) as unreachable,
    ):
        Attachments(client).drop(upload)
    return str((unreachable.value.problem or {}).get("code"))


def until_refused(host: Service, agency: Agency) -> None:
    """Return when an order meets `log_frozen`; none may be recorded."""
    patience = Patience(tries=1)
    with Client(host.url, agency=agency.name, key=agency.key, patience=patience) as client:

        def refused() -> bool:
            with pytest.raises(Unreachable) as unreachable:
                client.send(client.prepare("/v1/certificates", [issuance(agency.name)]))
            return (unreachable.value.problem or {}).get("code") == "log_frozen"

        until(refused, "nobody says that the log has lost its end")
