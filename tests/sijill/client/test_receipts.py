from typing import Any

import pytest

from infrastructure.proofs import merkle, note, receipts
from sijill.client import Client, Untrustworthy
from tests.sijill.client.standin import REVOKE, StandIn, journal, line, suspects


def test_a_receipt_that_holds_is_kept_and_the_journal_is_empty(
    client: Client, ledger: StandIn
) -> None:
    prepared = client.prepare(REVOKE, [line()])
    assert [one.body for one in journal(client)] == [prepared.body]

    answer = client.send(prepared)

    assert client.state is not None
    kept = client.state.receipt_path(answer["index"]).read_bytes()
    opened = receipts.open_receipt(kept, [ledger.receipts_key.verifier])
    assert opened.statement_digest.hex() == prepared.statements[0]
    assert journal(client) == []
    assert suspects(client) == []


def other_key(answer: dict[str, Any]) -> dict[str, Any]:
    forger = note.SignerKey("stand.in/ledger/receipts", bytes([9]) * 32)
    said = receipts.Receipt.parse(answer["receipt"].rpartition("\n\n")[0] + "\n")
    return {**answer, "receipt": receipts.sign(said, forger).decode()}


def resigned(**changes: Any) -> Any:
    def twist(answer: dict[str, Any]) -> dict[str, Any]:
        text = answer["receipt"].rpartition("\n\n")[0] + "\n"
        said = receipts.Receipt.parse(text)
        members = {name: getattr(said, name) for name in receipts.Receipt.__slots__} | changes
        receipt = receipts.sign(receipts.Receipt(**members), StandIn().receipts_key)
        return {**answer, "receipt": receipt.decode()}

    return twist


@pytest.mark.parametrize(
    "twist",
    [
        pytest.param(other_key, id="signed by another key"),
        pytest.param(resigned(ledger=bytes(32)), id="of another ledger"),
        pytest.param(resigned(index=99), id="for another index"),
        pytest.param(resigned(leaf_hash=bytes(32)), id="for another leaf"),
        pytest.param(resigned(statement_digest=bytes(32)), id="for another statement"),
        pytest.param(lambda answer: {**answer, "receipt": "thanks"}, id="no note at all"),
        pytest.param(lambda answer: {**answer, "index": 99}, id="beside another index"),
        pytest.param(
            lambda answer: {k: v for k, v in answer.items() if k != "receipt"}, id="missing"
        ),
    ],
)
def test_a_receipt_that_does_not_hold_is_evidence_and_not_an_answer(
    client: Client, ledger: StandIn, twist: Any
) -> None:
    ledger.twist = twist
    prepared = client.prepare(REVOKE, [line()])

    with pytest.raises(Untrustworthy):
        client.send(prepared)

    assert [one.key for one in journal(client)] == [prepared.key]
    assert len(suspects(client)) == 1
    assert client.state is not None
    assert list(client.state.receipts()) == []


def test_what_a_receipt_promised_is_proven_against_a_checkpoint(
    client: Client, ledger: StandIn
) -> None:
    answer = client.send(client.prepare(REVOKE, [line()]))
    ledger.grow(9)
    head = client.checkpoint()
    receipt = receipts.open_receipt(answer["receipt"].encode(), [ledger.receipts_key.verifier])

    client.prove(receipt, head)

    ledger.leaves[receipt.index - 1] = merkle.leaf_hash(b"another story")
    with pytest.raises(Untrustworthy):
        client.prove(receipt, head)


def test_a_checkpoint_that_is_too_old_proves_nothing(client: Client, ledger: StandIn) -> None:
    head = client.checkpoint()
    answer = client.send(client.prepare(REVOKE, [line()]))
    receipt = receipts.open_receipt(answer["receipt"].encode(), [ledger.receipts_key.verifier])

    with pytest.raises(ValueError, match="does not reach"):
        client.prove(receipt, head)
