"""A real ledger, founded and served as an operator would: for tests that talk to it over HTTP.

`served` is one ledger for a whole test session: tests make agencies of their own, so none disturbs
another. `ledger_folder` and `serving` are for tests that kill or change what they serve.
"""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure import keyfiles
from infrastructure.log.reader import load_head
from infrastructure.postgres import Role, connect
from infrastructure.proofs import codes, signing
from infrastructure.proofs.jwk import PrivateKey, public_of
from projections import freshness
from sijill.cli.databases import running_database
from sijill.client import Client, commit, statement
from sijill.founding import found
from tests.clock import now_seconds
from tests.conforming import conforms_unless_streamed

ORIGIN = "sijill.test/ledger"
READY = "sijill ready "
START_SECONDS = 180
STOP_SECONDS = 60
SETTLE_SECONDS = 180
NAMES = {"ar": "جهة للاختبار", "ckb": "لایەنی تاقیکردنەوە", "en": "Body for tests"}
SCOPES = ["administer", "issue", "register", "revoke"]
_NUMBERS = itertools.count(1)


@dataclass(slots=True)
class Served:
    """A served ledger: its address, its folder, the process that serves it."""

    url: str
    folder: Path
    process: subprocess.Popen[str]
    talk: list[str] = field(default_factory=list)
    clients: dict[tuple[str | None, str | None, int], Client] = field(default_factory=dict)

    def client(self, agency: str | None = None, key: PrivateKey | None = None) -> Client:
        """The client of an agency under a key, closed when the ledger is.

        One for all who ask in a thread: each holds a connection, and a process may open only so
        many.
        """
        name = (agency, public_of(key).thumbprint if key else None, threading.get_ident())
        if name not in self.clients:
            client = Client(self.url, agency=agency, key=key)
            client._http.event_hooks = {"response": [conforms_unless_streamed]}
            self.clients[name] = client
        return self.clients[name]

    def founder(self, name: str = "ndc") -> Client:
        """A client that signs as a founding authority."""
        key = keyfiles.load_private_key(self.folder / "keys" / f"{name}.pem")
        return self.client(name, key)

    def anybody(self) -> Client:
        """A client without a key."""
        return self.client()

    def settle(self) -> int:
        """Return the size of the log once the read models hold all of it."""
        with (
            running_database(self.folder) as urls,
            connect(urls.service, Role.SERVICE, autocommit=True) as connection,
        ):
            size = load_head(connection).size
            connection.execute(f"LISTEN {freshness.CHANNEL}")
            for _ in range(SETTLE_SECONDS):
                [[applied]] = connection.execute(freshness.APPLIED_EVENTS).fetchall()
                if applied >= size:
                    return size
                list(connection.notifies(timeout=1, stop_after=1))
        raise AssertionError(f"the read models stand at {applied} of {size}")

    def agency(self, *, scopes: list[str] | None = None, link: bool = True) -> "Agency":
        """A new agency with one enrolled key, linked unless told otherwise."""
        name = f"body-{os.getpid()}-{next(_NUMBERS)}"
        operator, authority = self.founder("ndc"), self.founder("comsec")
        act(operator, "/v1/agencies", "agency.add", subject=name, kind="ministry", names=NAMES)
        agency = Agency(self, name, Ed25519PrivateKey.generate())
        enrol(operator, authority, name, agency.key, scopes or SCOPES)
        if link:
            act(operator, f"/v1/agencies/{name}/linking", "agency.link", subject=name)
        return agency


@dataclass(slots=True)
class Agency:
    """An agency of a test: its id and its first key."""

    served: Served
    name: str
    key: PrivateKey

    @property
    def client(self) -> Client:
        """A client that signs with the agency's key."""
        return self.served.client(self.name, self.key)

    def officer(self, scopes: list[str] | None = None, officer: str = "officer-2") -> Client:
        """A second officer of the agency, with a key of her own."""
        key = Ed25519PrivateKey.generate()
        client = self.client
        text = enrolment(self.name, self.name, key, scopes or SCOPES, officer)
        order = client.send(client.prepare(f"/v1/agencies/{self.name}/keys", [text], cosigned=True))
        assert order["state"] == "open"
        client.send(client.possess(f"/v1/agencies/{self.name}/keys", text, key))
        return self.served.client(self.name, key)

    def issue(self, **changes: Any) -> dict[str, Any]:
        """Issue one certificate; the answer."""
        client = self.client
        answer = client.send(client.prepare("/v1/certificates", [issuance(self.name, **changes)]))
        return dict(answer)


