"""The scenes of the demonstration: issue, withdraw, verify, prove, and catch a forger."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection, sql

from infrastructure import migrations, postgres
from infrastructure.embedded import EmbeddedServer
from infrastructure.proofs import receipts
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.fsck import Trust
from sijill import audit
from sijill.client import Client, Draft
from sijill.demo.cast import Cast, plain, send
from sijill.demo.plan import LOTS, Lot, holder, planned
from sijill.folder import Folder

TAMPERED = "tampered_copy"
COPIED = ("events", "streams", "orders", "order_lines", "checkpoints")
BULK = "/v1/certificates/bulk"
WAIT_SECONDS = 86_400


@dataclass(slots=True)
class Issued:
    """What was issued, by lot: public codes in the order of the plan."""

    codes: dict[str, list[str]] = field(default_factory=dict)
    receipt: str = ""

    def code(self, type_: str, place: int) -> str:
        """The code of one certificate: its type and its place within the lot, from 0."""
        return self.codes[type_][place]


def issue(cast: Cast, on_lines: Callable[[int], None]) -> Issued:
    """Issue every lot as one signed bulk; where two officers must sign, the second one does."""
    issued = Issued()
    for lot in LOTS:
        drafts = [_draft(lot, one) for one in planned(lot)]
        officers = cast.officers[lot.agency]
        order = officers[0].prepare(
            BULK,
            [draft.envelope for draft in drafts],
            bulk=True,
            cosigned=lot.officers > 1,
        )
        answer = officers[0].send(order)
        if lot.officers > 1:
            answer = officers[1].approve(answer["order"])
        issued.codes[lot.type] = [line["code"] for line in answer]
        issued.receipt = answer[-1]["receipt"]
        on_lines(len(answer))
    return issued


def withdraw(cast: Cast, issued: Issued) -> dict[str, str]:
    """Revoke, suspend, void, correct and supersede some; codes by what became of them."""
    first = {lot.type: cast.officers[lot.agency][0] for lot in LOTS}
    became: dict[str, str] = {}

    def order(what: str, type_: str, place: int, act: str, part: str, **members: Any) -> None:
        code = issued.code(type_, place)
        path = f"/v1/certificates/{code}/{part}"
        plain(first[type_], act, path, code=code, **members)
        became[what] = code

    for place in range(3):
        order(
            "revoked",
            "civil_status_extract",
            place,
            "certificate.revoke",
            "revocation",
            reason="obtained_by_fraud",
        )
    order(
        "suspended",
        "nationality_certificate",
        0,
        "certificate.suspend",
        "suspension",
        reason="under_review",
    )
    order("voided", "support_letter", 0, "certificate.void", "voiding", reason="duplicate_entry")
    became["superseded"] = _correct(first["pension_confirmation"], issued)
    order(
        "succeeded",
        "school_transfer",
        0,
        "certificate.supersede",
        "supersession",
        by=issued.code("school_transfer", 1),
        reason="reissued",
    )
    return became


def _correct(officer: Client, issued: Issued) -> str:
    code = issued.code("pension_confirmation", 0)
    place = 1 + sum(
        lot.count for lot in LOTS[: [x.type for x in LOTS].index("pension_confirmation")]
    )
    draft = Draft.renew(
        "certificate.correct",
        officer.agency or "",
        f"/v1/certificates/{code}/correction",
        {"holder_name": holder(place), "pension_number": "م-مصحح"},
        code=code,
        reason="clerical_error",
        language="ar",
    )
    send(officer, draft)
    return code


def _draft(lot: Lot, one: Any) -> Draft:
    members: dict[str, Any] = {}
    if lot.officers > 1:
        members["valid_until"] = int(time.time()) + WAIT_SECONDS
    return Draft.issue(
        lot.agency,
        one.fields,
        type=lot.type,
        unit=lot.unit,
        series="general",
        number=one.number,
        date=one.date,
        language="ar",
        **members,
    )


def prove(anybody: Client, receipt: str) -> tuple[int, int]:
    """Check the newest checkpoint and that it holds the receipt's event: (tree size, index)."""
    note = receipts.open_receipt(receipt.encode(), [anybody.identity.receipts])
    anybody.text(f"/log/checkpoint?covers={note.index}")
    newest = anybody.checkpoint()
    anybody.prove(note, newest)
    return newest.size, note.index


def tamper(server: EmbeddedServer, folder: Folder, trust: Trust, index: int) -> list[Finding]:
    """Copy the log, change one stored byte in the copy as a superuser would, and check the copy."""
    server.drop_database(TAMPERED)
    copy = server.create_database(TAMPERED)
    try:
        migrations.upgrade(copy.admin)
        with (
            postgres.connect(server.urls().admin, None) as source,
            postgres.connect(copy.admin, None) as target,
        ):
            _copy(source, target)
            _flip(target, index)
        findings: list[Finding] = []
        with audit.database_source(copy.admin, folder.path / "log") as material:
            audit.check(material, trust, findings.append)
        return findings
    finally:
        server.drop_database(TAMPERED)


def _copy(source: Connection[Any], target: Connection[Any]) -> None:
    for table in COPIED:
        name = sql.Identifier("ledger", table)
        out = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT BINARY)").format(name)
        into = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(name)
        with source.cursor().copy(out) as reading, target.cursor().copy(into) as writing:
            for data in reading:
                writing.write(data)


def _flip(target: Connection[Any], index: int) -> None:
    """What a superuser can do: nothing in the database refuses it, the check names it."""
    target.execute("SET session_replication_role = replica")
    row = target.execute(
        "SELECT tableoid::regclass::text FROM ledger.events WHERE index = %s", (index,)
    ).fetchone()
    if row is None:
        raise psycopg.DataError(f"no event {index}")
    partition = sql.Identifier(*row[0].split("."))
    target.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(partition))
    target.execute(
        sql.SQL("UPDATE {} SET body = set_byte(body, 40, get_byte(body, 40) # 1)").format(partition)
        + sql.SQL(" WHERE index = %s"),
        (index,),
    )
