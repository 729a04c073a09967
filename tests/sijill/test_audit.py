"""The check of a real ledger: it passes as it was ordered, and not when it was changed."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from infrastructure.log.checking import DatabaseSource
from infrastructure.log.checkpoints import CHANNEL
from infrastructure.log.replaying import connected, workers
from infrastructure.log.tilestore import TileStore
from infrastructure.log.watch import Watch
from infrastructure.postgres import Role, connect
from infrastructure.proofs.checkpoint import Checkpoint, sign
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.fsck import Trust
from infrastructure.proofs.material import Source
from infrastructure.proofs.note import SignerKey
from sijill import quick
from sijill.audit import (
    RootMismatch,
    act_rules,
    check,
    database_source,
    newest_checkpoint,
    replay,
)
from sijill.bootstrap import connection_strings
from sijill.client import Client
from sijill.client.checking import HttpSource
from sijill.folder import Folder
from tests.serving import Agency, Served, act

pytestmark = pytest.mark.anyio

TABLES = ("events", "events_0", "orders", "orders_0")


@dataclass(frozen=True)
class Grown:
    """A ledger that holds acts of several kinds, all under a checkpoint."""

    served: Served
    agency: Agency
    trust: Trust
    issued: int

    @property
    def tiles(self) -> TileStore:
        return TileStore(Folder(self.served.folder).tiles.folder)


@pytest.fixture(scope="module")
async def grown(served: Served) -> Grown:
    agency = served.agency()
    officer = agency.officer()
    first, second = agency.issue(), agency.issue()
    withdrawing = f"/v1/certificates/{first['code']}/revocation"
    act(officer, withdrawing, "certificate.revoke", code=first["code"], reason="right_withdrawn")
    path = f"/v1/certificates/{second['code']}/suspension"
    told = act(
        agency.client, path, "certificate.suspend", code=second["code"], reason="under_review"
    )
    urls = connection_strings(served.folder)
    newest = "SELECT max(size) FROM ledger.checkpoints WHERE note IS NOT NULL"
    async with Watch(urls.service, CHANNEL, newest, role=Role.SERVICE) as sealed:
        assert await sealed.reach(told["index"] + 1, 60)
    identity = agency.client.identity
    trust = Trust(ledger=identity.ledger, log_keys=[identity.log], acts=act_rules())
    return Grown(served, agency, trust, first["index"])


def judge(source: Source, trust: Trust) -> tuple[set[tuple[str, int | None]], Summary]:
    findings: list[Finding] = []
    summary = check(source, trust, findings.append)
    return {(finding.code, finding.index) for finding in findings}, summary


def shut(summary: Summary) -> int:
    """How many headers were not open to the caller; other tests' letters are on this ledger."""
    skipped = summary.unchecked.get("header_not_open")
    return skipped.count if skipped else 0


@pytest.mark.parametrize("who", ["anybody", "the issuer"])
async def test_an_honest_ledger_passes_over_http(grown: Grown, who: str) -> None:
    client: Client = grown.agency.client if who == "the issuer" else grown.served.anybody()
    findings, summary = judge(HttpSource(client), grown.trust)
    assert findings == set()
    assert summary.leaves == summary.headers + shut(summary)
    assert summary.signatures > summary.checkpoints > 0
    # What is not open to this caller is said, and nothing else was left out: others' letters show
    # their parties alone, and what a court or a successor does may rest on them.
    assert summary.unchecked.keys() <= {"body_not_open", "header_not_open", "rules_not_judged"}
    assert who == "the issuer" or summary.unchecked["body_not_open"].count >= 4


async def test_an_honest_ledger_passes_from_its_own_database(grown: Grown) -> None:
    urls = connection_strings(grown.served.folder)
    with database_source(urls.service, grown.tiles.folder) as source:
        findings, summary = judge(source, grown.trust)
    assert findings == set()
    assert summary.leaves == summary.headers == summary.bodies
    # From 256 leaves on a database has partial tiles above level 0, which no file holds.
    assert summary.unchecked.keys() <= {"tile_not_given"}


@pytest.mark.parametrize(
    "table, column, code",
    [
        ("events", "header", "header_digest_mismatch"),
        ("events", "header_salt", "header_digest_mismatch"),
        ("events", "body", "body_digest_mismatch"),
        ("events", "body_salt", "body_digest_mismatch"),
        ("events", "header_digest", "leaf_altered"),
        ("events", "body_digest", "leaf_altered"),
        ("events", "leaf_hash", "leaf_altered"),
        ("orders", "evidence", "evidence_digest_mismatch"),
        ("orders", "statement_digests", "statement_list_mismatch"),
    ],
)
async def test_one_byte_changed_by_a_superuser_is_named(
    grown: Grown, table: str, column: str, code: str
) -> None:
    key = "index" if table == "events" else "first_index"
    urls = connection_strings(grown.served.folder)
    with connect(urls.admin, Role.OWNER) as conn, conn.transaction(force_rollback=True):
        for name in TABLES:
            conn.execute(f"ALTER TABLE ledger.{name} DISABLE TRIGGER USER")
        changed = conn.execute(
            f"UPDATE ledger.{table} SET {column} = set_byte({column}, 5,"  # noqa: S608 - literals
            f" get_byte({column}, 5) # 1) WHERE {key} = %s",
            (grown.issued,),
        )
        assert changed.rowcount == 1
        findings, _ = judge(DatabaseSource(conn, grown.tiles), grown.trust)
    # A leaf is chained to the stored hash of the one before. Where that one's tile lies in a file,
    # which has its true hash, it is the leaf after it whose bytes are others.
    told = {grown.issued, grown.issued + 1} if column == "leaf_hash" else {grown.issued}
    assert {index for found, index in findings if found == code} & told