def act(client: Client, path: str, name: str, **members: Any) -> dict[str, Any]:
    """Send one order of an act without disclosures; the answer."""
    assert client.agency is not None
    line = signing.envelope(statement(name, client.agency, **members))
    return dict(client.send(client.prepare(path, [line], cosigned="valid_until" in members)))


def enrolment(
    orderer: str, subject: str, key: PrivateKey, scopes: list[str], officer: str = "officer-1"
) -> bytes:
    """The line of an enrolment order."""
    return signing.envelope(
        statement(
            "key.enrol",
            orderer,
            subject=subject,
            jwk=public_of(key).jwk,
            scopes=sorted(scopes),
            office="headquarters",
            officer=officer,
            valid_until=now_seconds() + 86_400,
        )
    )


def enrol(
    operator: Client, authority: Client, subject: str, key: PrivateKey, scopes: list[str]
) -> dict[str, Any]:
    """The ceremony of an agency's first key; the answer to the last signature."""
    assert operator.agency is not None
    path = f"/v1/agencies/{subject}/keys"
    line = enrolment(operator.agency, subject, key, scopes)
    order = operator.send(operator.prepare(path, [line], cosigned=True))
    operator.send(operator.possess(path, line, key))
    return dict(authority.approve(order["order"]))


def issuance(agency: str, **changes: Any) -> bytes:
    """The line of an issuance: a support letter unless told otherwise.

    `values` are its fields; one that is None is left out.
    """
    values = {
        "holder_name": "حامل 0001",
        "supported_fact": "تأييد سكن",
        "holder_secret": "holder-secret-0001",
        **changes.pop("values", {}),
    }
    claims, texts = commit({name: text for name, text in values.items() if text is not None})
    members = {
        "type": "support_letter",
        "code": codes.generate(),
        "unit": "registry",
        "series": "general",
        "year": 2026,
        "number": f"{next(_NUMBERS)}/{os.getpid()}",
        "date": "2026-11-01",
        "language": "ar",
        "claims": claims,
        **changes,
    }
    return signing.envelope(statement("certificate.issue", agency, **members), texts)


@contextmanager
def serving(
    folder: Path,
    *,
    workers: int = 1,
    port: int = 0,
    environment: dict[str, str] | None = None,
    first: str = "pass",
    prefix: Sequence[str] = (),
) -> Iterator[Served]:
    """Serve a founded ledger in a process of its own until the block ends; port 0 is a free one.

    `first` is a statement that the supervisor runs before it serves; `prefix` is a command that
    goes on as the one behind it, as `env` does.
    """
    code = (
        f"{first}; import sys; from pathlib import Path; from sijill.serving import serve; "
        "serve(Path(sys.argv[1]), workers=int(sys.argv[2]), port=int(sys.argv[3]))"
    )
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", code, str(folder), str(workers), str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    served = Served("", folder, process)
    ready = threading.Event()

    def listen() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            served.talk.append(line.rstrip())
            if line.startswith(READY):
                served.url = line.removeprefix(READY).strip()
                ready.set()
        ready.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        assert ready.wait(START_SECONDS), "not ready in time"
        assert served.url, "\n".join(served.talk)
        yield served
    finally:
        for client in served.clients.values():
            client.close()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        listener.join()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture
def ledger_folder(tmp_path: Path) -> Path:
    """The folder of a founded ledger that nobody serves."""
    found(tmp_path / "ledger", ORIGIN)
    return tmp_path / "ledger"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One served ledger for the session."""
    folder = tmp_path_factory.mktemp("served") / "ledger"
    found(folder, ORIGIN)
    with serving(folder, workers=2) as ledger:
        yield ledger
