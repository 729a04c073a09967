"""The eight promises, each with a test that fails where it is not kept (docs: ARCHITECTURE.md).

Processes here are killed with SIGKILL, which no cleaning up survives: what was acknowledged before
must be there afterwards. The ledger is this module's own.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from infrastructure import postgres
from infrastructure.log.checking import DatabaseSource
from infrastructure.postgres import Role
from infrastructure.proofs import merkle, receipts
from infrastructure.proofs.checkpoint import open_checkpoint
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.fsck import Trust
from projections import model
from sijill import audit
from sijill.client import Refused, Unreachable
from sijill.founding import found
from sijill.settings import Settings
from tests.processes import children
from tests.serving import ORIGIN, Agency, Served, act, serving

SECRET = "قيمة لا تظهر في السجل 7391"
LOAD = 40
FRESH_SECONDS = 2.0
"""How long after its acknowledgement a revocation may go unseen."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("promises") / "ledger"
    found(path, ORIGIN)
    return path


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Iterator[Served]:
    with serving(folder, workers=1) as served:
        yield served


@pytest.fixture(scope="module")
def agency(ledger: Served) -> Agency:
    return ledger.agency()


def test_1_acknowledged_is_durable_when_postgresql_is_killed(
    ledger: Served, agency: Agency
) -> None:
    answers, stop = _load(agency)
    _wait_for(answers, LOAD // 4)
    postmaster = Settings(data=ledger.folder).embedded().pid()
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    _wait_for(answers, LOAD)
    stop()
    _all_recorded(ledger, answers)


def test_2_recorded_is_final(ledger: Served, agency: Agency) -> None:
    """The service's role cannot try; whoever can is found out."""
    index = agency.issue()["index"]
    assert _covered(ledger, agency.issue()["index"])
    urls = Settings(data=ledger.folder).embedded().urls()
    with postgres.connect(urls.service, Role.SERVICE, autocommit=True) as service:
        for statement in (
            "UPDATE ledger.events SET body = ''",
            "DELETE FROM ledger.events",
            "TRUNCATE ledger.events",
        ):
            with pytest.raises(InsufficientPrivilege):
                service.execute(statement)
    with postgres.connect(urls.admin, None) as superuser:
        superuser.execute("SET session_replication_role = replica")
        [partition] = superuser.execute(
            "SELECT tableoid::regclass::text FROM ledger.events WHERE index = %s", (index,)
        ).fetchone() or ("",)
        name = sql.Identifier(*partition.split("."))
        superuser.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(name))
        change = sql.SQL("UPDATE {} SET time = time + 1 WHERE index = %s").format(name)
        superuser.execute(change, (index,))
        findings = _findings(ledger, superuser)
        superuser.rollback()
    assert ("leaf_altered", index) in {(one.code, one.index) for one in findings}, findings


def test_3_everybody_signs(ledger: Served, agency: Agency) -> None:
    """Nothing but the agency's own key makes its act, and the log shows whose it was."""
    other = ledger.agency()
    code = agency.issue()["code"]
    size = ledger.settle()
    with pytest.raises(Refused) as refused:
        act(
            ledger.client(agency.name, other.key),
            f"/v1/certificates/{code}/revocation",
            "certificate.revoke",
            code=code,
            reason="decision",
        )
    assert (refused.value.status, refused.value.code) == (403, "key_foreign")
    assert ledger.settle() == size
    assert ledger.anybody().get(f"/v1/verify/{code}")["outcome"] == "valid"
    assert _findings(ledger) == []


@pytest.mark.anyio
async def test_4_one_order_gives_everybody_the_same_rows(ledger: Served, agency: Agency) -> None:
    agency.issue()
    urls = Settings(data=ledger.folder).embedded().urls()
    connection = await postgres.connect_async(
        urls.keeper, Role.KEEPER, autocommit=True, limits=postgres.PATIENT
    )
    async with connection:
        cursor = await connection.execute("SELECT size - 1 FROM ledger.head")
        row = await cursor.fetchone()
        assert row is not None
        await model.rebuild(connection)
        before = await model.digest(connection, at=row[0])
        await model.rebuild(connection)
        assert await model.digest(connection, at=row[0]) == before