async def test_an_order_that_a_superuser_took_away_is_named(grown: Grown) -> None:
    urls = connection_strings(grown.served.folder)
    with connect(urls.admin, Role.OWNER) as conn, conn.transaction(force_rollback=True):
        for name in TABLES:
            conn.execute(f"ALTER TABLE ledger.{name} DISABLE TRIGGER USER")
        taken = conn.execute("DELETE FROM ledger.orders WHERE first_index = %s", (grown.issued,))
        assert taken.rowcount == 1
        findings, _ = judge(DatabaseSource(conn, grown.tiles), grown.trust)
    assert ("evidence_missing", grown.issued) in findings


@pytest.mark.parametrize(
    "column, value",
    [
        ("agency", "'ndc'"),
        ("stream", "'0198c0de-0000-7000-8000-000000000000'"),
        ("type", "'sijill.agency.issued.v1'"),
        ("version", "9"),
    ],
)
async def test_a_mark_by_which_the_service_finds_an_event_is_held_to_its_header(
    grown: Grown, column: str, value: str
) -> None:
    """By the type alone a body would be open to everybody, or a withdrawal out of sight."""
    urls = connection_strings(grown.served.folder)
    for table in ("events", "streams") if column in {"stream", "version"} else ("events",):
        with connect(urls.admin, None) as conn, conn.transaction(force_rollback=True):
            conn.execute(
                "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT tgrelid FROM pg_trigger"
                " WHERE tgname = 'refuse_change' LOOP"
                " EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', t); END LOOP; END $$"
            )
            changed = conn.execute(
                f"UPDATE ledger.{table} SET {column} = {value} WHERE index = %s",  # noqa: S608 - literals
                (grown.issued,),
            )
            assert changed.rowcount == 1
            findings, _ = judge(DatabaseSource(conn, grown.tiles), grown.trust)
        assert ("row_mismatch", grown.issued) in findings


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_replay_leads_to_the_root_that_was_published(grown: Grown, processes: int) -> None:
    urls = connection_strings(grown.served.folder)
    checkpoint = newest_checkpoint(urls.service)
    assert checkpoint is not None
    with workers(urls.service, processes) as work:
        found = replay(work, checkpoint)

        assert (found.size, found.root) == (checkpoint.size, checkpoint.root)
        with pytest.raises(RootMismatch):
            replay(work, Checkpoint(checkpoint.origin, checkpoint.size - 1, checkpoint.root))


def quickly(grown: Grown, trust: Trust, processes: int = 1) -> Summary:
    urls = connection_strings(grown.served.folder)
    with connected(urls.service, processes) as each:
        return quick.check(urls.service, each, grown.tiles, trust)


async def test_the_quick_check_counts_what_the_whole_one_counts(grown: Grown) -> None:
    urls = connection_strings(grown.served.folder)
    before = quickly(grown, grown.trust)
    with database_source(urls.service, grown.tiles.folder) as source:
        _, whole = judge(source, grown.trust)
    after = quickly(grown, grown.trust, processes=2)
    # The ledger grows meanwhile: other tests are on it.
    assert before.leaves <= whole.leaves <= after.leaves
    assert 0 < before.checkpoints <= whole.checkpoints <= after.checkpoints
    assert after.leaves == after.headers == after.bodies
    assert after.unchecked["only_bytes_and_tree"].count == after.leaves
    assert (after.signatures, after.findings) == (0, 0)


async def test_the_quick_check_takes_no_other_ledger_key_checkpoint_or_receipt(
    grown: Grown,
) -> None:
    urls = connection_strings(grown.served.folder)
    kept = [grown.agency.issue()["receipt"].encode()]
    newest = newest_checkpoint(urls.service)
    assert newest is not None
    stranger = SignerKey(newest.origin, bytes(range(32)))

    quickly(grown, replace(grown.trust, receipts=kept, marks=[newest]))
    wrongs: list[dict[str, Any]] = [
        {"ledger": bytes(32)},
        {"log_keys": [stranger.verifier]},
        {"marks": [Checkpoint(newest.origin, newest.size, bytes(32))]},
        {"marks": [Checkpoint(newest.origin, newest.size + 10_000, newest.root)]},
        {"checkpoints": [sign(newest, [stranger])], "log_keys": ()},
        {"receipts": [kept[0].replace(b"\n\n", b"\n0\n\n")]},
        {"receipts": [b"no receipt"]},
    ]
    for wrong in wrongs:
        with pytest.raises(quick.NotClean):
            quickly(grown, replace(grown.trust, **wrong))
