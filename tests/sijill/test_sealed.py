"""Sealed values as an auditor checks them: what lies beside the log is what the log commits to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from psycopg import Connection

from infrastructure import vault as vaults
from infrastructure.postgres import Role, connect
from infrastructure.proofs import canonical, disclosures
from infrastructure.proofs.findings import Finding, Summary
from infrastructure.proofs.leaf import split_body
from infrastructure.proofs.orders import LINE_LIMIT_BYTES
from infrastructure.vault import Vault
from sijill import sealed
from sijill.bootstrap import connection_strings
from sijill.folder import Folder
from tests.api.talking import on
from tests.clock import now_seconds
from tests.serving import Served

TABLES = ("vault.sealed", "vault.sealed_0", "vault.erasures", "vault_keys.records")


@dataclass(frozen=True)
class Recorded:
    """A ledger with values that are there and values that were erased, as they were ordered."""

    served: Served
    issued: int
    old: int
    erased: int

    @property
    def vault(self) -> Vault:
        return Folder(self.served.folder).vault()

    @contextmanager
    def owned(self) -> Iterator[Connection[Any]]:
        """In the hands of the tables' owner; as it was behind the block."""
        urls = connection_strings(self.served.folder)
        with connect(urls.admin, Role.OWNER) as conn, conn.transaction(force_rollback=True):
            for name in TABLES:
                conn.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
            yield conn

    def stream(self, conn: Connection[Any], index: int) -> Any:
        row = conn.execute("SELECT stream FROM ledger.events WHERE index = %s", (index,)).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def recorded(served: Served) -> Recorded:
    agency = served.agency()
    officer = agency.officer()
    issued, old = agency.issue(), agency.issue(date="2010-11-01", year=2010)
    until = now_seconds() + 3_600
    order = on(agency.client, "erase", old["code"], "erasure", valid_until=until)["order"]
    erased = officer.approve(order)
    return Recorded(served, issued["index"], old["index"], erased["index"])


def found(
    conn: Connection[Any], vault: Vault | None, start: int = 0
) -> tuple[set[tuple[str, int | None]], Summary]:
    findings: list[Finding] = []
    summary = Summary()
    sealed.check(conn, vault, summary, findings.append, start)
    assert summary.findings == len(findings)
    return {(one.code, one.index) for one in findings}, summary


def test_what_was_ordered_is_there_and_what_was_erased_is_gone(recorded: Recorded) -> None:
    with connect(connection_strings(recorded.served.folder).service, Role.SERVICE) as conn:
        findings, summary = found(conn, recorded.vault)
        later, counted = found(conn, recorded.vault, recorded.old)
    assert findings == later == set()
    assert summary.values > counted.values
    assert not summary.unchecked


def test_without_the_vaults_key_it_says_what_stayed_sealed(recorded: Recorded) -> None:
    with connect(connection_strings(recorded.served.folder).service, Role.SERVICE) as conn:
        findings, summary = found(conn, None)
    assert (findings, summary.values) == (set(), 0)
    assert summary.unchecked["value_not_opened"].count >= 1


def test_a_copy_without_keys_is_not_called_lost(recorded: Recorded) -> None:
    """As a logical backup brings it: the keys have a schema of their own, which it leaves out."""
    with recorded.owned() as conn:
        conn.execute("DELETE FROM vault_keys.records")
        findings, summary = found(conn, recorded.vault)
    assert (findings, summary.values) == (set(), 0)
    assert summary.unchecked["value_not_opened"].count >= 1


def forge(recorded: Recorded, conn: Connection[Any], change: str) -> None:
    """Change a disclosure in the sealed line, and seal the line again with the vault's key."""
    row = conn.execute(
        "SELECT body FROM ledger.events WHERE index = %s", (recorded.issued,)
    ).fetchone()
    kept = vaults.sealed_line(conn, recorded.issued)
    assert row is not None
    assert kept is not None
    wrapped = vaults.record_key(conn, kept.stream)
    digest = canonical.statement_digest(split_body(row[0]).statement)
    line = recorded.vault.open(wrapped, kept.stream, digest, kept.sealed)
    text = canonical.parse_envelope(line, limit_bytes=LINE_LIMIT_BYTES).disclosures[0]
    said = disclosures.parse(text)
    other, _ = disclosures.make(said.name, "somebody else")
    forged = line.replace(text.encode(), other.encode() if change == "other" else b"")
    if change == "left out":
        forged = line.replace(b'"' + text.encode() + b'",', b"")
    again = recorded.vault.seal(wrapped, kept.stream, digest, forged)
    conn.execute("UPDATE vault.sealed SET sealed = %s WHERE index = %s", (again, recorded.issued))


@pytest.mark.parametrize("change", ["other", "left out"])
def test_a_value_that_was_sealed_anew_is_named(recorded: Recorded, change: str) -> None:
    with recorded.owned() as conn:
        forge(recorded, conn, change)
        findings, _ = found(conn, recorded.vault)
    assert findings == {("value_altered", recorded.issued)}


def test_a_sealed_byte_that_was_changed_is_named(recorded: Recorded) -> None:
    with recorded.owned() as conn:
        conn.execute(
            "UPDATE vault.sealed SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)"
            " WHERE index = %s",
            (recorded.issued,),
        )
        findings, _ = found(conn, recorded.vault)
    assert findings == {("value_altered", recorded.issued)}


@pytest.mark.parametrize("what", ["vault.sealed", "vault_keys.records"])
def test_a_value_that_went_without_an_order_is_named(recorded: Recorded, what: str) -> None:
    with recorded.owned() as conn:
        stream = recorded.stream(conn, recorded.issued)
        gone = conn.execute(f"DELETE FROM {what} WHERE stream = %s", (stream,))  # noqa: S608 - literals
        assert gone.rowcount == 1
        with_key, without = found(conn, recorded.vault)[0], found(conn, None)[0]
    assert with_key == without == {("value_lost", recorded.issued)}


def test_an_erasure_that_nobody_ordered_is_named(recorded: Recorded) -> None:
    with recorded.owned() as conn:
        stream = recorded.stream(conn, recorded.issued)
        conn.execute("DELETE FROM vault_keys.records WHERE stream = %s", (stream,))
        conn.execute("INSERT INTO vault.erasures VALUES (%s, %s)", (stream, recorded.erased))
        findings, _ = found(conn, recorded.vault)
    assert findings == {
        ("erasure_not_ordered", recorded.erased),
        ("value_lost", recorded.issued),
    }


def test_a_key_that_outlived_its_erasure_is_named(recorded: Recorded) -> None:
    with recorded.owned() as conn:
        stream = recorded.stream(conn, recorded.old)
        conn.execute("INSERT INTO vault_keys.records VALUES (%s, %s)", (stream, bytes(40)))
        findings, _ = found(conn, recorded.vault, recorded.erased)
    assert findings == {("value_kept", recorded.erased)}
