"""No receipt before the standbys have what it is about, also where it is only found again.

Whoever cancels a wait for a standby makes the event visible and leaves it unconfirmed. The host
that had it recorded answers nothing yet; the other one finds it in the log.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from infrastructure.embedded import EmbeddedServer
from infrastructure.postgres import connect
from infrastructure.proofs import signing
from sijill.client import Prepared, statement
from sijill.founding import found_on
from tests.api.talking import awaited, colleague, degree
from tests.correspondence import line, new_id, order, outgoing
from tests.faults.test_two_hosts import given_to
from tests.serving import ORIGIN, Agency, Served, serving


@dataclass
class Hosts:
    """Two hosts on one database, and an agency of theirs."""

    first: Served
    second: Served
    agency: Agency
    admin: Connection[Any]
    database: str

    def waiting(self) -> list[int]:
        """Who of the service waits for a standby at the end of a commit."""
        return waiting(self.admin, "sijill_service")

    def settled(self) -> int:
        """The size of the log once the keeper is through with it.

        A keeper that notifies at the end of its commit would hold appends up before theirs.
        """
        size = self.first.settle()
        self.first.anybody().text(f"/log/checkpoint?covers={size - 1}")
        return size

    def size(self) -> int:
        row = self.admin.execute("SELECT size FROM ledger.head").fetchone()
        assert row is not None
        return int(row[0])


def waiting(admin: Connection[Any], name: str) -> list[int]:
    rows = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = %s",
        (name,),
    )
    return [pid for (pid,) in rows]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    server = EmbeddedServer(tmp_path_factory.mktemp("pg"), settings={"fsync": "off"})
    urls = server.start()
    folder = tmp_path_factory.mktemp("one") / "ledger"
    found_on(urls, folder, ORIGIN)
    other = given_to(tmp_path_factory.mktemp("two") / "ledger", folder)
    environment = {"SIJILL_DATABASE_URL": urls.admin}
    try:
        with (
            pytest.MonkeyPatch.context() as patch,
            serving(folder, environment=environment) as first,
            serving(other, environment=environment) as second,
            connect(urls.admin, None, autocommit=True) as admin,
        ):
            patch.setenv("SIJILL_DATABASE_URL", urls.admin)
            yield Hosts(first, second, first.agency(), admin, urls.admin)
    finally:
        server.stop()


@contextmanager
def standby_absent(url: str, admin: Connection[Any]) -> Iterator[None]:
    """Every commit inside waits for a standby that is not there."""
    admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
    try:
        admin.execute("SELECT pg_reload_conf()")
        with ThreadPoolExecutor(1) as threads:
            probe = threads.submit(commit_for_ever, make_conninfo(url, application_name="probe"))
            [pid] = awaited(lambda: waiting(admin, "probe"), until=bool)
            admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
            assert isinstance(probe.exception(), psycopg.OperationalError)
        yield
    finally:
        admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        admin.execute("SELECT pg_reload_conf()")


def commit_for_ever(url: str) -> None:
    """Until the server has heard that there is a standby to be waited for."""
    with psycopg.connect(url, autocommit=True) as conn:
        while True:
            conn.execute("SELECT pg_logical_emit_message(true, 'probe', '')")


Sent = tuple[Prepared, Prepared]
"""What the first host is sent, and the second."""


def revocation(agency: Agency) -> Sent:
    code = agency.issue()["code"]
    said = statement("certificate.revoke", agency.name, code=code, reason="decision")
    prepared = agency.client.prepare(
        f"/v1/certificates/{code}/revocation", [signing.envelope(said)]
    )
    return prepared, prepared


def consignment_signed_anew(agency: Agency) -> Sent:
    client, addressee = agency.client, agency.served.agency().name
    members = outgoing(agency, [addressee])
    order(client, "", "register_outgoing", **members)
    text = line(
        agency.name,
        "dispatch",
        sender=agency.name,
        letter=members["new_letter"],
        new_consignment=new_id(),
        addressee=addressee,
    )
    path = f"/v1/transfers/{agency.name}/{members['new_letter']}/dispatch"
    return client.prepare(path, [text]), client.prepare(path, [text])


def approval(agency: Agency) -> Sent:
    client = agency.client
    kept = client.send(client.prepare("/v1/certificates", [degree(agency.name)], cosigned=True))
    prepared = colleague(agency, f"officer-{kept['order']}").client.countersign(kept["order"])
    return prepared, prepared


def post(host: Served, prepared: Prepared) -> httpx2.Response:
    return httpx2.post(
        host.url + prepared.path, headers=prepared.headers, content=prepared.body, timeout=60
    )


@pytest.mark.parametrize("made", [revocation, consignment_signed_anew, approval])
def test_what_another_host_has_not_seen_confirmed_is_not_answered(
    hosts: Hosts, made: Callable[[Agency], Sent]
) -> None:
    one, two = made(hosts.agency)
    size, admin = hosts.settled(), hosts.admin
    with ThreadPoolExecutor(2) as threads:
        with standby_absent(hosts.database, admin):
            first = threads.submit(post, hosts.first, one)
            while hosts.size() == size:
                assert not first.done(), first.result().text
                for pid in hosts.waiting():
                    admin.execute("SELECT pg_cancel_backend(%s)", (pid,))
            if made is approval:
                closed_meanwhile(admin)
            awaited(hosts.waiting, until=bool)

            again = threads.submit(post, hosts.second, two)

            awaited(hosts.waiting, until=lambda found: len(found) > 1 or again.done())
            assert not again.done(), again.result().text
            assert not first.done()
        answers = [first.result(), again.result()]
    assert all(answer.is_success for answer in answers)
    assert [answer.json()["index"] for answer in answers] == [size, size]
    assert [answer.json()["replayed"] for answer in answers] == [True, True]


def closed_meanwhile(admin: Connection[Any]) -> None:
    """Somebody else's refusal came just behind the record: it closes the order as recorded."""
    with admin.transaction():
        admin.execute("SET LOCAL synchronous_commit = local")
        rows = admin.execute(
            "SELECT ledger.refuse_pending(id, 'late') FROM ledger.pending WHERE state = 'open'"
        ).fetchall()
    assert rows == [("appended",)]
