"""Orders that wait: what the other officer sees, signs, and is told when she comes too late."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs.jwk import PrivateKey
from tests.serving import Agency
from tests.sijill.cli.conftest import Shell, letter, ndjson

DEGREE = {"holder_name": "حامل 0001", "qualification": "بكالوريوس", "graduation_year": "2026"}


@pytest.fixture
def second(office: Shell, agency: Agency) -> str:
    """The key file of the agency's second officer."""
    key: PrivateKey | None = agency.officer().key
    return str(office.key("second", key))


def pending(office: Shell) -> dict[str, Any]:
    """A degree that waits for its second officer."""
    file = office.file("degree.json", letter(type="degree", fields=DEGREE))
    ran = office("certificate", "issue", file, "--output", "json")
    assert ran.code == 0, ran.err
    return dict(ran.json)


@pytest.mark.parametrize("verb", ["approve", "refuse"])
def test_who_comes_after_the_order_is_closed_is_told_so(
    office: Shell, second: str, verb: str
) -> None:
    """A lost answer, a colleague who was faster: that is no reason to accuse the ledger."""
    order = pending(office)["order"]
    assert office("order", verb, order, "--key", second).code == 0

    for again in ("approve", "refuse"):
        ran = office("order", again, order, "--key", second, "--output", "json")
        assert ran.code == 5, ran.err
        assert ran.json["problem"]["code"] == "order_closed"
        assert ran.json["problem"]["advice"]
        assert list((office.folder / "second.state" / "suspect").iterdir()) == []


def test_whoever_completes_an_order_is_told_where_its_receipt_is(
    office: Shell, second: str
) -> None:
    kept = office.folder / "second.state" / "receipts"

    ran = office("order", "approve", pending(office)["order"], "--key", second)

    assert ran.code == 0, ran.err
    [receipt] = kept.glob("*.txt")
    assert f"Receipt: {receipt}" in ran.out.splitlines()
    order = pending(office)["order"]
    told = office("order", "approve", order, "--key", second, "--output", "json").json
    assert Path(told["receipt_path"]).read_text() == told["receipt"]


def test_whoever_completes_a_bulk_is_told_where_its_receipts_are(
    office: Shell, second: str
) -> None:
    items = ndjson([letter(type="degree", fields=DEGREE) for _ in range(2)])
    file = office.file("b.ndjson", items)
    [waits, *_] = office("certificate", "bulk", file, "--output", "json").lines

    ran = office("order", "approve", waits["order"], "--key", second)

    assert ran.code == 0, ran.err
    [receipts] = (office.folder / "second.state" / "receipts").glob("*.ndjson")
    assert f"Receipt: {receipts}" in ran.out.splitlines()
