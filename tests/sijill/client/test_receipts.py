from typing import Any

import httpx2
import pytest

from infrastructure.proofs import merkle, note, receipts
from sijill.client import Client, Draft, Untrustworthy
from sijill.client.answers import read_one
from tests.sijill.client.standin import BULK, REVOKE, StandIn, journal, line, suspects


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


DISPATCH = "/v1/transfers/moj/1/dispatch"


@pytest.mark.parametrize(
    "said", [{"duplicate": True, "index": 5}, {"order": "x", "state": "appended"}, {"order": "x"}]
)
@pytest.mark.parametrize("bulk", [False, True])
def test_who_says_without_a_receipt_that_it_was_recorded_is_not_believed(
    client: Client, ledger: StandIn, said: dict[str, Any], *, bulk: bool
) -> None:
    """Whoever believed it would forget what nobody recorded."""
    ledger.twist = lambda _: {"lines": [{"line": 0, **said}]} if bulk else said
    prepared = client.prepare(BULK if bulk else REVOKE, [line()], bulk=bulk)

    with pytest.raises(Untrustworthy):
        client.send(prepared)

    assert journal(client) == [prepared]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_consignment_may_have_been_recorded_in_another_request(
    client: Client, ledger: StandIn, *, bulk: bool
) -> None:
    said = {"duplicate": True, "index": 5, "replayed": True}
    ledger.twist = lambda _: {"lines": [{"line": 0, **said}]} if bulk else said
    draft = Draft.plain("transfer.dispatch", "moj", DISPATCH, new_consignment="one")
    place = "/v1/transfers/bulk" if bulk else DISPATCH

    answer = client.send(client.prepare(place, [draft.envelope], bulk=bulk))

    assert answer == ([{"line": 0, **said}] if bulk else said)
    assert journal(client) == []


def test_a_bulk_is_not_answered_by_one_receipt(client: Client) -> None:
    """It would be the receipt of the first line, and nothing about the others."""
    prepared = client.prepare(BULK, [line(0), line(1)], bulk=True)
    one = client.send(client.prepare(REVOKE, [line(0)]))

    with pytest.raises(Untrustworthy):
        read_one(httpx2.Response(201, json=one), prepared, client.identity)
