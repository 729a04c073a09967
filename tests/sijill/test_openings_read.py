"""Openings that are not written as they must be end as findings, from a folder or an address."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from infrastructure.proofs.authorship import Opening
from infrastructure.proofs.fsck import Fsck
from infrastructure.proofs.opened import read_page
from sijill.client import Client
from sijill.client.checking import HttpSource
from sijill.export.layout import Exported, openings_path
from tests.infrastructure.proofs.paper_ledger import named
from tests.sijill.test_rules import ONE, Forger


@pytest.fixture
def ledger() -> Forger:
    ledger = Forger().found()
    ledger.certify(ONE)
    ledger.seal(*ledger.log_keys)
    return ledger


def written(ledger: Forger) -> dict[str, Any]:
    """Everything of it as the ledger answers."""
    items, orders = [], {}
    for one in ledger.opened:
        assert one.header is not None
        assert one.body is not None
        assert one.order is not None
        assert one.order.statements is not None
        parts = {"header": one.header, "body": one.body}
        said = {name: base64.b64encode(data).decode() for name, data in parts.items()}
        salts = {"header_salt": one.header_salt.hex(), "body_salt": one.body_salt.hex()}
        items.append({"index": one.index, **said, **salts, "order": one.index})
        statements = [digest.hex() for digest in one.order.statements]
        evidence = base64.b64encode(one.order.evidence).decode()
        orders[str(one.index)] = {"evidence": evidence, "statements": statements}
    return {"from": 0, "to": len(items), "next": None, "openings": items, "orders": orders}


def found(ledger: Forger, openings: list[Opening]) -> set[tuple[str, int | None]]:
    source = ledger.source()
    source.opened = openings
    return named(list(Fsck(source).run()))


def put(place: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(page: dict[str, Any]) -> None:
        page["openings"][5][place] = value

    return change


def without_salt(page: dict[str, Any]) -> None:
    del page["openings"][5]["header_salt"]


def evidence(page: dict[str, Any]) -> None:
    page["orders"]["5"]["evidence"] = "*"


def no_statements(page: dict[str, Any]) -> None:
    page["orders"]["5"] = {}


CHANGES = {
    "base64": put("body", "***"),
    "a number for text": put("header", 7),
    "nothing for text": put("header", None),
    "hex": put("body_salt", "zz"),
    "no salt": without_salt,
    "evidence": evidence,
    "no statements": no_statements,
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_opening_that_cannot_be_read_is_a_finding_at_its_index(
    ledger: Forger, tmp_path: Path, name: str
) -> None:
    page = written(ledger)
    assert found(ledger, read_page(page, 0, len(ledger.leaves))[0]) == set()
    CHANGES[name](page)

    assert found(ledger, read_page(page, 0, len(ledger.leaves))[0]) == {("json_malformed", 5)}

    (tmp_path / "checkpoint").write_bytes(ledger.notes[-1])
    file = tmp_path / openings_path(0, len(ledger.leaves))
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(page))
    assert found(ledger, list(Exported(tmp_path).openings())) == {("json_malformed", 5)}


@pytest.mark.parametrize(
    "data",
    [
        "{",
        "[]",
        "{}",
        '{"openings":{}}',
        '{"openings":[7],"orders":{}}',
        '{"openings":[{"index":1e999}],"orders":{}}',
        '{"openings":[{"index":1.0}],"orders":{}}',
        '{"openings":[{"index":true}],"orders":{}}',
        pytest.param("[" * 100_000, id="nested without end"),
    ],
)
@pytest.mark.parametrize("start", [0, 3])
def test_a_file_that_holds_no_openings_is_a_finding(
    ledger: Forger, tmp_path: Path, data: str, start: int
) -> None:
    """At the first leaf that is asked for, so that a check from the middle on has it, too."""
    (tmp_path / "checkpoint").write_bytes(ledger.notes[-1])
    file = tmp_path / openings_path(0, len(ledger.leaves))
    file.parent.mkdir(parents=True)
    file.write_text(data)

    openings = list(Exported(tmp_path).openings(start))
    assert found(ledger, openings) == {("json_malformed", start)}


class Answering:
    """A server that gives the same answer again and again."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def get(self, path: str, **_: Any) -> Any:
        if path == "/log/checkpoints":
            return {"items": [], "next": 3}
        return self.page


class Shown(HttpSource):
    """A source whose newest checkpoint is known."""

    note = b""

    def newest(self) -> bytes:
        return self.note


@pytest.mark.parametrize("onwards", [0, 10_000, "5"])
def test_an_answer_that_leads_nowhere_ends_the_reading(ledger: Forger, onwards: Any) -> None:
    source = Shown(cast("Client", Answering({**written(ledger), "next": onwards})))
    source.note = ledger.notes[-1]

    assert [one.error is not None for one in source.openings()] == [True]
    assert list(source.checkpoints()) == []


def test_what_an_answer_leaves_out_is_not_open(ledger: Forger) -> None:
    page = written(ledger)
    del page["openings"][3]

    openings, _ = read_page(page, 0, len(ledger.leaves))

    assert openings[3] == Opening(3)
    assert [one.index for one in openings] == list(range(len(ledger.leaves)))