def test_5_what_is_not_known_is_not_called_valid(ledger: Served, agency: Agency) -> None:
    """A follower that stands still makes verdicts *could not check*, never *valid*."""
    code = agency.issue()["code"]
    keeper = _child(ledger, "keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:
        path = f"/v1/certificates/{code}/revocation"
        act(agency.client, path, "certificate.revoke", code=code, reason="decision")
        acknowledged = time.monotonic()
        pause = threading.Event()
        asked, answer = acknowledged, ledger.anybody().get(f"/v1/verify/{code}")
        while asked < acknowledged + FRESH_SECONDS:
            pause.wait(0.1)
            asked, answer = time.monotonic(), ledger.anybody().get(f"/v1/verify/{code}")
        assert answer["outcome"] == "could_not_check"
        assert answer["reason"] == "status_stale"
    finally:
        os.kill(keeper, signal.SIGCONT)


def test_6_no_personal_value_in_the_log(ledger: Served, agency: Agency) -> None:
    agency.issue(values={"holder_name": SECRET})
    urls = Settings(data=ledger.folder).embedded().urls()
    with postgres.connect(urls.admin, None) as admin:
        tables = admin.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname IN ('ledger', 'vault', 'vault_keys', 'read')"
        ).fetchall()
        for schema, table in tables:
            name = sql.Identifier(schema, table)
            query = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT BINARY)").format(name)
            with admin.cursor().copy(query) as rows:
                assert SECRET.encode() not in b"".join(bytes(row) for row in rows), table
    assert SECRET not in "\n".join(ledger.talk)


def test_7_appends_go_on_without_the_keeper(ledger: Served, agency: Agency) -> None:
    """Sealing and following are down: issuing is not."""
    keeper = _child(ledger, "keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:
        assert agency.issue()["index"] > 0
    finally:
        os.kill(keeper, signal.SIGCONT)


def test_8_proof_travels(ledger: Served, agency: Agency) -> None:
    """A receipt, a checkpoint and a proof convince without the ledger, by arithmetic alone."""
    client = agency.client
    answer = agency.issue()
    note = (
        client.text(f"/log/checkpoint?covers={answer['index']}")
        if _covered(ledger, answer["index"])
        else b""
    )
    identity = client.identity
    head = open_checkpoint(note, origin=identity.origin, verifiers=[identity.log])
    proof = client.get("/v1/proofs/inclusion", signed=False, index=answer["index"], size=head.size)

    receipt = receipts.open_receipt(answer["receipt"].encode(), [identity.receipts])
    merkle.verify_inclusion(
        index=receipt.index,
        size=head.size,
        leaf_hash=receipt.leaf_hash,
        proof=[bytes.fromhex(one) for one in proof["hashes"]],
        root=head.root,
    )


def test_the_whole_survives_its_supervisor(folder: Path, ledger: Served, agency: Agency) -> None:
    """Last, because it ends the module's ledger: `kill -9` of the supervisor, then serve again."""
    answer = agency.issue()
    ledger.process.kill()
    ledger.process.wait()
    with serving(folder) as again:
        verdict = again.anybody().get(f"/v1/verify/{answer['code']}")
        assert verdict["outcome"] == "valid"
        assert _findings(again) == []


def _load(agency: Agency) -> tuple[list[dict[str, Any]], Any]:
    """Issue from one thread until stopped; only acknowledged answers are kept."""
    answers: list[dict[str, Any]] = []
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            try:
                answers.append(agency.issue())
            except Unreachable:
                continue

    thread = threading.Thread(target=work)
    thread.start()

    def stop() -> None:
        stopping.set()
        thread.join()

    return answers, stop


def _wait_for(answers: list[dict[str, Any]], count: int) -> None:
    more = threading.Event()
    for _ in range(1_200):
        if len(answers) >= count:
            return
        more.wait(0.1)
    raise AssertionError(f"only {len(answers)} of {count} answers")


def _all_recorded(ledger: Served, answers: list[dict[str, Any]]) -> None:
    urls = Settings(data=ledger.folder).embedded().urls()
    with postgres.connect(urls.service, Role.SERVICE) as service:
        rows = service.execute("SELECT index, encode(leaf_hash, 'hex') FROM ledger.events")
        recorded: dict[int, str] = dict(rows.fetchall())
    assert {one["index"]: one["leaf_hash"] for one in answers}.items() <= recorded.items()
    assert len({one["index"] for one in answers}) == len(answers)
    assert _findings(ledger) == []


def _findings(ledger: Served, connection: Any = None) -> list[Finding]:
    findings: list[Finding] = []
    trust = Trust(acts=audit.act_rules())
    if connection is not None:
        source = DatabaseSource(connection)
        audit.check(source, trust, findings.append)
        return findings
    urls = Settings(data=ledger.folder).embedded().urls()
    with audit.database_source(urls.service, ledger.folder / "log") as material:
        audit.check(material, trust, findings.append)
    return findings


def _covered(ledger: Served, index: int) -> bool:
    """Whether a checkpoint covers the index; the client itself waits for nothing."""
    more = threading.Event()
    for _ in range(300):
        if ledger.anybody().checkpoint().size > index:
            return True
        more.wait(0.1)
    return False


def _child(ledger: Served, role: str) -> int:
    return next(pid for pid, name in children(ledger.process.pid).items() if name == role)
